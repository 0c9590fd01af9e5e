package main

import (
	"context"
	"net/http"
	"time"

	"github.com/rowhouse-go/rowhouse/rbac"
)

// This file joins the packages, which know nothing of each other, to one service.

// routes is the table of the service: who may call what.
func (a *app) routes() []route {
	return append([]route{
		{livePattern, anyone(), a.live},
		{readyPattern, anyone(), a.ready},

		{"GET /users/me", person(), a.getMe},
		{"POST /organizations", person(), a.createOrganization},
		{"GET /organizations", person(), a.listOrganizations},
		{"GET /organizations/{org}", may(rbac.OrganizationRead), a.getOrganization},
		{"PATCH /organizations/{org}", may(rbac.OrganizationUpdate), a.renameOrganization},
		{"DELETE /organizations/{org}", may(rbac.OrganizationDelete), a.deleteOrganization},

		{"GET /organizations/{org}/memberships", may(rbac.MemberRead), a.listMemberships},
		{"POST /organizations/{org}/memberships", may(rbac.MemberAdd), a.addMembership},
		{"PATCH /organizations/{org}/memberships/{member}", may(rbac.MemberChangeRole), a.changeRole},
		{"DELETE /organizations/{org}/memberships/{member}", may(rbac.MemberRead), a.removeMembership}, // to leave; the store judges the rest
		{"POST /organizations/{org}/transfer", may(rbac.OrganizationTransfer), a.transferOwnership},
	}, a.identity.routes...)
}

// layers wraps what every request passes, outermost first.
func (a *app) layers(inner http.Handler) http.Handler {
	return a.recovered(a.identified(a.logged(a.secured(a.bounded(inner)))))
}

// guard wraps what a request passes on its way to a route.
func (a *app) guard(to access, next http.Handler) http.Handler {
	switch to.kind {
	case accessAnyone:
		return next
	case accessPerson:
		return a.identity.guard(next)
	case accessMember:
		return a.identity.guard(rbac.Require(a.policy, to.permission, a.lookup, &rbac.HTTPOptions{OnError: a.fail})(next))
	}
	panic("a route without access")
}

// lookup asks the database for the caller's role in the organization of the path.
// What a token says of roles or organizations plays no part.
func (a *app) lookup(r *http.Request) (rbac.Role, error) {
	if !isID(r.PathValue("org")) {
		return "", rbac.ErrNotMember
	}
	return a.members.Role(r.Context(), a.db.reader, r.PathValue("org"), caller(r))
}

// act runs a route within requestTimeout and answers for its error.
func (a *app) act(to route) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), requestTimeout)
		defer cancel()
		if err := to.act(w, r.WithContext(ctx)); err != nil {
			a.fail(w, r, err)
		}
	})
}

const requestTimeout = 10 * time.Second

// checks is what the service can't work without.
func (a *app) checks() []check {
	return []check{
		{"database", a.db.ping},
		{"keys", a.identity.ready},
	}
}
