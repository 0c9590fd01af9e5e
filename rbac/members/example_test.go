package members_test

import (
	"context"
	"database/sql"
	"errors"
	"net/http"

	"github.com/rowhouse-go/rowhouse/rbac"
	"github.com/rowhouse-go/rowhouse/rbac/members"
)

// An organization and its first owner come into being together.
func ExampleStore_Create() {
	create := func(ctx context.Context, db *sql.DB, store *members.Store, org, name, subject string) error {
		tx, err := db.BeginTx(ctx, nil)
		if err != nil {
			return err
		}
		defer tx.Rollback() // does nothing after Commit
		if err := store.Create(ctx, tx, org, subject); err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, "INSERT INTO organizations (id, name) VALUES ($1, $2)", org, name); err != nil {
			return err
		}
		return tx.Commit()
	}
	_ = create
}

// The lock comes first, so the check of the caller's role and the write can't be
// parted by somebody else's change.
func ExampleStore_ChangeRole() {
	handler := func(db *sql.DB, policy *rbac.Policy, store *members.Store, subject func(*http.Request) string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			role, err := policy.ParseRole(r.FormValue("role")) // never rbac.Role(r.FormValue(…))
			if err != nil {
				http.Error(w, "there is no such role", http.StatusUnprocessableEntity)
				return
			}
			tx, err := db.BeginTx(r.Context(), nil)
			if err != nil {
				http.Error(w, "try again later", http.StatusServiceUnavailable)
				return
			}
			defer tx.Rollback()
			err = store.ChangeRole(r.Context(), tx, r.PathValue("org"), subject(r), r.PathValue("subject"), role)
			if err == nil {
				err = tx.Commit()
			}
			if refusal, ok := errors.AsType[interface {
				error
				HTTPStatus() int
			}](err); ok {
				w.WriteHeader(refusal.HTTPStatus()) // 403, 404, 409 or 422
				return
			}
			if err != nil {
				w.WriteHeader(http.StatusServiceUnavailable)
			}
		}
	}
	_ = handler
}

// The store is the lookup of [rbac.Require]: the role is read for each request,
// so a demotion counts from the next one on.
func ExampleStore_Role() {
	route := func(mux *http.ServeMux, db *sql.DB, policy *rbac.Policy, store *members.Store, subject func(*http.Request) string, rename http.Handler) {
		lookup := func(r *http.Request) (rbac.Role, error) {
			return store.Role(r.Context(), db, r.PathValue("org"), subject(r))
		}
		mux.Handle("PATCH /organizations/{org}", rbac.Require(policy, rbac.OrganizationUpdate, lookup, nil)(rename))
	}
	_ = route
}

// All organizations of one person, page by page.
func ExampleStore_ListFor() {
	all := func(ctx context.Context, db *sql.DB, store *members.Store, subject string) ([]members.Membership, error) {
		var list []members.Membership
		for page := (members.Page{Limit: 200}); ; {
			part, next, err := store.ListFor(ctx, db, subject, page)
			if err != nil {
				return nil, err
			}
			list = append(list, part...)
			if next == "" {
				return list, nil
			}
			page.After = next
		}
	}
	_ = all
}

// Nobody is left without an owner: the heir becomes one and the giver steps down
// in the same statement.
func ExampleStore_Transfer() {
	handOver := func(ctx context.Context, tx *sql.Tx, store *members.Store, org, owner, heir string) error {
		return store.Transfer(ctx, tx, org, owner, heir, rbac.Admin)
	}
	_ = handOver
}
