// Package saas_test runs the example service on a real PostgreSQL server. It is a
// module of its own, so it is built and tested by the go command.
package saas_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/rowhouse-go/rowhouse/internal/integration/server"
)

// The demo as an operator runs it, with a login that may make roles and databases
// and is no superuser. It leaves neither behind.
func TestDemo(t *testing.T) {
	t.Parallel()
	cluster := server.Postgres(t)
	login := cluster.Login(t, "CREATEDB CREATEROLE")
	program := build(t)
	before := objects(t, cluster)
	redis := server.Redis(t)
	out := run(t, nil, program, "demo", "-postgres", cluster.URL(login, "postgres"), "-redis", "redis://"+redis.Addr)
	require.Regexp(t, `\n1\d\d passed, 0 failed\n$`, out)
	require.Contains(t, out, "SQL as the login that serves")
	require.Regexp(t, `Redis holds \d+ keys`, out)
	require.Equal(t, before, objects(t, cluster))
}

// Every test of the service, with each service on a PostgreSQL database of its own.
func TestService(t *testing.T) {
	t.Parallel()
	cluster := server.Postgres(t)
	before := objects(t, cluster)
	run(t, []string{"SAAS_TEST_POSTGRES=" + cluster.URL("postgres", "postgres")}, "go", "test", "-count=1", ".")
	require.Equal(t, before, objects(t, cluster))
}

// run runs a program in the folder of the service and returns what it says.
func run(t *testing.T, environ []string, name string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), name, args...)
	cmd.Dir = filepath.Join("..", "..", "..", "examples", "saas")
	cmd.Env = append(append(os.Environ(), "GOWORK=off"), environ...)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	require.NoError(t, cmd.Run(), "%s", &out)
	return out.String()
}

// objects returns the names of all databases and roles.
func objects(t *testing.T, cluster server.Cluster) []string {
	t.Helper()
	rows, err := cluster.Open(t, "postgres", "postgres").QueryContext(t.Context(),
		`SELECT datname FROM pg_database UNION ALL SELECT rolname FROM pg_roles ORDER BY 1`)
	require.NoError(t, err)
	defer rows.Close()
	var names []string
	for rows.Next() {
		var name string
		require.NoError(t, rows.Scan(&name))
		names = append(names, name)
	}
	require.NoError(t, rows.Err())
	return names
}
