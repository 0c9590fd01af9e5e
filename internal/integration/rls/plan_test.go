package rls_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/rowhouse-go/rowhouse/internal/integration/server"
)

// The policies cost the planner nothing: the tenant's rows come by index, the
// setting is read once, and a WHERE with the tenant keeps its statistics.
func testPlans(t *testing.T, cluster server.Cluster) {
	s := protected(t, cluster)
	execute(t, s.admin,
		"INSERT INTO organizations SELECT gen_random_uuid(), 'o' FROM generate_series(1, 5000)",
		"INSERT INTO projects (tenant_id, name) SELECT id, 'p' FROM organizations",
		"INSERT INTO rowhouse.members SELECT id::text, 's' || row_number() OVER () FROM organizations",
		"ANALYZE")

	plan := s.plan(t, tenantSetting, tenantA, "SELECT * FROM projects")
	require.Contains(t, plan, "Index Cond: (tenant_id = ")
	require.Equal(t, 1, strings.Count(plan, "->  Result"), plan) // floor and policy are one condition

	plan = s.plan(t, tenantSetting, tenantA, "SELECT * FROM projects WHERE tenant_id = '"+tenantA+"' AND id = 3")
	require.Regexp(t, `One-Time Filter: \(.+ = '`+tenantA+`'::uuid\)`, plan)
	require.Contains(t, plan, "Index Cond: ((tenant_id = '"+tenantA+"'::uuid) AND (id = 3))")

	plan = s.plan(t, subjectSetting, "s1", "SELECT * FROM organizations")
	require.Contains(t, plan, "Index Cond: (id = ANY ")
	require.Contains(t, plan, `Index Cond: ("User" = `)
	require.NotContains(t, plan, "Seq Scan")
}

func (s *schema) plan(t *testing.T, setting, value, statement string) string {
	t.Helper()
	tx, err := s.app.BeginTx(t.Context(), nil)
	require.NoError(t, err)
	defer tx.Rollback()
	_, err = tx.ExecContext(t.Context(), "SELECT set_config($1, $2, true)", setting, value)
	require.NoError(t, err)
	rows, err := tx.QueryContext(t.Context(), "EXPLAIN "+statement)
	require.NoError(t, err)
	defer rows.Close()
	var plan strings.Builder
	for rows.Next() {
		var line string
		require.NoError(t, rows.Scan(&line))
		plan.WriteString(line + "\n")
	}
	require.NoError(t, rows.Err())
	return plan.String()
}
