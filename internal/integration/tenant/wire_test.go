package tenant_test

import (
	"context"
	"database/sql"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/stretchr/testify/require"

	"github.com/rowhouse-go/rowhouse/internal/integration/server"
	"github.com/rowhouse-go/rowhouse/tenant"
)

// through opens the database through a wire, with one connection. The driver is not
// to ask whether it still lives: that is a round trip after each second of rest.
func (p postgres) through(t testing.TB, w *server.Wire) *sql.DB {
	t.Helper()
	config, err := pgx.ParseConfig(strings.Replace(p.cluster.URL(p.login, p.database), p.cluster.Addr, w.Addr, 1))
	require.NoError(t, err)
	db := stdlib.OpenDB(*config, stdlib.OptionShouldPing(func(context.Context, stdlib.ShouldPingParams) bool { return false }))
	db.SetMaxOpenConns(1)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	return db
}

func testRoundTrips(t *testing.T, p postgres) {
	p.clear(t)
	w := server.NewWire(t, p.cluster.Addr)
	pool := p.through(t, w)
	db := newDB(t, pool, tenant.Postgres, nil)
	trips := func(do func()) int {
		do() // prepares its statements
		before := w.Trips()
		do()
		return w.Trips() - before
	}
	var n int
	require.Equal(t, 1, trips(func() {
		require.NoError(t, pool.QueryRowContext(t.Context(), `SELECT 1`).Scan(&n))
	}), "a bare query")
	require.Equal(t, 4, trips(func() {
		require.NoError(t, db.QueryRow(in(t, 0), `SELECT count(*) FROM orders WHERE tenant_id = :tenant`).Scan(&n))
	}), "BEGIN, the setting, the query, COMMIT")
	require.Equal(t, 4, trips(func() {
		_, err := db.Exec(in(t, 0), `DELETE FROM orders WHERE tenant_id = :tenant`)
		require.NoError(t, err)
	}))
	require.Equal(t, 4, trips(func() {
		rows, err := db.Query(in(t, 0), `SELECT id FROM orders WHERE tenant_id = :tenant`)
		require.NoError(t, err)
		require.NoError(t, rows.Close())
		require.NoError(t, rows.Err())
	}))
	require.Equal(t, 6, trips(func() {
		require.NoError(t, db.Tx(in(t, 0), func(ctx context.Context, tx *tenant.Tx) error {
			for range 3 {
				require.NoError(t, tx.QueryRow(ctx, `SELECT count(*) FROM orders WHERE tenant_id = :tenant`).Scan(&n))
			}
			return nil
		}))
	}), "three for the transaction, one for each statement")
}

// testBadStatements counts what reaches the server of each statement that is
// refused.
func testBadStatements(t *testing.T, p postgres) {
	p.clear(t)
	w := server.NewWire(t, p.cluster.Addr)
	pool := p.through(t, w)
	require.NoError(t, pool.PingContext(t.Context()))
	db := newDB(t, pool, tenant.Postgres, nil)
	before := w.Trips()
	exec := func(_ sql.Result, err error) { require.Error(t, err) }
	exec(db.Exec(in(t, 0), `DELETE FROM orders`))
	exec(db.Exec(in(t, 0), `DELETE FROM orders WHERE title = ':tenant'`))
	exec(db.Exec(in(t, 0), `DELETE FROM orders -- :tenant`))
	exec(db.Exec(in(t, 0), `DELETE FROM orders WHERE tenant_id = :tenant; DELETE FROM orders`))
	exec(db.Exec(in(t, 0), `DELETE FROM orders WHERE tenant_id = :tenant AND id = $1`))
	exec(db.Exec(in(t, 0), `DELETE FROM orders WHERE tenant_id = :tenant AND title = 'a`))
	exec(db.Exec(t.Context(), `DELETE FROM orders WHERE tenant_id = :tenant`))
	exec(db.Exec(tenant.NewContext(in(t, 0), orgID(t, 1)), `DELETE FROM orders WHERE tenant_id = :tenant`))
	require.ErrorIs(t, db.QueryRow(in(t, 0), `DELETE FROM orders RETURNING id`).Scan(), tenant.ErrUnscoped)
	require.Equal(t, before, w.Trips())

	require.NoError(t, db.Tx(in(t, 0), func(ctx context.Context, tx *tenant.Tx) error {
		before := w.Trips()
		exec(tx.Exec(ctx, `DELETE FROM orders`))
		exec(tx.Exec(in(t, 1), `DELETE FROM orders WHERE tenant_id = :tenant`))
		exec(tx.Exec(t.Context(), `DELETE FROM orders WHERE tenant_id = :tenant`))
		exec(tx.Unscoped("").ExecContext(ctx, `DELETE FROM orders`))
		exec(tx.Unscoped("test").ExecContext(in(t, 1), `DELETE FROM orders`))
		require.ErrorIs(t, tx.Unscoped("test").QueryRowContext(in(t, 1), `DELETE FROM orders`).Scan(), tenant.ErrOtherTenant)
		require.Equal(t, before, w.Trips())
		var n int // the transaction goes on
		return tx.QueryRow(ctx, `SELECT count(*) FROM orders WHERE tenant_id = :tenant`).Scan(&n)
	}))
}
