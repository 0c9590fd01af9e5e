// Package rls writes the row level security of a PostgreSQL schema with tenants,
// compares a live schema with it, and refuses to start on a login that it does not
// bind. It makes text and reads catalogs: it executes no DDL and imports no driver.
//
//	var schema = rls.Options{App: "app", Worker: "worker", Tables: []rls.Table{
//		{Name: "projects"}, // rows of one tenant
//		{Name: "entries", Grants: []rls.Privilege{rls.Select, rls.Insert}}, // append only
//		{Schema: "rowhouse", Name: "outbox", Kind: rls.Library, Type: rls.Text},
//	}}
//
//	up, err := rls.Up(schema)                     // for the migration that creates the tables
//	down, err := rls.Down(schema)                 // undoes it
//	statements, err := rls.Diff(ctx, db, schema)  // what a live schema lacks, to be run by its owner
//	err = rls.Check(ctx, db, schema)              // when a server starts, as the login app
//	err = rls.CheckWorker(ctx, db, schema)        // when a worker starts, as the login worker
//
// PostgreSQL 13 or newer.
//
// # Logins
//
// Three, none of them a superuser, here without their passwords:
//
//	CREATE ROLE owner  LOGIN; -- owns the tables; migrations only
//	CREATE ROLE app    LOGIN; -- serves requests; owns nothing
//	CREATE ROLE worker LOGIN; -- outbox, sealer, archiver; library tables only
//	CREATE DATABASE saas OWNER owner;
//
// Keep them apart: none is a member of another. Backups and change-data capture
// use a fourth login with BYPASSRLS, which no program of the application has.
//
// # What the statements do
//
// A tenant table gets ENABLE and FORCE ROW LEVEL SECURITY, a restrictive policy for
// everybody, the owner included (the floor, which no other policy can widen), a
// permissive policy for App, a default that stamps new rows with the tenant, NOT
// NULL, and the grants. The condition is
//
//	tenant_id = (SELECT nullif(current_setting('app.tenant_id', true), '')::uuid)
//
// so that without a tenant no row is seen and none can be written. The setting is
// set for a transaction by SELECT set_config('app.tenant_id', $1, true), which
// package tenant does; a tenant's id never stands in a statement of this package.
// Write the WHERE tenant_id = $1 nevertheless: the planner knows the tenant then.
//
// Directory and library tables are not forced on their owner and have no floor; see
// [Directory] and [Library]. The policies are named rowhouse_floor, rowhouse_tenant,
// rowhouse_subject and rowhouse_worker; all names that begin with rowhouse_ belong
// to this package. Tenant tables may have other policies beside them; on the other
// kinds a permissive one would open what was closed, so [Diff] drops it there.
//
// # Migrations of data
//
// FORCE binds the owner too: a migration that updates a tenant table changes no
// row, without an error. Put ALTER TABLE … NO FORCE ROW LEVEL SECURITY before the
// statement and FORCE after it, in the one transaction, and run [Diff] at the end
// of every migration: it restores what was forgotten.
//
// # What it does not stop
//
// Row level security does not contain SQL injection: who can run any statement can
// set any tenant. Superusers, logins with BYPASSRLS, foreign keys, views and
// functions of the owner pass it by; package tenant/tenanttest looks for those.
package rls
