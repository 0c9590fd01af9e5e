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

// The offer and the job that will send it commit together. The job carries the
// invitation's id: nothing in its queue opens the door.
func ExampleStore_Invite() {
	invite := func(ctx context.Context, db *sql.DB, store *members.Store, org, actor, email string, enqueue func(tx *sql.Tx, org, invitation string) error) error {
		tx, err := db.BeginTx(ctx, nil)
		if err != nil {
			return err
		}
		defer tx.Rollback() // does nothing after Commit
		invitation, err := store.Invite(ctx, tx, org, actor, email, rbac.Member)
		if err != nil {
			return err
		}
		if err := enqueue(tx, org, invitation.ID); err != nil {
			return err
		}
		return tx.Commit()
	}
	_ = invite
}

// The job that sends the mail derives the token while sending. An invitation that
// was revoked, replaced or accepted since needs no mail any more.
func ExampleStore_Token() {
	job := func(ctx context.Context, q members.Querier, store *members.Store, org, id string, send func(to, link string) error) error {
		invitation, err := store.Invitation(ctx, q, org, id)
		if errors.Is(err, members.ErrInvitation) {
			return nil
		}
		if err != nil {
			return err
		}
		token, err := store.Token(ctx, q, org, id)
		if err != nil {
			return err
		}
		// After "#" no server and no log sees it; the page posts it in a body.
		return send(invitation.Email, "https://app.example/accept#"+token)
	}
	_ = job
}

// Who follows a link names no organization: the token does. The caller says what
// proves that the visitor is the one invited, here the identity provider's word.
func ExampleStore_Accept() {
	type user struct {
		Subject, Email string
		EmailVerified  bool
	}
	handler := func(db *sql.DB, store *members.Store, caller func(*http.Request) user) http.HandlerFunc {
		accept := func(r *http.Request) error {
			who, token := caller(r), r.PostFormValue("token")
			if !who.EmailVerified {
				return members.ErrInvitation
			}
			org, _, err := store.FindInvitation(r.Context(), db, token)
			if err != nil {
				return err
			}
			tx, err := db.BeginTx(r.Context(), nil) // with row level security: in the context of org
			if err != nil {
				return err
			}
			defer tx.Rollback()
			if _, err := store.Accept(r.Context(), tx, org, token, who.Subject, members.VerifiedEmail(who.Email)); err != nil {
				return err
			}
			return tx.Commit()
		}
		return func(w http.ResponseWriter, r *http.Request) {
			err := accept(r)
			if refusal, ok := errors.AsType[interface {
				error
				HTTPStatus() int
			}](err); ok {
				w.WriteHeader(refusal.HTTPStatus()) // 404, or 409 for a member
			} else if err != nil {
				w.WriteHeader(http.StatusServiceUnavailable)
			}
		}
	}
	_ = handler
}
