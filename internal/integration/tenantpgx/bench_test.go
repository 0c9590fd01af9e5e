package tenantpgx_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/rowhouse-go/rowhouse/internal/integration/server"
	"github.com/rowhouse-go/rowhouse/tenant"
	"github.com/rowhouse-go/rowhouse/tenant/tenantpgx"
)

// BenchmarkLatency times, one after the other in each round so that a busy moment
// hurts all alike, the same look-up by primary key as a bare query on a table
// without policies, as a one-shot, in a transaction, and as a one-shot and in a
// transaction of package tenant over database/sql. It reports the medians, and the
// one-shot as a multiple of the bare query.
func BenchmarkLatency(b *testing.B) {
	k := newKit(b, server.Postgres(b))
	_, err := k.owner.ExecContext(b.Context(), `CREATE TABLE bare (LIKE documents INCLUDING ALL); GRANT SELECT ON bare TO `+k.app)
	require.NoError(b, err)
	for _, table := range []string{"documents", "bare"} {
		_, err := k.owner.ExecContext(b.Context(), `INSERT INTO `+table+` (tenant_id, id, title) SELECT $1, n, 'title' FROM generate_series(1, 1000) n`, acme.String())
		require.NoError(b, err)
		_, err = k.owner.ExecContext(b.Context(), `ANALYZE `+table)
		require.NoError(b, err)
	}
	const look, bare = `SELECT title FROM documents WHERE tenant_id = :tenant AND id = $1`, `SELECT title FROM bare WHERE tenant_id = $2 AND id = $1`
	for mode := range modes {
		b.Run(mode, func(b *testing.B) {
			pool := k.pool(b, k.cluster.Addr, mode, 1)
			db, err := tenantpgx.New(pool, nil)
			require.NoError(b, err)
			std := k.std(b, k.cluster.Addr, mode, 1)
			onStd, err := tenantpgx.Stdlib(std, nil)
			require.NoError(b, err)
			free, err := tenant.NewDB(std, tenant.Postgres, nil)
			require.NoError(b, err)
			ctx := in(b, acme)
			rounds(b, []timed{
				{"bare", func(n int) error { return scanBare(ctx, pool, bare, n) }},
				{"one-shot", func(n int) error {
					var title string
					return db.QueryRow(ctx, look, n).Scan(&title)
				}},
				{"Tx", func(n int) error {
					return db.Tx(ctx, func(ctx context.Context, tx *tenantpgx.Tx) error {
						var title string
						return tx.QueryRow(ctx, look, n).Scan(&title)
					})
				}},
				{"Stdlib", func(n int) error {
					var title string
					return onStd.QueryRow(ctx, look, n).Scan(&title)
				}},
				{"tenant.DB", func(n int) error {
					var title string
					return free.QueryRow(ctx, look, n).Scan(&title)
				}},
			})
		})
	}
}

func scanBare(ctx context.Context, pool *pgxpool.Pool, query string, n int) error {
	var title string
	return pool.QueryRow(ctx, query, n, acme.String()).Scan(&title)
}

// A timed call looks up document n.
type timed struct {
	name string
	call func(n int) error
}

func rounds(b *testing.B, calls []timed) {
	b.Helper()
	took := make([][]time.Duration, len(calls))
	for _, c := range calls {
		require.NoError(b, c.call(1)) // connects, and has the statement known
		require.NoError(b, c.call(1))
	}
	round := 0
	for b.Loop() {
		for i, c := range calls {
			begun := time.Now()
			if err := c.call(1 + round%1000); err != nil {
				b.Fatal(err)
			}
			took[i] = append(took[i], time.Since(begun))
		}
		round++
	}
	median := func(i int) float64 {
		slices.Sort(took[i])
		return float64(took[i][len(took[i])/2])
	}
	for i, c := range calls {
		b.ReportMetric(median(i)/1e3, c.name+"-µs")
	}
	b.ReportMetric(median(1)/median(0), "one-shot/bare")
	b.ReportMetric(0, "ns/op") // of all of them: says nothing
}
