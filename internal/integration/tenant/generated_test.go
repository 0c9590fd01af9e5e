package tenant_test

import (
	"context"
	"database/sql"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/rowhouse-go/rowhouse/tenant"
)

// DBTX, New and Queries are what sqlc writes for its engine database/sql.
type DBTX interface {
	ExecContext(context.Context, string, ...any) (sql.Result, error)
	PrepareContext(context.Context, string) (*sql.Stmt, error)
	QueryContext(context.Context, string, ...any) (*sql.Rows, error)
	QueryRowContext(context.Context, string, ...any) *sql.Row
}

func New(db DBTX) *Queries {
	return &Queries{db: db}
}

type Queries struct {
	db DBTX
}

const createOrder = `-- name: CreateOrder :one
INSERT INTO orders (title) VALUES ($1) RETURNING id`

func (q *Queries) CreateOrder(ctx context.Context, title string) (int64, error) {
	row := q.db.QueryRowContext(ctx, createOrder, title)
	var id int64
	err := row.Scan(&id)
	return id, err
}

const listOrders = `-- name: ListOrders :many
SELECT title FROM orders ORDER BY id`

func (q *Queries) ListOrders(ctx context.Context) ([]string, error) {
	rows, err := q.db.QueryContext(ctx, listOrders)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var items []string
	for rows.Next() {
		var title string
		if err := rows.Scan(&title); err != nil {
			return nil, err
		}
		items = append(items, title)
	}
	if err := rows.Close(); err != nil {
		return nil, err
	}
	if err := rows.Err(); err != nil {
		return nil, err
	}
	return items, nil
}

// Generated code knows of no tenant; the policies and the column's default do.
func testGenerated(t *testing.T, p postgres) {
	p.clear(t)
	var reasons []string
	db := newDB(t, p.pool(t, 2), tenant.Postgres, &tenant.DBOptions{
		Observe: func(_ context.Context, x tenant.Transaction) { reasons = append(reasons, x.Unscoped...) },
	})
	for n := range 2 {
		require.NoError(t, db.Tx(in(t, n), func(ctx context.Context, tx *tenant.Tx) error {
			q := New(tx.Unscoped("sqlc"))
			for _, title := range []string{"a", "b"} {
				if _, err := q.CreateOrder(ctx, title); err != nil {
					return err
				}
			}
			titles, err := q.ListOrders(ctx)
			require.Equal(t, []string{"a", "b"}, titles)
			return err
		}))
	}
	require.Equal(t, 4, p.count(t))
	require.Equal(t, []string{"sqlc", "sqlc"}, reasons)
	require.NoError(t, db.Tx(in(t, 0), func(ctx context.Context, tx *tenant.Tx) error {
		stmt, err := tx.Unscoped("sqlc, prepared").PrepareContext(ctx, createOrder)
		require.NoError(t, err)
		var id int64
		require.NoError(t, stmt.QueryRowContext(ctx, "c").Scan(&id))
		require.NoError(t, stmt.Close())
		_, err = New(tx.Unscoped("sqlc")).ListOrders(in(t, 1))
		require.ErrorIs(t, err, tenant.ErrOtherTenant)
		return nil
	}))
}
