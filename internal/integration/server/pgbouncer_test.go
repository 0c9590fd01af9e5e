package server_test

import (
	"database/sql"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/rowhouse-go/rowhouse/internal/integration/server"
)

// Two clients whose transactions follow one another are one session behind it.
func TestPgBouncer(t *testing.T) {
	t.Parallel()
	cluster := server.Postgres(t)
	login := cluster.Login(t, "")
	url := server.PgBouncer(t, cluster, 1, login).URL(login, cluster.Database(t))
	db, err := sql.Open("pgx", url+"?default_query_exec_mode=exec")
	require.NoError(t, err)
	t.Cleanup(func() { db.Close() })
	var pids [2]int
	for i := range pids {
		conn, err := db.Conn(t.Context()) // kept, so that the second is another one
		require.NoError(t, err)
		t.Cleanup(func() { conn.Close() })
		require.NoError(t, conn.QueryRowContext(t.Context(), `SELECT pg_backend_pid()`).Scan(&pids[i]))
	}
	require.Equal(t, pids[0], pids[1])
}
