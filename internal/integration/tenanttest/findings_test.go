package tenanttest_test

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rowhouse-go/rowhouse/internal/integration/server"
	"github.com/rowhouse-go/rowhouse/tenant/rls"
	"github.com/rowhouse-go/rowhouse/tenant/tenanttest"
)

// A schema of 200 tables with a thousand rows of two tenants each is clean. The
// time is logged only: how fast it is depends on the machine.
func TestManyTables(t *testing.T) {
	t.Parallel()
	cluster := server.Postgres(t)
	name := cluster.Database(t)
	exec(t, cluster.Open(t, "postgres", name), roles+"ALTER SCHEMA public OWNER TO owner")
	o := options()
	o.RLS.Tables, o.Shared, o.Exempt = nil, nil, nil
	var script strings.Builder
	for i := range 200 {
		fmt.Fprintf(&script, `CREATE TABLE t%[1]d (tenant_id uuid NOT NULL, id bigint GENERATED ALWAYS AS IDENTITY, name text NOT NULL, size int, at timestamptz NOT NULL DEFAULT now(),
			parent bigint, PRIMARY KEY (tenant_id, id), UNIQUE (tenant_id, name), FOREIGN KEY (tenant_id, parent) REFERENCES t%[1]d (tenant_id, id));
			INSERT INTO t%[1]d (tenant_id, name) SELECT CASE n %% 2 WHEN 0 THEN '%[2]s'::uuid ELSE '%[3]s'::uuid END, n::text FROM generate_series(1, 1000) n;`,
			i, "0190d1c8-0000-7000-8000-000000000001", "0190d1c8-0000-7000-8000-000000000002")
		o.RLS.Tables = append(o.RLS.Tables, rls.Table{Name: fmt.Sprintf("t%d", i)})
	}
	up, err := rls.Up(o.RLS)
	require.NoError(t, err)
	exec(t, cluster.Open(t, "owner", name), script.String()+strings.Join(up, "\n"))

	app := cluster.Open(t, "app", name)
	for _, run := range []string{"first connection", "warm"} {
		for _, catalogOnly := range []bool{true, false} {
			o.CatalogOnly = catalogOnly
			start := time.Now()
			findings, err := tenanttest.Findings(t.Context(), app, o)
			require.NoError(t, err)
			require.Empty(t, findings)
			t.Logf("200 tables, %s, catalog only %t: %v", run, catalogOnly, time.Since(start).Round(time.Millisecond))
		}
	}
}

// What is looked at is as it was: the catalog, the rows, the sequences, the
// session and its locks.
func TestLeavesNothing(t *testing.T) {
	t.Parallel()
	cluster := server.Postgres(t)
	name := template(t, cluster)
	admin, app := cluster.Open(t, "postgres", name), cluster.Open(t, "app", name)
	app.SetMaxOpenConns(1)
	exec(t, admin, `INSERT INTO "Odd ""Notes""" VALUES ('a', gen_random_uuid(), 'x'), ('b', gen_random_uuid(), 'y')`)
	state := func() (s [3]string) {
		for i, db := range []*sql.DB{admin, admin, app} {
			require.NoError(t, db.QueryRowContext(t.Context(), []string{
				`SELECT json_build_object(
					'classes', (SELECT json_agg(c ORDER BY oid) FROM (SELECT oid, relname, relnamespace, relkind, relrowsecurity, relforcerowsecurity, relacl FROM pg_class WHERE relnamespace::regnamespace::text !~ '^pg_toast') c),
					'policies', (SELECT json_agg(p ORDER BY oid) FROM pg_policy p), 'procs', (SELECT count(*) FROM pg_proc), 'types', (SELECT count(*) FROM pg_type),
					'attributes', (SELECT json_agg(a ORDER BY attrelid, attnum) FROM (SELECT attrelid, attname, attnum, atttypid, attnotnull, attacl FROM pg_attribute WHERE attrelid >= 16384) a),
					'constraints', (SELECT json_agg(oid ORDER BY oid) FROM pg_constraint), 'depends', (SELECT count(*) FROM pg_depend))::text`,
				`SELECT json_build_object('rows', query_to_xml('SELECT *, xmin, xmax FROM "Odd ""Notes"""', true, true, '')::text,
					'items', (SELECT count(*) FROM items), 'sequence', (SELECT last_value::text || is_called FROM items_number_seq),
					'identity', (SELECT last_value::text || is_called FROM rowhouse.outbox_id_seq),
					'locks', (SELECT count(*) FROM pg_locks l JOIN pg_stat_activity a USING (pid) WHERE a.usename = 'app'),
					'transactions', (SELECT count(*) FROM pg_stat_activity WHERE usename = 'app' AND state <> 'idle'))::text`,
				`SELECT json_build_object('path', current_setting('search_path'), 'lock', current_setting('lock_timeout'), 'statement', current_setting('statement_timeout'),
					'tenant', coalesce(current_setting('app.tenant_id', true), ''), 'subject', coalesce(current_setting('app.subject', true), ''),
					'locks', (SELECT count(*) FROM pg_locks WHERE locktype <> 'virtualxid' AND pid = pg_backend_pid() AND relation >= 16384))::text`,
			}[i]).Scan(&s[i]))
		}
		return s
	}
	state() // the session's own temporary schema is made once
	tenanttest.Prove(t, app, options())
	before := state()
	tenanttest.Prove(t, app, options())
	require.Equal(t, before, state())
}

// A table that somebody keeps locked is an error, and no finding.
func TestLocked(t *testing.T) {
	t.Parallel()
	cluster := server.Postgres(t)
	name := template(t, cluster)
	tx, err := cluster.Open(t, "owner", name).BeginTx(t.Context(), nil)
	require.NoError(t, err)
	_, err = tx.ExecContext(t.Context(), "LOCK TABLE items IN ACCESS EXCLUSIVE MODE")
	require.NoError(t, err)
	findings, err := tenanttest.Findings(t.Context(), cluster.Open(t, "app", name), options())
	require.ErrorContains(t, err, "55P03")
	require.Empty(t, findings)
	require.NoError(t, tx.Rollback())
}

// A recorder is a test that remembers what it was told.
type recorder struct {
	testing.TB
	told []string
}

func (r *recorder) Error(args ...any) { r.told = append(r.told, fmt.Sprint(args...)) }
func (r *recorder) Errorf(format string, args ...any) {
	r.told = append(r.told, fmt.Sprintf(format, args...))
}

func TestProve(t *testing.T) {
	t.Parallel()
	cluster := server.Postgres(t)
	name := template(t, cluster)
	exec(t, cluster.Open(t, "owner", name), `ALTER TABLE "Odd ""Notes""" DISABLE ROW LEVEL SECURITY`)

	r := &recorder{TB: t}
	tenanttest.Prove(r, cluster.Open(t, "app", name), options())
	require.Equal(t, []string{`tenanttest: rls-off: public."Odd ""Notes""": row level security is off: every login with a grant sees all rows ` +
		"[probe-no-tenant probe-read probe-update probe-delete probe-move probe-insert]\n\t" +
		`ALTER TABLE "public"."Odd ""Notes""" ENABLE ROW LEVEL SECURITY;`}, r.told)

	r = &recorder{TB: t}
	tenanttest.Prove(r, cluster.Open(t, "worker", name), options())
	require.Len(t, r.told, 1)
	require.Contains(t, r.told[0], "connected as worker")
}

// Without the answer there is an error.
func TestErrors(t *testing.T) {
	t.Parallel()
	cluster := server.Postgres(t)
	name := template(t, cluster)
	app := cluster.Open(t, "app", name)

	_, err := tenanttest.Findings(t.Context(), cluster.Open(t, "worker", name), options())
	require.ErrorContains(t, err, `connected as worker, which is not (a member of) Options.RLS.App, "app"`)

	o := options()
	o.RLS.Setting = "Tenant"
	o.RLS.Column = "\x00"
	_, err = tenanttest.Findings(t.Context(), app, o)
	require.ErrorContains(t, err, "Options.Setting")
	require.ErrorContains(t, err, "Options.Column")

	o = options()
	o.Exempt[0].Rule = tenanttest.ProbeRead
	_, err = tenanttest.Findings(t.Context(), app, o)
	require.ErrorContains(t, err, `Options.Exempt[0].Rule: "probe-read" can't be exempted`)

	exec(t, cluster.Open(t, "postgres", name), "REVOKE TEMPORARY ON DATABASE "+name+" FROM PUBLIC")
	_, err = tenanttest.Findings(t.Context(), app, options())
	require.ErrorContains(t, err, "GRANT TEMPORARY ON DATABASE")

	require.NoError(t, app.Close())
	_, err = tenanttest.Findings(t.Context(), app, options())
	require.ErrorContains(t, err, "tenanttest: sql: database is closed")

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = tenanttest.Findings(ctx, cluster.Open(t, "app", name), options())
	require.ErrorIs(t, err, context.Canceled)
}
