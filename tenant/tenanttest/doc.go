// Package tenanttest proves that a PostgreSQL schema keeps its tenants apart. It
// reads the catalog for every way around row level security that it knows, says
// which DDL closes it, and tries out as the application's login what no tenant may
// do.
//
// Run it in CI, on a database on which the migrations have run, as the login that
// serves requests:
//
//	func TestIsolation(t *testing.T) {
//		db, err := sql.Open("pgx", os.Getenv("DATABASE_URL")) // the application's login, not the owner's
//		if err != nil {
//			t.Fatal(err)
//		}
//		defer db.Close()
//		tenanttest.Prove(t, db, tenanttest.Options{
//			RLS:       schema, // the rls.Options that the migration and rls.Check get
//			Shared:    []tenanttest.Declaration{{Table: "public.plans", Reason: "the price list"}},
//			RandomIDs: "ids are UUIDv7 made by the server",
//		})
//	}
//
// A database with rows of several tenants makes the probes stronger; an empty one
// is enough for the proof. All is done in one transaction that is rolled back, with
// bounds on the waiting for locks, in about half a second for 200 tables. On a
// database in use, set [Options].CatalogOnly: where isolation is broken, the probes
// hold locks on other tenants' rows until they are rolled back.
//
// The server is PostgreSQL 13 or newer, and a primary. The login may create
// temporary tables and use PL/pgSQL, as every login may unless that was revoked.
//
// # What is proved
//
// The condition of a policy is compared with what package rls writes, made by the
// same server on a temporary table and deparsed by it. Equal texts of PostgreSQL's
// own functions and operators are the same condition, so it holds for every row
// there is and will be, and not only for those of a test.
//
// The login, and every role that it is a member of:
//   - is not a superuser and has no BYPASSRLS, CREATEROLE or REPLICATION;
//   - owns nothing in the schemas, and creates nothing there;
//   - has no tenant or subject set by default, nor when it has connected;
//   - has no large objects.
//
// A table with the tenant column, in the schemas:
//   - has row level security enabled and forced, and the column NOT NULL, of the
//     type declared, with a deterministic collation;
//   - has a restrictive policy, FOR ALL, TO PUBLIC, with the condition in USING
//     and in WITH CHECK: the floor;
//   - has a permissive policy, and none that is open;
//   - gives the login no TRUNCATE, REFERENCES and TRIGGER;
//   - has the tenant column in its foreign keys to such tables, on both sides, and,
//     if it is a tenant table, in its unique keys;
//   - has no foreign key by which what one tenant may delete or change in another
//     table is deleted or changed here for all;
//   - has partitions and children that are not reached directly, or are protected
//     likewise.
//
// Directory and library tables have no floor. There, each permissive policy for the
// login has the tenant's or, for SELECT, the subject's condition.
//
// Of what else the login reaches, also in a schema that it has no USAGE on, through
// a view:
//   - tables without the tenant column, and foreign tables, are declared shared;
//   - views over tables that are not shared are security_invoker, and there are no
//     materialized views of them, nor of functions that are not IMMUTABLE;
//   - no function, procedure or trigger is SECURITY DEFINER, whether it is called by
//     its name or in a view, a default, a constraint, a policy, an operator, a cast,
//     an aggregate or the SQL body of a function, whether it is fired by the login's
//     statement or by a cascade of that; those exempted from that have a search_path
//     of their own, pg_temp last;
//   - no function has a tenant or a subject SET;
//   - no function made by users is LEAKPROOF, no table has rules, and no sequence
//     is set.
//
// Then, per table and with what the grants allow: without a tenant, nothing is
// read; with a tenant, no row of another is read, updated or deleted, none can be
// inserted and none can be handed over. The probes make up a row of another tenant
// where types and constraints let them. Where they don't, or a trigger objects, a
// probe says nothing and is no finding. What a trigger does outside of transactions
// (it takes numbers of a sequence, calls another server) stays done.
//
// # What is not looked at
//
// A column default, and an index that begins with the tenant column, keep nobody
// out: rls.Diff looks after those.
//
// # What it does not prove
//
//   - That the application sets the right tenant, checks who is a member of it, and
//     gives people within a tenant what is theirs. A function whose body sets a
//     tenant is a part of the application.
//   - That there is no SQL injection: who runs any statement sets any tenant.
//   - What other logins can do: superusers, logins with BYPASSRLS or REPLICATION,
//     the owner, publications and backups. Prove each login that serves tenants.
//   - What a superuser granted on PostgreSQL's own tables: pg_statistic holds values
//     of all tenants, and a view of it shows them.
//   - That no secret leaks by timing, by errors or by statistics. PostgreSQL
//     evaluates what is not leakproof after the policies; how long that takes, the
//     gaps of a sequence and the size of a table are for everybody to see.
//   - What functions of untrusted languages, extensions, foreign servers and event
//     triggers do, and that exemptions are right.
package tenanttest
