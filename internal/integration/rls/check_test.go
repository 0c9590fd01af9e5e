package rls_test

import (
	"database/sql"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/rowhouse-go/rowhouse/internal/integration/server"
	"github.com/rowhouse-go/rowhouse/tenant/rls"
)

// A refusal is what breaks a schema, what mends it, and the whole error.
type refusal struct{ breaks, mends, want string }

// refuses breaks and mends the schema, and compares what the check says between.
func (s *schema) refuses(t *testing.T, check func() error, stranger string, list []refusal) {
	t.Helper()
	require.NoError(t, check())
	for _, c := range list {
		execute(t, s.admin, s.fill(c.breaks, stranger))
		err := check()
		require.ErrorIs(t, err, rls.ErrUnsafe, c.breaks)
		require.Equal(t, s.fill(c.want, stranger), err.Error(), c.breaks)
		execute(t, s.admin, s.fill(c.mends, stranger))
		require.NoError(t, check(), c.mends)
	}
}

func testCheck(t *testing.T, cluster server.Cluster) {
	s := protected(t, cluster)
	stranger := cluster.Login(t, "")
	execute(t, s.admin, "CREATE TABLE loose (tenant_id uuid NOT NULL)",
		"CREATE TABLE unused (tenant_id uuid NOT NULL)", // no privilege: no problem
		"CREATE TABLE floored (tenant_id uuid NOT NULL)",
		"CREATE FUNCTION look(int) RETURNS int LANGUAGE sql AS 'SELECT 1'")
	more := s.options
	more.Tables = []rls.Table{{Name: "floored"}}
	up, err := rls.Up(more)
	require.NoError(t, err)
	execute(t, s.admin, up...) // undeclared, but protected

	check := func() error { return rls.Check(t.Context(), s.app, s.options) }
	s.refuses(t, check, stranger, []refusal{
		{"ALTER ROLE APP BYPASSRLS", "ALTER ROLE APP NOBYPASSRLS", `rls: role APP has BYPASSRLS: ALTER ROLE APP NOBYPASSRLS`},
		{"ALTER ROLE APP CREATEROLE", "ALTER ROLE APP NOCREATEROLE", `rls: role APP has CREATEROLE and can make itself a member of the owner: ALTER ROLE APP NOCREATEROLE`},
		{"ALTER ROLE APP REPLICATION", "ALTER ROLE APP NOREPLICATION", `rls: role APP has REPLICATION and can stream every row: ALTER ROLE APP NOREPLICATION`},
		{
			"ALTER ROLE STRANGER SUPERUSER; GRANT STRANGER TO APP", "ALTER ROLE STRANGER NOSUPERUSER; REVOKE STRANGER FROM APP",
			`rls: role STRANGER is a superuser, whom no policy binds: REVOKE STRANGER FROM APP`,
		},
		{
			"ALTER ROLE APP NOINHERIT; ALTER ROLE STRANGER BYPASSRLS; GRANT STRANGER TO APP",
			"ALTER ROLE APP INHERIT; ALTER ROLE STRANGER NOBYPASSRLS; REVOKE STRANGER FROM APP",
			`rls: role STRANGER has BYPASSRLS: REVOKE STRANGER FROM APP`,
		},
		{"GRANT pg_read_server_files TO APP", "REVOKE pg_read_server_files FROM APP", `rls: role pg_read_server_files is reached by the login and reads or writes files of the server: REVOKE pg_read_server_files FROM APP`},
		{
			"CREATE ROLE rds_replication; GRANT rds_replication TO STRANGER; GRANT STRANGER TO APP", "DROP ROLE rds_replication; REVOKE STRANGER FROM APP",
			`rls: role rds_replication is reached by the login and administers a managed server: REVOKE rds_replication FROM STRANGER`,
		},
		{
			"GRANT STRANGER TO APP; GRANT WORKER TO STRANGER", "REVOKE STRANGER FROM APP; REVOKE WORKER FROM STRANGER",
			`rls: role WORKER sees the rows of all tenants: REVOKE WORKER FROM STRANGER`,
		},
		{"ALTER TABLE loose OWNER TO STRANGER; GRANT STRANGER TO APP", "ALTER TABLE loose OWNER TO postgres; REVOKE STRANGER FROM APP", "rls: table loose belongs to STRANGER: REVOKE STRANGER FROM APP\n" + undeclared("loose")},
		{"CREATE SCHEMA mine AUTHORIZATION APP", "DROP SCHEMA mine", `rls: schema mine belongs to APP: ALTER SCHEMA mine OWNER TO the login of the migrations`},
		{"ALTER FUNCTION look OWNER TO APP", "ALTER FUNCTION look OWNER TO postgres", `rls: function look(integer) belongs to APP: ALTER ROUTINE look(integer) OWNER TO the login of the migrations`},
		{"CREATE VIEW seen AS SELECT 1; ALTER VIEW seen OWNER TO APP", "DROP VIEW seen", `rls: view seen belongs to APP: ALTER VIEW seen OWNER TO the login of the migrations`},
		{"ALTER DATABASE DATABASE_ OWNER TO APP", "ALTER DATABASE DATABASE_ OWNER TO postgres", `rls: database DATABASE_ belongs to APP: ALTER DATABASE DATABASE_ OWNER TO the login of the migrations`},
		{"ALTER ROLE STRANGER SET app.tenant_id = 'x'", "ALTER ROLE STRANGER RESET app.tenant_id", `rls: role STRANGER has a default for app.tenant_id: ALTER ROLE STRANGER RESET app.tenant_id`},
		{"ALTER ROLE APP IN DATABASE DATABASE_ SET app.subject = ''", "ALTER ROLE APP IN DATABASE DATABASE_ RESET app.subject", `rls: role APP IN DATABASE DATABASE_ has a default for app.subject: ALTER ROLE APP IN DATABASE DATABASE_ RESET app.subject`},
		{"ALTER DATABASE DATABASE_ SET app.tenant_id = 'x'", "ALTER DATABASE DATABASE_ RESET app.tenant_id", `rls: database DATABASE_ has a default for app.tenant_id: ALTER DATABASE DATABASE_ RESET app.tenant_id`},
		{"ALTER ROLE ALL SET app.tenant_id = 'x'", "ALTER ROLE ALL RESET app.tenant_id", `rls: role ALL has a default for app.tenant_id: ALTER ROLE ALL RESET app.tenant_id`},
		{"ALTER TABLE projects DISABLE ROW LEVEL SECURITY", "ALTER TABLE projects ENABLE ROW LEVEL SECURITY", `rls: table "public"."projects" has row level security off: ALTER TABLE "public"."projects" ENABLE ROW LEVEL SECURITY;`},
		{"ALTER TABLE projects NO FORCE ROW LEVEL SECURITY", "ALTER TABLE projects FORCE ROW LEVEL SECURITY", `rls: table "public"."projects" does not bind its owner: ALTER TABLE "public"."projects" FORCE ROW LEVEL SECURITY;`},
		{"GRANT TRUNCATE ON projects TO APP", "REVOKE TRUNCATE ON projects FROM APP", `rls: table "public"."projects" grants other privileges than it should: REVOKE ALL ON TABLE "public"."projects" FROM PUBLIC, "APP", "WORKER" CASCADE;` + "\n" +
			`rls: table "public"."projects" grants fewer privileges than it should: GRANT SELECT, INSERT, UPDATE, DELETE ON TABLE "public"."projects" TO "APP";`},
		{
			"GRANT TRUNCATE ON projects TO STRANGER; GRANT STRANGER TO APP", "REVOKE ALL ON projects FROM STRANGER; REVOKE STRANGER FROM APP",
			`rls: table projects lets STRANGER pass the policies by TRUNCATE: REVOKE TRUNCATE ON projects FROM STRANGER`,
		},
		{
			"GRANT REFERENCES (id, name) ON projects TO STRANGER WITH GRANT OPTION; GRANT REFERENCES (id) ON projects TO STRANGER; GRANT STRANGER TO APP", "REVOKE ALL ON projects FROM STRANGER; REVOKE STRANGER FROM APP",
			`rls: table projects lets STRANGER pass the policies by REFERENCES: REVOKE REFERENCES ON projects FROM STRANGER`,
		},
		{
			"GRANT REFERENCES ON floored TO APP", "REVOKE REFERENCES ON floored FROM APP",
			`rls: table floored lets APP pass the policies by REFERENCES: REVOKE REFERENCES ON floored FROM APP`,
		},
		{
			"GRANT TRIGGER ON floored TO PUBLIC", "REVOKE TRIGGER ON floored FROM PUBLIC",
			`rls: table floored lets PUBLIC pass the policies by TRIGGER: REVOKE TRIGGER ON floored FROM PUBLIC`,
		},
		{"GRANT SELECT ON loose TO PUBLIC", "REVOKE SELECT ON loose FROM PUBLIC", undeclared("loose")},
		{"GRANT UPDATE (tenant_id) ON loose TO APP", "REVOKE ALL ON loose FROM APP", undeclared("loose")},
		{"ALTER POLICY rowhouse_floor ON floored USING (true)", "ALTER POLICY rowhouse_floor ON floored USING (tenant_id = (SELECT nullif(current_setting('app.tenant_id', true), '')::uuid))", undeclared("floored")},
		{"ALTER TABLE floored NO FORCE ROW LEVEL SECURITY", "ALTER TABLE floored FORCE ROW LEVEL SECURITY", undeclared("floored")},
	})

	// All at once.
	execute(t, s.admin, s.fill("ALTER ROLE APP BYPASSRLS CREATEROLE; ALTER TABLE projects NO FORCE ROW LEVEL SECURITY; GRANT SELECT ON loose TO APP", ""))
	require.Len(t, strings.Split(check().Error(), "\n"), 4)

	// What a superuser owns as well is not worth a word.
	execute(t, s.admin, s.fill("REVOKE SELECT ON loose FROM APP; ALTER TABLE projects FORCE ROW LEVEL SECURITY", ""))
	require.EqualError(t, rls.Check(t.Context(), s.admin, s.options), "rls: role postgres is a superuser, whom no policy binds: ALTER ROLE postgres NOSUPERUSER")
	require.ErrorContains(t, rls.Check(t.Context(), s.owner, s.options), "rls: table projects belongs to "+s.ownerLogin)
	require.ErrorContains(t, rls.Check(t.Context(), s.owner, s.options), "rls: role "+s.ownerLogin+" does not have the privileges of "+s.appLogin)
}

func undeclared(table string) string {
	return `rls: table "public"."` + table + `" has the tenant column and no row level security with FORCE and a floor: ` +
		"add it to Options.Tables and apply Diff, or REVOKE what the login may do with it"
}

// A worker that can't see all rows is refused.
func testCheckWorker(t *testing.T, cluster server.Cluster) {
	s := protected(t, cluster)
	check := func() error { return rls.CheckWorker(t.Context(), s.worker, s.options) }
	outbox := `rls: table "rowhouse"."outbox" `
	policy := `CREATE POLICY rowhouse_worker ON "rowhouse"."outbox" AS PERMISSIVE FOR ALL TO "WORKER"` + "\n    USING (true)\n    WITH CHECK (true);"
	s.refuses(t, check, "", []refusal{
		{
			"DROP POLICY rowhouse_worker ON rowhouse.outbox", "CREATE POLICY rowhouse_worker ON rowhouse.outbox TO WORKER USING (true) WITH CHECK (true)",
			outbox + "lacks the policy rowhouse_worker: " + policy,
		},
		{
			"ALTER POLICY rowhouse_worker ON rowhouse.outbox USING (payload IS NULL)", "ALTER POLICY rowhouse_worker ON rowhouse.outbox USING (true)",
			outbox + `has another policy rowhouse_worker: DROP POLICY "rowhouse_worker" ON "rowhouse"."outbox"; ` + policy,
		},
		{
			"CREATE POLICY narrow ON rowhouse.outbox AS RESTRICTIVE USING (payload IS NULL)", "DROP POLICY narrow ON rowhouse.outbox",
			outbox + `hides rows from "WORKER" by the policy "narrow": DROP POLICY "narrow" ON "rowhouse"."outbox";`,
		},
		{"REVOKE USAGE ON SCHEMA rowhouse FROM WORKER", "GRANT USAGE ON SCHEMA rowhouse TO WORKER", `rls: schema "rowhouse" is out of reach of "WORKER": GRANT USAGE ON SCHEMA "rowhouse" TO "WORKER";`},
		{
			"REVOKE SELECT ON rowhouse.outbox FROM WORKER", "GRANT SELECT ON rowhouse.outbox TO WORKER",
			outbox + `grants fewer privileges than it should: GRANT INSERT ON TABLE "rowhouse"."outbox" TO "APP"; GRANT SELECT, INSERT, UPDATE, DELETE ON TABLE "rowhouse"."outbox" TO "WORKER";`,
		},
		{"ALTER ROLE WORKER BYPASSRLS", "ALTER ROLE WORKER NOBYPASSRLS", "rls: role WORKER has BYPASSRLS: ALTER ROLE WORKER NOBYPASSRLS"},
	})
	execute(t, s.admin, s.fill("CREATE POLICY narrow ON rowhouse.outbox AS RESTRICTIVE TO APP USING (payload IS NULL)", ""))
	require.NoError(t, check(), "a policy for somebody else hides nothing")

	require.ErrorContains(t, rls.CheckWorker(t.Context(), s.app, s.options), "rls: role "+s.appLogin+" does not have the privileges of "+s.workLogin)
	require.ErrorContains(t, rls.Check(t.Context(), s.worker, s.options), "rls: role "+s.workLogin+" sees the rows of all tenants: log in as another role")

	// A login in the group that Worker names is a worker.
	member := cluster.Login(t, "")
	execute(t, s.admin, "GRANT "+s.workLogin+" TO "+member)
	require.NoError(t, rls.CheckWorker(t.Context(), cluster.Open(t, member, s.name), s.options))
	heirless := cluster.Login(t, "NOINHERIT")
	execute(t, s.admin, "GRANT "+s.workLogin+" TO "+heirless)
	require.ErrorContains(t, rls.CheckWorker(t.Context(), cluster.Open(t, heirless, s.name), s.options), "does not have the privileges of "+s.workLogin)
}

// What the session brings along counts, too.
func testCheckSession(t *testing.T, cluster server.Cluster) {
	s := protected(t, cluster)
	for query, want := range map[string]string{
		"?app.tenant_id=" + tenantA: "rls: setting app.tenant_id has a value before any transaction set it",
		"?app.subject=ann":          "rls: setting app.subject has a value before any transaction set it",
		"?row_security=off":         "rls: setting row_security is off",
		"?search_path=rowhouse":     "",
		"?app.tenant_id=":           "", // what a transaction leaves
	} {
		db, err := sql.Open("pgx", cluster.URL(s.appLogin, s.name)+query)
		require.NoError(t, err)
		err = rls.Check(t.Context(), db, s.options)
		require.NoError(t, db.Close())
		if want == "" {
			require.NoError(t, err, query)
			continue
		}
		require.ErrorIs(t, err, rls.ErrUnsafe)
		require.ErrorContains(t, err, want)
	}

	// A superuser who has become the application can go back.
	conn, err := s.admin.Conn(t.Context())
	require.NoError(t, err)
	defer conn.Close()
	_, err = conn.ExecContext(t.Context(), "SET ROLE "+s.appLogin)
	require.NoError(t, err)
	require.ErrorContains(t, rls.Check(t.Context(), conn, s.options), "rls: role postgres is a superuser")
}

// The checks write nothing, so a replica answers them.
func testCheckReadOnly(t *testing.T, cluster server.Cluster) {
	s := protected(t, cluster)
	tx, err := s.app.BeginTx(t.Context(), &sql.TxOptions{ReadOnly: true})
	require.NoError(t, err)
	require.NoError(t, rls.Check(t.Context(), tx, s.options))
	statements, err := rls.Diff(t.Context(), tx, s.options)
	require.NoError(t, err)
	require.Empty(t, statements)
	require.NoError(t, tx.Rollback())
}
