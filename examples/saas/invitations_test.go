package main

import (
	"context"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/rowhouse-go/rowhouse/tenant"
)

func (s *running) accept(p somebody, token string) response {
	s.t.Helper()
	return s.as(p).do("POST", "/invitations/accept", acceptJSON(token))
}

func TestInvitation(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	ada, bob := s.person("ada"), s.person("bob")
	acme := s.found(ada, "Acme")
	made := s.invite(ada, acme, "BOB@example.com", "admin")
	require.Equal(t, acme+"/invitations/"+made.text("id"), made.header.Get("Location"))
	require.Equal(t, ada.id, made.text("inviter"))

	listed := s.as(ada).do("GET", acme+"/invitations", "").wants(200)
	require.Equal(t, []string{"BOB@example.com"}, listed.items("email"), "as it was given")
	require.NotContains(t, listed.body, "token")

	joined := s.accept(bob, made.text("token")).wants(200)
	require.Equal(t, "Acme", joined.text("name"))
	require.Equal(t, "admin", joined.text("role"))
	require.Equal(t, joined.body, s.as(bob).do("GET", acme, "").wants(200).body)
	require.Equal(t, []string{"Acme"}, s.as(bob).do("GET", "/organizations", "").wants(200).items("name"))
	require.Empty(t, s.as(ada).do("GET", acme+"/invitations", "").wants(200).items("id"))

	twice := s.invite(ada, acme, "bob@example.com", "member")
	require.Contains(t, s.accept(bob, twice.text("token")).wants(409).problem().Type, "#already-member")
	require.NotContains(t, s.log.String(), twice.text("token"))
	require.NotContains(t, s.log.String(), "example.com")
}

// There is one answer to everybody who was not invited, or is not any more.
func TestInvitationsThatDoNotCount(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	ada, adam, bob := s.person("ada"), s.person("adam"), s.person("bob")
	acme := s.found(ada, "Acme")
	s.join(ada, acme, adam, "admin")
	one := s.accept(bob, strings.Repeat("A", 43)).wants(404)
	require.Contains(t, one.problem().Type, "#no-invitation")
	refused := func(what string, p somebody, token string) {
		t.Helper()
		before := s.contents()
		require.Equal(t, one.body, s.accept(p, token).wants(404).body, what)
		require.Equal(t, before, s.contents(), what)
		s.as(bob).do("GET", acme, "").wants(404)
	}
	for _, token := range []string{"x", strings.Repeat("A", 42), strings.Repeat("A", 44), strings.Repeat("A", 43) + "=", "' OR 1=1 --", strings.Repeat("x", 5000)} {
		refused("malformed", bob, token)
	}
	invite := func(inviter somebody) response { return s.invite(inviter, acme, "bob@example.com", "member") }

	first := invite(ada)
	refused("another address", s.person("eve"), first.text("token"))
	second := invite(ada)
	refused("replaced", bob, first.text("token"))
	s.as(ada).do("DELETE", acme+"/invitations/"+second.text("id"), "").wants(204)
	refused("withdrawn", bob, second.text("token"))
	s.as(ada).do("DELETE", acme+"/invitations/"+second.text("id"), "").wants(404)

	late := invite(ada)
	s.all(`UPDATE rowhouse_member_invitations SET expires_at = created_at`)
	refused("expired", bob, late.text("token"))
	require.Empty(t, s.as(ada).do("GET", acme+"/invitations", "").wants(200).items("id"))

	offered := invite(adam)
	s.as(ada).do("PATCH", acme+"/memberships/"+adam.id, roleJSON("member")).wants(200)
	refused("by somebody demoted since", bob, offered.text("token"))
	s.as(ada).do("DELETE", acme+"/memberships/"+adam.id, "").wants(204)
	refused("by somebody who left since", bob, offered.text("token"))

	gone := invite(ada)
	s.as(ada).do("DELETE", acme, "").wants(204)
	refused("to an organization deleted since", bob, gone.text("token"))
}

// Only an address that the issuer has verified counts, and only if the issuer does.
func TestInvitationNeedsAVerifiedAddress(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	ada := s.person("ada")
	token := s.invite(ada, s.found(ada, "Acme"), "bob@example.com", "member").text("token")
	before := s.contents()
	for _, claims := range []map[string]any{
		{},
		{"email": "bob@example.com"},
		{"email": "bob@example.com", "email_verified": false},
		{"email": "bob@example.com", "email_verified": "true"},
		{"email_verified": true},
		{"email": "", "email_verified": true},
		{"email": []string{"bob@example.com"}, "email_verified": true},
	} {
		claims["sub"] = "bob"
		for _, tried := range []string{token, "x"} { // whether the token is right plays no part
			s.withToken(s.issuer.Sign(claims)).do("POST", "/invitations/accept", acceptJSON(tried)).wants(403)
		}
	}
	require.Equal(t, before, s.contents())

	off := start(t, map[string]string{"AUTH_EMAIL_AUTHORITATIVE": "false"})
	ada = off.person("ada")
	acme := off.found(ada, "Acme")
	off.as(ada).do("POST", acme+"/invitations", invitationJSON("bob@example.com", "member")).wants(501)
	off.accept(off.person("bob"), token).wants(501)
}

func TestInvitationsAreJudged(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	ada, adam, mia, eve := s.person("ada"), s.person("adam"), s.person("mia"), s.person("eve")
	acme, other := s.found(ada, "Acme"), s.found(eve, "Other")
	s.join(ada, acme, adam, "admin")
	s.join(ada, acme, mia, "member")
	made := s.invite(ada, acme, "bob@example.com", "owner")
	before := s.contents()
	post := func(p somebody, path, email, role string) response {
		return s.as(p).do("POST", path+"/invitations", invitationJSON(email, role))
	}
	post(adam, acme, "x@example.com", "owner").wants(403)
	post(adam, acme, "bob@example.com", "member").wants(403) // would take back what an owner offers
	post(mia, acme, "x@example.com", "member").wants(403)
	post(eve, acme, "x@example.com", "member").wants(404)
	s.as(adam).do("DELETE", acme+"/invitations/"+made.text("id"), "").wants(403)
	s.as(eve).do("DELETE", other+"/invitations/"+made.text("id"), "").wants(404)
	for _, id := range []string{newID(), "1", "me", strings.ToUpper(made.text("id")), "%20", strings.Repeat("a", 3000)} {
		s.as(ada).do("DELETE", acme+"/invitations/"+id, "").wants(404)
	}
	for _, email := range []string{"bob", "@", "a@b@c", "Bob <bob@example.com>", "bob@example.com\\r\\nBcc: x@example.com", "b ob@example.com", strings.Repeat("a", 250) + "@example.com"} {
		got := s.as(ada).do("POST", acme+"/invitations", `{"email":"`+email+`","role":"member"}`).wants(422)
		require.Equal(t, []string{"email"}, got.fields(), email)
	}
	require.Equal(t, []string{"role"}, post(ada, acme, "x@example.com", "root").wants(422).fields())
	require.Equal(t, []string{"email", "role"}, post(ada, acme, "", "").wants(422).fields())
	require.Equal(t, before, s.contents())
	require.Empty(t, s.as(eve).do("GET", other+"/invitations", "").wants(200).items("id"))
}

// One request asks for the caller's role once, and works in one transaction.
func TestRoleIsLookedUpOnce(t *testing.T) {
	t.Parallel()
	var looked, worked int
	s := startWith(t, nil, func(a *app) {
		var err error
		a.db.views, err = tenant.NewDB(a.db.reader, a.db.dialect, &tenant.DBOptions{
			Tables: tenantTables,
			Observe: func(_ context.Context, done tenant.Transaction) {
				if done.Tenant.IsZero() {
					looked++
				} else {
					worked++
				}
			},
		})
		require.NoError(t, err)
	})
	ada := s.person("ada")
	acme := s.found(ada, "Acme")
	for _, path := range []string{acme, acme + "/memberships", acme + "/announcements", acme + "/invitations"} {
		looked, worked = 0, 0
		s.as(ada).do("GET", path, "").wants(200)
		require.Equal(t, []int{1, 1}, []int{looked, worked}, path)
	}
}
