package rls_test

import (
	"database/sql"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/rowhouse-go/rowhouse/internal/integration/server"
	"github.com/rowhouse-go/rowhouse/tenant/rls"
)

// sabotages break a protected schema; APP, WORKER and STRANGER stand for roles.
var sabotages = []string{
	"ALTER TABLE projects DISABLE ROW LEVEL SECURITY",
	"ALTER TABLE projects NO FORCE ROW LEVEL SECURITY",
	"ALTER TABLE rowhouse.members FORCE ROW LEVEL SECURITY",
	"ALTER TABLE rowhouse.members DISABLE ROW LEVEL SECURITY",
	"DROP POLICY rowhouse_floor ON projects",
	"DROP POLICY rowhouse_tenant ON projects",
	"DROP POLICY rowhouse_subject ON organizations",
	"DROP POLICY rowhouse_worker ON rowhouse.outbox",
	"DROP POLICY rowhouse_floor ON parted; CREATE POLICY rowhouse_floor ON parted USING (tenant_id = (SELECT nullif(current_setting('app.tenant_id', true), '')::uuid))",
	"DROP POLICY rowhouse_floor ON entries; CREATE POLICY rowhouse_floor ON entries AS RESTRICTIVE FOR SELECT USING (tenant_id = (SELECT nullif(current_setting('app.tenant_id', true), '')::uuid))",
	"ALTER POLICY rowhouse_floor ON entries TO APP",
	"ALTER POLICY rowhouse_floor ON projects USING (true)",
	"ALTER POLICY rowhouse_floor ON projects WITH CHECK (true)",
	"ALTER POLICY rowhouse_floor ON projects USING (tenant_id = (SELECT nullif(current_setting('app.tenant', true), '')::uuid))",
	"ALTER POLICY rowhouse_floor ON projects USING (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid)",
	"ALTER POLICY rowhouse_floor ON projects USING (tenant_id = (SELECT nullif(current_setting('app.tenant_id', true), '')::uuid) OR name = 'public')",
	`ALTER POLICY rowhouse_floor ON "Odd ""Schema"""."Weird ""Table""; --" USING (("größe" = (SELECT nullif(current_setting('app.tenant_id', true), ''))) IS NOT FALSE)`,
	"CREATE FUNCTION any_uuid(text) RETURNS uuid LANGUAGE sql AS 'SELECT uuid_in(''" + tenantB + "'')'; CREATE CAST (text AS uuid) WITH FUNCTION any_uuid(text);" +
		"ALTER POLICY rowhouse_floor ON projects USING (tenant_id = (SELECT nullif(current_setting('app.tenant_id', true), '')::uuid)); DROP CAST (text AS uuid)",
	"ALTER POLICY rowhouse_tenant ON projects TO PUBLIC",
	"ALTER POLICY rowhouse_tenant ON projects TO APP, STRANGER",
	"ALTER POLICY rowhouse_tenant ON projects TO STRANGER",
	`ALTER POLICY rowhouse_subject ON rowhouse.members USING ("User" = current_setting('app.subject', true))`,
	`ALTER POLICY rowhouse_subject ON organizations USING (EXISTS (SELECT FROM rowhouse.members m WHERE m."User" = (SELECT nullif(current_setting('app.subject', true), ''))))`,
	`DROP POLICY rowhouse_subject ON rowhouse.members; CREATE POLICY rowhouse_subject ON rowhouse.members TO APP USING ("User" = (SELECT nullif(current_setting('app.subject', true), '')))`,
	"ALTER POLICY rowhouse_worker ON rowhouse.outbox USING (payload IS NULL)",
	"ALTER POLICY rowhouse_worker ON rowhouse.outbox TO PUBLIC",
	"CREATE POLICY open ON rowhouse.members TO APP USING (true)",
	`CREATE POLICY "Open ""it""" ON rowhouse.outbox TO PUBLIC USING (true)`,
	"CREATE POLICY rowhouse_worker ON projects TO WORKER USING (true)",
	"ALTER TABLE projects ALTER COLUMN tenant_id DROP DEFAULT",
	"ALTER TABLE projects ALTER COLUMN tenant_id SET DEFAULT gen_random_uuid()",
	"ALTER TABLE entries DROP CONSTRAINT entries_pkey; ALTER TABLE entries ALTER COLUMN tenant_id DROP NOT NULL",
	"ALTER TABLE entries DROP CONSTRAINT IF EXISTS entries_pkey",
	"ALTER TABLE entries DROP CONSTRAINT IF EXISTS entries_pkey; CREATE INDEX IF NOT EXISTS partial ON entries (tenant_id) WHERE id > 7",
	"ALTER TABLE entries DROP CONSTRAINT IF EXISTS entries_pkey; CREATE INDEX IF NOT EXISTS second ON entries (id, tenant_id)",
	"GRANT TRUNCATE ON projects TO APP",
	"GRANT ALL ON projects TO PUBLIC",
	"GRANT UPDATE ON entries TO APP",
	"GRANT UPDATE (name) ON entries TO APP",
	"GRANT REFERENCES (tenant_id) ON projects TO PUBLIC",
	"GRANT SELECT ON projects TO WORKER",
	"GRANT SELECT ON projects TO APP WITH GRANT OPTION",
	"GRANT TRIGGER ON projects TO STRANGER WITH GRANT OPTION; SET ROLE STRANGER; GRANT TRIGGER ON projects TO APP; RESET ROLE",
	"REVOKE DELETE ON projects FROM APP",
	"REVOKE ALL ON rowhouse.outbox FROM WORKER",
	"REVOKE USAGE ON SCHEMA rowhouse FROM WORKER",
	`REVOKE USAGE ON SCHEMA "Odd ""Schema""" FROM APP`,
}

// fill puts the roles into a statement.
func (s *schema) fill(statement string, stranger string) string {
	return strings.NewReplacer("APP", s.appLogin, "WORKER", s.workLogin, "STRANGER", stranger, "DATABASE_", s.name).Replace(statement)
}

// diff returns the statements that mend the schema.
func (s *schema) diff(t *testing.T) []string {
	t.Helper()
	statements, err := rls.Diff(t.Context(), s.owner, s.options)
	require.NoError(t, err)
	return statements
}

// Each sabotage is found, by the application's login too, and what Diff says mends it.
func testDiff(t *testing.T, cluster server.Cluster) {
	s := protected(t, cluster)
	require.Empty(t, s.diff(t))
	require.NoError(t, rls.Check(t.Context(), s.app, s.options))
	stranger := cluster.Login(t, "")
	good := s.catalog(t)
	for _, sabotage := range sabotages {
		execute(t, s.admin, s.fill(sabotage, stranger))
		statements := s.diff(t)
		require.NotEmpty(t, statements, sabotage)
		seen, err := rls.Diff(t.Context(), s.app, s.options)
		require.NoError(t, err)
		require.Equal(t, statements, seen, sabotage)
		if !strings.Contains(sabotage, "entries_pkey") || strings.Contains(sabotage, "NOT NULL") {
			require.ErrorIs(t, rls.Check(t.Context(), s.app, s.options), rls.ErrUnsafe, sabotage)
		}
		execute(t, s.owner, statements...)
		require.Empty(t, s.diff(t), sabotage)
		require.NoError(t, rls.Check(t.Context(), s.app, s.options), sabotage)
		if strings.Contains(sabotage, "entries_pkey") {
			execute(t, s.owner, "DROP INDEX IF EXISTS entries_tenant_id_idx, partial, second",
				"ALTER TABLE entries DROP CONSTRAINT IF EXISTS entries_pkey, ADD PRIMARY KEY (tenant_id, id)")
		}
		if strings.Contains(sabotage, "STRANGER") {
			execute(t, s.owner, "REVOKE ALL ON projects FROM "+stranger)
		}
		require.Equal(t, good, s.catalog(t), sabotage)
	}
}

// Diff protects a schema that nothing protects, as Up does.
func testDiffFromBare(t *testing.T, cluster server.Cluster) {
	s := bare(t, cluster)
	execute(t, s.owner, s.diff(t)...)
	require.Empty(t, s.diff(t))
	fresh := s.catalog(t)

	down, err := rls.Down(s.options)
	require.NoError(t, err)
	up, err := rls.Up(s.options)
	require.NoError(t, err)
	execute(t, s.owner, down...)

	execute(t, s.owner, up...)
	require.Equal(t, fresh, s.catalog(t))
}

// Whatever was broken together, what Diff says mends it, whatever the search_path.
func testDiffRandom(t *testing.T, cluster server.Cluster) {
	s := protected(t, cluster)
	stranger := cluster.Login(t, "")
	random := rand.New(rand.NewPCG(7, 11)) // the same every time
	other, err := sql.Open("pgx", cluster.URL(s.ownerLogin, s.name)+"?search_path=rowhouse,pg_catalog")
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, other.Close()) })
	for range 30 {
		var done []string
		for _, i := range random.Perm(len(sabotages))[:2+random.IntN(8)] {
			sabotage := s.fill(sabotages[i], stranger)
			tx, err := s.admin.BeginTx(t.Context(), nil)
			require.NoError(t, err)
			if _, err := tx.ExecContext(t.Context(), sabotage); err != nil {
				require.NoError(t, tx.Rollback()) // the policy to alter is gone
				continue
			}
			require.NoError(t, tx.Commit())
			done = append(done, sabotage)
		}
		statements, err := rls.Diff(t.Context(), other, s.options)
		require.NoError(t, err)
		require.Equal(t, s.diff(t), statements, done)
		execute(t, s.owner, statements...)
		require.Empty(t, s.diff(t), done)
		require.NoError(t, rls.Check(t.Context(), s.app, s.options), done)
	}
}

// What no statement mends is an error that names all of it.
func testDiffRefuses(t *testing.T, cluster server.Cluster) {
	s := protected(t, cluster)
	execute(t, s.admin, "CREATE VIEW seen AS SELECT 1 AS tenant_id",
		"CREATE TABLE numbered (tenant_id bigint NOT NULL)",
		"CREATE TABLE computed (tenant_id uuid GENERATED ALWAYS AS ('"+tenantA+"'::uuid) STORED)",
		"ALTER TABLE entries OWNER TO "+s.appLogin)
	s.options.Worker = "nobody here"
	s.options.Tables = append(s.options.Tables,
		rls.Table{Name: "absent"}, rls.Table{Name: "seen"}, rls.Table{Name: "numbered"}, rls.Table{Name: "computed"},
		rls.Table{Name: "PROJECTS"}, rls.Table{Schema: "nowhere", Name: "projects"})
	s.options.Tables[0].Column = "tenant"
	_, err := rls.Diff(t.Context(), s.owner, s.options)
	for _, want := range []string{
		`role "nobody here" does not exist`, `schema "nowhere" does not exist`, `table "public"."absent" does not exist`,
		`table "public"."seen" is no table`, `table "public"."numbered" has a column "tenant_id" of type bigint, not uuid`,
		`table "public"."computed" has a column "tenant_id" that is generated`, `table "public"."PROJECTS" does not exist`,
		`table "public"."projects" has no column "tenant"`, `table "public"."entries" belongs to "` + s.appLogin + `"`,
	} {
		require.ErrorContains(t, err, want)
	}

	require.NoError(t, s.owner.Close())
	_, err = rls.Diff(t.Context(), s.owner, options("app", "worker"))
	require.ErrorContains(t, err, "rls: read the catalog: ")
	require.NotErrorIs(t, err, rls.ErrUnsafe)
}
