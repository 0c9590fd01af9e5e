package rls_test

import (
	"database/sql"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/rowhouse-go/rowhouse/internal/integration/server"
)

const (
	tenantSetting  = "app.tenant_id"
	subjectSetting = "app.subject"
	denied         = "42501"
)

// A try is a statement and what it comes to.
type try struct {
	setting, value, statement string
	rows                      int64
	code                      string
}

func (s *schema) try(t *testing.T, login string, tries []try) {
	t.Helper()
	db := map[string]*sql.DB{"app": s.app, "worker": s.worker, "owner": s.owner}[login]
	for _, c := range tries {
		rows, code := as(t, db, c.setting, c.value, c.statement)
		require.Equal(t, c.code, code, "%s: %+v", login, c)
		require.Equal(t, c.rows, rows, "%s: %+v", login, c)
	}
}

func testTenant(t *testing.T, cluster server.Cluster) {
	s := protected(t, cluster)
	execute(t, s.admin,
		"INSERT INTO projects (tenant_id, name) VALUES ('"+tenantA+"', 'a'), ('"+tenantB+"', 'b1'), ('"+tenantB+"', 'b2')",
		"INSERT INTO parted VALUES ('"+tenantA+"', 1), ('"+tenantB+"', 2)")
	for _, login := range []string{"app", "owner"} { // FORCE binds the owner: no policy lets it in
		own := int64(0)
		if login == "app" {
			own = 1
		}
		ownCode := map[bool]string{true: "", false: denied}[login == "app"]
		s.try(t, login, []try{
			{tenantSetting, tenantA, "SELECT FROM projects", own, ""},
			{tenantSetting, tenantB, "SELECT FROM projects", 2 * own, ""},
			{tenantSetting, tenantA, "SELECT FROM parted", own, ""},
			{"", "", "SELECT FROM projects", 0, ""},
			{tenantSetting, "", "SELECT FROM projects", 0, ""},
			{subjectSetting, tenantA, "SELECT FROM projects", 0, ""},
			{tenantSetting, tenantA, "SELECT FROM projects WHERE tenant_id = '" + tenantB + "'", 0, ""},
			{tenantSetting, tenantA, "UPDATE projects SET name = 'x'", own, ""},
			{tenantSetting, tenantA, "UPDATE projects SET name = 'x' WHERE tenant_id = '" + tenantB + "'", 0, ""},
			{"", "", "UPDATE projects SET name = 'x'", 0, ""},
			{tenantSetting, tenantA, "DELETE FROM projects", own, ""},
			{tenantSetting, tenantA, "DELETE FROM projects WHERE tenant_id = '" + tenantB + "'", 0, ""},
			{"", "", "DELETE FROM projects", 0, ""},
			{tenantSetting, tenantA, "INSERT INTO projects (name) VALUES ('stamped')", own, ownCode},
			{tenantSetting, tenantA, "INSERT INTO projects (tenant_id, name) VALUES ('" + tenantA + "', 'x')", own, ownCode},
			{tenantSetting, tenantA, "INSERT INTO projects (tenant_id, name) VALUES ('" + tenantB + "', 'x')", 0, denied},
			{tenantSetting, tenantA, "INSERT INTO projects (tenant_id, name) VALUES (NULL, 'x')", 0, denied},
			{tenantSetting, tenantA, "INSERT INTO parted VALUES ('" + tenantB + "', 3)", 0, denied},
			{"", "", "INSERT INTO projects (name) VALUES ('x')", 0, denied},
			{"", "", "INSERT INTO projects (tenant_id, name) VALUES ('" + tenantA + "', 'x')", 0, denied},
		})
	}
	s.try(t, "app", []try{
		{tenantSetting, "' OR true --", "SELECT FROM projects", 0, "22P02"},
		{tenantSetting, tenantA, "UPDATE projects SET tenant_id = '" + tenantB + "'", 0, denied},
		{tenantSetting, tenantA, "INSERT INTO projects (name) VALUES ('x') RETURNING tenant_id", 1, ""},
		{tenantSetting, tenantA, "TRUNCATE projects", 0, denied},
		{tenantSetting, tenantA, "SELECT FROM parted_0", 0, denied},
		{tenantSetting, tenantA, "CREATE TRIGGER t BEFORE INSERT ON projects FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger()", 0, denied},
		{tenantSetting, tenantA, "ALTER TABLE projects DISABLE ROW LEVEL SECURITY", 0, denied},
	})
	s.try(t, "worker", []try{{tenantSetting, tenantA, "SELECT FROM projects", 0, denied}})

	// Foreign keys are checked as the owner, whom FORCE does not hinder there; the
	// tenant in the key does what the policies can't.
	s.try(t, "app", []try{
		{tenantSetting, tenantA, "INSERT INTO tasks (project) VALUES (1)", 1, ""},
		{tenantSetting, tenantA, "INSERT INTO tasks (project) VALUES (2)", 0, "23503"}, // B's project
		{tenantSetting, tenantB, "INSERT INTO tasks (project) VALUES (2)", 1, ""},
	})

	// The floor holds whatever other policies and grants say.
	execute(t, s.owner, "CREATE POLICY open ON projects USING (true) WITH CHECK (true)",
		"GRANT ALL ON projects TO PUBLIC")
	for _, login := range []string{"app", "worker", "owner"} {
		s.try(t, login, []try{
			{tenantSetting, tenantA, "SELECT FROM projects", 1, ""},
			{"", "", "SELECT FROM projects", 0, ""},
			{tenantSetting, tenantA, "INSERT INTO projects (tenant_id, name) VALUES ('" + tenantB + "', 'x')", 0, denied},
			{tenantSetting, tenantA, "UPDATE projects SET tenant_id = '" + tenantB + "'", 0, denied},
		})
	}
}

func testAppend(t *testing.T, cluster server.Cluster) {
	s := protected(t, cluster)
	s.try(t, "app", []try{
		{tenantSetting, tenantA, "INSERT INTO entries (name) VALUES ('x')", 1, ""},
		{tenantSetting, tenantA, "UPDATE entries SET name = 'y'", 0, denied},
		{tenantSetting, tenantA, "DELETE FROM entries", 0, denied},
	})
}

func testDirectory(t *testing.T, cluster server.Cluster) {
	s := protected(t, cluster)
	execute(t, s.admin,
		"INSERT INTO organizations VALUES ('"+tenantA+"', 'A'), ('"+tenantB+"', 'B')",
		`INSERT INTO rowhouse.members VALUES ('`+tenantA+`', 'ann'), ('`+tenantB+`', 'ann'), ('`+tenantB+`', 'bob'), ('not a uuid', 'cid')`,
		"INSERT INTO rowhouse.invitations VALUES ('"+tenantA+"', 'h')")
	s.try(t, "app", []try{
		{subjectSetting, "ann", "SELECT FROM rowhouse.members", 2, ""},
		{subjectSetting, "bob", "SELECT FROM rowhouse.members", 1, ""},
		{subjectSetting, "eve", "SELECT FROM rowhouse.members", 0, ""},
		{subjectSetting, "", "SELECT FROM rowhouse.members", 0, ""},
		{"", "", "SELECT FROM rowhouse.members", 0, ""},
		{subjectSetting, "ann", "SELECT FROM organizations", 2, ""},
		{subjectSetting, "bob", "SELECT FROM organizations", 1, ""},
		{subjectSetting, "bob", "SELECT FROM organizations WHERE id = '" + tenantA + "'", 0, ""},
		{subjectSetting, "eve", "SELECT FROM organizations", 0, ""},
		{"", "", "SELECT FROM organizations", 0, ""},
		{subjectSetting, "ann", "SELECT FROM rowhouse.invitations", 0, ""},

		// A person writes nothing.
		{subjectSetting, "ann", "UPDATE rowhouse.members SET role = 'owner'", 0, ""},
		{subjectSetting, "ann", "DELETE FROM rowhouse.members", 0, ""},
		{subjectSetting, "ann", "SELECT FROM rowhouse.members FOR UPDATE", 0, ""},
		{subjectSetting, "ann", `INSERT INTO rowhouse.members VALUES ('x', 'ann')`, 0, denied},
		{subjectSetting, "ann", "UPDATE organizations SET name = 'x'", 0, ""},
		{subjectSetting, "ann", "DELETE FROM organizations", 0, ""},
		{subjectSetting, "ann", "INSERT INTO organizations VALUES (gen_random_uuid(), 'x')", 0, denied},

		// A tenant reads and writes its own.
		{tenantSetting, tenantB, "SELECT FROM rowhouse.members", 2, ""},
		{tenantSetting, tenantB, "SELECT FROM organizations", 1, ""},
		{tenantSetting, tenantA, "SELECT FROM rowhouse.invitations", 1, ""},
		{tenantSetting, tenantB, "SELECT FROM rowhouse.invitations", 0, ""},
		{tenantSetting, tenantB, "UPDATE rowhouse.members SET role = 'owner'", 2, ""},
		{tenantSetting, tenantB, `INSERT INTO rowhouse.members VALUES ('` + tenantB + `', 'dan')`, 1, ""},
		{tenantSetting, tenantB, `INSERT INTO rowhouse.members VALUES ('` + tenantA + `', 'dan')`, 0, denied},
		{tenantSetting, tenantB, "UPDATE rowhouse.members SET org = '" + tenantA + "'", 0, denied},
		{tenantSetting, tenantB, "DELETE FROM organizations", 1, ""},
		{tenantSetting, tenantB, "TRUNCATE organizations", 0, denied},
	})
	s.try(t, "worker", []try{{subjectSetting, "ann", "SELECT FROM rowhouse.members", 0, denied}})
	s.try(t, "owner", []try{{"", "", "SELECT FROM rowhouse.members", 4, ""}}) // not forced: definer functions look up
}

func testLibrary(t *testing.T, cluster server.Cluster) {
	s := protected(t, cluster)
	execute(t, s.admin, "INSERT INTO rowhouse.outbox (tenant_id) VALUES ('"+tenantA+"'), ('"+tenantB+"'), ('"+tenantB+"')")
	s.try(t, "worker", []try{
		{"", "", "SELECT FROM rowhouse.outbox", 3, ""},
		{tenantSetting, tenantA, "SELECT FROM rowhouse.outbox", 3, ""},
		{"", "", "UPDATE rowhouse.outbox SET payload = 'x'", 3, ""},
		{"", "", "DELETE FROM rowhouse.outbox", 3, ""},
		{"", "", "INSERT INTO rowhouse.outbox (tenant_id) VALUES ('" + tenantA + "')", 1, ""},
		{"", "", "TRUNCATE rowhouse.outbox", 0, denied},
	})
	s.try(t, "app", []try{
		{tenantSetting, tenantA, "INSERT INTO rowhouse.outbox (tenant_id) VALUES ('" + tenantA + "')", 1, ""},
		{tenantSetting, tenantA, "INSERT INTO rowhouse.outbox (tenant_id) VALUES ('" + tenantB + "')", 0, denied},
		{"", "", "INSERT INTO rowhouse.outbox (tenant_id) VALUES ('" + tenantA + "')", 0, denied},
		{tenantSetting, tenantA, "SELECT FROM rowhouse.outbox", 0, denied}, // Grants: Insert
	})
}

func testNames(t *testing.T, cluster server.Cluster) {
	s := protected(t, cluster)
	weird, long := `"Odd ""Schema"""."Weird ""Table""; --"`, `"NNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNN"`
	execute(t, s.admin, "INSERT INTO "+weird+" VALUES ('acme', 1), ('beta', 2), ('beta', 3)",
		"INSERT INTO "+long+" VALUES ('"+tenantA+"'), ('"+tenantB+"')")
	s.try(t, "app", []try{
		{tenantSetting, "beta", "SELECT FROM " + weird, 2, ""},
		{tenantSetting, "beta", "INSERT INTO " + weird + ` ("Select") VALUES (4)`, 1, ""},
		{tenantSetting, "acme", "INSERT INTO " + weird + " VALUES ('beta', 4)", 0, denied},
		{"", "", "SELECT FROM " + weird, 0, ""},
		{tenantSetting, tenantA, "SELECT FROM " + long, 1, ""},
		{tenantSetting, tenantA, "DELETE FROM " + long, 1, ""},
	})
}
