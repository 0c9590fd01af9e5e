package tenant_test

import (
	"context"
	"database/sql"
	"errors"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rowhouse-go/rowhouse/tenant"
)

// On SQLite the statements are the guard: each mention of a tenant table has its
// :tenant.
func TestSQLiteGuard(t *testing.T) {
	t.Parallel()
	pool := newSQLite(t)
	db := newDB(t, pool, tenant.SQLite, &tenant.DBOptions{Tables: []string{"orders"}})
	for n := range 2 {
		_, err := db.Exec(in(t, n), `INSERT INTO orders (title, tenant_id) VALUES (?, :tenant), (?, :tenant)`, "a", "b")
		require.NoError(t, err)
	}
	require.NoError(t, db.Tx(in(t, 0), func(ctx context.Context, tx *tenant.Tx) error {
		rows, err := tx.Query(ctx, `SELECT tenant_id, title FROM orders WHERE tenant_id = :tenant AND title > ? ORDER BY title`, "A")
		require.NoError(t, err)
		defer rows.Close()
		var titles []string
		for rows.Next() {
			var owner, title string
			require.NoError(t, rows.Scan(&owner, &title))
			require.Equal(t, orgID(t, 0).String(), owner)
			titles = append(titles, title)
		}
		require.Equal(t, []string{"a", "b"}, titles)
		return rows.Err()
	}))
	for _, err := range []error{
		failure(db.Exec(in(t, 0), `DELETE FROM orders`)),
		failure(db.Exec(in(t, 0), `DELETE FROM "Orders" WHERE ':tenant' = ':tenant'`)),
		failure(db.Exec(in(t, 0), `DELETE FROM [orders] -- :tenant`)),
		failure(db.Exec(in(t, 0), `DELETE FROM 'orders'`)),
		failure(db.Exec(in(t, 0), `DELETE FROM main.orders`)),
		failure(db.Exec(in(t, 0), `DELETE FROM orders WHERE tenant_id = :tenant AND id IN (SELECT id FROM orders)`)),
		failure(db.Exec(in(t, 0), `INSERT INTO orders (tenant_id, title) SELECT :tenant, title FROM orders`)),
		failure(db.Exec(in(t, 0), `DELETE FROM orders WHERE tenant_id = :tenant OR (tenant_id, id, title) IN 'orders'`)),
		failure(db.Exec(in(t, 0), `INSERT INTO orders (tenant_id, title) SELECT :tenant, o.title FROM (SELECT 1), 'orders' o`)),
	} {
		require.ErrorIs(t, err, tenant.ErrUnscoped)
	}
	for _, err := range []error{
		failure(db.Exec(in(t, 0), `DELETE FROM orders WHERE tenant_id = :tenant; DELETE FROM seats`)),
		failure(db.Exec(in(t, 0), `DELETE FROM orders WHERE tenant_id = :tenant AND id = :id`, sql.Named("id", 1))),
		failure(db.Exec(in(t, 0), `DELETE FROM orders WHERE tenant_id = :tenant AND id = ?`, sql.Named("id", 1))),
	} {
		require.ErrorIs(t, err, tenant.ErrStatement)
	}
	var n int
	require.NoError(t, pool.QueryRowContext(t.Context(), `SELECT count(*) FROM orders`).Scan(&n))
	require.Equal(t, 4, n, "nothing was executed")
	require.NoError(t, db.QueryRow(in(t, 1), `DELETE FROM orders WHERE tenant_id = :tenant AND title = $1 RETURNING id`, "a").Scan(&n))
	require.NoError(t, pool.QueryRowContext(t.Context(), `SELECT count(*) FROM orders`).Scan(&n))
	require.Equal(t, 3, n)
}

func failure(_ sql.Result, err error) error { return err }

func TestSQLiteTransactions(t *testing.T) {
	t.Parallel()
	pool := newSQLite(t)
	db := newDB(t, pool, tenant.SQLite, &tenant.DBOptions{Tables: []string{"orders"}})
	given := errors.New("failure")
	insert := func(ctx context.Context, tx *tenant.Tx) error {
		_, err := tx.Exec(ctx, `INSERT INTO orders (tenant_id, title) VALUES (:tenant, '')`)
		return err
	}
	require.ErrorIs(t, db.Tx(in(t, 0), func(ctx context.Context, tx *tenant.Tx) error {
		return errors.Join(insert(ctx, tx), given)
	}), given)
	require.Panics(t, func() {
		_ = db.Tx(in(t, 0), func(ctx context.Context, tx *tenant.Tx) error {
			panic(insert(ctx, tx))
		})
	})
	var wg sync.WaitGroup
	for n := range 8 {
		wg.Go(func() { assert.NoError(t, db.Tx(in(t, n), insert)) })
	}
	wg.Wait()
	var n, owners int
	require.NoError(t, pool.QueryRowContext(t.Context(), `SELECT count(*), count(DISTINCT tenant_id) FROM orders`).Scan(&n, &owners))
	require.Equal(t, []int{8, 8}, []int{n, owners})
	require.NoError(t, db.SubjectTx(t.Context(), "alice", func(ctx context.Context, q tenant.Plain) error {
		_, err := q.ExecContext(ctx, `INSERT INTO seats (org, subject) VALUES ('x', 'alice')`)
		return err
	}))
}

func TestSQLiteCheck(t *testing.T) {
	t.Parallel()
	pool := newSQLite(t)
	check := func(tables ...string) error {
		return newDB(t, pool, tenant.SQLite, &tenant.DBOptions{Tables: tables}).Check(t.Context())
	}
	require.NoError(t, check("Orders"))
	err := check("invoices", "seats")
	for _, fault := range []string{
		`Tables lacks "orders", which has the column tenant_id`,
		`no table "invoices" with the column tenant_id`,
		`no table "seats" with the column tenant_id`,
	} {
		require.ErrorContains(t, err, fault)
	}
	_, err = pool.ExecContext(t.Context(), `CREATE VIEW open_orders AS SELECT * FROM orders;
		CREATE TABLE "Line Items" (id INTEGER, TENANT_ID TEXT)`)
	require.NoError(t, err)
	err = check("orders")
	require.ErrorContains(t, err, `lacks "open_orders"`)
	require.ErrorContains(t, err, `lacks "Line Items"`)
	require.NoError(t, check("orders", "open_orders", "line items"))
	_, err = pool.ExecContext(t.Context(), `CREATE VIEW titles AS SELECT o.title FROM seats, 'orders' AS o;
		CREATE VIEW subjects AS SELECT subject FROM seats`)
	require.NoError(t, err)
	require.EqualError(t, check("orders", "open_orders", "line items"), `tenant: view "titles" reads a tenant table and lacks the column tenant_id`)
	_, err = pool.ExecContext(t.Context(), `DROP VIEW titles; CREATE VIEW titles AS SELECT title FROM open_orders`)
	require.NoError(t, err)
	require.ErrorContains(t, check("orders", "open_orders", "line items"), `view "titles" reads`)
	_, err = pool.ExecContext(t.Context(), `DROP VIEW titles; DROP VIEW subjects`)
	require.NoError(t, err)
	require.NoError(t, newDB(t, pool, tenant.SQLite, &tenant.DBOptions{Tables: []string{"seats"}, Column: "org"}).Check(t.Context()))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.ErrorIs(t, newDB(t, pool, tenant.SQLite, &tenant.DBOptions{Tables: []string{"orders"}}).Check(ctx), context.Canceled)
}
