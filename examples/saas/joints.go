package main

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/rowhouse-go/rowhouse/auth"
	"github.com/rowhouse-go/rowhouse/ratelimit"
	"github.com/rowhouse-go/rowhouse/rbac"
	"github.com/rowhouse-go/rowhouse/tenant"
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

		{"GET /organizations/{org}/invitations", may(rbac.MemberAdd), a.listInvitations},
		{"POST /organizations/{org}/invitations", may(rbac.MemberAdd), a.invite},
		{"DELETE /organizations/{org}/invitations/{invitation}", may(rbac.MemberAdd), a.revokeInvitation},
		{"POST /invitations/accept", person(), a.acceptInvitation},

		{"GET /organizations/{org}/announcements", may(rbac.OrganizationRead), a.listAnnouncements},
		{"POST /organizations/{org}/announcements", may(rbac.OrganizationUpdate), a.announce},
		{"DELETE /organizations/{org}/announcements/{announcement}", may(rbac.OrganizationUpdate), a.deleteAnnouncement},
	}, a.identity.routes...)
}

// layers wraps what every request passes, outermost first.
func (a *app) layers(inner http.Handler) http.Handler {
	return a.recovered(a.identified(a.logged(a.secured(a.limits.byAddress(a.fail)(a.bounded(inner))))))
}

// guard wraps what a request passes on its way to a route.
func (a *app) guard(to access, next http.Handler) http.Handler {
	switch to.kind {
	case accessAnyone:
		return next
	case accessPerson:
		limited := a.limits.byQuota(thePerson, a.fail)(next)
		return a.identity.guard(a.limits.byPerson(a.fail)(limited))
	case accessMember:
		judged := rbac.Require(a.policy, to.permission, roleOf, &rbac.HTTPOptions{OnError: a.fail})(next)
		limited := a.limits.byQuota(theMember, a.fail)(judged)
		inTenant := tenant.Middleware(tenant.FromPath("org"), a.membership, &tenant.Options{OnError: a.fail})(limited)
		return a.identity.guard(a.limits.byPerson(a.fail)(inTenant))
	}
	panic("a route without access")
}

// Whose quota a request takes from: that of a verified person, by itself or in an
// organization.
var (
	thePerson = ratelimit.ByContext(principal)
	theMember = ratelimit.Join(thePerson, ratelimit.ByContext(tenantKey))
)

func principal(ctx context.Context) (string, bool) {
	claims, ok := auth.FromContext(ctx)
	return claims.Principal(), ok
}

func tenantKey(ctx context.Context) (string, bool) {
	id, err := tenant.FromContext(ctx)
	return id.String(), err == nil
}

// membership judges the organization that the path claims.
func (a *app) membership(ctx context.Context, claimed string) (context.Context, tenant.ID, error) {
	id, role, plan, err := a.memberOf(ctx, claimed)
	return withPlan(rbac.NewContext(ctx, role), plan), id, err
}

// roleOf is the role that membership has found: it is looked up once.
func roleOf(r *http.Request) (rbac.Role, error) {
	role, ok := rbac.FromContext(r.Context())
	if !ok {
		return "", errors.New("a route judges roles outside of an organization")
	}
	return role, nil
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
