package rls_test

import (
	"context"
	"database/sql"
	"fmt"
	"strings"

	"github.com/rowhouse-go/rowhouse/tenant/rls"
)

// The migration that creates a tenant table ends with these statements.
func ExampleUp() {
	up, err := rls.Up(rls.Options{App: "app", Tables: []rls.Table{{Name: "projects"}}})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(strings.Join(up, "\n"))
	// Output:
	// REVOKE ALL ON TABLE "public"."projects" FROM PUBLIC, "app" CASCADE;
	// ALTER TABLE "public"."projects" ENABLE ROW LEVEL SECURITY;
	// ALTER TABLE "public"."projects" FORCE ROW LEVEL SECURITY;
	// CREATE POLICY rowhouse_floor ON "public"."projects" AS RESTRICTIVE FOR ALL TO PUBLIC
	//     USING ("tenant_id" = (SELECT nullif(current_setting('app.tenant_id', true), '')::uuid))
	//     WITH CHECK ("tenant_id" = (SELECT nullif(current_setting('app.tenant_id', true), '')::uuid));
	// CREATE POLICY rowhouse_tenant ON "public"."projects" AS PERMISSIVE FOR ALL TO "app"
	//     USING ("tenant_id" = (SELECT nullif(current_setting('app.tenant_id', true), '')::uuid))
	//     WITH CHECK ("tenant_id" = (SELECT nullif(current_setting('app.tenant_id', true), '')::uuid));
	// ALTER TABLE "public"."projects" ALTER COLUMN "tenant_id" SET DEFAULT nullif(current_setting('app.tenant_id', true), '')::uuid;
	// ALTER TABLE "public"."projects" ALTER COLUMN "tenant_id" SET NOT NULL;
	// GRANT SELECT, INSERT, UPDATE, DELETE ON TABLE "public"."projects" TO "app";
	// GRANT USAGE ON SCHEMA "public" TO "app";
}

// An organization is seen by the transactions of its tenant, and by people through
// their rows in members.
func ExampleTable_through() {
	members := rls.Table{
		Schema: "rowhouse", Name: "members", Kind: rls.Directory,
		Column: "org", Type: rls.Text, Subject: "subject",
	}
	up, err := rls.Up(rls.Options{App: "app", Tables: []rls.Table{
		members,
		{Name: "organizations", Kind: rls.Directory, Column: "id", Through: &members},
	}})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, statement := range up {
		if strings.Contains(statement, "rowhouse_subject") {
			fmt.Println(statement)
		}
	}
	// Output:
	// CREATE POLICY rowhouse_subject ON "rowhouse"."members" AS PERMISSIVE FOR SELECT TO "app"
	//     USING ("subject" = (SELECT nullif(current_setting('app.subject', true), '')));
	// CREATE POLICY rowhouse_subject ON "public"."organizations" AS PERMISSIVE FOR SELECT TO "app"
	//     USING ("id" = ANY (ARRAY(SELECT rowhouse_m."org"::uuid FROM "rowhouse"."members" AS rowhouse_m WHERE rowhouse_m."subject" = (SELECT nullif(current_setting('app.subject', true), '')))));
}

// Faults of the description are named all at once.
func ExampleOptions_faults() {
	_, err := rls.Up(rls.Options{App: "public", Setting: "tenant", Tables: []rls.Table{{Name: "projects", Type: "int"}}})
	fmt.Println(err)
	// Output:
	// rls: Options.App: "public" is reserved
	// rls: Options.Setting: "tenant" is not of the form app.tenant_id: two parts of a-z, 0-9 and _, at most 63 bytes
	// rls: Options.Tables[0].Type: "int" is neither uuid nor text
}

// The end of a program's migrations: one transaction, under a lock, as the owner.
func ExampleDiff() {
	mend := func(ctx context.Context, owner *sql.DB, schema rls.Options) error {
		tx, err := owner.BeginTx(ctx, nil)
		if err != nil {
			return err
		}
		defer tx.Rollback() // does nothing after Commit
		if _, err := tx.ExecContext(ctx, "SELECT pg_advisory_xact_lock(7231)"); err != nil {
			return err
		}
		statements, err := rls.Diff(ctx, tx, schema)
		if err != nil {
			return err
		}
		for _, statement := range statements {
			if _, err := tx.ExecContext(ctx, statement); err != nil {
				return err
			}
		}
		return tx.Commit()
	}
	_ = mend
}

// A program that serves requests looks before it listens.
func ExampleCheck() {
	open := func(ctx context.Context, url string, schema rls.Options) (*sql.DB, error) {
		db, err := sql.Open("pgx", url)
		if err != nil {
			return nil, err
		}
		if err := rls.Check(ctx, db, schema); err != nil {
			db.Close()
			return nil, err // errors.Is(err, rls.ErrUnsafe): waiting does not help
		}
		return db, nil
	}
	_ = open
}
