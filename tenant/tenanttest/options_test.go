package tenanttest_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/rowhouse-go/rowhouse/tenant/tenanttest"
)

// What makes the proof void can't be exempted; nothing is asked of the database.
func TestExemptRefused(t *testing.T) {
	t.Parallel()
	var o tenanttest.Options
	for _, r := range []tenanttest.Rule{
		tenanttest.RoleSuperuser, tenanttest.RoleBypass, tenanttest.ProbeInsert, tenanttest.ProbeRead, tenanttest.DeclarationStale,
	} {
		o.Exempt = append(o.Exempt, tenanttest.Exemption{Rule: r, Object: "x", Reason: "because"})
	}
	findings, err := tenanttest.Findings(t.Context(), nil, o)
	require.Empty(t, findings)
	for _, want := range []string{
		`Options.Exempt[0].Rule: "role-superuser" can't be exempted`, `Exempt[1].Rule: "role-bypassrls"`,
		`Exempt[2].Rule: "probe-insert"`, `Exempt[3].Rule: "probe-read"`, `Exempt[4].Rule: "declaration-stale"`,
	} {
		require.ErrorContains(t, err, want)
	}
}
