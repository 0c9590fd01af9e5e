package rls_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/rowhouse-go/rowhouse/internal/integration/server"
	"github.com/rowhouse-go/rowhouse/tenant/rls"
)

func TestPostgres(t *testing.T) {
	t.Parallel()
	cluster := server.Postgres(t)
	for name, test := range map[string]func(*testing.T, server.Cluster){
		"UpDown":        testUpDown,
		"Tenant":        testTenant,
		"Append":        testAppend,
		"Directory":     testDirectory,
		"Library":       testLibrary,
		"Names":         testNames,
		"Plans":         testPlans,
		"Diff":          testDiff,
		"DiffFromBare":  testDiffFromBare,
		"DiffRandom":    testDiffRandom,
		"DiffRefuses":   testDiffRefuses,
		"Check":         testCheck,
		"CheckWorker":   testCheckWorker,
		"CheckSession":  testCheckSession,
		"CheckReadOnly": testCheckReadOnly,
	} {
		t.Run(name, func(t *testing.T) { test(t, cluster) })
	}
}

// Down leaves what was there before Up.
func testUpDown(t *testing.T, cluster server.Cluster) {
	s := bare(t, cluster)
	before := s.catalog(t)
	up, err := rls.Up(s.options)
	require.NoError(t, err)
	down, err := rls.Down(s.options)
	require.NoError(t, err)
	execute(t, s.owner, up...)
	between := s.catalog(t)
	require.NotEqual(t, before, between)
	execute(t, s.owner, down...)
	require.Equal(t, before, s.catalog(t))
	_, code := as(t, s.app, "", "", "SELECT FROM projects")
	require.Equal(t, "42501", code, "Down leaves the tables open")
	execute(t, s.owner, up...)
	require.Equal(t, between, s.catalog(t))
}
