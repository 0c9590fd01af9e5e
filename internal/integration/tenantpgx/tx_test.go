package tenantpgx_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/rowhouse-go/rowhouse/internal/integration/server"
	"github.com/rowhouse-go/rowhouse/tenant"
	"github.com/rowhouse-go/rowhouse/tenant/tenantpgx"
)

func testTx(t *testing.T, k kit) {
	wire := server.NewWire(t, k.cluster.Addr)
	k.each(t, wire.Addr, func(t *testing.T, db handle) {
		ctx := in(t, acme)
		_, err := db.Exec(ctx, `DELETE FROM documents WHERE tenant_id = :tenant`)
		require.NoError(t, err)
		insert := func(ctx context.Context, tx *tenantpgx.Tx) error {
			_, err := tx.Exec(ctx, `INSERT INTO documents (tenant_id, id, title) VALUES (:tenant, 1, 'one')`)
			return err
		}
		failure := errors.New("no")
		var ended *tenantpgx.Tx
		require.Equal(t, failure, db.Tx(ctx, func(ctx context.Context, tx *tenantpgx.Tx) error {
			ended = tx
			require.NoError(t, insert(ctx, tx))
			rows, err := tx.Query(ctx, `SELECT title FROM documents WHERE tenant_id = :tenant`)
			require.NoError(t, err)
			require.Nil(t, rows.Conn())
			titles, err := pgx.CollectRows(rows, pgx.RowTo[string])
			require.NoError(t, err)
			require.Equal(t, []string{"one"}, titles)
			return failure
		}))
		_, err = ended.Exec(ctx, `SELECT :tenant::text`)
		require.ErrorIs(t, err, pgx.ErrTxClosed)
		require.ErrorIs(t, ended.QueryRow(ctx, `SELECT :tenant::text`).Scan(), pgx.ErrTxClosed)

		require.PanicsWithValue(t, "fn", func() {
			_ = db.Tx(ctx, func(ctx context.Context, tx *tenantpgx.Tx) error {
				require.NoError(t, insert(ctx, tx))
				panic("fn")
			})
		})
		short, cancel := context.WithCancel(ctx)
		require.ErrorIs(t, db.Tx(short, func(ctx context.Context, tx *tenantpgx.Tx) error {
			require.NoError(t, insert(ctx, tx))
			cancel()
			return nil
		}), context.Canceled)
		short, stop := context.WithTimeout(ctx, 30*time.Millisecond)
		defer stop()
		require.ErrorIs(t, db.Tx(short, func(ctx context.Context, tx *tenantpgx.Tx) error {
			_, err := tx.Exec(ctx, `INSERT INTO documents (tenant_id, id) SELECT :tenant::uuid, 1 FROM pg_sleep(10)`)
			return err
		}), context.DeadlineExceeded)
		// A statement that failed, its error swallowed: PostgreSQL rolls back on COMMIT.
		require.ErrorIs(t, db.Tx(ctx, func(ctx context.Context, tx *tenantpgx.Tx) error {
			require.NoError(t, insert(ctx, tx))
			_, _ = tx.Exec(ctx, `SELECT 1 / 0, :tenant::text`)
			return nil
		}), pgx.ErrTxCommitRollback)
		// Rows left open.
		require.Error(t, db.Tx(ctx, func(ctx context.Context, tx *tenantpgx.Tx) error {
			require.NoError(t, insert(ctx, tx))
			_, err := tx.Query(ctx, `SELECT n FROM generate_series(1, 100000) n WHERE :tenant <> ''`)
			return err
		}))
		requireState(t, "23503", db.Tx(ctx, func(ctx context.Context, tx *tenantpgx.Tx) error {
			_, err := tx.Exec(ctx, `INSERT INTO documents (tenant_id, id, parent) VALUES (:tenant, 1, 404)`)
			require.NoError(t, err)
			return nil
		}))
		db.requireClean(t)
		require.Empty(t, k.titles(t, acme))

		require.NoError(t, db.Tx(ctx, func(ctx context.Context, tx *tenantpgx.Tx) error {
			trips := wire.Trips()
			for want, ctx := range map[error]context.Context{
				tenant.ErrNoTenant:    t.Context(),
				tenant.ErrOtherTenant: in(t, umbrella),
				tenant.ErrConflict:    tenant.NewContext(ctx, umbrella),
			} {
				require.ErrorIs(t, insert(ctx, tx), want)
				_, err := tx.Query(ctx, `SELECT :tenant::text`)
				require.ErrorIs(t, err, want)
				require.ErrorIs(t, tx.QueryRow(ctx, `SELECT :tenant::text`).Scan(), want)
				_, err = tx.Unscoped("test").Exec(ctx, `SELECT 1`)
				require.ErrorIs(t, err, want)
				_, err = tx.CopyIn(ctx, pgx.Identifier{"documents"}, []string{"id"}, pgx.CopyFromRows(nil))
				require.ErrorIs(t, err, want)
			}
			_, err := tx.Exec(ctx, `SELECT 1`)
			require.ErrorIs(t, err, tenant.ErrUnscoped)
			_, err = tx.Exec(ctx, `SELECT :tenant::text, $1`, pgx.QueryExecModeExec)
			require.ErrorIs(t, err, tenant.ErrStatement)
			require.Equal(t, trips, wire.Trips())
			return insert(ctx, tx)
		}))
		require.Equal(t, []string{"one"}, k.titles(t, acme))
		db.requireClean(t)
	})
}

func testWith(t *testing.T, k kit) {
	k.each(t, k.cluster.Addr, func(t *testing.T, db handle) {
		ctx := in(t, acme)
		with := db.With(pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly})
		var level string
		require.NoError(t, with.QueryRow(ctx, `SELECT current_setting('transaction_isolation') WHERE :tenant <> ''`).Scan(&level))
		require.Equal(t, "repeatable read", level)
		_, err := with.Exec(ctx, `INSERT INTO documents (tenant_id, id) VALUES (:tenant, 1)`)
		requireState(t, "25006", err)
		requireState(t, "25006", with.Tx(ctx, func(ctx context.Context, tx *tenantpgx.Tx) error {
			_, err := tx.Exec(ctx, `INSERT INTO documents (tenant_id, id) VALUES (:tenant, 1)`)
			return err
		}))
		require.NoError(t, db.QueryRow(ctx, `SELECT current_setting('transaction_isolation') WHERE :tenant <> ''`).Scan(&level))
		require.Equal(t, "read committed", level)

		serializable := db.With(pgx.TxOptions{IsoLevel: pgx.Serializable})
		_, err = serializable.Exec(ctx, `INSERT INTO documents (tenant_id, id) VALUES (:tenant, 1)`)
		require.NoError(t, err)
		require.Len(t, k.titles(t, acme), 1, "committed")
		_, err = serializable.Exec(ctx, `DELETE FROM documents WHERE tenant_id = :tenant`)
		require.NoError(t, err)

		_, err = db.With(pgx.TxOptions{BeginQuery: "nonsense"}).Exec(ctx, `SELECT :tenant::text`)
		requireState(t, "42601", err)
		requireState(t, "42601", db.With(pgx.TxOptions{BeginQuery: "nonsense"}).Tx(ctx, nil))
		db.requireClean(t)
	})
}

func testSetting(t *testing.T, k kit) {
	db, err := tenantpgx.New(k.pool(t, k.cluster.Addr, "exec", 1), &tenant.DBOptions{Setting: "my.org"})
	require.NoError(t, err)
	ctx := in(t, acme)
	const settings = `SELECT current_setting('my.org'), coalesce(current_setting('app.tenant_id', true), '') WHERE :tenant <> ''`
	var mine, other string
	require.NoError(t, db.QueryRow(ctx, settings).Scan(&mine, &other))
	require.Equal(t, acme.String(), mine)
	require.Empty(t, other)
	require.NoError(t, db.Tx(ctx, func(ctx context.Context, tx *tenantpgx.Tx) error {
		return tx.QueryRow(ctx, settings).Scan(&mine, &other)
	}))
	require.Equal(t, acme.String(), mine)
	require.Empty(t, other)
}

// testSearchPath has a function of the settings' name before PostgreSQL's own.
func testSearchPath(t *testing.T, k kit) {
	_, err := k.owner.ExecContext(t.Context(), fmt.Sprintf(`CREATE SCHEMA first;
		GRANT USAGE ON SCHEMA first TO PUBLIC;
		CREATE FUNCTION first.set_config(name text, value text, local boolean) RETURNS text LANGUAGE sql
			AS $$ SELECT pg_catalog.set_config(name, '0197a3c0-0000-7000-8000-00000000000b', local) $$;
		ALTER ROLE %s SET search_path = first, public, pg_catalog`, k.app))
	require.NoError(t, err)
	k.each(t, k.cluster.Addr, func(t *testing.T, db handle) {
		ctx := in(t, acme)
		const setting = `SELECT current_setting('app.tenant_id') WHERE :tenant <> ''`
		var got string
		require.NoError(t, db.QueryRow(ctx, setting).Scan(&got))
		require.Equal(t, acme.String(), got)
		require.NoError(t, db.Tx(ctx, func(ctx context.Context, tx *tenantpgx.Tx) error {
			return tx.QueryRow(ctx, setting).Scan(&got)
		}))
		require.Equal(t, acme.String(), got)
	})
}

func testSubjectTx(t *testing.T, k kit) {
	k.each(t, k.cluster.Addr, func(t *testing.T, db handle) {
		// A session that somebody left a tenant in has none here.
		require.NoError(t, db.SubjectTx(t.Context(), "ann", func(ctx context.Context, q tenantpgx.Plain) error {
			_, err := q.Exec(ctx, `SELECT set_config('app.tenant_id', '0197a3c0-0000-7000-8000-00000000000b', false)`)
			return err
		}))
		require.NoError(t, db.SubjectTx(in(t, acme), "ann", func(ctx context.Context, q tenantpgx.Plain) error {
			rows, _ := q.Query(ctx, `SELECT org::text FROM memberships ORDER BY org`)
			orgs, err := pgx.CollectRows(rows, pgx.RowTo[string])
			require.NoError(t, err)
			require.Equal(t, []string{acme.String(), umbrella.String()}, orgs)
			var n int
			require.NoError(t, q.QueryRow(ctx, `SELECT count(*) FROM documents`).Scan(&n))
			require.Zero(t, n)
			return nil
		}))
		// And a tenant's transaction shows nobody's memberships.
		var n int
		require.NoError(t, db.QueryRow(in(t, umbrella), `SELECT count(*) FROM memberships WHERE :tenant <> ''`).Scan(&n))
		require.Zero(t, n)
	})
}

func testObserve(t *testing.T, k kit) {
	var seen []tenant.Transaction
	observe := func(_ context.Context, tx tenant.Transaction) { seen = append(seen, tx) }
	db, err := tenantpgx.New(k.pool(t, k.cluster.Addr, "exec", 1), &tenant.DBOptions{Observe: observe, Tables: []string{"documents"}})
	require.NoError(t, err)
	ctx := in(t, acme)
	_, err = db.Exec(ctx, `DELETE FROM documents WHERE tenant_id = :tenant`)
	require.NoError(t, err)
	require.Error(t, db.QueryRow(ctx, `SELECT 1 / 0, :tenant::text`).Scan())
	rows, err := db.Query(ctx, `SELECT :tenant::text`)
	require.NoError(t, err)
	require.Len(t, seen, 2, "the rows are not read")
	rows.Close()
	failure := errors.New("no")
	require.Error(t, db.Tx(ctx, func(_ context.Context, tx *tenantpgx.Tx) error {
		tx.Unscoped("first")
		tx.Unscoped(" ")
		tx.Unscoped("second")
		return failure
	}))
	require.NoError(t, db.SubjectTx(ctx, "ann", func(context.Context, tenantpgx.Plain) error { return nil }))
	require.Panics(t, func() { _ = db.Tx(ctx, func(context.Context, *tenantpgx.Tx) error { panic("no") }) })
	_, err = db.Exec(ctx, `DELETE FROM documents`)
	require.ErrorIs(t, err, tenant.ErrUnscoped, "not a transaction")

	require.Len(t, seen, 6)
	for i, want := range []struct {
		tenant   tenant.ID
		unscoped []string
		failed   bool
	}{{acme, nil, false}, {acme, nil, true}, {acme, nil, false}, {acme, []string{"first", "second"}, true}, {tenant.ID{}, nil, false}, {acme, nil, true}} {
		require.Equal(t, want.tenant, seen[i].Tenant, i)
		require.Equal(t, want.unscoped, seen[i].Unscoped, i)
		require.Equal(t, want.failed, seen[i].Err != nil, "%d: %v", i, seen[i].Err)
		require.Positive(t, seen[i].Duration, i)
		require.False(t, seen[i].Start.IsZero(), i)
	}
	require.Equal(t, failure, seen[3].Err)
}
