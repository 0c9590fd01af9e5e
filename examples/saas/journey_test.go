package main

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"
)

// One life of an organization: founded, filled, governed, handed over, left and
// deleted, with every answer looked at.
func TestJourney(t *testing.T) {
	t.Parallel()
	journey(t, start(t, nil))
}

func journey(t *testing.T, s *running) {
	t.Helper()
	ada, bob, eve := s.person("ada"), s.person("auth0|5f7c/bob"), s.person("eve")

	created := s.as(ada).do("POST", "/organizations", `{"name":"Acme"}`).wants(201)
	acme := "/organizations/" + created.text("id")
	require.Equal(t, acme, created.header.Get("Location"))
	require.True(t, isID(created.text("id")), "a lower-case UUIDv7")
	require.Equal(t, "owner", created.text("role"))
	require.Equal(t, created.body, s.as(ada).do("GET", acme, "").wants(200).body)

	added := s.as(ada).do("POST", acme+"/memberships", membershipJSON(bob, "member")).wants(201)
	require.Equal(t, http.Header{"Location": {acme + "/memberships/" + bob.id}}, http.Header{"Location": added.header["Location"]})
	require.Equal(t, "https://github.com/rowhouse-go/rowhouse/blob/main/examples/saas/docs/problems.md#already-member",
		s.as(ada).do("POST", acme+"/memberships", membershipJSON(bob, "admin")).wants(409).problem().Type)
	require.Equal(t, []string{ada.id, bob.id}, s.as(bob).do("GET", acme+"/memberships", "").wants(200).items("id"))
	require.Equal(t, []string{"owner", "member"}, s.as(bob).do("GET", acme+"/memberships", "").wants(200).items("role"))

	s.as(bob).do("PATCH", acme, `{"name":"Bob & Sons"}`).wants(403)
	require.Equal(t, "admin", s.as(ada).do("PATCH", acme+"/memberships/"+bob.id, roleJSON("admin")).wants(200).text("role"))
	renamed := s.as(bob).do("PATCH", acme, `{"name":"Bob & Sons"}`).wants(200)
	require.Equal(t, "Bob & Sons", renamed.text("name"))
	require.Equal(t, "admin", renamed.text("role"))
	require.Equal(t, created.text("created_at"), renamed.text("created_at"))
	require.NotEqual(t, created.text("updated_at"), renamed.text("updated_at"))
	require.Equal(t, renamed.body, s.as(bob).do("GET", acme, "").wants(200).body)

	s.as(bob).do("DELETE", acme+"/memberships/"+ada.id, "").wants(403)
	s.as(bob).do("POST", acme+"/memberships", membershipJSON(eve, "owner")).wants(403)
	s.as(bob).do("POST", acme+"/memberships", membershipJSON(eve, "admin")).wants(201)
	s.as(bob).do("DELETE", acme+"/memberships/"+eve.id, "").wants(204)
	s.as(eve).do("GET", acme, "").wants(404)

	lastOwner := s.as(ada).do("DELETE", acme+"/memberships/"+ada.id, "").wants(409).problem()
	require.Equal(t, "https://github.com/rowhouse-go/rowhouse/blob/main/examples/saas/docs/problems.md#last-owner", lastOwner.Type)
	s.as(ada).do("POST", acme+"/transfer", transferJSON(bob, "member")).wants(204)
	s.as(ada).do("DELETE", acme, "").wants(403)
	s.as(ada).do("DELETE", acme+"/memberships/"+ada.id, "").wants(204)
	require.Empty(t, s.as(ada).do("GET", "/organizations", "").wants(200).items("id"))

	gone := s.as(bob).do("DELETE", acme, "").wants(204)
	require.Empty(t, gone.body)
	s.as(bob).do("GET", acme, "").wants(404)
	require.Regexp(t, `^organization_tombstones: \[`+created.text("id")+` [^\n]*\n$`, s.contents(), "the id is kept, so that nobody else gets it")
}

func TestListingsPage(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	ada, bob := s.person("ada"), s.person("bob")
	names := []string{}
	for i := range 5 {
		names = append(names, fmt.Sprintf("Organization %d", i))
		s.found(ada, names[i])
	}
	s.found(bob, "Bob's")

	seen, cursor, pages := []string{}, "", 0
	for {
		got := s.as(ada).do("GET", "/organizations?limit=2&cursor="+cursor, "").wants(200)
		seen = append(seen, got.items("name")...)
		pages++
		next, more := got.json()["next"].(string)
		if !more {
			break
		}
		cursor = next
	}
	require.Equal(t, names, seen, "in the order of founding, each once, nobody else's")
	require.Equal(t, 3, pages)

	for query, field := range map[string]string{
		"limit=0": "limit", "limit=201": "limit", "limit=-1": "limit", "limit=+5": "limit", "limit=05": "limit", "limit=": "limit",
		"limit=99999999999999999999": "limit", "limit=1&limit=1": "limit", "cursor=AAAA": "cursor", "cursor=%00": "cursor",
		"cursor=!": "cursor", "offset=3": "offset", "name=Acme": "name",
	} {
		require.Equal(t, []string{field}, s.as(ada).do("GET", "/organizations?"+query, "").wants(422).fields(), query)
	}
	s.as(ada).do("GET", "/organizations?limit=%zz", "").wants(400)
	s.as(ada).do("GET", "/organizations?limit=1;cursor=2", "").wants(400)
	// A cursor of one listing is no key to another's entries.
	acme := s.found(bob, "Acme")
	require.NotContains(t, s.as(bob).do("GET", acme+"/memberships?cursor="+cursor, "").body, ada.id)
}

func TestHeadAnswersLikeGet(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	ada := s.person("ada")
	acme := s.found(ada, "Acme")
	require.Empty(t, s.as(ada).do("HEAD", acme, "").wants(200).body)
	require.Empty(t, s.anonymous().do("HEAD", acme, "").wants(401).body)
	require.Empty(t, s.as(ada).do("HEAD", "/nowhere", "").wants(404).body)
}
