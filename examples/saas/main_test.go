package main

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestUsage(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		args   []string
		status int
		says   string
	}{
		{nil, exitUsage, "usage: saas"},
		{[]string{"help"}, exitDone, "usage: saas"},
		{[]string{"--help"}, exitDone, "usage: saas"},
		{[]string{"serve", "-h"}, exitDone, "usage: saas"},
		{[]string{"start"}, exitUsage, `there is no command "start"`},
		{[]string{"serve", "--color"}, exitUsage, "-color"},
		{[]string{"serve", "now"}, exitUsage, "serve takes no arguments"},
		{[]string{"migrate", "now"}, exitUsage, "migrate takes no arguments"},
		{[]string{"demo", "now"}, exitUsage, "demo takes no arguments"},
	} {
		var out logBuffer
		require.Equal(t, c.status, run(t.Context(), c.args, nil, &out, &out), c.args)
		require.Contains(t, out.String(), c.says)
	}
}

// Migrate tells what it did, and no more than it needs is asked of it.
func TestMigrateSQLite(t *testing.T) {
	t.Parallel()
	environ := []string{"DATABASE_URL=" + sqliteURL(t)}
	migrate := func(environ []string) (int, string) {
		var out logBuffer
		return run(t.Context(), []string{"migrate"}, environ, &out, &out), out.String()
	}
	status, told := migrate(environ)
	require.Equal(t, exitDone, status, told)
	require.Equal(t, `applied schema_versions: 0001_organizations.sql
applied schema_versions: 0002_announcements.sql
applied schema_versions: 0003_plans.sql
applied rowhouse_members_versions: 0001_members.sql
applied rowhouse_members_versions: 0002_member_invitations.sql
`, told)
	status, told = migrate(environ)
	require.Equal(t, exitDone, status)
	require.Equal(t, "nothing to do: the schema is up to date\n", told)
	status, told = migrate([]string{"DATABASE_URL=sqlite:/nowhere/at/all/saas.db"})
	require.Equal(t, exitFailed, status)
	require.Contains(t, told, "saas: migrate: ")
	require.NotContains(t, told, "nothing to do")
	status, told = migrate([]string{"DATABASE_URL=postgres://app@127.0.0.1/saas", "DB_POOL_MAX_CONNS=many"})
	require.Equal(t, exitUsage, status)
	require.Equal(t, "saas: the configuration is not right:\n  DB_POOL_MAX_CONNS: must be a whole number\n  MIGRATE_URL: is required to migrate PostgreSQL\n", told)
}

func TestServeTellsWhyItCantStart(t *testing.T) {
	t.Parallel()
	for fault, change := range map[string]string{
		"database: ":   "DATABASE_URL=sqlite:/nowhere/at/all/saas.db",
		"LISTEN_ADDR:": "LISTEN_ADDR=192.0.2.1:1",
	} {
		var out logBuffer
		environ := []string{"LISTEN_ADDR=127.0.0.1:0", "DATABASE_URL=sqlite:" + t.TempDir() + "/saas.db"}
		for name, value := range environment(t, "https://id.example") {
			environ = append(environ, name+"="+value)
		}
		require.Equal(t, exitFailed, run(t.Context(), []string{"serve"}, append(environ, change), &out, &out))
		require.Contains(t, out.String(), fault)
	}
}
