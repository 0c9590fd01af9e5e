// Package retry_test runs retry.Tx on real databases: a PostgreSQL server by way of
// database/sql, tenant.DB and pgx's own pool, through a proxy that cuts connections,
// and SQLite files.
package retry_test

import (
	"context"
	"database/sql"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/rowhouse-go/rowhouse/internal/integration/server"
	"github.com/rowhouse-go/rowhouse/retry"
	"github.com/rowhouse-go/rowhouse/tenant"
)

// exec runs a statement in a transaction.
type exec func(ctx context.Context, statement string, args ...any) error

// An engine is a way to run transactions, on a pool of one connection.
type engine func(ctx context.Context, p *retry.Policy, f func(context.Context, exec) error) error

// sqlExec is exec for what has ExecContext.
func sqlExec(db interface {
	ExecContext(context.Context, string, ...any) (sql.Result, error)
},
) exec {
	return func(ctx context.Context, statement string, args ...any) error {
		_, err := db.ExecContext(ctx, statement, args...)
		return err
	}
}

// onSQL is retry.SQL.
func onSQL(db *sql.DB, opts *sql.TxOptions) engine {
	return func(ctx context.Context, p *retry.Policy, f func(context.Context, exec) error) error {
		return retry.Tx(ctx, p, retry.SQL(db, opts), func(ctx context.Context, tx *sql.Tx) error { return f(ctx, sqlExec(tx)) })
	}
}

// onTenant is tenant.DB.
func onTenant(t testing.TB, pool *sql.DB, opts *sql.TxOptions) engine {
	t.Helper()
	db, err := tenant.NewDB(pool, tenant.Postgres, nil)
	require.NoError(t, err)
	db = db.With(opts)
	id, err := tenant.ParseID("0192f0c1-2345-7000-8000-000000000001")
	require.NoError(t, err)
	return func(ctx context.Context, p *retry.Policy, f func(context.Context, exec) error) error {
		return retry.Tx(tenant.NewContext(ctx, id), p, db.Tx, func(ctx context.Context, tx *tenant.Tx) error {
			return f(ctx, sqlExec(tx.Unscoped("the statements are the test's")))
		})
	}
}

// onPgx is pgx without database/sql.
func onPgx(pool *pgxpool.Pool, opts pgx.TxOptions) engine {
	run := func(ctx context.Context, f func(context.Context, pgx.Tx) error) error {
		return pgx.BeginTxFunc(ctx, pool, opts, func(tx pgx.Tx) error { return f(ctx, tx) })
	}
	return func(ctx context.Context, p *retry.Policy, f func(context.Context, exec) error) error {
		return retry.Tx(ctx, p, run, func(ctx context.Context, tx pgx.Tx) error {
			return f(ctx, func(ctx context.Context, statement string, args ...any) error {
				_, err := tx.Exec(ctx, statement, args...)
				return err
			})
		})
	}
}

// postgres is a database of a running server.
type postgres struct {
	server.Cluster

	name  string
	admin *sql.DB // of a superuser
}

func newPostgres(t *testing.T, c server.Cluster) postgres {
	t.Helper()
	p := postgres{Cluster: c, name: c.Database(t)}
	p.admin = c.Open(t, "postgres", p.name)
	p.exec(t, `CREATE TABLE effects (id bigint GENERATED ALWAYS AS IDENTITY, who text NOT NULL)`)
	return p
}

func (p postgres) exec(t testing.TB, statement string, args ...any) {
	t.Helper()
	_, err := p.admin.ExecContext(t.Context(), statement, args...)
	require.NoError(t, err)
}

// effects returns how many rows who has left.
func (p postgres) effects(t testing.TB, who string) (n int) {
	t.Helper()
	require.NoError(t, p.admin.QueryRowContext(t.Context(), `SELECT count(*) FROM effects WHERE who = $1`, who).Scan(&n))
	return n
}

// engines returns one of each kind for the login at an address, which may be a
// proxy's. Each has a connection of its own, known by application_name, which is the
// engine's.
func (p postgres) engines(t *testing.T, login, addr string, isolation sql.IsolationLevel) map[string]engine {
	t.Helper()
	url := func(name string) string {
		return "postgres://" + login + "@" + addr + "/" + p.name + "?application_name=" + name
	}
	pool := func(name string) *sql.DB {
		db, err := sql.Open("pgx", url(name))
		require.NoError(t, err)
		db.SetMaxOpenConns(1)
		t.Cleanup(func() { require.NoError(t, db.Close()) })
		return db
	}
	config, err := pgxpool.ParseConfig(url("pgx"))
	require.NoError(t, err)
	config.MaxConns = 1
	native, err := pgxpool.NewWithConfig(t.Context(), config)
	require.NoError(t, err)
	t.Cleanup(native.Close)
	var opts *sql.TxOptions
	var pgxOpts pgx.TxOptions
	if isolation != sql.LevelDefault {
		opts = &sql.TxOptions{Isolation: isolation}
		pgxOpts.IsoLevel = pgx.TxIsoLevel(isolation.String())
	}
	return map[string]engine{
		"sql":    onSQL(pool("sql"), opts),
		"tenant": onTenant(t, pool("tenant"), opts),
		"pgx":    onPgx(native, pgxOpts),
	}
}

// watched is a policy that counts attempts and calls failed after each that fails.
func watched(failed func(retry.Attempt)) *retry.Policy {
	return &retry.Policy{Base: -1, Observe: func(_ context.Context, a retry.Attempt) {
		if failed != nil {
			failed(a)
		}
	}}
}

const insert = `INSERT INTO effects (who) VALUES ($1)`
