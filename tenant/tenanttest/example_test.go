package tenanttest_test

import (
	"context"
	"database/sql"
	"fmt"
	"testing"

	"github.com/rowhouse-go/rowhouse/tenant/rls"
	"github.com/rowhouse-go/rowhouse/tenant/tenanttest"
)

// A schema with a table of every kind. Tables with a column tenant_id need no
// entry.
func ExampleProve() {
	members := rls.Table{
		Schema: "rowhouse", Name: "members", Kind: rls.Directory,
		Column: "org", Type: rls.Text, Subject: "subject",
	}
	options := tenanttest.Options{
		RLS: rls.Options{App: "app", Worker: "worker", Tables: []rls.Table{
			members,
			{Name: "organizations", Kind: rls.Directory, Column: "id", Through: &members},
			{Schema: "rowhouse", Name: "outbox", Kind: rls.Library, Type: rls.Text},
		}},
		Shared: []tenanttest.Declaration{
			{Table: "public.plans", Reason: "the price list"},
		},
		RandomIDs: "ids are UUIDv7 made by the server",
		Exempt: []tenanttest.Exemption{{
			Rule: tenanttest.DefinerFunction, Object: "rowhouse.invitation(hash bytea)",
			Reason: "finds an invitation before its organization is known, returns ids only",
		}},
	}

	_ = func(t *testing.T, db *sql.DB) { // a test of yours
		tenanttest.Prove(t, db, options)
	}
	// Output:
}

// The catalog alone, for a program that looks after a database in use.
func ExampleFindings() {
	_ = func(ctx context.Context, db *sql.DB) error {
		findings, err := tenanttest.Findings(ctx, db, tenanttest.Options{CatalogOnly: true})
		if err != nil {
			return err
		}
		for _, f := range findings {
			fmt.Println(f)
		}
		return nil
	}
	// Output:
}

func ExampleFinding() {
	fmt.Println(tenanttest.Finding{
		Rule:   tenanttest.RLSOff,
		Object: "public.items",
		Detail: "row level security is off: every login with a grant sees all rows",
		Fix:    `ALTER TABLE "public"."items" ENABLE ROW LEVEL SECURITY;`,
		Probes: []tenanttest.Rule{tenanttest.ProbeRead, tenanttest.ProbeInsert},
	})
	// Output:
	// rls-off: public.items: row level security is off: every login with a grant sees all rows [probe-read probe-insert]
	// 	ALTER TABLE "public"."items" ENABLE ROW LEVEL SECURITY;
}
