package tenant_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/rowhouse-go/rowhouse/internal/integration/server"
	"github.com/rowhouse-go/rowhouse/tenant"
)

func TestSmoke(t *testing.T) {
	cluster := server.Postgres(t)
	db := cluster.Open(t, "postgres", cluster.Database(t))
	tdb, err := tenant.NewDB(db, tenant.Postgres, nil)
	require.NoError(t, err)
	id, err := tenant.ParseID("0192f0c1-2345-7000-8000-000000000001")
	require.NoError(t, err)
	ctx := tenant.NewContext(t.Context(), id)
	require.NoError(t, tdb.Tx(ctx, func(ctx context.Context, tx *tenant.Tx) error {
		var got, set string
		require.NoError(t, tx.QueryRow(ctx, `SELECT :tenant::text, current_setting('app.tenant_id')`).Scan(&got, &set))
		require.Equal(t, id.String(), got)
		require.Equal(t, id.String(), set)
		return nil
	}))
	var got int
	require.NoError(t, tdb.QueryRow(ctx, `SELECT $1::int WHERE :tenant::text <> ''`, 3).Scan(&got))
	require.Equal(t, 3, got)
	require.ErrorIs(t, tdb.QueryRow(ctx, `SELECT 1 -- :tenant`).Scan(&got), tenant.ErrUnscoped)
}
