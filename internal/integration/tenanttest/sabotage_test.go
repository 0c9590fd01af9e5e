package tenanttest_test

import (
	"context"
	"database/sql"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/rowhouse-go/rowhouse/internal/integration/server"
	"github.com/rowhouse-go/rowhouse/tenant/rls"
	"github.com/rowhouse-go/rowhouse/tenant/tenanttest"
)

// A sabotage is one thing wrong with the clean schema.
type sabotage struct {
	name string
	sql  string // run as the owner
	root string // run as a superuser
	undo string // run as a superuser: what outlives the database
	opts func(*tenanttest.Options)
	want []string          // rule and object
	also []tenanttest.Rule // what a probe did
	// manual is a fix that is no DDL.
	manual bool
	app    string // the login, if it is not app; may have parameters
}

const floor = `tenant_id = (SELECT nullif(current_setting('app.tenant_id', true), '')::uuid)`

// A function of the owner that nobody can name, and triggers' the same.
const (
	definer = `CREATE FUNCTION private.look(int DEFAULT 0) RETURNS int LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
		AS 'SELECT count(*)::int FROM public.items';`
	definerTrigger = `CREATE FUNCTION private.t() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS 'BEGIN RETURN NEW; END';`
)

var looked = []string{"definer-function private.look(integer)"}

var everything = []tenanttest.Rule{"probe-no-tenant", "probe-read", "probe-update", "probe-delete", "probe-move", "probe-insert"}

var sabotages = []sabotage{
	// The login.
	{name: "superuser", root: "ALTER ROLE app SUPERUSER", undo: "ALTER ROLE app NOSUPERUSER", want: []string{"role-superuser app"}},
	{name: "member of a superuser", root: "CREATE ROLE boss SUPERUSER; GRANT boss TO app", undo: "DROP ROLE boss", want: []string{"role-superuser boss"}},
	{name: "bypassrls", root: "ALTER ROLE app BYPASSRLS", undo: "ALTER ROLE app NOBYPASSRLS", want: []string{"role-bypassrls app"}},
	{
		name: "reaches bypassrls", root: "CREATE ROLE backup BYPASSRLS; CREATE ROLE ops NOINHERIT; GRANT backup TO ops; GRANT ops TO app",
		undo: "DROP ROLE ops; DROP ROLE backup", want: []string{"role-bypassrls backup"},
	},
	{name: "createrole", root: "ALTER ROLE app CREATEROLE", undo: "ALTER ROLE app NOCREATEROLE", want: []string{"role-attribute app"}},
	{name: "replication", root: "ALTER ROLE app REPLICATION", undo: "ALTER ROLE app NOREPLICATION", want: []string{"role-attribute app"}},
	{name: "pg_read_all_data", root: "GRANT pg_read_all_data TO app", undo: "REVOKE pg_read_all_data FROM app", want: []string{"role-predefined pg_read_all_data"}},
	{name: "reaches the owner", root: "GRANT owner TO app", undo: "REVOKE owner FROM app", want: []string{"role-owner owner"}, also: everything},
	{
		name: "reaches an owner that is exempted", undo: "DROP OWNED BY team; DROP ROLE team", want: []string{"table-undeclared public.secrets"},
		root: "CREATE ROLE team; GRANT team TO app; CREATE TABLE public.own (); ALTER TABLE public.own OWNER TO team; CREATE TABLE secrets (s text); GRANT SELECT ON secrets TO team",
		opts: func(o *tenanttest.Options) {
			o.Exempt = append(o.Exempt, tenanttest.Exemption{Rule: tenanttest.RoleOwner, Object: "team", Reason: "of a table that holds nothing"})
		},
	},
	{name: "owns", root: "CREATE TABLE public.own (); ALTER TABLE public.own OWNER TO app", want: []string{"role-owner app"}},
	{name: "is a member of the worker", root: "GRANT worker TO app", undo: "REVOKE worker FROM app", want: []string{"policy-form rowhouse.outbox.rowhouse_worker"}, also: everything},
	{name: "creates in public", sql: "GRANT CREATE ON SCHEMA public TO PUBLIC", want: []string{"schema-create public"}},
	{name: "setting of a role", root: "ALTER ROLE app SET app.tenant_id = 'x'", undo: "ALTER ROLE app RESET ALL", want: []string{"setting-default ALTER ROLE app"}},
	{name: "setting of a database", root: "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET app.tenant_id = ''x''', current_database()); END $$", want: []string{"setting-default ALTER DATABASE $DB"}},
	{name: "setting of all roles", root: "ALTER ROLE ALL SET app.tenant_id = 'x'", undo: "ALTER ROLE ALL RESET ALL", want: []string{"setting-default ALTER ROLE ALL"}},
	{
		name: "setting of a function", root: "CREATE FUNCTION f() RETURNS bigint LANGUAGE sql SET app.tenant_id = 'x' AS 'SELECT count(*) FROM items'; CREATE FUNCTION private.f() RETURNS int LANGUAGE sql SET app.subject = 'x' AS 'SELECT 1'",
		want: []string{"setting-default public.f()"},
	},
	{
		name: "setting of a trigger's function", root: "ALTER FUNCTION touch() SET app.subject = 'x'", want: []string{"setting-default public.touch()"},
	},
	{name: "rds_superuser", root: "CREATE ROLE rds_superuser; GRANT rds_superuser TO app", undo: "DROP ROLE rds_superuser", want: []string{"role-predefined rds_superuser"}},
	{name: "setting of a role in a database", root: "DO $$ BEGIN EXECUTE format('ALTER ROLE app IN DATABASE %I SET app.subject = ''x''', current_database()); END $$", want: []string{"setting-default ALTER ROLE app IN DATABASE $DB"}},
	{name: "setting of the connection", app: "?options=-c%20app.tenant_id%3Dx", want: []string{"setting-present app"}, manual: true},
	{name: "large object", root: "SELECT lo_create(4711); ALTER LARGE OBJECT 4711 OWNER TO app", want: []string{"large-object app"}, manual: true},

	{
		name: "large objects of everybody", root: "SELECT lo_create(4711); DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET lo_compat_privileges = on', current_database()); END $$",
		want: []string{"large-object app"}, manual: true,
	},

	// Row level security of tenant tables.
	{name: "rls off", sql: "ALTER TABLE items DISABLE ROW LEVEL SECURITY", want: []string{"rls-off public.items"}, also: []tenanttest.Rule{"probe-insert"}},
	{
		name: "rls off, rows can be made", sql: `ALTER TABLE "Odd ""Notes""" DISABLE ROW LEVEL SECURITY`, want: []string{`rls-off public."Odd ""Notes"""`},
		also: everything,
	},
	{name: "not forced", sql: "ALTER TABLE items NO FORCE ROW LEVEL SECURITY", want: []string{"rls-not-forced public.items"}},
	{
		name: "rls off, rows can't be made", sql: `CREATE TABLE checked (tenant_id uuid NOT NULL, code text NOT NULL CHECK (code ~ '^[0-9]+$')); GRANT INSERT ON checked TO app;
			CREATE TABLE pointed (tenant_id uuid NOT NULL, at point NOT NULL); GRANT INSERT ON pointed TO app;` +
			strings.NewReplacer(`"items"`, `"checked"`).Replace(protection("items")) + strings.NewReplacer(`"items"`, `"pointed"`).Replace(protection("items")) +
			`ALTER TABLE checked FORCE ROW LEVEL SECURITY, DISABLE ROW LEVEL SECURITY; ALTER TABLE pointed FORCE ROW LEVEL SECURITY, DISABLE ROW LEVEL SECURITY`,
		want: []string{"rls-off public.checked", "rls-off public.pointed"}, also: []tenanttest.Rule{"probe-insert", "probe-insert"},
	},
	{name: "nullable", sql: "ALTER TABLE letters ALTER tenant_id DROP NOT NULL", want: []string{"column-nullable public.letters.tenant_id"}},
	{name: "undeclared type", sql: `CREATE TABLE extra (tenant_id varchar(40) NOT NULL)`, want: []string{"column-type public.extra.tenant_id", "rls-off public.extra", "rls-not-forced public.extra"}},
	{
		name: "nondeterministic collation", sql: `CREATE COLLATION ci (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
			ALTER TABLE "Odd ""Notes""" DISABLE ROW LEVEL SECURITY; DROP POLICY rowhouse_floor ON "Odd ""Notes"""; DROP POLICY rowhouse_tenant ON "Odd ""Notes""";
			ALTER TABLE "Odd ""Notes""" ALTER "tenant Id" TYPE text COLLATE ci;` + protection(`Odd "Notes"`),
		want: []string{`column-collation public."Odd ""Notes"""."tenant Id"`}, manual: true,
	},
	{name: "no floor", sql: "DROP POLICY rowhouse_floor ON items", want: []string{"floor-missing public.items"}},
	{name: "permissive floor", sql: "DROP POLICY rowhouse_floor ON items; CREATE POLICY rowhouse_floor ON items USING (" + floor + ") WITH CHECK (" + floor + ")", want: []string{"floor-missing public.items"}},
	{name: "floor for one command", sql: "DROP POLICY rowhouse_floor ON items; CREATE POLICY f ON items AS RESTRICTIVE FOR SELECT USING (" + floor + ")", want: []string{"floor-command public.items.f", "floor-check public.items.f"}},
	{name: "floor for one role", sql: "ALTER POLICY rowhouse_floor ON items TO app", want: []string{"floor-roles public.items.rowhouse_floor"}},
	{name: "floor without with check", sql: "DROP POLICY rowhouse_floor ON items; CREATE POLICY \"f F\" ON items AS RESTRICTIVE USING (" + floor + ")", want: []string{`floor-check public.items."f F"`}},
	{name: "floor with another with check", sql: "ALTER POLICY rowhouse_floor ON items WITH CHECK (true)", want: []string{"floor-check public.items.rowhouse_floor"}},
	{name: "floor with a way out", sql: "ALTER POLICY rowhouse_floor ON items USING (" + floor + " OR stage = 'done')", want: []string{"floor-using public.items.rowhouse_floor"}},
	{
		name: "floor open without a tenant", sql: "ALTER POLICY rowhouse_floor ON items USING (" + floor + " OR current_setting('app.tenant_id', true) = '')",
		want: []string{"floor-using public.items.rowhouse_floor"},
	},
	{
		name: "floor of a function of the same name", sql: `CREATE FUNCTION public.current_setting(text, boolean) RETURNS text LANGUAGE sql AS 'SELECT NULL::text';
			ALTER POLICY rowhouse_floor ON items USING (tenant_id = (SELECT nullif(public.current_setting('app.tenant_id', true), '')::uuid))`,
		want: []string{"floor-using public.items.rowhouse_floor"},
	},
	{
		name: "floor of an operator of the same name", sql: `CREATE FUNCTION public.any_uuid(uuid, uuid) RETURNS boolean LANGUAGE sql AS 'SELECT true';
			CREATE OPERATOR public.= (LEFTARG = uuid, RIGHTARG = uuid, FUNCTION = public.any_uuid);
			ALTER POLICY rowhouse_floor ON items USING (tenant_id OPERATOR(public.=) (SELECT nullif(current_setting('app.tenant_id', true), '')::uuid))`,
		want: []string{"floor-using public.items.rowhouse_floor"},
	},
	{
		name: "floor of a cast of the same text", root: `CREATE FUNCTION private.any(text) RETURNS uuid LANGUAGE sql AS $$ SELECT uuid_in('0190d1c8-0000-7000-8000-000000000002') $$;
			CREATE CAST (text AS uuid) WITH FUNCTION private.any(text);
			ALTER POLICY rowhouse_floor ON items USING (` + floor + `) WITH CHECK (` + floor + `); DROP CAST (text AS uuid)`,
		want: []string{"floor-using public.items.rowhouse_floor"},
	},
	{
		name: "policy of a cast of the same text", root: `CREATE FUNCTION private.any(text) RETURNS uuid LANGUAGE sql AS $$ SELECT uuid_in('0190d1c8-0000-7000-8000-000000000002') $$;
			CREATE CAST (text AS uuid) WITH FUNCTION private.any(text);
			ALTER POLICY rowhouse_tenant ON organizations USING (id = (SELECT nullif(current_setting('app.tenant_id', true), '')::uuid)); DROP CAST (text AS uuid)`,
		want: []string{"policy-form public.organizations.rowhouse_tenant"},
	},
	{
		name: "floor of another setting", sql: "ALTER POLICY rowhouse_floor ON items USING (tenant_id = (SELECT nullif(current_setting('app.tenant', true), '')::uuid))",
		want: []string{"floor-using public.items.rowhouse_floor"},
	},
	{name: "floor of the other column", sql: "ALTER POLICY rowhouse_floor ON items USING (id = (SELECT nullif(current_setting('app.tenant_id', true), '')::uuid))", want: []string{"floor-using public.items.rowhouse_floor"}},
	{name: "nothing visible", sql: "DROP POLICY rowhouse_tenant ON items", want: []string{"policy-missing public.items"}},
	{name: "open policy", sql: "CREATE POLICY all_rows ON items USING (true)", want: []string{"policy-open public.items.all_rows"}},
	{name: "open policy alone", sql: "DROP POLICY rowhouse_tenant ON items; CREATE POLICY all_rows ON items FOR INSERT WITH CHECK (true)", want: []string{"policy-open public.items.all_rows"}},

	// Directory and library tables.
	{name: "directory rls off", sql: "ALTER TABLE rowhouse.members DISABLE ROW LEVEL SECURITY", want: []string{"rls-off rowhouse.members"}, also: everything},
	{name: "directory open", sql: "CREATE POLICY all_members ON rowhouse.members FOR SELECT TO app USING (true)", want: []string{"policy-form rowhouse.members.all_members"}, also: []tenanttest.Rule{"probe-no-tenant", "probe-read"}},
	{name: "subject writes", sql: "DROP POLICY rowhouse_subject ON rowhouse.members; CREATE POLICY rowhouse_subject ON rowhouse.members TO app USING (subject = (SELECT nullif(current_setting('app.subject', true), '')))", want: []string{"policy-form rowhouse.members.rowhouse_subject"}},
	{name: "library open", sql: "ALTER POLICY rowhouse_tenant ON rowhouse.outbox WITH CHECK (true)", want: []string{"policy-form rowhouse.outbox.rowhouse_tenant"}, also: []tenanttest.Rule{"probe-insert"}},
	{name: "directory dropped", sql: "DROP TABLE rowhouse.members CASCADE", want: []string{`declaration-stale "rowhouse"."members"`}, manual: true},
	{name: "directory without policies", sql: "DROP POLICY rowhouse_tenant ON rowhouse.members; DROP POLICY rowhouse_subject ON rowhouse.members", want: []string{"policy-missing rowhouse.members"}},

	// Tables that are none of these.
	{name: "undeclared", sql: "CREATE TABLE secrets (s text); GRANT SELECT (s) ON secrets TO PUBLIC", want: []string{"table-undeclared public.secrets"}},
	{
		name: "foreign table", root: `CREATE FOREIGN DATA WRAPPER w; CREATE SERVER s FOREIGN DATA WRAPPER w; CREATE FOREIGN TABLE far (tenant_id uuid) SERVER s;
			ALTER FOREIGN TABLE far OWNER TO owner; GRANT SELECT ON far TO app`, want: []string{"table-foreign public.far"},
	},
	{name: "partition", sql: "GRANT SELECT ON events_now TO app", want: []string{"partition-readable public.events_now"}},
	{name: "child of a shared table", sql: "CREATE TABLE codes () INHERITS (plans); ALTER TABLE codes ADD tenant_id uuid NOT NULL", want: []string{"floor-missing public.codes", "rls-off public.codes", "rls-not-forced public.codes", "partition-readable public.codes"}},
	{name: "grandchild of a shared table", sql: "CREATE TABLE codes () INHERITS (plans); CREATE TABLE leaves (LIKE letters) INHERITS (codes)", want: []string{"floor-missing public.leaves", "rls-off public.leaves", "rls-not-forced public.leaves", "partition-readable public.leaves"}},
	{name: "child of a shared table too", sql: "CREATE TABLE codes () INHERITS (letters, plans)", want: []string{"partition-readable public.codes"}},
	{name: "out of sight, through a view", sql: "CREATE TABLE private.notes (s text); GRANT SELECT ON private.notes TO app; CREATE VIEW v WITH (security_invoker = true) AS SELECT * FROM private.notes; GRANT SELECT ON v TO app", want: []string{"table-undeclared private.notes"}},
	{name: "inheritance child", sql: "GRANT INSERT ON letters_old TO PUBLIC", want: []string{"partition-readable public.letters_old"}},
	{name: "materialized view", sql: "GRANT SELECT ON item_cache TO app", want: []string{"matview-readable public.item_cache"}},
	{
		name: "materialized view of a function", sql: `CREATE FUNCTION private.all() RETURNS TABLE (name text) LANGUAGE sql AS 'SELECT name FROM items';
			CREATE VIEW names AS SELECT * FROM private.all(); CREATE MATERIALIZED VIEW kept AS SELECT * FROM names; GRANT SELECT ON kept TO app`,
		want: []string{"matview-readable public.kept"},
	},
	{name: "new table", sql: "CREATE TABLE extra (tenant_id uuid NOT NULL); GRANT SELECT ON extra TO app", want: []string{"floor-missing public.extra", "policy-missing public.extra", "rls-not-forced public.extra", "rls-off public.extra"}},

	// Around row level security.
	{name: "truncate", sql: "GRANT TRUNCATE ON items TO app", want: []string{"grant-beyond-rows public.items"}},
	{name: "references", sql: "GRANT REFERENCES (id) ON items TO PUBLIC", want: []string{"grant-beyond-rows public.items"}},
	{name: "trigger", sql: "GRANT TRIGGER ON rowhouse.members TO app", want: []string{"grant-beyond-rows rowhouse.members"}},
	{name: "setval", sql: "GRANT UPDATE ON SEQUENCE items_number_seq TO app", want: []string{"sequence-update public.items_number_seq"}},
	{name: "view of the owner", sql: "GRANT SELECT ON all_items TO app", want: []string{"view-owner public.all_items"}},
	{name: "view no longer invoker", sql: "ALTER VIEW item_names RESET (security_invoker)", want: []string{"view-owner public.item_names"}},
	{name: "view of a view", sql: "CREATE VIEW outer_items AS SELECT * FROM item_names; GRANT SELECT ON outer_items TO app", want: []string{"view-owner public.outer_items"}},
	{name: "view of a view out of sight", sql: "CREATE VIEW private.n AS SELECT * FROM items; GRANT SELECT ON private.n TO app; CREATE VIEW v WITH (security_invoker = true) AS SELECT * FROM private.n; GRANT SELECT ON v TO app", want: []string{"view-owner private.n"}},
	{
		name: "view of a schema that is not looked at", sql: "CREATE VIEW v AS SELECT * FROM rowhouse.outbox; GRANT SELECT ON v TO app", want: []string{"view-owner public.v"},
		opts: func(o *tenanttest.Options) { o.Schemas, o.Exempt = []string{"public"}, nil },
	},
	{name: "definer of a view", sql: definer + "CREATE VIEW v WITH (security_invoker = true) AS SELECT private.look(); GRANT SELECT ON v TO app", want: looked},
	{name: "definer of a view of a view", sql: definer + "CREATE VIEW w AS SELECT private.look(); CREATE VIEW v AS SELECT * FROM w; GRANT SELECT ON v TO app", want: looked},
	{name: "definer of a default", sql: definer + "ALTER TABLE items ALTER size SET DEFAULT private.look()", want: looked},
	{name: "definer of a constraint", sql: definer + "ALTER TABLE items ADD CHECK (private.look() > 0)", want: looked},
	{name: "definer of a domain", sql: definer + "CREATE DOMAIN small AS int CHECK (private.look(value) > 0); ALTER TABLE items ADD s small", want: looked},
	{name: "definer of a policy", sql: definer + "CREATE POLICY narrow ON items AS RESTRICTIVE USING (private.look() > 0)", want: looked},
	{name: "definer of an operator", sql: definer + "CREATE OPERATOR public.### (RIGHTARG = int, FUNCTION = private.look)", want: looked},
	{name: "definer of a function", sql: definer + "CREATE FUNCTION f() RETURNS bigint BEGIN ATOMIC SELECT private.look(1); END", want: looked},
	{name: "definer of an aggregate", sql: definer + "REVOKE ALL ON FUNCTION private.look FROM PUBLIC; CREATE AGGREGATE public.agg(*) (sfunc = private.look, stype = int)", want: looked},
	{name: "definer of what nobody uses", sql: definer + "CREATE VIEW v AS SELECT private.look(); CREATE FUNCTION private.f() RETURNS bigint BEGIN ATOMIC SELECT private.look(1); END; CREATE TABLE private.t (n int DEFAULT private.look())"},
	{name: "definer", sql: "CREATE FUNCTION f(a int, b text DEFAULT 'x') RETURNS bigint LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS 'SELECT count(*) FROM items'", want: []string{"definer-function public.f(a integer, b text)"}},
	{name: "definer procedure", sql: "CREATE PROCEDURE f() LANGUAGE sql SECURITY DEFINER SET search_path = '' AS 'DELETE FROM public.items'", want: []string{"definer-function public.f()"}},
	{name: "definer search path", sql: "ALTER FUNCTION rowhouse.invited(bytea) RESET search_path", want: []string{"definer-search-path rowhouse.invited(token bytea)"}},
	{name: "definer search path of the caller's", sql: "ALTER FUNCTION rowhouse.invited(bytea) SET search_path = rowhouse", want: []string{"definer-search-path rowhouse.invited(token bytea)"}},
	{name: "definer trigger", sql: "ALTER FUNCTION touch() SECURITY DEFINER SET search_path = pg_catalog, pg_temp", want: []string{"definer-trigger public.items.touch"}},
	{name: "definer trigger of a partition", sql: definerTrigger + "CREATE TRIGGER t BEFORE INSERT ON events_now FOR EACH ROW EXECUTE FUNCTION private.t()", want: []string{"definer-trigger public.events_now.t"}},
	{name: "definer trigger of a partitioned table", sql: definerTrigger + "CREATE TRIGGER t BEFORE INSERT ON events FOR EACH ROW EXECUTE FUNCTION private.t()", want: []string{"definer-trigger public.events.t"}},
	{name: "definer trigger by a cascade", sql: definerTrigger + `REVOKE ALL ON parts FROM app; ALTER TABLE parts ADD FOREIGN KEY (tenant_id, item_id) REFERENCES items ON DELETE CASCADE;
		CREATE TRIGGER t BEFORE DELETE ON parts FOR EACH ROW EXECUTE FUNCTION private.t()`, want: []string{"definer-trigger public.parts.t"}},
	{
		name: "definer trigger beneath a view", sql: definerTrigger + `CREATE TABLE private.log (s text); CREATE VIEW log AS SELECT * FROM private.log; GRANT INSERT ON log TO app;
		CREATE TRIGGER t BEFORE INSERT ON private.log FOR EACH ROW EXECUTE FUNCTION private.t()`, want: []string{"definer-trigger private.log.t"},
		opts: func(o *tenanttest.Options) {
			o.Shared = append(o.Shared, tenanttest.Declaration{Table: "private.log", Reason: "a log"})
		},
	},
	{name: "definer trigger of what nobody writes", sql: definerTrigger + "CREATE TRIGGER t BEFORE INSERT ON letters FOR EACH ROW EXECUTE FUNCTION private.t()"},
	{name: "leakproof", root: "CREATE FUNCTION public.f(text) RETURNS boolean LANGUAGE sql LEAKPROOF AS 'SELECT true'", want: []string{"leakproof-function public.f(text)"}},
	{name: "rule", sql: "CREATE RULE r AS ON DELETE TO items DO ALSO DELETE FROM parts", want: []string{"table-rule public.items.r"}},
	{
		// Nothing is wrong with the policies of the table.
		name: "rule that writes elsewhere", sql: `CREATE TABLE journal (LIKE "Odd ""Notes""");
			CREATE RULE r AS ON INSERT TO "Odd ""Notes""" DO INSTEAD INSERT INTO journal VALUES (NEW.*) RETURNING journal.*`,
		want: []string{`table-rule public."Odd ""Notes""".r`}, also: []tenanttest.Rule{"probe-insert"},
	},
	{
		// Triggers are the application's business as long as the row ends up with its own tenant.
		name: "trigger that stamps", sql: `CREATE FUNCTION stamp() RETURNS trigger LANGUAGE plpgsql AS
			$$ BEGIN NEW."tenant Id" := current_setting('app.tenant_id'); RETURN NEW; END $$;
			CREATE TRIGGER stamp BEFORE INSERT OR UPDATE ON "Odd ""Notes""" FOR EACH ROW EXECUTE FUNCTION stamp();
			CREATE TRIGGER no_item BEFORE INSERT ON items FOR EACH ROW EXECUTE FUNCTION stamp()`,
	},
	{name: "foreign key of a partition", sql: "ALTER TABLE items ADD UNIQUE (id); ALTER TABLE events ADD item uuid; ALTER TABLE events_now ADD CONSTRAINT loose FOREIGN KEY (item) REFERENCES items (id)", want: []string{"foreign-key public.events_now.loose"}},

	// Keys.
	{name: "foreign key", sql: "ALTER TABLE items ADD UNIQUE (id); ALTER TABLE parts ADD CONSTRAINT loose FOREIGN KEY (item_id) REFERENCES items (id) ON DELETE CASCADE", want: []string{"foreign-key public.parts.loose"}},
	{name: "foreign key that mixes", sql: "ALTER TABLE parts ADD other uuid, ADD CONSTRAINT mixed FOREIGN KEY (other, item_id) REFERENCES items (tenant_id, id)", want: []string{"foreign-key public.parts.mixed"}},
	{name: "foreign key that swaps", sql: "ALTER TABLE items ADD UNIQUE (id, tenant_id); ALTER TABLE parts ADD CONSTRAINT swapped FOREIGN KEY (tenant_id, item_id) REFERENCES items (id, tenant_id)", want: []string{"foreign-key public.parts.swapped"}},
	{name: "foreign key that cascades from a directory", sql: "ALTER TABLE parts ADD owner uuid, ADD CONSTRAINT owned FOREIGN KEY (owner) REFERENCES organizations ON DELETE CASCADE", want: []string{"foreign-key public.parts.owned"}},
	{name: "foreign key that cascades from a shared table", sql: "GRANT DELETE ON plans TO app; ALTER TABLE parts ADD p text, ADD CONSTRAINT planned FOREIGN KEY (p) REFERENCES plans ON DELETE CASCADE", want: []string{"foreign-key public.parts.planned"}},
	{name: "foreign key that follows a shared table", sql: "GRANT UPDATE (code) ON plans TO app; ALTER TABLE parts ADD p text, ADD CONSTRAINT planned FOREIGN KEY (p) REFERENCES plans ON UPDATE CASCADE", want: []string{"foreign-key public.parts.planned"}},
	{
		name: "foreign keys that cascade through a shared table", want: []string{"foreign-key public.parts.planned"},
		sql: "ALTER TABLE plans ADD seller uuid REFERENCES organizations ON DELETE CASCADE; ALTER TABLE parts ADD p text, ADD CONSTRAINT planned FOREIGN KEY (p) REFERENCES plans ON DELETE SET NULL (p)",
	},
	{name: "foreign keys that nobody sets off", sql: "ALTER TABLE parts ADD p text REFERENCES plans ON DELETE CASCADE ON UPDATE CASCADE"},
	{name: "foreign keys to a directory", sql: "ALTER TABLE parts ADD owner uuid REFERENCES organizations; ALTER TABLE plans ADD seller uuid REFERENCES organizations ON DELETE SET NULL"},
	{name: "foreign key of a shared table", sql: "ALTER TABLE plans ADD t uuid, ADD i uuid, ADD CONSTRAINT back FOREIGN KEY (t, i) REFERENCES items", want: []string{"foreign-key public.plans.back"}},
	{name: "unique", sql: "ALTER TABLE items ADD CONSTRAINT one_name UNIQUE (name)", want: []string{"unique-key public.one_name"}},
	{name: "unique index", sql: `CREATE UNIQUE INDEX "One name" ON items (lower(name) text_pattern_ops) INCLUDE (tenant_id) WHERE size > 4`, want: []string{`unique-key public."One name"`}},
	{name: "unique index of a partition", sql: "CREATE UNIQUE INDEX one_what ON events_now (what)", want: []string{"unique-key public.one_what"}},
	{name: "unique index of a partitioned table", sql: "CREATE UNIQUE INDEX one_day ON events (at)", want: []string{"unique-key public.one_day"}},
	{name: "primary key", sql: "ALTER TABLE parts DROP CONSTRAINT parts_pkey, ADD PRIMARY KEY (id)", want: []string{"unique-key public.parts_pkey"}},
	{name: "exclusion", sql: "ALTER TABLE parts ADD CONSTRAINT free EXCLUDE USING gist (during WITH &&)", root: "CREATE EXTENSION btree_gist", want: []string{"unique-key public.free"}},
	{name: "ids that may not be random", opts: func(o *tenanttest.Options) { o.RandomIDs = "" }, want: []string{`unique-key public."Odd ""Notes""_pkey"`}},

	// The options.
	{name: "declares what is not there", opts: func(o *tenanttest.Options) {
		o.Shared = append(o.Shared, tenanttest.Declaration{Table: "public.gone", Reason: "was shared"})
		o.RLS.Tables = append(o.RLS.Tables, rls.Table{Name: "gone"}, rls.Table{Name: "plans"})
	}, want: []string{"declaration-stale public.gone", `declaration-stale "public"."gone"`, `declaration-stale "public"."plans"`}, manual: true},
	{name: "shared without a reason", opts: func(o *tenanttest.Options) { o.Shared[0].Reason = "" }, want: []string{"declaration-reason public.plans", "table-undeclared public.plans", "view-owner public.price_list", "matview-readable public.price_cache"}, manual: true},
	{name: "exempts nothing", opts: func(o *tenanttest.Options) {
		o.Exempt = append(o.Exempt, tenanttest.Exemption{Rule: tenanttest.RLSOff, Object: "public.items", Reason: "once it was"})
	}, want: []string{"declaration-stale public.items"}, manual: true},
	{
		name: "exempts what a probe does not come from", sql: `GRANT TRUNCATE ON "Odd ""Notes""" TO app; CREATE TABLE journal (LIKE "Odd ""Notes""");
			CREATE RULE r AS ON INSERT TO "Odd ""Notes""" DO INSTEAD INSERT INTO journal VALUES (NEW.*) RETURNING journal.*`,
		opts: func(o *tenanttest.Options) {
			o.Exempt = append(o.Exempt, tenanttest.Exemption{Rule: tenanttest.GrantBeyondRows, Object: `public."Odd ""Notes"""`, Reason: "is emptied at night"})
		},
		want: []string{`table-rule public."Odd ""Notes""".r`}, also: []tenanttest.Rule{"probe-insert"},
	},
	{name: "exempts without a reason", opts: func(o *tenanttest.Options) { o.Exempt[0].Reason = "" }, want: []string{"declaration-reason rowhouse.invited(token bytea)", "definer-function rowhouse.invited(token bytea)"}, manual: true},
}

// protection returns what enables row level security on a table and its policies.
func protection(table string) string {
	up, err := rls.Up(options().RLS)
	if err != nil {
		panic(err)
	}
	name := `"` + strings.ReplaceAll(table, `"`, `""`) + `"`
	return strings.Join(slices.DeleteFunc(up, func(s string) bool {
		return !strings.Contains(s, name) || !strings.HasPrefix(s, "CREATE POLICY") && !strings.Contains(s, " ENABLE ")
	}), "\n")
}

// Every rule has a schema that breaks it.
func TestEveryRule(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../../tenant/tenanttest/finding.go")
	require.NoError(t, err)
	caught := make(map[string]bool)
	for _, s := range sabotages {
		for _, w := range s.want {
			rule, _, _ := strings.Cut(w, " ")
			caught[rule] = true
		}
		for _, r := range s.also {
			caught[string(r)] = true
		}
	}
	rules := regexp.MustCompile(`Rule = "([a-z-]+)"`).FindAllStringSubmatch(string(text), -1)
	require.Greater(t, len(rules), 40)
	for _, r := range rules {
		require.True(t, caught[r[1]], r[1])
	}
	require.Len(t, caught, len(rules))
}

func TestSabotage(t *testing.T) {
	t.Parallel()
	cluster := server.Postgres(t)
	clean := template(t, cluster)
	root := cluster.Open(t, "postgres", "postgres")
	for i, s := range sabotages {
		t.Run(s.name, func(t *testing.T) {
			if s.undo == "" { // roles belong to the cluster
				t.Parallel()
			}
			name := fmt.Sprintf("sabotage_%d", i)
			exec(t, root, "CREATE DATABASE "+name+" TEMPLATE "+clean+" OWNER owner")
			t.Cleanup(func() {
				_, err := root.ExecContext(context.Background(), "DROP DATABASE "+name+" WITH (FORCE)")
				require.NoError(t, err)
				if s.undo != "" {
					exec(t, root, s.undo) // also where a fix did
				}
			})
			admin, owner := cluster.Open(t, "postgres", name), cluster.Open(t, "owner", name)
			if s.root != "" {
				exec(t, admin, s.root)
			}
			if s.sql != "" {
				exec(t, owner, s.sql)
			}
			o := options()
			if s.opts != nil {
				s.opts(&o)
			}
			findings := proof(t, cluster, name+s.app, o)
			require.ElementsMatch(t, named(s.want, name), rules(findings), findings)
			var also []tenanttest.Rule
			for _, f := range findings {
				also = append(also, f.Probes...)
				require.NotEmpty(t, f.Detail)
				require.NotEmpty(t, f.Fix)
			}
			require.ElementsMatch(t, s.also, also, findings)

			// The fixes mend it, run in one transaction as the owner; what needs a
			// superuser, as one.
			if s.manual {
				require.Contains(t, findings[0].Fix, "--")
				return
			}
			by := owner
			if s.root != "" {
				by = admin
			}
			for len(findings) > 0 {
				i := slices.IndexFunc(findings, func(f tenanttest.Finding) bool { return !strings.HasPrefix(f.Fix, "--") })
				require.GreaterOrEqual(t, i, 0, findings)
				mended := rules(findings)[i]
				exec(t, by, findings[i].Fix)
				findings = proof(t, cluster, name, o)
				require.NotContains(t, rules(findings), mended)
			}
			var invalid int // as an index is that only a partitioned table has
			require.NoError(t, admin.QueryRowContext(t.Context(), "SELECT count(*) FROM pg_index WHERE NOT indisvalid").Scan(&invalid))
			require.Zero(t, invalid)
		})
	}
}

// proof returns the findings of the login app, newly connected.
func proof(t *testing.T, cluster server.Cluster, database string, o tenanttest.Options) []tenanttest.Finding {
	t.Helper()
	db, err := sql.Open("pgx", cluster.URL("app", database))
	require.NoError(t, err)
	findings, err := tenanttest.Findings(t.Context(), db, o)
	require.NoError(t, err)
	require.NoError(t, db.Close())
	return findings
}

func rules(findings []tenanttest.Finding) []string {
	var names []string
	for _, f := range findings {
		names = append(names, string(f.Rule)+" "+f.Object)
	}
	return names
}

func named(want []string, database string) []string {
	var names []string
	for _, w := range want {
		names = append(names, strings.ReplaceAll(w, "$DB", database))
	}
	return names
}
