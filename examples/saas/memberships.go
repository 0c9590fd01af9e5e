package main

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/rowhouse-go/rowhouse/rbac"
	"github.com/rowhouse-go/rowhouse/rbac/members"
	"github.com/rowhouse-go/rowhouse/tenant"
)

// A membership as members of the organization see it. Its id is the person's: a
// person is a member once or not at all.
type membership struct {
	ID        string    `json:"id"`
	Role      rbac.Role `json:"role"`
	CreatedAt time.Time `json:"created_at,omitzero"` // in listings only
}

// A membershipBody adds a person.
type membershipBody struct {
	ID   string `json:"id"`
	Role string `json:"role"`
}

func (b membershipBody) check() []fieldFault {
	return append(required("id", b.ID), required("role", b.Role)...)
}

// A roleBody changes a role.
type roleBody struct {
	Role string `json:"role"`
}

func (b roleBody) check() []fieldFault { return required("role", b.Role) }

// A transferBody hands ownership over.
type transferBody struct {
	To   string `json:"to"`   // the new owner
	Then string `json:"then"` // the caller's role afterwards
}

func (b transferBody) check() []fieldFault {
	return append(required("to", b.To), required("then", b.Then)...)
}

func required(field, value string) []fieldFault {
	if value == "" {
		return []fieldFault{{field, "is required"}}
	}
	return nil
}

// memberOf asks the database for the caller's role in an organization, and for its
// plan. What a token says of roles or organizations plays no part.
func (a *app) memberOf(ctx context.Context, claimed string) (org tenant.ID, role rbac.Role, plan string, err error) {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	if org, err = tenant.ParseID(claimed); err != nil {
		return org, "", "", err
	}
	err = a.db.readAs(ctx, callerOf(ctx), func(ctx context.Context, q members.Querier) (err error) {
		if role, err = a.members.Role(ctx, q, claimed, callerOf(ctx)); err == nil {
			plan, err = a.findPlan(ctx, q, claimed)
		}
		return err
	})
	if errors.Is(err, rbac.ErrNotMember) {
		err = tenant.ErrNotMember // the same, in the words of the package that asks
	}
	return org, role, plan, err
}

// still asks for the caller's role again in the transaction that writes, and
// returns it: the caller may have lost it while the request waited.
func (a *app) still(ctx context.Context, tx *tenant.Tx, may rbac.Permission) (rbac.Role, error) {
	org, err := tenant.FromContext(ctx)
	if err != nil {
		return "", err
	}
	role, err := a.members.Role(ctx, tx.Unscoped("members"), org.String(), callerOf(ctx))
	if err == nil && !a.policy.Can(role, may) {
		err = rbac.ErrForbidden
	}
	return role, err
}

func (a *app) listMemberships(w http.ResponseWriter, r *http.Request) error {
	where, err := readPage(r)
	if err != nil {
		return err
	}
	var list []members.Membership
	var next string
	err = a.db.read(r.Context(), func(ctx context.Context, tx *tenant.Tx) (err error) {
		list, next, err = a.members.List(ctx, tx.Unscoped("members"), r.PathValue("org"), where)
		return err
	})
	if err != nil {
		return err
	}
	p := page[membership]{Items: make([]membership, len(list)), Next: next}
	for i, m := range list {
		p.Items[i] = membership{personID(m.Subject), m.Role, m.CreatedAt}
	}
	return reply(w, http.StatusOK, p)
}

func (a *app) addMembership(w http.ResponseWriter, r *http.Request) error {
	body, err := readBody[membershipBody](r)
	if err != nil {
		return err
	}
	subject, faults := a.personField("id", body.ID)
	role, roleFaults := a.roleField("role", body.Role)
	if faults = append(faults, roleFaults...); len(faults) > 0 {
		return invalid(faults...)
	}
	err = a.changeMembers(r, func(ctx context.Context, tx tenant.Plain, org, actor string) error {
		return a.members.Add(ctx, tx, org, actor, subject, role)
	})
	if err != nil {
		return err
	}
	w.Header().Set("Location", "/organizations/"+r.PathValue("org")+"/memberships/"+body.ID)
	return reply(w, http.StatusCreated, membership{ID: body.ID, Role: role})
}

func (a *app) changeRole(w http.ResponseWriter, r *http.Request) error {
	body, err := readBody[roleBody](r)
	if err != nil {
		return err
	}
	role, faults := a.roleField("role", body.Role)
	if len(faults) > 0 {
		return invalid(faults...)
	}
	subject, ok := a.parsePersonID(r.PathValue("member"))
	if !ok {
		return notFound()
	}
	err = a.changeMembers(r, func(ctx context.Context, tx tenant.Plain, org, actor string) error {
		return a.members.ChangeRole(ctx, tx, org, actor, subject, role)
	})
	if err != nil {
		return err
	}
	return reply(w, http.StatusOK, membership{ID: r.PathValue("member"), Role: role})
}

// removeMembership is open to every member of the organization: all may leave.
// The store tells leaving from removing and judges either.
func (a *app) removeMembership(w http.ResponseWriter, r *http.Request) error {
	subject, ok := a.parsePersonID(r.PathValue("member"))
	if !ok {
		return notFound()
	}
	err := a.changeMembers(r, func(ctx context.Context, tx tenant.Plain, org, actor string) error {
		return a.members.Remove(ctx, tx, org, actor, subject)
	})
	if err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

func (a *app) transferOwnership(w http.ResponseWriter, r *http.Request) error {
	body, err := readBody[transferBody](r)
	if err != nil {
		return err
	}
	subject, faults := a.personField("to", body.To)
	then, roleFaults := a.roleField("then", body.Then)
	if len(roleFaults) == 0 && then == a.policy.Owner() {
		roleFaults = []fieldFault{{"then", "must be another role than " + string(then)}}
	}
	if faults = append(faults, roleFaults...); len(faults) > 0 {
		return invalid(faults...)
	}
	err = a.changeMembers(r, func(ctx context.Context, tx tenant.Plain, org, actor string) error {
		return a.members.Transfer(ctx, tx, org, actor, subject, then)
	})
	if errors.Is(err, rbac.ErrNotMember) { // the guard has found the caller to be one
		return invalid(fieldFault{"to", "is no member of this organization"})
	}
	if err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// changeMembers runs one change in a transaction of its own.
func (a *app) changeMembers(r *http.Request, change func(ctx context.Context, tx tenant.Plain, org, actor string) error) error {
	return a.db.write(r.Context(), func(ctx context.Context, tx *tenant.Tx) error {
		return change(ctx, tx.Unscoped("members"), r.PathValue("org"), caller(r))
	})
}

func (a *app) personField(field, value string) (string, []fieldFault) {
	principal, ok := a.parsePersonID(value)
	if !ok {
		return "", []fieldFault{{field, "is no person's id: people find theirs at /users/me"}}
	}
	return principal, nil
}

func (a *app) roleField(field, value string) (rbac.Role, []fieldFault) {
	role, err := a.policy.ParseRole(value)
	if err != nil {
		return "", []fieldFault{{field, "must be owner, admin or member"}}
	}
	return role, nil
}
