// Package tenantpgx_test tests package tenantpgx on PostgreSQL, as a login that
// owns nothing, directly and through PgBouncer.
package tenantpgx_test

import (
	"context"
	"database/sql"
	"fmt"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/stretchr/testify/require"

	"github.com/rowhouse-go/rowhouse/internal/integration/server"
	"github.com/rowhouse-go/rowhouse/tenant"
	"github.com/rowhouse-go/rowhouse/tenant/tenantpgx"
)

func TestPostgres(t *testing.T) {
	t.Parallel()
	cluster := server.Postgres(t)
	for name, test := range map[string]func(*testing.T, kit){
		"one-shots":   testOneShots,
		"commit":      testCommitFails,
		"rows":        testRows,
		"refusals":    testRefusals,
		"trips":       testTrips,
		"tx":          testTx,
		"with":        testWith,
		"setting":     testSetting,
		"search path": testSearchPath,
		"subject":     testSubjectTx,
		"plain":       testPlain,
		"copy in":     testCopyIn,
		"copy refuse": testCopyInRefuses,
		"observe":     testObserve,
		"storm":       testStorm,
		"leak":        testLeakIsSeen,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, newKit(t, cluster))
		})
	}
}

// The tenants of the tests.
var acme, umbrella = id("0197a3c0-0000-7000-8000-00000000000a"), id("0197a3c0-0000-7000-8000-00000000000b")

func id(s string) tenant.ID {
	parsed, err := tenant.ParseID(s)
	if err != nil {
		panic(err)
	}
	return parsed
}

// in returns a context of a tenant.
func in(t testing.TB, id tenant.ID) context.Context { return tenant.NewContext(t.Context(), id) }

// A kit is a database with tables under row level security and a login for it.
type kit struct {
	cluster  server.Cluster
	database string
	app      string
	owner    *sql.DB // sees all rows
}

// schema has the tables: documents of tenants, whose parents are checked at commit,
// and memberships, which are looked up by their subject.
const schema = `
CREATE TABLE documents (
	tenant_id uuid NOT NULL DEFAULT nullif(current_setting('app.tenant_id', true), '')::uuid,
	id bigint NOT NULL,
	title text NOT NULL DEFAULT '',
	parent bigint,
	PRIMARY KEY (tenant_id, id),
	FOREIGN KEY (tenant_id, parent) REFERENCES documents DEFERRABLE INITIALLY DEFERRED
);
ALTER TABLE documents ENABLE ROW LEVEL SECURITY;
ALTER TABLE documents FORCE ROW LEVEL SECURITY;
CREATE POLICY floor ON documents AS RESTRICTIVE FOR ALL TO PUBLIC
	USING (tenant_id = (SELECT nullif(current_setting('app.tenant_id', true), '')::uuid))
	WITH CHECK (tenant_id = (SELECT nullif(current_setting('app.tenant_id', true), '')::uuid));
CREATE POLICY app ON documents FOR ALL TO PUBLIC USING (true);
CREATE TABLE memberships (subject text NOT NULL, org uuid NOT NULL);
ALTER TABLE memberships ENABLE ROW LEVEL SECURITY;
CREATE POLICY subject ON memberships FOR SELECT TO PUBLIC
	USING (subject = (SELECT nullif(current_setting('app.subject', true), '')));
GRANT SELECT, INSERT, UPDATE, DELETE ON documents TO %[1]s;
GRANT SELECT ON memberships TO %[1]s;
INSERT INTO memberships VALUES ('ann', '0197a3c0-0000-7000-8000-00000000000a'), ('ann', '0197a3c0-0000-7000-8000-00000000000b'),
	('bob', '0197a3c0-0000-7000-8000-00000000000b');
INSERT INTO documents (tenant_id, id, title) VALUES ('0197a3c0-0000-7000-8000-00000000000b', 1, 'of umbrella');
`

func newKit(t testing.TB, cluster server.Cluster) kit {
	t.Helper()
	k := kit{cluster: cluster, database: cluster.Database(t), app: cluster.Login(t, "")}
	k.owner = cluster.Open(t, "postgres", k.database)
	_, err := k.owner.ExecContext(t.Context(), fmt.Sprintf(schema, k.app))
	require.NoError(t, err)
	return k
}

// modes are those of pgx, and what a one-shot costs in them once warm.
var modes = map[string]int{
	"cache_statement": 1,
	"cache_describe":  1,
	"describe_exec":   2,
	"exec":            1,
	"simple_protocol": 1,
}

// pool returns connections of the application to the server at addr, which is the
// cluster or stands before it.
func (k kit) pool(t testing.TB, addr, mode string, size int) *pgxpool.Pool {
	t.Helper()
	config, err := pgxpool.ParseConfig(fmt.Sprintf("postgres://%s@%s/%s?sslmode=disable&default_query_exec_mode=%s&pool_max_conns=%d",
		k.app, addr, k.database, mode, size))
	require.NoError(t, err)
	// A ping after a second without work would be a round trip on a slow day.
	config.ShouldPing = func(context.Context, pgxpool.ShouldPingParams) bool { return false }
	pool, err := pgxpool.NewWithConfig(t.Context(), config)
	require.NoError(t, err)
	t.Cleanup(pool.Close)
	return pool
}

// std returns such connections of database/sql.
func (k kit) std(t testing.TB, addr, mode string, size int) *sql.DB {
	t.Helper()
	config, err := pgx.ParseConfig(fmt.Sprintf("postgres://%s@%s/%s?sslmode=disable&default_query_exec_mode=%s", k.app, addr, k.database, mode))
	require.NoError(t, err)
	db := stdlib.OpenDB(*config, stdlib.OptionShouldPing(func(context.Context, stdlib.ShouldPingParams) bool { return false }))
	db.SetMaxOpenConns(size)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	return db
}

// A handle is a DB on one connection.
type handle struct {
	*tenantpgx.DB
	mode string
	left func(*testing.T) string // the tenant that the connection has by itself
}

// each runs test on a handle for each mode, and each kind of pool.
func (k kit) each(t *testing.T, addr string, test func(*testing.T, handle)) {
	t.Helper()
	const setting = `SELECT coalesce(current_setting('app.tenant_id', true), '')`
	for mode := range modes {
		pool := k.pool(t, addr, mode, 1)
		db, err := tenantpgx.New(pool, nil)
		require.NoError(t, err)
		left := func(t *testing.T) (id string) {
			require.NoError(t, pool.QueryRow(t.Context(), setting).Scan(&id))
			return id
		}
		t.Run("pool "+mode, func(t *testing.T) { test(t, handle{db, mode, left}) })

		std := k.std(t, addr, mode, 1)
		db, err = tenantpgx.Stdlib(std, nil)
		require.NoError(t, err)
		left = func(t *testing.T) (id string) {
			require.NoError(t, std.QueryRowContext(t.Context(), setting).Scan(&id))
			return id
		}
		t.Run("stdlib "+mode, func(t *testing.T) { test(t, handle{db, mode, left}) })
	}
}

// requireClean checks that the connection has no tenant.
func (h handle) requireClean(t *testing.T) {
	t.Helper()
	require.Empty(t, h.left(t))
}

// titles returns what a tenant's documents are called, seen from outside.
func (k kit) titles(t *testing.T, id tenant.ID) []string {
	t.Helper()
	rows, err := k.owner.QueryContext(t.Context(), `SELECT title FROM documents WHERE tenant_id = $1 ORDER BY id`, id.String())
	require.NoError(t, err)
	defer rows.Close()
	titles := []string{}
	for rows.Next() {
		var title string
		require.NoError(t, rows.Scan(&title))
		titles = append(titles, title)
	}
	require.NoError(t, rows.Err())
	return titles
}
