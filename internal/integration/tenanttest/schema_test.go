package tenanttest_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/rowhouse-go/rowhouse/internal/integration/server"
	"github.com/rowhouse-go/rowhouse/tenant/rls"
	"github.com/rowhouse-go/rowhouse/tenant/tenanttest"
)

// tables is a schema of every kind of table, made by its owner. What package rls
// writes comes on top.
const tables = `
CREATE SCHEMA rowhouse;
CREATE TYPE public.stage AS ENUM ('open', 'done');
CREATE DOMAIN public.label AS text CHECK (length(value) < 100);

-- directories
CREATE TABLE rowhouse.members (org text COLLATE "C" NOT NULL, subject text COLLATE "C" NOT NULL, PRIMARY KEY (org, subject));
CREATE TABLE public.organizations (id uuid PRIMARY KEY, name text NOT NULL UNIQUE);
CREATE FUNCTION rowhouse.invited(token bytea) RETURNS text LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
	AS $$ SELECT org FROM rowhouse.members LIMIT 1 $$;

-- a library
CREATE TABLE rowhouse.outbox (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, tenant_id text NOT NULL, body jsonb NOT NULL);

-- shared
CREATE TABLE public.plans (code text PRIMARY KEY, price int NOT NULL);
CREATE VIEW public.price_list AS SELECT * FROM public.plans;
CREATE MATERIALIZED VIEW public.price_cache AS SELECT * FROM public.plans;
CREATE VIEW public.tables_there AS SELECT relname FROM pg_class;

-- tenants' own
CREATE TABLE public.items (
	tenant_id uuid NOT NULL REFERENCES public.organizations (id),
	id uuid NOT NULL DEFAULT gen_random_uuid(),
	name varchar(40) NOT NULL, stage public.stage NOT NULL DEFAULT 'open', label public.label NOT NULL,
	number serial, size int NOT NULL DEFAULT 5 CHECK (size > 3), doubled int GENERATED ALWAYS AS (size * 2) STORED,
	PRIMARY KEY (tenant_id, id), UNIQUE (tenant_id, name));
CREATE TABLE public.parts (
	tenant_id uuid NOT NULL, id bigint GENERATED ALWAYS AS IDENTITY, item_id uuid,
	plan text REFERENCES public.plans (code), tags text[] NOT NULL, during tstzrange NOT NULL, at timestamptz NOT NULL,
	PRIMARY KEY (tenant_id, id),
	FOREIGN KEY (tenant_id, item_id) REFERENCES public.items (tenant_id, id) ON DELETE SET NULL (item_id));
CREATE TABLE public."Odd ""Notes""" ("tenant Id" text NOT NULL, id uuid PRIMARY KEY, "Body" text NOT NULL);
CREATE TABLE public.events (tenant_id uuid NOT NULL, at date NOT NULL, what text NOT NULL) PARTITION BY RANGE (at);
CREATE TABLE public.events_now PARTITION OF public.events FOR VALUES FROM ('2000-01-01') TO ('2100-01-01');
CREATE TABLE public.events_rest PARTITION OF public.events DEFAULT;
CREATE TABLE public.letters (tenant_id uuid NOT NULL, n int NOT NULL);
CREATE TABLE public.letters_old () INHERITS (public.letters);
CREATE FUNCTION public.touch() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.name := NEW.name || ' '; RETURN NEW; END $$;
CREATE TRIGGER touch BEFORE UPDATE ON public.items FOR EACH ROW EXECUTE FUNCTION public.touch();
CREATE VIEW public.item_names WITH (security_invoker = true) AS SELECT name FROM public.items;

-- nobody's but the owner's
CREATE TABLE public.migrations (version int);
CREATE VIEW public.all_items AS SELECT * FROM public.items;
CREATE MATERIALIZED VIEW public.item_cache AS SELECT * FROM public.items;
CREATE SCHEMA private;
CREATE FUNCTION private.reset() RETURNS void LANGUAGE sql SECURITY DEFINER AS 'DELETE FROM public.items';

GRANT SELECT ON public.plans, public.price_list, public.price_cache, public.tables_there, public.item_names TO app;
GRANT USAGE ON SEQUENCE public.items_number_seq TO app;
`

// roles are the logins, whose names are the same in every test: a cluster of its
// own belongs to the test.
const roles = `
CREATE ROLE owner LOGIN;
CREATE ROLE app LOGIN;
CREATE ROLE worker LOGIN;
`

func options() tenanttest.Options {
	members := rls.Table{Schema: "rowhouse", Name: "members", Kind: rls.Directory, Column: "org", Type: rls.Text, Subject: "subject"}
	return tenanttest.Options{
		RLS: rls.Options{App: "app", Worker: "worker", Tables: []rls.Table{
			members,
			{Name: "organizations", Kind: rls.Directory, Column: "id", Through: &members},
			{Schema: "rowhouse", Name: "outbox", Kind: rls.Library, Type: rls.Text, Grants: []rls.Privilege{rls.Insert}},
			{Name: "items"},
			{Name: "parts"},
			{Name: `Odd "Notes"`, Column: "tenant Id", Type: rls.Text},
			{Name: "events"},
			{Name: "letters", Grants: []rls.Privilege{rls.Select}},
		}},
		Shared:    []tenanttest.Declaration{{Table: "public.plans", Reason: "the price list"}},
		RandomIDs: "ids are UUIDv4 made by the server",
		Exempt: []tenanttest.Exemption{{
			Rule: tenanttest.DefinerFunction, Object: "rowhouse.invited(token bytea)",
			Reason: "looks an invitation up by the hash of its token and returns an id",
		}},
	}
}

// template creates the roles and the clean schema, and returns the name of its
// database.
func template(t *testing.T, cluster server.Cluster) string {
	t.Helper()
	name := cluster.Database(t)
	admin := cluster.Open(t, "postgres", name)
	exec(t, admin, roles+"ALTER DATABASE "+name+" OWNER TO owner; ALTER SCHEMA public OWNER TO owner;")
	up, err := rls.Up(options().RLS)
	require.NoError(t, err)
	owner := cluster.Open(t, "owner", name)
	exec(t, owner, tables+strings.Join(up, "\n"))
	require.NoError(t, admin.Close())
	require.NoError(t, owner.Close())
	return name
}
