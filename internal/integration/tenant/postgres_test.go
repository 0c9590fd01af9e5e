package tenant_test

import (
	"context"
	"database/sql"
	"errors"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"

	"github.com/rowhouse-go/rowhouse/tenant"
)

func TestPostgres(t *testing.T) {
	t.Parallel()
	p := newPostgres(t)
	for name, test := range map[string]func(*testing.T, postgres){
		"policies hold behind statements": testPolicies,
		"a subject and no tenant":         testSubject,
		"rollback":                        testRollback,
		"one-shots end":                   testOneShots,
		"round trips":                     testRoundTrips,
		"bad statements":                  testBadStatements,
		"isolation":                       testIsolation,
		"literals":                        testPostgresLiterals,
		"generated code":                  testGenerated,
		"members":                         testMembers,
	} {
		t.Run(name, func(t *testing.T) { test(t, p) })
	}
}

// clear empties the tables.
func (p postgres) clear(t *testing.T) {
	t.Helper()
	_, err := p.owner(t).ExecContext(t.Context(), `DELETE FROM orders; DELETE FROM seats`)
	require.NoError(t, err)
}

// count returns the number of orders there are.
func (p postgres) count(t *testing.T) (n int) {
	t.Helper()
	require.NoError(t, p.owner(t).QueryRowContext(t.Context(), `SELECT count(*) FROM orders`).Scan(&n))
	return n
}

func sqlState(err error) string {
	if e, ok := errors.AsType[*pgconn.PgError](err); ok {
		return e.Code
	}
	return ""
}

func testPolicies(t *testing.T, p postgres) {
	p.clear(t)
	db := newDB(t, p.pool(t, 4), tenant.Postgres, nil)
	for n := range 3 {
		_, err := db.Exec(in(t, n), `INSERT INTO orders (tenant_id, title) VALUES (:tenant, $1)`, "first")
		require.NoError(t, err)
		require.NoError(t, db.Tx(in(t, n), func(ctx context.Context, tx *tenant.Tx) error {
			// Nothing but the transaction says whose the row is.
			_, err := tx.Unscoped("test").ExecContext(ctx, `INSERT INTO orders (title) VALUES ('second')`)
			return err
		}))
	}
	require.Equal(t, 6, p.count(t))
	var same bool // columns of both types in one statement
	require.NoError(t, db.QueryRow(in(t, 0), `SELECT bool_and(title = (:tenant::uuid)::text) FROM orders WHERE tenant_id = :tenant`).Scan(&same))
	require.False(t, same)
	require.NoError(t, db.Tx(in(t, 0), func(ctx context.Context, tx *tenant.Tx) error {
		var all, own, others int
		require.NoError(t, tx.Unscoped("test").QueryRowContext(ctx, `SELECT count(*) FROM orders`).Scan(&all))
		require.NoError(t, tx.QueryRow(ctx, `SELECT count(*) FROM orders WHERE tenant_id = :tenant`).Scan(&own))
		require.NoError(t, tx.QueryRow(ctx, `SELECT count(*) FROM orders WHERE tenant_id <> :tenant`).Scan(&others))
		require.Equal(t, []int{2, 2, 0}, []int{all, own, others})
		result, err := tx.Unscoped("test").ExecContext(ctx, `UPDATE orders SET title = 'mine'`)
		require.NoError(t, err)
		n, err := result.RowsAffected()
		require.NoError(t, err)
		require.EqualValues(t, 2, n)
		return nil
	}))
	err := db.Tx(in(t, 0), func(ctx context.Context, tx *tenant.Tx) error {
		_, err := tx.Unscoped("test").ExecContext(ctx, `INSERT INTO orders (tenant_id, title) VALUES ($1, '')`, orgID(t, 1))
		return err
	})
	require.Equal(t, "42501", sqlState(err), "%v", err)
}

// testSubject finds neither setting of the transaction before, nor one that was
// left in the session.
func testSubject(t *testing.T, p postgres) {
	p.clear(t)
	pool := p.pool(t, 1)
	db := newDB(t, pool, tenant.Postgres, nil)
	for n := range 2 {
		require.NoError(t, db.Tx(in(t, n), func(ctx context.Context, tx *tenant.Tx) error {
			if _, err := tx.Exec(ctx, `INSERT INTO orders (tenant_id, title) VALUES (:tenant, '')`); err != nil {
				return err
			}
			_, err := tx.Exec(ctx, `INSERT INTO seats (org, subject) VALUES (:tenant, 'alice'), (:tenant, 'bob')`)
			return err
		}))
	}
	look := func(want map[string]int, q tenant.Plain, ctx context.Context) {
		for text, n := range want {
			var got int
			require.NoError(t, q.QueryRowContext(ctx, text).Scan(&got))
			require.Equal(t, n, got, text)
		}
	}
	for _, left := range []bool{false, true} {
		if left { // by SQL that is none of ours
			_, err := pool.ExecContext(t.Context(), `SELECT set_config('app.tenant_id', $1, false), set_config('app.subject', 'bob', false)`, orgID(t, 1))
			require.NoError(t, err)
		}
		require.NoError(t, db.SubjectTx(in(t, 0), "alice", func(ctx context.Context, q tenant.Plain) error {
			look(map[string]int{
				`SELECT count(*) FROM orders`:                                               0,
				`SELECT count(*) FROM seats`:                                                2,
				`SELECT count(*) FROM seats WHERE subject = 'alice'`:                        2,
				`SELECT length(current_setting('app.tenant_id'))`:                           0,
				`SELECT count(*) FROM seats WHERE subject = current_setting('app.subject')`: 2,
			}, q, ctx)
			_, err := q.ExecContext(ctx, `UPDATE seats SET subject = 'mallory'`)
			require.NoError(t, err, "the policy shows no row to it")
			return nil
		}))
		require.NoError(t, db.Tx(in(t, 0), func(ctx context.Context, tx *tenant.Tx) error {
			look(map[string]int{
				`SELECT count(*) FROM orders`:                   1,
				`SELECT count(*) FROM seats`:                    2,
				`SELECT count(DISTINCT org) FROM seats`:         1,
				`SELECT length(current_setting('app.subject'))`: 0,
			}, tx.Unscoped("test"), ctx)
			return nil
		}))
	}
	var n int
	require.NoError(t, p.owner(t).QueryRowContext(t.Context(), `SELECT count(*) FROM seats WHERE subject = 'mallory'`).Scan(&n))
	require.Zero(t, n)
}

func testRollback(t *testing.T, p postgres) {
	p.clear(t)
	db := newDB(t, p.pool(t, 1), tenant.Postgres, nil)
	insert := func(ctx context.Context, tx *tenant.Tx) {
		_, err := tx.Exec(ctx, `INSERT INTO orders (tenant_id, title) VALUES (:tenant, '')`)
		require.NoError(t, err)
	}
	failure := errors.New("failure")
	require.ErrorIs(t, db.Tx(in(t, 0), func(ctx context.Context, tx *tenant.Tx) error {
		insert(ctx, tx)
		return failure
	}), failure)
	require.PanicsWithError(t, "failure", func() {
		_ = db.Tx(in(t, 0), func(ctx context.Context, tx *tenant.Tx) error {
			insert(ctx, tx)
			panic(failure)
		})
	})
	ctx, cancel := context.WithCancel(in(t, 0))
	defer cancel()
	require.ErrorIs(t, db.Tx(ctx, func(ctx context.Context, tx *tenant.Tx) error {
		insert(ctx, tx)
		cancel()
		return nil
	}), context.Canceled)
	// A failure that fn keeps to itself: the server refuses to commit.
	require.ErrorContains(t, db.Tx(in(t, 0), func(ctx context.Context, tx *tenant.Tx) error {
		insert(ctx, tx)
		_, err := tx.Exec(ctx, `SELECT 1 / 0 WHERE :tenant::text <> ''`)
		require.Equal(t, "22012", sqlState(err))
		return nil
	}), "tenant: commit: ")
	_, err := db.With(&sql.TxOptions{ReadOnly: true}).Exec(in(t, 0), `INSERT INTO orders (tenant_id, title) VALUES (:tenant, '')`)
	require.Equal(t, "25006", sqlState(err), "%v", err)
	require.Zero(t, p.count(t))
	require.NoError(t, db.Tx(in(t, 0), func(ctx context.Context, tx *tenant.Tx) error {
		insert(ctx, tx)
		return nil
	}))
	require.Equal(t, 1, p.count(t))
}

// testOneShots has one connection only: what does not end its transaction blocks
// the next.
func testOneShots(t *testing.T, p postgres) {
	p.clear(t)
	pool := p.pool(t, 1)
	db := newDB(t, pool, tenant.Postgres, nil)
	var id int64
	insert := func() *tenant.Rows {
		rows, err := db.Query(in(t, 0), `INSERT INTO orders (tenant_id, title)
			SELECT :tenant, n::text FROM generate_series(1, $1) n RETURNING id`, 1000)
		require.NoError(t, err)
		return rows
	}
	rows := insert()
	require.True(t, rows.Next())
	require.NoError(t, rows.Scan(&id))
	require.NoError(t, rows.Close())
	require.Equal(t, 1000, p.count(t))
	rows = insert()
	for rows.Next() {
	}
	require.NoError(t, rows.Err())
	require.Equal(t, 2000, p.count(t))
	require.NoError(t, rows.Close())

	rows, err := db.Query(in(t, 0), `SELECT 10 / (10 - n) FROM generate_series(1, 20) n WHERE :tenant::text <> ''`)
	if err == nil {
		for rows.Next() {
		}
		err = rows.Err()
		require.Equal(t, err, rows.Close())
	}
	require.Equal(t, "22012", sqlState(err), "%v", err)

	require.NoError(t, db.QueryRow(in(t, 0), `DELETE FROM orders WHERE tenant_id = :tenant AND id = $1 RETURNING id`, id).Scan(&id))
	require.ErrorIs(t, db.QueryRow(in(t, 0), `SELECT id FROM orders WHERE tenant_id = :tenant AND id = $1`, id).Scan(&id), sql.ErrNoRows)
	require.Equal(t, 1999, p.count(t))
	var small bool
	require.Error(t, db.QueryRow(in(t, 0), `DELETE FROM orders WHERE tenant_id = :tenant RETURNING 'x'`).Scan(&small))
	require.Equal(t, 1999, p.count(t), "what could not be read did not happen")

	ctx, cancel := context.WithCancel(in(t, 0))
	rows, err = db.Query(ctx, `SELECT n FROM generate_series(1, 1000000) n WHERE :tenant::text <> ''`)
	require.NoError(t, err)
	require.True(t, rows.Next())
	cancel()
	for rows.Next() {
	}
	require.ErrorIs(t, rows.Err(), context.Canceled)
	require.ErrorIs(t, rows.Close(), context.Canceled)

	var setting string
	require.NoError(t, pool.QueryRowContext(t.Context(), `SELECT coalesce(current_setting('app.tenant_id', true), '')`).Scan(&setting))
	require.Empty(t, setting)
}
