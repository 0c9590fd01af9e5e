package main

import (
	"encoding/base64"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/rowhouse-go/rowhouse/rbac"
)

// A sample is how the attack below calls a route. Each runs against its own
// organization, owned by ada, with an admin and a member in it.
type sample struct {
	least  rbac.Role // that may do this, to another person; stated apart from the service's table
	body   func(w *world) string
	member func(w *world) somebody // of {member}
	status int                     // of the owner's same request: the refusals mean something only if that works
}

var samples = map[string]sample{
	"GET /livez":                 {status: 200},
	"GET /readyz":                {status: 200},
	"GET /users/me":              {status: 200},
	"GET /organizations":         {status: 200},
	"POST /organizations":        {status: 201, body: func(*world) string { return `{"name":"New"}` }},
	"GET /organizations/{org}":   {least: rbac.Member, status: 200},
	"PATCH /organizations/{org}": {least: rbac.Admin, status: 200, body: func(*world) string { return `{"name":"Renamed"}` }},

	"DELETE /organizations/{org}":                          {least: rbac.Owner, status: 204},
	"GET /organizations/{org}/memberships":                 {least: rbac.Member, status: 200},
	"POST /organizations/{org}/memberships":                {least: rbac.Admin, status: 201, body: func(w *world) string { return membershipJSON(w.stranger, "member") }},
	"PATCH /organizations/{org}/memberships/{member}":      {least: rbac.Owner, status: 200, member: theAdmin, body: func(*world) string { return roleJSON("member") }},
	"DELETE /organizations/{org}/memberships/{member}":     {least: rbac.Admin, status: 204, member: theAdmin},
	"GET /organizations/{org}/invitations":                 {least: rbac.Admin, status: 200},
	"POST /organizations/{org}/invitations":                {least: rbac.Admin, status: 201, body: func(*world) string { return invitationJSON("new@example.com", "member") }},
	"DELETE /organizations/{org}/invitations/{invitation}": {least: rbac.Admin, status: 204},
	"POST /invitations/accept":                             {status: 200, body: func(w *world) string { return acceptJSON(w.token) }},

	"GET /organizations/{org}/announcements":                   {least: rbac.Member, status: 200},
	"POST /organizations/{org}/announcements":                  {least: rbac.Admin, status: 201, body: func(*world) string { return `{"text":"Hello"}` }},
	"DELETE /organizations/{org}/announcements/{announcement}": {least: rbac.Admin, status: 204},
	"POST /organizations/{org}/transfer":                       {least: rbac.Owner, status: 204, body: func(w *world) string { return transferJSON(w.admin, "member") }},
}

func theAdmin(w *world) somebody { return w.admin }

// A world is one organization for one attack.
type world struct {
	path                           string
	owner, admin, member, stranger somebody

	invitation, announcement string // pending, and posted
	token                    string // of an invitation to the owner, to another organization
}

// Every route of the service's own table is attacked, so one that is added later
// is attacked too, or fails here for want of a sample.
func TestEveryRouteIsGuarded(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	people := world{owner: s.person("ada"), admin: s.person("adam"), member: s.person("mia"), stranger: s.person("eve")}
	s.found(people.stranger, "Eve's own")
	require.Len(t, samples, len(s.app.router.routes))
	for _, route := range s.app.router.routes {
		sample, ok := samples[route.pattern]
		require.True(t, ok, "no sample for %s", route.pattern)
		w := people
		w.path = s.found(w.owner, "Acme")
		s.join(w.owner, w.path, w.admin, "admin")
		s.join(w.owner, w.path, w.member, "member")
		w.invitation = s.invite(w.admin, w.path, "pending@example.com", "member").text("id")
		w.announcement = s.as(w.owner).do("POST", w.path+"/announcements", `{"text":"Hello"}`).wants(201).text("id")
		w.token = s.invite(w.stranger, s.found(w.stranger, "Another"), "ada@example.com", "member").text("token")
		s.attack(&w, route, sample)
	}
}

func (s *running) attack(w *world, route route, sample sample) {
	method, path, _ := strings.Cut(route.pattern, " ")
	path = strings.Replace(path, "/organizations/{org}", w.path, 1)
	if sample.member != nil {
		path = strings.Replace(path, "{member}", sample.member(w).id, 1)
	}
	path = strings.NewReplacer("{invitation}", w.invitation, "{announcement}", w.announcement).Replace(path)
	body := ""
	if sample.body != nil {
		body = sample.body(w)
	}
	before := s.contents()
	refused := func(c *call, status int) response {
		s.t.Helper()
		got := c.do(method, path, body).wants(status)
		require.Equal(s.t, before, s.contents(), "%s changed something", route.pattern)
		return got
	}
	if route.access.kind != accessAnyone {
		require.Equal(s.t, "Bearer", refused(s.anonymous(), 401).header.Get("WWW-Authenticate"))
		refused(s.withToken(w.owner.token+"x"), 401)
		refused(s.withToken(s.issuer.Sign(map[string]any{"sub": w.owner.name, "exp": 1})), 401)
		refused(s.withToken(s.issuer.Sign(map[string]any{"sub": w.owner.name, "aud": "other"})), 401)
		refused(s.anonymous().with("Authorization", "Basic YTpi"), 400)
		refused(s.anonymous().with("Authorization", "Bearer "+w.owner.token, "Bearer "+w.owner.token), 400)
		refused(s.anonymous().with("Authorization", w.owner.token), 400)
		refused(s.anonymous().with("X-Access-Token", w.owner.token), 401)
	}
	if route.access.kind == accessMember {
		s.attackAsOthers(w, sample.least, refused)
		// A program of the same name is not the person (RFC 9700 §4.15).
		refused(s.withToken(s.issuer.Sign(map[string]any{"sub": w.owner.name, "client_id": w.owner.name})), 404)
	}
	policy := s.as(w.owner).do(method, path, body).wants(sample.status).header.Get("RateLimit-Policy")
	if route.access.kind == accessAnyone {
		require.Empty(s.t, policy, "%s is a probe", route.pattern)
	} else {
		require.Equal(s.t, `"minute";q=1000000;w=60`, policy, "%s takes from the caller's quota, not the address's", route.pattern)
	}
}

// attackAsOthers sends the owner's request as people who may not.
func (s *running) attackAsOthers(w *world, least rbac.Role, refused func(*call, int) response) {
	stranger := refused(s.as(w.stranger), 404)
	nobody := s.as(w.stranger).do("GET", "/organizations/"+newID(), "").wants(404)
	require.Equal(s.t, nobody.body, stranger.body, "a stranger learns nothing")
	switch least {
	case rbac.Owner:
		refused(s.as(w.admin), 403)
		refused(s.as(w.member), 403)
	case rbac.Admin:
		refused(s.as(w.member), 403)
	default:
		require.Equal(s.t, rbac.Member, least)
	}
}

// Ids that are not spelled as the service spells them name nothing, whoever asks.
func TestMalformedIDs(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	ada, bob := s.person("ada"), s.person("bob")
	path := s.found(ada, "Acme")
	s.join(ada, path, bob, "member")
	id := strings.TrimPrefix(path, "/organizations/")
	raw, err := base64.RawURLEncoding.DecodeString(bob.id)
	require.NoError(t, err)
	bobs := string(raw)
	before := s.contents()
	unknown := s.as(ada).do("GET", "/organizations/"+newID(), "").wants(404).body
	who := func(subject string) string { // an id of a principal that the table can't hold
		return personID(strings.Replace(bobs, "3:bob", strconv.Itoa(len(subject))+":"+subject, 1))
	}
	for _, bad := range []string{
		"1", "null", strings.ToUpper(id), "{" + id + "}", "urn:uuid:" + id, strings.ReplaceAll(id, "-", ""), id + "%00", "%20" + id,
		id + "%0a", id[:35], id + "0", "00000000-0000-0000-0000-000000000000", "550e8400-e29b-41d4-a716-446655440000",
		"'%20OR%201=1%20--", "%2e%2e", "..%2f" + id, "%ff%fe", strings.Repeat("a", 5000),
	} {
		for _, method := range []string{"GET", "DELETE"} {
			require.Equal(t, unknown, s.as(ada).do(method, "/organizations/"+bad, "").wants(404).body, bad)
		}
		s.as(ada).do("PATCH", "/organizations/"+bad, `{"name":"x"}`).wants(404)
		s.as(ada).do("GET", "/organizations/"+bad+"/memberships", "").wants(404)
	}
	for _, bad := range []string{
		"bob", "me", bob.id + "=", bob.id + "==", bob.id + "%0A", bob.id[:len(bob.id)-1], strings.ToLower(bob.id) + "A", "%2F", "AAAA",
		personID("1:a4:user3:bob"), personID(bobs + "x"), personID(strings.Replace(bobs, "4:user", "4:root", 1)),
		personID(strings.Replace(bobs, "3:bob", "0:", 1)), personID("0" + bobs), personID("bob"), personID(""), strings.Repeat("A", 5000),
		who("a\x00b"), who("a\xffb"), who(strings.Repeat("x", 1100)),
	} {
		require.Equal(t, unknown, s.as(ada).do("DELETE", path+"/memberships/"+bad, "").wants(404).body, bad)
		require.Equal(t, unknown, s.as(ada).do("PATCH", path+"/memberships/"+bad, roleJSON("admin")).wants(404).body, bad)
		if !strings.ContainsAny(bad, "%") {
			for field, body := range map[string]string{"id": `{"role":"member","id":"` + bad + `"}`, "to": `{"then":"member","to":"` + bad + `"}`} {
				route := map[string]string{"id": "/memberships", "to": "/transfer"}[field]
				require.Equal(t, []string{field}, s.as(ada).do("POST", path+route, body).wants(422).fields(), bad)
			}
		}
	}
	require.Equal(t, before, s.contents())
	require.Empty(t, s.log.lines(t, "request failed"))
}

// Who can't be a member is told so at the door, not by every second route.
func TestSubjectTooLongToBeAMember(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	for _, path := range []string{"/users/me", "/organizations"} {
		s.withToken(s.issuer.Sign(map[string]any{"sub": strings.Repeat("x", 1100)})).do("GET", path, "").wants(401)
		s.withToken(s.issuer.Sign(map[string]any{"sub": strings.Repeat("x", 900)})).do("GET", path, "").wants(200)
	}
}

// What is stored comes back as it was, in JSON that no browser takes for a page.
func TestHostileNamesAreOnlyNames(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	ada, eve := s.person("ada"), s.person("eve")
	s.found(eve, "Eve's own")
	for _, name := range []string{
		`'; DROP TABLE organizations; --`, `" OR ""="`, `x' OR '1'='1`, `1; UPDATE rowhouse_members SET role='owner'`, `%' AND 1=1 --`, `\'; SELECT 1`,
		`<script>alert(1)</script>`, `<img src=x onerror=alert(1)>`, `"><svg onload=alert(1)>`, `javascript:alert(1)`, `{{7*7}}`, `${7*7}`, `</title><b>`,
		`../../etc/passwd`, `=cmd|'/c calc'!A1`, `日本語 💡 ñ`,
	} {
		path := s.found(ada, name)
		got := s.as(ada).do("GET", path, "").wants(200)
		require.Equal(t, name, got.text("name"))
		require.Equal(t, "application/json", got.header.Get("Content-Type"))
		require.Equal(t, "nosniff", got.header.Get("X-Content-Type-Options"))
		require.NotContains(t, got.body, "<", "encoded as \\u003c")
		s.as(ada).do("DELETE", path, "").wants(204)
	}
	require.Equal(t, []string{"Eve's own"}, s.as(eve).do("GET", "/organizations", "").wants(200).items("name"))
}

func TestIDsHaveOneSpelling(t *testing.T) {
	t.Parallel()
	id := newID()
	require.True(t, isID(id))
	for _, other := range []string{"", strings.ToUpper(id), "{" + id[1:35] + "}", "550e8400-e29b-41d4-a716-446655440000", id[:14] + "4" + id[15:], id[:19] + "0" + id[20:]} {
		require.False(t, isID(other), other)
	}
}
