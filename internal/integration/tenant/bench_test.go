package tenant_test

import (
	"context"
	"database/sql"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/rowhouse-go/rowhouse/tenant"
)

// BenchmarkPostgres sets the calls of tenant.DB beside what they stand for: the
// bare query, which sets no tenant, and the transaction written by hand.
func BenchmarkPostgres(b *testing.B) {
	p := newPostgres(b)
	pool := p.pool(b, 2)
	db := newDB(b, pool, tenant.Postgres, nil)
	ctx, id := in(b, 0), orgID(b, 0).String()
	const text = `SELECT count(*) FROM orders WHERE tenant_id = `
	var n int
	b.Run("bare", func(b *testing.B) {
		for b.Loop() {
			require.NoError(b, pool.QueryRowContext(ctx, text+`$1`, id).Scan(&n))
		}
	})
	b.Run("by hand", func(b *testing.B) {
		for b.Loop() {
			tx, err := pool.BeginTx(ctx, nil)
			require.NoError(b, err)
			_, err = tx.ExecContext(ctx, `SELECT set_config('app.tenant_id', $1, true)`, id)
			require.NoError(b, err)
			require.NoError(b, tx.QueryRowContext(ctx, text+`$1`, id).Scan(&n))
			require.NoError(b, tx.Commit())
		}
	})
	b.Run("one-shot", func(b *testing.B) {
		for b.Loop() {
			require.NoError(b, db.QueryRow(ctx, text+`:tenant`).Scan(&n))
		}
	})
	b.Run("Tx", func(b *testing.B) {
		for b.Loop() {
			require.NoError(b, db.Tx(ctx, func(ctx context.Context, tx *tenant.Tx) error {
				return tx.QueryRow(ctx, text+`:tenant`).Scan(&n)
			}))
		}
	})
}

func BenchmarkSQLite(b *testing.B) {
	pool := newSQLite(b)
	db := newDB(b, pool, tenant.SQLite, &tenant.DBOptions{Tables: []string{"orders"}})
	ctx, id := in(b, 0), orgID(b, 0).String()
	const text = `SELECT count(*) FROM orders WHERE tenant_id = `
	var n int
	b.Run("bare", func(b *testing.B) {
		for b.Loop() {
			require.NoError(b, pool.QueryRowContext(ctx, text+`?`, id).Scan(&n))
		}
	})
	b.Run("one-shot", func(b *testing.B) {
		for b.Loop() {
			require.NoError(b, db.QueryRow(ctx, text+`:tenant`).Scan(&n))
		}
	})
	b.Run("read-only one-shot", func(b *testing.B) {
		db := db.With(&sql.TxOptions{ReadOnly: true})
		for b.Loop() {
			require.NoError(b, db.QueryRow(ctx, text+`:tenant`).Scan(&n))
		}
	})
}
