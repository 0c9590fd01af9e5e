package tenantpgx_test

import (
	"context"
	"errors"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/rowhouse-go/rowhouse/internal/integration/server"
	"github.com/rowhouse-go/rowhouse/tenant"
	"github.com/rowhouse-go/rowhouse/tenant/tenantpgx"
)

func testCopyIn(t *testing.T, k kit) {
	// A tenant column of type text without a default, a name that needs quotes.
	_, err := k.owner.ExecContext(t.Context(), `CREATE SCHEMA "Store"; GRANT USAGE ON SCHEMA "Store" TO PUBLIC;
		CREATE TABLE "Store"."Line Items" (tenant_id text NOT NULL, "Count" int CHECK ("Count" > 0));
		GRANT SELECT, INSERT, DELETE ON "Store"."Line Items" TO `+k.app)
	require.NoError(t, err)
	wire := server.NewWire(t, k.cluster.Addr)
	k.each(t, wire.Addr, func(t *testing.T, db handle) {
		ctx := in(t, acme)
		_, err := db.Exec(ctx, `DELETE FROM documents WHERE tenant_id = :tenant`)
		require.NoError(t, err)
		copied := func(tx *tenantpgx.Tx, from, to int) {
			t.Helper()
			n, err := tx.CopyIn(ctx, pgx.Identifier{"documents"}, []string{"id", "title"},
				pgx.CopyFromSlice(to-from, func(i int) ([]any, error) { return []any{int64(from + i), "copied"}, nil }))
			require.NoError(t, err)
			require.EqualValues(t, to-from, n)
		}
		require.NoError(t, db.Tx(ctx, func(ctx context.Context, tx *tenantpgx.Tx) error {
			copied(tx, 0, 1)
			copied(tx, 1, 1)
			copied(tx, 1, 500)
			n, err := tx.CopyIn(ctx, pgx.Identifier{"Store", "Line Items"}, []string{"Count"}, pgx.CopyFromRows([][]any{{int32(1)}, {int32(2)}}))
			require.EqualValues(t, 2, n)
			return err
		}))
		require.Len(t, k.titles(t, acme), 500)
		require.Equal(t, []string{"of umbrella"}, k.titles(t, umbrella))
		var n int
		require.NoError(t, db.QueryRow(ctx, `DELETE FROM "Store"."Line Items" WHERE tenant_id = :tenant RETURNING (SELECT count(*) FROM "Store"."Line Items")`).Scan(&n))
		require.Equal(t, 2, n)

		// Counted where the connection has seen the table: the first copy of each transaction.
		require.NoError(t, db.Tx(ctx, func(_ context.Context, tx *tenantpgx.Tx) error {
			before := wire.Trips()
			copied(tx, 20_000, 20_010)
			want := map[string]int{"cache_statement": 3, "cache_describe": 3}[db.mode]
			if want == 0 {
				want = 4 // pgx asks for the types each time
			}
			// The server's go-ahead for COPY counts if the rows, which do not wait for
			// it, come later.
			require.Contains(t, []int{want, want + 1}, wire.Trips()-before)
			return nil
		}))

		failure := errors.New("the source broke")
		for state, src := range map[string]pgx.CopyFromSource{
			"23505": pgx.CopyFromRows([][]any{{int64(1), "twice"}, {int64(1), "twice"}}),
			"23502": pgx.CopyFromRows([][]any{{nil, "no id"}}),
			"":      pgx.CopyFromFunc(func() ([]any, error) { return nil, failure }),
		} {
			err := db.Tx(ctx, func(ctx context.Context, tx *tenantpgx.Tx) error {
				_, err := tx.CopyIn(ctx, pgx.Identifier{"documents"}, []string{"id", "title"}, src)
				return err
			})
			require.ErrorContains(t, err, `tenantpgx: copy in: "documents": `)
			if state != "" {
				requireState(t, state, err)
			} else {
				require.ErrorContains(t, err, failure.Error())
			}
		}
		db.requireClean(t)
	})
}

func testCopyInRefuses(t *testing.T, k kit) {
	wire := server.NewWire(t, k.cluster.Addr)
	db, err := tenantpgx.New(k.pool(t, wire.Addr, "exec", 1), &tenant.DBOptions{Column: "org"})
	require.NoError(t, err)
	require.NoError(t, db.Tx(in(t, acme), func(ctx context.Context, tx *tenantpgx.Tx) error {
		before := wire.Trips()
		for want, at := range map[string]struct {
			table   pgx.Identifier
			columns []string
		}{
			"no table":                             {nil, []string{"id"}},
			"no columns":                           {pgx.Identifier{"documents"}, nil},
			"org is not among the columns to copy": {pgx.Identifier{"documents"}, []string{"id", "org"}},
		} {
			_, err := tx.CopyIn(ctx, at.table, at.columns, pgx.CopyFromRows(nil))
			require.ErrorContains(t, err, want)
		}
		require.Equal(t, before, wire.Trips())
		return nil
	}))
	// A column that is not the tenant's by its options is still under the policies.
	requireState(t, "42703", db.Tx(in(t, acme), func(ctx context.Context, tx *tenantpgx.Tx) error {
		_, err := tx.CopyIn(ctx, pgx.Identifier{"documents"}, []string{"id"}, pgx.CopyFromRows([][]any{{int64(1)}}))
		return err
	}))
}
