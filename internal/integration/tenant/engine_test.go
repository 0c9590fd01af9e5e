// Package tenant_test runs tenant.DB on real databases: a PostgreSQL server, where
// the application's login owns nothing and row level security stands behind the
// statements, and SQLite files, where it does not exist.
package tenant_test

import (
	"context"
	"database/sql"
	"fmt"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	_ "modernc.org/sqlite"

	"github.com/rowhouse-go/rowhouse/internal/integration/server"
	"github.com/rowhouse-go/rowhouse/tenant"
)

// orgID returns the id of the n-th tenant.
func orgID(t testing.TB, n int) tenant.ID {
	t.Helper()
	id, err := tenant.ParseID(fmt.Sprintf("0192f0c1-2345-7000-8000-%012x", n+1))
	require.NoError(t, err)
	return id
}

// in returns the test's context in the n-th tenant.
func in(t testing.TB, n int) context.Context {
	t.Helper()
	return tenant.NewContext(t.Context(), orgID(t, n))
}

const (
	tenantIs  = `(SELECT nullif(current_setting('app.tenant_id', true), '')::uuid)`
	subjectIs = `(SELECT nullif(current_setting('app.subject', true), ''))`
)

// The schema as a migration would leave it: orders belong to tenants, seats are a
// directory.
const postgresSchema = `
CREATE TABLE orders (
	tenant_id uuid NOT NULL DEFAULT nullif(current_setting('app.tenant_id', true), '')::uuid,
	id bigint GENERATED ALWAYS AS IDENTITY,
	title text NOT NULL,
	PRIMARY KEY (tenant_id, id)
);
ALTER TABLE orders ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY floor ON orders AS RESTRICTIVE USING (tenant_id = ` + tenantIs + `) WITH CHECK (tenant_id = ` + tenantIs + `);
CREATE POLICY all_rows ON orders USING (true) WITH CHECK (true);
GRANT SELECT, INSERT, UPDATE, DELETE ON orders TO %[1]s;

CREATE TABLE seats (org text NOT NULL, subject text NOT NULL, PRIMARY KEY (org, subject));
ALTER TABLE seats ENABLE ROW LEVEL SECURITY;
CREATE POLICY by_tenant ON seats TO %[1]s USING (org = ` + tenantIs + `::text);
CREATE POLICY by_subject ON seats FOR SELECT TO %[1]s USING (subject = ` + subjectIs + `);
GRANT SELECT, INSERT, UPDATE, DELETE ON seats TO %[1]s;
`

const sqliteSchema = `
CREATE TABLE orders (tenant_id TEXT NOT NULL, id INTEGER PRIMARY KEY, title TEXT NOT NULL);
CREATE TABLE seats (org TEXT NOT NULL, subject TEXT NOT NULL, PRIMARY KEY (org, subject));
`

// A postgres is a database with the schema.
type postgres struct {
	cluster  server.Cluster
	database string
	login    string // of the application
}

func newPostgres(t testing.TB) postgres {
	t.Helper()
	cluster := server.Postgres(t)
	p := postgres{cluster, cluster.Database(t), cluster.Login(t, "")}
	_, err := p.owner(t).ExecContext(t.Context(), fmt.Sprintf(postgresSchema, p.login))
	require.NoError(t, err)
	return p
}

// owner opens the database for who sees everything.
func (p postgres) owner(t testing.TB) *sql.DB { return p.cluster.Open(t, "postgres", p.database) }

// pool opens the database for the application, with up to n connections.
func (p postgres) pool(t testing.TB, n int) *sql.DB {
	t.Helper()
	pool := p.cluster.Open(t, p.login, p.database)
	pool.SetMaxOpenConns(n)
	pool.SetMaxIdleConns(n)
	return pool
}

func newDB(t testing.TB, pool *sql.DB, d tenant.Dialect, o *tenant.DBOptions) *tenant.DB {
	t.Helper()
	db, err := tenant.NewDB(pool, d, o)
	require.NoError(t, err)
	return db
}

// newSQLite returns a file with the schema.
func newSQLite(t testing.TB) *sql.DB {
	t.Helper()
	path := filepath.Join(t.TempDir(), "tenants.db")
	db, err := sql.Open("sqlite", "file:"+path+"?_txlock=immediate&_pragma=busy_timeout(20000)&_pragma=journal_mode(WAL)")
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	_, err = db.ExecContext(t.Context(), sqliteSchema)
	require.NoError(t, err)
	return db
}
