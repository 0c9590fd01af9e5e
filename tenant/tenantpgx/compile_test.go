package tenantpgx_test

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const program = `package main

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/rowhouse-go/rowhouse/tenant/tenantpgx"
)

func repository(context.Context, *tenantpgx.Tx) {}

var (
	ctx   = context.Background()
	pool  *pgxpool.Pool
	begun pgx.Tx
	db    *tenantpgx.DB
	input = fmt.Sprint()
)

func main() {
	const byID = "SELECT a FROM orders WHERE tenant_id = :tenant AND id = $1"
	db.QueryRow(ctx, byID, input)
	_ = db.Tx(ctx, func(ctx context.Context, tx *tenantpgx.Tx) error {
		tx.QueryRow(ctx, byID + " FOR UPDATE", input)
		repository(ctx, tx)
		return nil
	})
}
`

func TestMisuseDoesNotCompile(t *testing.T) {
	t.Parallel()
	out, err := compile(t, program)
	require.NoError(t, err, out)

	source := program
	misuses := []struct{ body, says string }{
		{`repository(ctx, pool)`, `cannot use pool (variable of type *pgxpool.Pool) as *tenantpgx.Tx value`},
		{`repository(ctx, begun)`, `cannot use begun (variable of interface type pgx.Tx) as *tenantpgx.Tx value`},
		{`repository(ctx, db)`, `cannot use db (variable of type *tenantpgx.DB) as *tenantpgx.Tx value`},
		{`repository(ctx, &tenantpgx.Tx{tx: begun})`, `unexported field`},
		{`_, _ = db.Exec(ctx, input)`, `cannot use input (variable of type string)`},
		{`db.QueryRow(ctx, fmt.Sprintf("SELECT :tenant, %q", input))`, `as tenantpgx.text value`},
		{`_ = db.Tx(ctx, func(ctx context.Context, tx *tenantpgx.Tx) error { tx.QueryRow(ctx, "SELECT :tenant" + input); return nil })`, `as tenantpgx.text value`},
		{`db.QueryRow(ctx, tenantpgx.text(input))`, `text not exported by package tenantpgx`},
		{`var p tenantpgx.Plain; p.Begin(ctx)`, `p.Begin undefined`},
	}
	lines := make([]int, len(misuses))
	for i, m := range misuses {
		lines[i] = strings.Count(source, "\n") + 1
		source += "func _() { " + m.body + " }\n"
	}
	out, err = compile(t, source)
	require.Error(t, err)
	for i, m := range misuses {
		require.Regexp(t, fmt.Sprintf(`(?m)^\S*main\.go:%d:.*%s`, lines[i], regexp.QuoteMeta(m.says)), out, m.body)
	}
}

// compile builds a program of this module, which the overlay has the go command
// see.
func compile(t *testing.T, source string) (output string, err error) {
	t.Helper()
	dir := t.TempDir()
	write := func(name string, data []byte) string {
		path := filepath.Join(dir, name)
		require.NoError(t, os.WriteFile(path, data, 0o600))
		return path
	}
	here, err := os.Getwd()
	require.NoError(t, err)
	overlay, err := json.Marshal(map[string]map[string]string{"Replace": {
		filepath.Join(here, "program", "main.go"): write("main.go", []byte(source)),
	}})
	require.NoError(t, err)
	cmd := exec.CommandContext(t.Context(), "go", "build", "-gcflags=-e", "-overlay", write("overlay.json", overlay),
		"-o", filepath.Join(dir, "program"), "./program")
	cmd.Env = append(os.Environ(), "GOWORK=off", "GOPROXY=off", "GOFLAGS=")
	out, err := cmd.CombinedOutput()
	return string(out), err
}
