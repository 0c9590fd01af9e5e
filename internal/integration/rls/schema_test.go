package rls_test

import (
	"database/sql"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"

	"github.com/rowhouse-go/rowhouse/internal/integration/server"
	"github.com/rowhouse-go/rowhouse/tenant/rls"
)

const (
	tenantA = "aaaaaaaa-0000-4000-8000-000000000001"
	tenantB = "bbbbbbbb-0000-4000-8000-000000000002"
)

// tables creates what the migrations of an application would.
const tables = `
CREATE SCHEMA rowhouse;
CREATE SCHEMA "Odd ""Schema""";
CREATE TABLE projects (
	tenant_id uuid NOT NULL, id int GENERATED ALWAYS AS IDENTITY, name text NOT NULL,
	PRIMARY KEY (tenant_id, id));
CREATE TABLE tasks (
	tenant_id uuid NOT NULL, id int GENERATED ALWAYS AS IDENTITY, project int NOT NULL, PRIMARY KEY (tenant_id, id),
	FOREIGN KEY (tenant_id, project) REFERENCES projects ON DELETE CASCADE);
CREATE TABLE entries (tenant_id uuid NOT NULL, id int GENERATED ALWAYS AS IDENTITY, name text, PRIMARY KEY (tenant_id, id));
CREATE TABLE parted (tenant_id uuid NOT NULL, id int NOT NULL, PRIMARY KEY (tenant_id, id)) PARTITION BY HASH (tenant_id);
CREATE TABLE parted_0 PARTITION OF parted FOR VALUES WITH (MODULUS 2, REMAINDER 0);
CREATE TABLE parted_1 PARTITION OF parted FOR VALUES WITH (MODULUS 2, REMAINDER 1);
CREATE TABLE "Odd ""Schema"""."Weird ""Table""; --" ("größe" text NOT NULL, "Select" int, PRIMARY KEY ("größe", "Select"));
CREATE TABLE "NNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNN" ("order" uuid NOT NULL PRIMARY KEY);
CREATE TABLE rowhouse.members (
	org text COLLATE "C" NOT NULL, "User" text COLLATE "C" NOT NULL, role text NOT NULL DEFAULT 'member',
	PRIMARY KEY (org, "User"));
CREATE INDEX ON rowhouse.members ("User");
CREATE TABLE organizations (id uuid PRIMARY KEY, name text NOT NULL);
CREATE TABLE m (id uuid PRIMARY KEY);
CREATE TABLE rowhouse.invitations (org text COLLATE "C" NOT NULL, hash text);
CREATE TABLE rowhouse.outbox (tenant_id text NOT NULL, id int GENERATED ALWAYS AS IDENTITY, payload text);
`

// options describes the tables for two roles.
func options(app, worker string) rls.Options {
	members := rls.Table{
		Schema: "rowhouse", Name: "members", Kind: rls.Directory,
		Column: "org", Type: rls.Text, Subject: "User",
	}
	return rls.Options{App: app, Worker: worker, Tables: []rls.Table{
		{Name: "projects"},
		{Name: "tasks"},
		{Name: "entries", Grants: []rls.Privilege{rls.Select, rls.Insert}},
		{Name: "parted"},
		{Schema: `Odd "Schema"`, Name: `Weird "Table"; --`, Column: "größe", Type: rls.Text},
		{Name: strings.Repeat("N", 63), Column: "order"},
		{Name: "organizations", Kind: rls.Directory, Column: "id", Through: &members},
		{Name: "m", Kind: rls.Directory, Column: "id", Through: &members}, // a short name, as aliases have
		members,
		{Schema: "rowhouse", Name: "invitations", Kind: rls.Directory, Column: "org", Type: rls.Text},
		{Schema: "rowhouse", Name: "outbox", Kind: rls.Library, Type: rls.Text, Grants: []rls.Privilege{rls.Insert}},
	}}
}

// A schema is a database with the tables and the three logins of an application.
type schema struct {
	cluster             server.Cluster
	name                string
	ownerLogin          string
	admin, owner        *sql.DB
	appLogin, workLogin string
	app, worker         *sql.DB
	options             rls.Options
}

// bare returns a schema without row level security.
func bare(t *testing.T, cluster server.Cluster) *schema {
	t.Helper()
	s := &schema{
		cluster: cluster, name: cluster.Database(t),
		ownerLogin: cluster.Login(t, ""), appLogin: cluster.Login(t, ""), workLogin: cluster.Login(t, ""),
	}
	s.admin = cluster.Open(t, "postgres", s.name)
	s.owner = cluster.Open(t, s.ownerLogin, s.name)
	s.app = cluster.Open(t, s.appLogin, s.name)
	s.worker = cluster.Open(t, s.workLogin, s.name)
	s.options = options(s.appLogin, s.workLogin)
	execute(t, s.admin, "GRANT CREATE ON DATABASE "+s.name+" TO "+s.ownerLogin, "GRANT CREATE ON SCHEMA public TO "+s.ownerLogin)
	execute(t, s.owner, tables)
	return s
}

// protected returns a schema with row level security.
func protected(t *testing.T, cluster server.Cluster) *schema {
	t.Helper()
	s := bare(t, cluster)
	up, err := rls.Up(s.options)
	require.NoError(t, err)
	execute(t, s.owner, up...)
	return s
}

// execute runs statements in one transaction.
func execute(t *testing.T, db *sql.DB, statements ...string) {
	t.Helper()
	tx, err := db.BeginTx(t.Context(), nil)
	require.NoError(t, err)
	defer tx.Rollback() // does nothing after Commit
	for _, s := range statements {
		_, err := tx.ExecContext(t.Context(), s)
		require.NoError(t, err, s)
	}
	require.NoError(t, tx.Commit())
}

// as returns what a statement affects or selects under a setting, and its
// SQLSTATE. Nothing stays.
func as(t *testing.T, db *sql.DB, setting, value, statement string, args ...any) (int64, string) {
	t.Helper()
	tx, err := db.BeginTx(t.Context(), nil)
	require.NoError(t, err)
	defer tx.Rollback() // what is left to say was said
	if setting != "" {
		_, err := tx.ExecContext(t.Context(), "SELECT set_config($1, $2, true)", setting, value)
		require.NoError(t, err)
	}
	result, err := tx.ExecContext(t.Context(), statement, args...)
	if e, ok := errors.AsType[*pgconn.PgError](err); ok {
		return 0, e.Code
	}
	require.NoError(t, err)
	n, err := result.RowsAffected() // of SELECT: the rows
	require.NoError(t, err)
	return n, ""
}

// catalog describes everything that a statement of the package could change.
func (s *schema) catalog(t *testing.T) []string {
	t.Helper()
	rows, err := s.admin.QueryContext(t.Context(), `
		SELECT c.oid::regclass || ' row security ' || c.relrowsecurity || ' forced ' || c.relforcerowsecurity
		FROM pg_class c WHERE relkind IN ('r', 'p') AND relnamespace::regnamespace::text !~ '^(pg_|information)'
		UNION ALL
		SELECT p.polrelid::regclass || concat_ws(' ', ' policy', polname, polpermissive, polcmd, polroles,
			pg_get_expr(polqual, polrelid), pg_get_expr(polwithcheck, polrelid)) FROM pg_policy p
		UNION ALL
		SELECT a.attrelid::regclass || concat_ws(' ', ' column', attname, attnotnull, pg_get_expr(adbin, adrelid), attacl)
		FROM pg_attribute a JOIN pg_class c ON c.oid = attrelid LEFT JOIN pg_attrdef d ON adrelid = attrelid AND adnum = attnum
		WHERE relkind IN ('r', 'p') AND relnamespace::regnamespace::text !~ '^(pg_|information)'
		UNION ALL
		SELECT c.oid::regclass || concat_ws(' ', ' grant', x.grantor, x.grantee, x.privilege_type, x.is_grantable)
		FROM pg_class c, aclexplode(coalesce(relacl, acldefault('r', relowner))) x
		WHERE relkind IN ('r', 'p') AND relnamespace::regnamespace::text !~ '^(pg_|information)'
		UNION ALL
		SELECT pg_get_indexdef(i.indexrelid) FROM pg_index i JOIN pg_class c ON c.oid = indrelid
		WHERE relnamespace::regnamespace::text !~ '^(pg_|information)'`)
	require.NoError(t, err)
	defer rows.Close()
	var list []string
	for rows.Next() {
		var line string
		require.NoError(t, rows.Scan(&line))
		list = append(list, line)
	}
	require.NoError(t, rows.Err())
	slices.Sort(list)
	return list
}
