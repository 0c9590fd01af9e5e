package tenanttest_test

import (
	"context"
	"database/sql"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/stretchr/testify/require"

	"github.com/rowhouse-go/rowhouse/internal/integration/server"
	"github.com/rowhouse-go/rowhouse/tenant/tenanttest"
)

// exec runs a script of several statements.
func exec(t *testing.T, db *sql.DB, script string) {
	t.Helper()
	ctx := context.WithoutCancel(t.Context()) // cleaning up too
	conn, err := db.Conn(ctx)
	require.NoError(t, err)
	require.NoError(t, conn.Raw(func(c any) error {
		_, err := c.(*stdlib.Conn).Conn().Exec(ctx, script, pgx.QueryExecModeSimpleProtocol)
		return err
	}), script)
	require.NoError(t, conn.Close())
}

// A clean schema has no findings, whether it has rows or not, for the login named in
// the options as for one that is a member of it.
func TestClean(t *testing.T) {
	t.Parallel()
	cluster := server.Postgres(t)
	name := template(t, cluster)
	admin := cluster.Open(t, "postgres", name)
	tenanttest.Prove(t, cluster.Open(t, "app", name), options())

	exec(t, admin, `CREATE ROLE web LOGIN IN ROLE app;
		INSERT INTO organizations SELECT ('0190d1c8-0000-7000-8000-00000000000' || n)::uuid, n FROM generate_series(1, 3) n;
		INSERT INTO items (tenant_id, name, label) SELECT id, name, 'x' FROM organizations;
		INSERT INTO rowhouse.members SELECT id::text, 'ada' FROM organizations;
		INSERT INTO rowhouse.outbox (tenant_id, body) SELECT id::text, '{}' FROM organizations;
		INSERT INTO "Odd ""Notes""" SELECT 't' || n, gen_random_uuid(), n FROM generate_series(1, 3) n;
		INSERT INTO events SELECT id, now(), 'x' FROM organizations; INSERT INTO letters_old SELECT id, 1 FROM organizations`)
	tenanttest.Prove(t, cluster.Open(t, "app", name), options())
	tenanttest.Prove(t, cluster.Open(t, "web", name), options())

	// Options without tables go by the column; here they find what is no tenant table.
	findings, err := tenanttest.Findings(t.Context(), cluster.Open(t, "app", name), tenanttest.Options{CatalogOnly: true, Schemas: []string{"public"}})
	require.NoError(t, err)
	require.ElementsMatch(t, []string{
		`table-undeclared public."Odd ""Notes"""`, "table-undeclared public.organizations", "table-undeclared public.plans",
		"view-owner public.price_list", "matview-readable public.price_cache",
	}, rules(findings), findings)
}
