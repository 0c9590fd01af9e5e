package tenantpgx_test

import (
	"context"
	"database/sql/driver"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/rowhouse-go/rowhouse/internal/integration/server"
	"github.com/rowhouse-go/rowhouse/tenant"
	"github.com/rowhouse-go/rowhouse/tenant/tenantpgx"
)

func testOneShots(t *testing.T, k kit) {
	k.each(t, k.cluster.Addr, func(t *testing.T, db handle) {
		ctx := in(t, acme)
		tag, err := db.Exec(ctx, `DELETE FROM documents WHERE tenant_id = :tenant`)
		require.NoError(t, err)
		require.True(t, tag.Delete())
		for i, title := range []string{"first", "second"} {
			tag, err := db.Exec(ctx, `INSERT INTO documents (tenant_id, id, title) VALUES (:tenant, $1, $2)`, i+1, title)
			require.NoError(t, err)
			require.EqualValues(t, 1, tag.RowsAffected())
		}
		rows, err := db.Query(ctx, `SELECT title FROM documents WHERE tenant_id = :tenant AND id >= $1 ORDER BY id`, 1)
		require.NoError(t, err)
		require.Nil(t, rows.Conn())
		titles, err := pgx.CollectRows(rows, pgx.RowTo[string])
		require.NoError(t, err)
		require.Equal(t, []string{"first", "second"}, titles)
		require.Equal(t, "SELECT 2", rows.CommandTag().String())

		var title string
		require.NoError(t, db.QueryRow(ctx, `SELECT title FROM documents WHERE tenant_id = :tenant AND id = $1`, 2).Scan(&title))
		require.Equal(t, "second", title)
		require.ErrorIs(t, db.QueryRow(ctx, `SELECT title FROM documents WHERE tenant_id = :tenant AND id = 3`).Scan(&title), pgx.ErrNoRows)

		// The policies see the tenant too: these statements filter nothing.
		var n int
		require.NoError(t, db.QueryRow(ctx, `SELECT count(*) FROM documents WHERE :tenant <> ''`).Scan(&n))
		require.Equal(t, 2, n)
		_, err = db.Exec(ctx, `INSERT INTO documents (tenant_id, id) SELECT '0197a3c0-0000-7000-8000-00000000000b', 9 WHERE :tenant <> ''`)
		requireState(t, "42501", err)
		db.requireClean(t)
	})
	require.Equal(t, []string{"of umbrella"}, k.titles(t, umbrella))
}

// What fails when the transaction is committed fails the call, whichever it is.
func testCommitFails(t *testing.T, k kit) {
	k.each(t, k.cluster.Addr, func(t *testing.T, db handle) {
		for _, db := range []*tenantpgx.DB{db.DB, db.With(pgx.TxOptions{IsoLevel: pgx.Serializable})} {
			ctx := in(t, acme)
			_, err := db.Exec(ctx, `INSERT INTO documents (tenant_id, id, parent) VALUES (:tenant, 1, 404)`)
			requireState(t, "23503", err)

			var id int
			requireState(t, "23503", db.QueryRow(ctx, `INSERT INTO documents (tenant_id, id, parent) VALUES (:tenant, 1, 404) RETURNING id`).Scan(&id))
			require.Equal(t, 1, id) // it was read before the commit

			rows, err := db.Query(ctx, `INSERT INTO documents (tenant_id, id, parent) VALUES (:tenant, 1, 404) RETURNING id`)
			require.NoError(t, err)
			require.True(t, rows.Next())
			require.False(t, rows.Next())
			requireState(t, "23503", rows.Err())
		}
		db.requireClean(t)
	})
	require.Empty(t, k.titles(t, acme))
}

// However rows end, their connection, the only one, is there for the next call.
func testRows(t *testing.T, k kit) {
	k.each(t, k.cluster.Addr, func(t *testing.T, db handle) {
		ctx := in(t, acme)
		query := func() pgx.Rows {
			rows, err := db.Query(ctx, `SELECT n, :tenant::text FROM generate_series(1, 1000) n`)
			require.NoError(t, err)
			require.True(t, rows.Next())
			return rows
		}
		rows := query()
		rows.Close()
		rows.Close()
		require.NoError(t, rows.Err())

		rows = query()
		require.Error(t, rows.Scan(new(bool), new(string)), "a number is no bool")
		require.Error(t, rows.Err())

		_, err := db.Query(ctx, `SELECT 1 / $1::int, :tenant::text`, 0)
		if err == nil { // PostgreSQL divides before or after it describes the rows
			rows, _ = db.Query(ctx, `SELECT 1 / $1::int, :tenant::text`, 0)
			rows.Next()
			err = rows.Err()
		}
		requireState(t, "22012", err)

		_, err = db.Exec(ctx, `SELECT nonsense, :tenant`)
		requireState(t, "42703", err)

		require.PanicsWithValue(t, "scan", func() {
			_ = db.QueryRow(ctx, `SELECT 1 WHERE :tenant <> ''`).Scan(panicking{})
		})
		require.PanicsWithValue(t, "value", func() { _, _ = db.Exec(ctx, `SELECT $1::int, :tenant::text`, panicking{}) })
		require.PanicsWithValue(t, "value", func() {
			_ = db.Tx(ctx, func(ctx context.Context, tx *tenantpgx.Tx) error {
				_, err := tx.Exec(ctx, `SELECT $1::int, :tenant::text`, panicking{})
				return err
			})
		})
		row := db.QueryRow(ctx, `SELECT 1 WHERE :tenant <> ''`)
		require.NoError(t, row.Scan(new(int)))
		require.ErrorContains(t, row.Scan(new(int)), "called before")

		// Cancelled while the server works, and before.
		short, cancel := context.WithTimeout(ctx, 20*time.Millisecond)
		defer cancel()
		_, err = db.Exec(short, `SELECT pg_sleep(10) WHERE :tenant <> ''`)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		_, err = db.Exec(short, `SELECT :tenant::text`)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		db.requireClean(t)
	})
}

type panicking struct{}

func (panicking) ScanRow(pgx.Rows) error { panic("scan") }

func (panicking) Value() (driver.Value, error) { panic("value") }

// What is refused is not sent, not even a byte of it.
func testRefusals(t *testing.T, k kit) {
	wire := server.NewWire(t, k.cluster.Addr)
	k.each(t, wire.Addr, func(t *testing.T, db handle) {
		ctx := in(t, acme)
		two := tenant.NewContext(ctx, umbrella)
		trips := wire.Trips()
		_, err := db.Exec(t.Context(), `SELECT :tenant::text`)
		require.ErrorIs(t, err, tenant.ErrNoTenant)
		_, err = db.Exec(two, `SELECT :tenant::text`)
		require.ErrorIs(t, err, tenant.ErrConflict)
		require.ErrorIs(t, db.Tx(t.Context(), nil), tenant.ErrNoTenant)
		require.ErrorIs(t, db.Tx(two, nil), tenant.ErrConflict)
		require.ErrorIs(t, db.SubjectTx(ctx, "", nil), tenant.ErrNoSubject)

		for _, db := range []*tenantpgx.DB{db.DB, db.With(pgx.TxOptions{AccessMode: pgx.ReadOnly})} {
			_, err = db.Exec(ctx, `SELECT 1`)
			require.ErrorIs(t, err, tenant.ErrUnscoped)
			rows, err := db.Query(ctx, `SELECT ':tenant'`)
			require.ErrorIs(t, err, tenant.ErrUnscoped)
			require.Equal(t, err, rows.Err())
			require.ErrorIs(t, db.QueryRow(ctx, `SELECT 1 -- :tenant`).Scan(), tenant.ErrUnscoped)

			_, err = db.Exec(ctx, `SELECT :tenant::text, $1::text`)
			require.ErrorIs(t, err, tenant.ErrStatement)
			_, err = db.Exec(ctx, `SELECT :tenant::text`, 1)
			require.ErrorIs(t, err, tenant.ErrStatement)
			_, err = db.Exec(ctx, `SELECT :tenant::text; SELECT 1`)
			require.ErrorIs(t, err, tenant.ErrStatement)
			for _, option := range []any{
				pgx.NamedArgs{"id": 1},
				pgx.StrictNamedArgs{"id": 1},
				pgx.QueryExecModeSimpleProtocol,
				pgx.QueryResultFormats{1},
				pgx.QueryResultFormatsByOID{25: 1},
			} {
				_, err = db.Exec(ctx, `SELECT :tenant::text, $1`, option)
				require.ErrorIs(t, err, tenant.ErrStatement)
				require.ErrorContains(t, err, "an option of pgx")
				require.ErrorContains(t, db.QueryRow(ctx, `SELECT :tenant::text, $1, $2`, 1, option).Scan(), "an option of pgx")
			}
		}
		require.Equal(t, trips, wire.Trips())
	})
}

// requireState checks the SQLSTATE of an error.
func requireState(t *testing.T, want string, err error) {
	t.Helper()
	require.Equal(t, want, state(err), "%v", err)
}
