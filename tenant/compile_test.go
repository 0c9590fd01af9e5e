package tenant_test

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

// What the compiler has to take.
const fine = `
	const byID = "SELECT a FROM orders WHERE tenant_id = :tenant AND id = $1"
	_ = db.Tx(ctx, func(ctx context.Context, tx *tenant.Tx) error {
		_, err := tx.Exec(ctx, "DELETE FROM orders WHERE tenant_id = :tenant" + " AND id = $1", input)
		tx.QueryRow(ctx, byID, input)
		repository(ctx, tx)
		return err
	})
	db.QueryRow(ctx, byID, input)
	retried(db.Tx)`

// What it has to refuse, and in which words.
var misuses = []struct{ name, body, says string }{
	{"a pool for a transaction", `repository(ctx, pool)`, `cannot use pool (variable of type *sql.DB) as *tenant.Tx value`},
	{"a transaction without a tenant", `tx, _ := pool.Begin(); repository(ctx, tx)`, `cannot use tx (variable of type *sql.Tx) as *tenant.Tx value`},
	{"a tenant.DB for a transaction", `repository(ctx, db)`, `cannot use db (variable of type *tenant.DB) as *tenant.Tx value`},
	{"a transaction made by hand", `repository(ctx, &tenant.Tx{tx: nil})`, `unexported field`},
	{"a variable as statement", `_, _ = db.Exec(ctx, input)`, `cannot use input (variable of type string)`},
	{"a statement that is put together", `_, _ = db.Exec(ctx, "SELECT :tenant, '" + input + "'")`, `as tenant.text value`},
	{"a formatted statement", `_, _ = db.Query(ctx, fmt.Sprintf("SELECT :tenant, %q", input))`, `as tenant.text value`},
	{"a converted statement", `_, _ = db.Query(ctx, tenant.text(input))`, `text not exported by package tenant`},
	{"a typed constant", `const s string = "SELECT :tenant"; db.QueryRow(ctx, s)`, `as tenant.text value`},
	{"a formatted statement in a Tx", `_ = db.Tx(ctx, func(ctx context.Context, tx *tenant.Tx) error { tx.QueryRow(ctx, fmt.Sprint(input)); return nil })`, `as tenant.text value`},
	{"the transaction behind a Plain", `var p tenant.Plain; _ = p.tx`, `undefined (cannot refer to unexported field tx)`},
	{"a Plain that begins a transaction", `var p tenant.Plain; p.BeginTx(ctx, nil)`, `p.BeginTx undefined`},
}

const program = `package main

import (
	"context"
	"database/sql"
	"fmt"

	"github.com/rowhouse-go/rowhouse/tenant"
)

func repository(context.Context, *tenant.Tx) {}

func retried(func(context.Context, func(context.Context, *tenant.Tx) error) error) {}

var (
	ctx   = context.Background()
	pool  *sql.DB
	db    *tenant.DB
	input = fmt.Sprint()
)

func main() {
`

func TestCompiles(t *testing.T) {
	t.Parallel()
	out, err := compile(t, program+fine+"\n}\n")
	require.NoError(t, err, out)
}

func TestMisuseDoesNotCompile(t *testing.T) {
	t.Parallel()
	source := program + "}\n"
	var lines []int
	for _, m := range misuses {
		lines = append(lines, strings.Count(source, "\n")+1)
		source += "func _() { " + m.body + " }\n"
	}
	out, err := compile(t, source)
	require.Error(t, err)
	for i, m := range misuses {
		require.Regexp(t, fmt.Sprintf(`(?m)^\S*main\.go:%d:.*%s`, lines[i], regexp.QuoteMeta(m.says)), out, m.name)
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
