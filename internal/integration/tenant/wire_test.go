package tenant_test

import (
	"context"
	"database/sql"
	"io"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/stretchr/testify/require"

	"github.com/rowhouse-go/rowhouse/tenant"
)

// A wire is a proxy that counts the round trips of one connection: the times that
// the client speaks after the server.
type wire struct {
	addr  string
	trips atomic.Int64
}

func newWire(t testing.TB, to string) *wire {
	t.Helper()
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	w := &wire{addr: listener.Addr().String()}
	var wg sync.WaitGroup
	t.Cleanup(func() {
		require.NoError(t, listener.Close())
		wg.Wait()
	})
	wg.Go(func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			backend, err := new(net.Dialer).DialContext(context.Background(), "tcp", to)
			if err != nil {
				_ = client.Close()
				return
			}
			var clientSpoke atomic.Bool
			wg.Go(func() {
				pass(backend, client, func() {
					if !clientSpoke.Swap(true) {
						w.trips.Add(1)
					}
				})
			})
			wg.Go(func() { pass(client, backend, func() { clientSpoke.Store(false) }) })
		}
	})
	return w
}

// pass copies, and tells before it passes something on.
func pass(to io.WriteCloser, from io.Reader, tell func()) {
	buf := make([]byte, 64<<10)
	for {
		n, err := from.Read(buf)
		if n > 0 {
			tell()
			if _, werr := to.Write(buf[:n]); werr != nil {
				err = werr
			}
		}
		if err != nil {
			_ = to.Close()
			return
		}
	}
}

// pool opens the database through a wire, with one connection. The driver is not to
// ask whether it still lives: that is a round trip after each second of rest.
func (w *wire) pool(t testing.TB, p postgres) *sql.DB {
	t.Helper()
	config, err := pgx.ParseConfig(strings.Replace(p.cluster.URL(p.login, p.database), p.cluster.Addr, w.addr, 1))
	require.NoError(t, err)
	db := stdlib.OpenDB(*config, stdlib.OptionShouldPing(func(context.Context, stdlib.ShouldPingParams) bool { return false }))
	db.SetMaxOpenConns(1)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	return db
}

// count returns the round trips of do, once its statements are prepared.
func (w *wire) count(do func()) int64 {
	do()
	before := w.trips.Load()
	do()
	return w.trips.Load() - before
}

func testRoundTrips(t *testing.T, p postgres) {
	p.clear(t)
	w := newWire(t, p.cluster.Addr)
	pool := w.pool(t, p)
	db := newDB(t, pool, tenant.Postgres, nil)
	var n int
	require.EqualValues(t, 1, w.count(func() {
		require.NoError(t, pool.QueryRowContext(t.Context(), `SELECT 1`).Scan(&n))
	}), "a bare query")
	require.EqualValues(t, 4, w.count(func() {
		require.NoError(t, db.QueryRow(in(t, 0), `SELECT count(*) FROM orders WHERE tenant_id = :tenant`).Scan(&n))
	}), "BEGIN, the setting, the query, COMMIT")
	require.EqualValues(t, 4, w.count(func() {
		_, err := db.Exec(in(t, 0), `DELETE FROM orders WHERE tenant_id = :tenant`)
		require.NoError(t, err)
	}))
	require.EqualValues(t, 4, w.count(func() {
		rows, err := db.Query(in(t, 0), `SELECT id FROM orders WHERE tenant_id = :tenant`)
		require.NoError(t, err)
		require.NoError(t, rows.Close())
		require.NoError(t, rows.Err())
	}))
	require.EqualValues(t, 6, w.count(func() {
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
	w := newWire(t, p.cluster.Addr)
	pool := w.pool(t, p)
	require.NoError(t, pool.PingContext(t.Context()))
	db := newDB(t, pool, tenant.Postgres, nil)
	before := w.trips.Load()
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
	require.Equal(t, before, w.trips.Load())

	require.NoError(t, db.Tx(in(t, 0), func(ctx context.Context, tx *tenant.Tx) error {
		before := w.trips.Load()
		exec(tx.Exec(ctx, `DELETE FROM orders`))
		exec(tx.Exec(in(t, 1), `DELETE FROM orders WHERE tenant_id = :tenant`))
		exec(tx.Exec(t.Context(), `DELETE FROM orders WHERE tenant_id = :tenant`))
		exec(tx.Unscoped("").ExecContext(ctx, `DELETE FROM orders`))
		exec(tx.Unscoped("test").ExecContext(in(t, 1), `DELETE FROM orders`))
		require.ErrorIs(t, tx.Unscoped("test").QueryRowContext(in(t, 1), `DELETE FROM orders`).Scan(), tenant.ErrOtherTenant)
		require.Equal(t, before, w.trips.Load())
		var n int // the transaction goes on
		return tx.QueryRow(ctx, `SELECT count(*) FROM orders WHERE tenant_id = :tenant`).Scan(&n)
	}))
}
