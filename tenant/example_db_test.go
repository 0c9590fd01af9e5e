package tenant_test

import (
	"context"
	"database/sql"
	"fmt"

	"github.com/rowhouse-go/rowhouse/rbac"
	"github.com/rowhouse-go/rowhouse/rbac/members"
	"github.com/rowhouse-go/rowhouse/tenant"
)

// A repository says where the tenant goes, and can't be called without one.
func ExampleDB_Tx() {
	rename := func(ctx context.Context, tx *tenant.Tx, id int64, title string) error {
		_, err := tx.Exec(ctx, `UPDATE projects SET title = $2 WHERE tenant_id = :tenant AND id = $1`, id, title)
		return err
	}

	var pool *sql.DB        // opened with the application's own login
	var ctx context.Context // of a request that went through Middleware
	db, err := tenant.NewDB(pool, tenant.Postgres, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	err = db.Tx(ctx, func(ctx context.Context, tx *tenant.Tx) error {
		return rename(ctx, tx, 7, "Autumn")
	})
	if err != nil {
		fmt.Println(err)
	}
}

// Packages that write their own SQL, and code that sqlc generates, run in the same
// transaction.
func ExampleTx_Unscoped() {
	store, err := members.New(members.Postgres, rbac.DefaultPolicy(), nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	hire := func(ctx context.Context, tx *tenant.Tx, org, actor, subject string) error {
		if _, err := tx.Exec(ctx, `INSERT INTO desks (tenant_id, person) VALUES (:tenant, $1)`, subject); err != nil {
			return err
		}
		return store.Add(ctx, tx.Unscoped("rbac/members"), org, actor, subject, rbac.Member)
	}
	_ = hire // in a db.Tx
}

// Before a tenant is known, a person sees what is theirs.
func ExampleDB_SubjectTx() {
	list := func(ctx context.Context, db *tenant.DB, subject string) (orgs []string, err error) {
		err = db.SubjectTx(ctx, subject, func(ctx context.Context, q tenant.Plain) error {
			rows, err := q.QueryContext(ctx, `SELECT org FROM rowhouse.members WHERE subject = $1 ORDER BY org`, subject)
			if err != nil {
				return err
			}
			defer rows.Close()
			for rows.Next() {
				var org string
				if err := rows.Scan(&org); err != nil {
					return err
				}
				orgs = append(orgs, org)
			}
			return rows.Err()
		})
		return orgs, err
	}
	_ = list
}

func ExampleStatements_Bind() {
	s, err := tenant.NewStatements(tenant.Postgres, "projects", "tasks")
	if err != nil {
		fmt.Println(err)
		return
	}
	id, err := tenant.ParseID("0192f0c1-2345-7000-8000-00000000acee")
	if err != nil {
		fmt.Println(err)
		return
	}
	text, args, err := s.Bind(`SELECT title FROM projects WHERE tenant_id = :tenant AND id = $1`, id, []any{7})
	fmt.Println(text, args, err)

	_, _, err = s.Bind(`SELECT title FROM projects WHERE id = $1 -- :tenant`, id, []any{7})
	fmt.Println(err)
	_, _, err = s.Bind(`SELECT title FROM projects p JOIN tasks t ON t.project = p.id WHERE p.tenant_id = :tenant`, id, nil)
	fmt.Println(err)
	// Output:
	// SELECT title FROM projects WHERE tenant_id = $2 AND id = $1 [7 0192f0c1-2345-7000-8000-00000000acee] <nil>
	// tenant: unscoped statement: :tenant stands only in a string, a comment or a longer name ("SELECT title FROM projects WHERE id = $1 -- :tenant")
	// tenant: unscoped statement: tenant tables are named 2 times, :tenant 1 times ("SELECT title FROM projects p JOIN tasks t ON t.project = p.i")
}
