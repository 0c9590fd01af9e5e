package tenanttest_test

import (
	"context"
	"database/sql"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/stretchr/testify/require"

	"github.com/rowhouse-go/rowhouse/internal/integration/server"
	"github.com/rowhouse-go/rowhouse/tenant/tenanttest"
)

// exec runs a script of several statements.
func exec(t *testing.T, db *sql.DB, script string) {
	t.Helper()
	ctx := context.WithoutCancel(t.Context()) // cleaning up too
	conn, err := db.Conn(ctx)
	require.NoError(t, err)
	require.NoError(t, conn.Raw(func(c any) error {
		_, err := c.(*stdlib.Conn).Conn().Exec(ctx, script, pgx.QueryExecModeSimpleProtocol)
		return err
	}), script)
	require.NoError(t, conn.Close())
}

func TestClean(t *testing.T) {
	t.Parallel()
	cluster := server.Postgres(t)
	app := cluster.Open(t, "app", template(t, cluster))
	tenanttest.Prove(t, app, options())
}
