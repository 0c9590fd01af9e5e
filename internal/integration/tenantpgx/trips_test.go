package tenantpgx_test

import (
	"context"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/rowhouse-go/rowhouse/internal/integration/server"
	"github.com/rowhouse-go/rowhouse/tenant"
	"github.com/rowhouse-go/rowhouse/tenant/tenantpgx"
)

// The round trips of each call, counted on the wire: what a connection has seen
// before, in the modes of pgx, and what it sees for the first time.
func testTrips(t *testing.T, k kit) {
	wire := server.NewWire(t, k.cluster.Addr)
	count := func(t *testing.T, call func() error) int {
		t.Helper()
		before := wire.Trips()
		require.NoError(t, call())
		return wire.Trips() - before
	}
	k.each(t, wire.Addr, func(t *testing.T, db handle) {
		ctx := in(t, acme)
		calls := map[string]func(*tenantpgx.DB) error{
			"exec": func(db *tenantpgx.DB) error {
				_, err := db.Exec(ctx, `DELETE FROM documents WHERE tenant_id = :tenant`)
				return err
			},
			"query": func(db *tenantpgx.DB) error {
				rows, _ := db.Query(ctx, `SELECT id FROM documents WHERE tenant_id = :tenant AND id > $1`, 0)
				_, err := pgx.CollectRows(rows, pgx.RowTo[int64])
				return err
			},
			"query row": func(db *tenantpgx.DB) error {
				return db.QueryRow(ctx, `SELECT count(*) FROM documents WHERE tenant_id = :tenant`).Scan(new(int))
			},
		}
		first := map[string]int{"cache_statement": 2, "cache_describe": 2}
		require.NoError(t, db.Tx(ctx, func(context.Context, *tenantpgx.Tx) error { return nil })) // connects, knows the setting
		for name, call := range calls {
			cold := count(t, func() error { return call(db.DB) })
			if want := first[db.mode]; want > 0 {
				require.Equal(t, want, cold, "%s, first time", name)
			}
			require.Equal(t, modes[db.mode], count(t, func() error { return call(db.DB) }), name)

			serializable := db.With(pgx.TxOptions{IsoLevel: pgx.Serializable})
			require.NoError(t, call(serializable))
			require.Equal(t, modes[db.mode], count(t, func() error { return call(serializable) }), "%s, serializable", name)
		}
		if modes[db.mode] > 1 {
			return
		}
		transaction := func() error {
			return db.Tx(ctx, func(ctx context.Context, tx *tenantpgx.Tx) error {
				_, err := tx.Exec(ctx, `UPDATE documents SET title = '' WHERE tenant_id = :tenant`)
				return err
			})
		}
		require.NoError(t, transaction())
		require.Equal(t, 3, count(t, transaction))
	})

	// The driver-free way.
	std := k.std(t, wire.Addr, "cache_statement", 1)
	db, err := tenant.NewDB(std, tenant.Postgres, nil)
	require.NoError(t, err)
	exec := func() error {
		_, err := db.Exec(in(t, acme), `DELETE FROM documents WHERE tenant_id = :tenant`)
		return err
	}
	require.NoError(t, exec())
	require.Equal(t, 4, count(t, exec), "package tenant on database/sql")

	// The bare driver.
	bare := func() error {
		var n int
		return std.QueryRowContext(t.Context(), `SELECT count(*) FROM documents`).Scan(&n)
	}
	require.NoError(t, bare())
	require.Equal(t, 1, count(t, bare))
}
