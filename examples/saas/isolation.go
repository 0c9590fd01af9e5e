package main

import (
	"context"
	"database/sql"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/rowhouse-go/rowhouse/tenant"
	"github.com/rowhouse-go/rowhouse/tenant/rls"
)

// The tables of this service and of the packages it uses, as row level security
// sees them. A new table with rows of organizations is a line here, and the test
// that proves the isolation of the whole schema fails until it is.
func (c *config) isolation() rls.Options {
	membership := rls.Table{
		Schema: "rowhouse", Name: "members", Kind: rls.Directory, Column: "org", Type: rls.Text, Subject: "subject",
	}
	o := rls.Options{
		App: loginName(c.DatabaseURL),
		Tables: []rls.Table{
			membership,
			{Schema: "rowhouse", Name: "member_organizations", Kind: rls.Directory, Column: "org", Type: rls.Text},
			{Schema: "rowhouse", Name: "member_invitations", Kind: rls.Directory, Column: "org", Type: rls.Text},
			{Name: "organizations", Kind: rls.Directory, Column: "id", Through: &membership},
			{Name: "organization_tombstones", Kind: rls.Directory, Column: "id", Grants: []rls.Privilege{rls.Select, rls.Insert}},
			{Name: "announcements"},
		},
	}
	if c.WorkerURL != "" {
		o.Worker = loginName(c.WorkerURL)
	}
	return o
}

// tenantTables are the tables of which each row is an organization's: a statement
// needs a :tenant for each that it names. SQLite has nothing else to keep
// organizations apart. That none is missing here is checked at the start.
var tenantTables = []string{"announcements"}

func loginName(url string) string {
	login, ok := postgresLogin(url)
	if !ok { // the configuration was judged before
		return ""
	}
	return login.User
}

// secure gives the logins their rights and the tables their row level security, as
// far as either is missing, and returns the number of statements it took.
func secure(ctx context.Context, db *sql.DB, c *config) (n int, err error) {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return 0, err
	}
	defer func() { _ = tx.Rollback() }()
	statements, err := rls.Diff(ctx, tx, c.isolation())
	if err != nil {
		return 0, err
	}
	grants, err := otherGrants(ctx, tx, c)
	if err != nil {
		return 0, err
	}
	statements = append(statements, grants...)
	for _, text := range statements {
		if _, err := tx.ExecContext(ctx, text); err != nil {
			return 0, fmt.Errorf("%s: %w", text, err)
		}
	}
	return len(statements), tx.Commit()
}

// otherGrants returns what serve lacks beside its rights to the tables: to compare
// the versions of the schema with its files, and to find the organization of an
// invitation, where functions are not for PUBLIC by default.
func otherGrants(ctx context.Context, tx *sql.Tx, c *config) ([]string, error) {
	sets, err := migrationSets(tenant.Postgres)
	if err != nil {
		return nil, err
	}
	type right struct{ has, what, object string }
	rights := []right{{"has_function_privilege($1, $2, 'EXECUTE')", "EXECUTE ON FUNCTION", "rowhouse.find_member_invitation(bytea, timestamptz)"}}
	for _, set := range sets {
		rights = append(rights, right{"has_table_privilege($1, $2, 'SELECT')", "SELECT ON", set.versions})
	}
	app := c.isolation().App
	var grants []string
	for _, r := range rights {
		var has bool
		if err := tx.QueryRowContext(ctx, "SELECT "+r.has, app, r.object).Scan(&has); err != nil {
			return nil, err
		}
		if !has {
			grants = append(grants, "GRANT "+r.what+" "+r.object+" TO "+pgx.Identifier{app}.Sanitize())
		}
	}
	return grants, nil
}
