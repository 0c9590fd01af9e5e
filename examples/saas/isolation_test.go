package main

import (
	"cmp"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/rowhouse-go/rowhouse/rbac"
	"github.com/rowhouse-go/rowhouse/rbac/members"
	"github.com/rowhouse-go/rowhouse/tenant/rls"
	"github.com/rowhouse-go/rowhouse/tenant/tenanttest"
)

// proof is what the prover is told of the schema beyond isolation.
func proof(c *config) tenanttest.Options {
	return tenanttest.Options{
		RLS: c.isolation(),
		Shared: []tenanttest.Declaration{
			{Table: "public.schema_versions", Reason: "which files were applied"},
			{Table: "public.rowhouse_members_versions", Reason: "which files were applied"},
		},
		Exempt: []tenanttest.Exemption{{
			Rule: "definer-function", Object: "rowhouse.find_member_invitation(token_hash bytea, moment timestamp with time zone)",
			Reason: "gives who knows a token the ids of its invitation and organization",
		}},
		RandomIDs: "ids are UUIDv7 made by the service, 74 bits of them random",
	}
}

// The schema as migrate leaves it keeps organizations apart: proved by the catalog
// and by probes, as the login that serves. It has nothing left to mend.
func TestIsolationIsProved(t *testing.T) {
	t.Parallel()
	if superuserURL() == "" {
		return // SQLite has no policies; internal/integration runs this on PostgreSQL
	}
	c, err := loadMigrateConfig(postgresVariables(t))
	require.NoError(t, err)
	db, err := openPool(c, c.DatabaseURL)
	require.NoError(t, err)
	defer db.Close()
	tenanttest.Prove(t, db, proof(&c))
	left, err := rls.Diff(t.Context(), db, c.isolation())
	require.NoError(t, err)
	require.Empty(t, left)
}

// The tables that package members names are all in isolation, and so are those of
// our own files.
func TestIsolationNamesEveryTable(t *testing.T) {
	t.Parallel()
	store, err := members.New(members.Postgres, rbac.DefaultPolicy(), nil)
	require.NoError(t, err)
	var named []string
	for _, table := range (&config{}).isolation().Tables {
		named = append(named, strings.TrimPrefix(cmp.Or(table.Schema, "public")+"."+table.Name, "public."))
	}
	files, err := filepath.Glob("migrations/postgres/*.sql")
	require.NoError(t, err)
	made := store.Tables()
	for _, file := range files {
		for _, found := range regexp.MustCompile(`CREATE TABLE (\w+)`).FindAllStringSubmatch(readFile(t, file), -1) {
			made = append(made, found[1])
		}
	}
	require.ElementsMatch(t, made, named)
}
