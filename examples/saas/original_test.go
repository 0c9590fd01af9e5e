package main

import (
	"database/sql/driver"
	"errors"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// The service re-imagines a template that had these defects. Each test is named
// after one and shows that it is not here.

// D1: the role was looked up in the token's organization, the object was the path's.
func TestOriginalD01RoleOfThePathDecides(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	ada, bob := s.person("ada"), s.person("bob")
	a, b := s.found(bob, "A"), s.found(ada, "B")
	s.join(ada, b, bob, "member")
	eve := s.person("eve")
	e := s.found(eve, "E")
	before := s.contents()

	// An owner of A who is a member of B, with a token that names A and claims all.
	claims := map[string]any{"sub": "bob", "org_id": strings.TrimPrefix(a, "/organizations/"), "roles": []string{"owner"}, "permissions": []string{"organization:delete"}}
	bob.token = s.issuer.Sign(claims)
	s.as(bob).do("DELETE", b, "").wants(403)
	s.as(bob).do("PATCH", b, `{"name":"mine"}`).wants(403)
	s.as(bob).do("POST", b+"/transfer", transferJSON(bob, "member")).wants(403)

	// A stranger to B who owns an organization, with a token that names that one.
	claims["sub"], claims["org_id"] = "eve", strings.TrimPrefix(e, "/organizations/")
	eve.token = s.issuer.Sign(claims)
	s.as(eve).do("GET", b, "").wants(404)
	s.as(eve).do("GET", b+"/memberships", "").wants(404)
	require.Equal(t, before, s.contents())
	s.as(bob).do("DELETE", a, "").wants(204)
	s.as(eve).do("GET", e, "").wants(200)
}

// D2: an admin of one organization added anybody to another, as owner.
func TestOriginalD02AdminAddsOnlyToHisOwn(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	ada, bob, eve := s.person("ada"), s.person("bob"), s.person("eve")
	a, b := s.found(ada, "A"), s.found(bob, "B")
	s.join(ada, a, eve, "admin")
	before := s.contents()
	for _, role := range []string{"owner", "admin", "member"} {
		s.as(eve).do("POST", b+"/memberships", membershipJSON(eve, role)).wants(404)
	}
	s.as(eve).do("POST", a+"/memberships", membershipJSON(bob, "owner")).wants(403)
	require.Equal(t, before, s.contents())
	s.as(eve).do("POST", a+"/memberships", membershipJSON(bob, "admin")).wants(201)
}

// D3: memberships of one organization were changed by id from another.
func TestOriginalD03MembershipOfAnotherOrganization(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	ada, bob, carol := s.person("ada"), s.person("bob"), s.person("carol")
	a, b := s.found(ada, "A"), s.found(bob, "B")
	s.join(bob, b, carol, "member")
	before := s.contents()
	s.as(ada).do("PATCH", a+"/memberships/"+carol.id, roleJSON("admin")).wants(404)
	s.as(ada).do("DELETE", a+"/memberships/"+carol.id, "").wants(404)
	s.as(ada).do("DELETE", b+"/memberships/"+carol.id, "").wants(404)
	s.as(ada).do("POST", a+"/transfer", transferJSON(carol, "member")).wants(422)
	require.Equal(t, before, s.contents())
	s.as(bob).do("DELETE", b+"/memberships/"+carol.id, "").wants(204)
}

// D4: lists of organizations, memberships and users showed every tenant's.
func TestOriginalD04ListsShowOnesOwn(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	ada, bob := s.person("ada"), s.person("bob")
	a, b := s.found(ada, "A"), s.found(bob, "B")
	require.Equal(t, []string{"A"}, s.as(ada).do("GET", "/organizations", "").wants(200).items("name"))
	require.Equal(t, []string{"B"}, s.as(bob).do("GET", "/organizations", "").wants(200).items("name"))
	require.Equal(t, []string{ada.id}, s.as(ada).do("GET", a+"/memberships", "").wants(200).items("id"))
	s.as(ada).do("GET", b+"/memberships", "").wants(404)
	for _, path := range []string{"/users", "/users/" + bob.id, "/memberships"} {
		s.as(ada).do("GET", path, "").wants(404)
	}
	require.Equal(t, "ada", s.as(ada).do("GET", "/users/me", "").wants(200).text("subject"))
}

// D5: the last owner could be removed, and an admin removed owners.
func TestOriginalD05LastOwnerStays(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	ada, bob, eve := s.person("ada"), s.person("bob"), s.person("eve")
	a := s.found(ada, "A")
	s.join(ada, a, eve, "admin")
	before := s.contents()
	s.as(ada).do("DELETE", a+"/memberships/"+ada.id, "").wants(409)
	s.as(ada).do("PATCH", a+"/memberships/"+ada.id, roleJSON("admin")).wants(409)
	s.as(eve).do("DELETE", a+"/memberships/"+ada.id, "").wants(403)
	s.as(eve).do("PATCH", a+"/memberships/"+ada.id, roleJSON("member")).wants(403)
	require.Equal(t, before, s.contents())
	s.join(ada, a, bob, "owner")
	s.as(ada).do("DELETE", a+"/memberships/"+ada.id, "").wants(204)
	s.as(bob).do("DELETE", a+"/memberships/"+bob.id, "").wants(409)
}

// D6: a test double that made everybody an owner hid all of the above. These
// tests know no such thing: every caller has a signed token, every role is a row.
func TestOriginalD06TestsUseRealTokens(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("*_test.go")
	require.NoError(t, err)
	require.Greater(t, len(files), 5)
	double := regexp.MustCompile(`(auth|rbac)\.` + `(NewContext|NewClaims|InsecureAnonymous)\b`)
	for _, file := range files {
		require.Empty(t, double.FindString(readFile(t, file)), file)
	}
	s := start(t, nil)
	s.anonymous().do("GET", "/users/me", "").wants(401)
	s.withToken("test-token").do("GET", "/users/me", "").wants(401)
}

// D9: PATCH answered 200 and saved nothing.
func TestOriginalD09PatchSaves(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	ada, bob := s.person("ada"), s.person("bob")
	a := s.found(ada, "before")
	s.join(ada, a, bob, "member")
	require.Equal(t, "after", s.as(ada).do("PATCH", a, `{"name":"after"}`).wants(200).text("name"))
	require.Equal(t, "after", s.as(bob).do("GET", a, "").wants(200).text("name"))
	s.as(ada).do("PATCH", a+"/memberships/"+bob.id, roleJSON("admin")).wants(200)
	require.Equal(t, "admin", s.as(bob).do("GET", a, "").wants(200).text("role"))
}

// D10: a token with aud failed.
func TestOriginalD10Audience(t *testing.T) {
	t.Parallel()
	s := start(t, map[string]string{"AUTH_AUDIENCE": "https://api.test,second"})
	for _, aud := range []any{"https://api.test", "second", []string{"x", "second"}} {
		s.withToken(s.issuer.Sign(map[string]any{"aud": aud})).do("GET", "/users/me", "").wants(200)
	}
	for _, aud := range []any{nil, "x", []string{}, []string{"https://API.test"}} {
		s.withToken(s.issuer.Sign(map[string]any{"aud": aud})).do("GET", "/users/me", "").wants(401)
	}
}

// D11: a subject that is no UUID failed.
func TestOriginalD11AnySubject(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	ada := s.person("ada")
	a := s.found(ada, "A")
	for _, subject := range []string{
		"42", "auth0|5f7c", "a/b?c#d%2f", "..", "' OR 1=1 --", "jürgen 💡", "7:subject", "4:user1:x", strings.Repeat("s", 255),
	} {
		p := s.person(subject)
		require.Equal(t, subject, s.as(p).do("GET", "/users/me", "").wants(200).text("subject"))
		s.join(ada, a, p, "member")
		s.as(p).do("GET", a, "").wants(200)
		s.as(ada).do("PATCH", a+"/memberships/"+p.id, roleJSON("admin")).wants(200)
		s.as(p).do("DELETE", a+"/memberships/"+p.id, "").wants(204)
	}
}

// D13: keys were never fetched again after a rotation. D14: they were parsed for
// every request.
func TestOriginalD13RotationAndD14KeysAreKept(t *testing.T) {
	t.Parallel()
	s := start(t, map[string]string{"AUTH_TOKEN_CACHE": "0"})
	for range 20 {
		s.person("ada")
	}
	require.Equal(t, 1, s.issuer.Fetches())
	old := s.person("ada")
	s.issuer.Rotate()
	s.person("ada")
	require.Equal(t, 2, s.issuer.Fetches())
	s.as(old).do("GET", "/users/me", "").wants(401)
}

// D16: the documentation named settings that did not exist.
func TestOriginalD16DocumentedSettingsExist(t *testing.T) {
	t.Parallel()
	names := map[string]bool{}
	for _, v := range variables() {
		names[v.name] = true
	}
	require.Greater(t, len(names), 10)
	mentioned := regexp.MustCompile(`\b(?:AUTH|APP|LOG|LISTEN|DATABASE|WORKER|MIGRATE|DB|INVITATION|MAX|SHUTDOWN|REQUEST)_[A-Z_0-9]+\b|\bENVIRONMENT\b`)
	files := []string{"README.md", "docs/problems.md", "docs/configuration.md", ".env.example", "main.go", "config.go", "configrules.go", "configdatabase.go", "devissuer.go"}
	for _, file := range files {
		for _, name := range mentioned.FindAllString(readFile(t, file), -1) {
			require.True(t, names[name], "%s mentions %s", file, name)
		}
	}
}

// D17: retries were configured, and applied nowhere.
func TestOriginalD17RetriesAreApplied(t *testing.T) {
	t.Parallel()
	s := startStuttering(t, func(commit int64, tx driver.Tx) error {
		if commit > 1 {
			return tx.Commit()
		}
		return errors.Join(tx.Rollback(), errBusy{})
	})
	ada := s.person("ada") // asks no database
	s.found(ada, "A")
	require.Len(t, s.log.lines(t, "transaction repeated"), 1)
	require.Equal(t, []string{"A"}, s.as(ada).do("GET", "/organizations", "").wants(200).items("name"))
}

// D18: around the router the path's organization was always empty.
func TestOriginalD18OrganizationOfThePath(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	ada := s.person("ada")
	a, b := s.found(ada, "A"), s.found(ada, "B")
	require.Equal(t, "A", s.as(ada).do("GET", a, "").wants(200).text("name"))
	require.Equal(t, "B", s.as(ada).do("GET", b, "").wants(200).text("name"))
	routes := []any{}
	for _, line := range s.log.lines(t, "request") {
		routes = append(routes, line["route"])
	}
	require.Contains(t, routes, "GET /organizations/{org}", "the layers around the router learn the route")
}

// D19: behind a proxy all clients were one, whose limit they shared.
func TestOriginalD19LimitsArePerClient(t *testing.T) {
	t.Parallel()
	s := start(t, map[string]string{"RATE_LIMITS": "1/hour", "TRUSTED_PROXIES": "127.0.0.1/32"})
	from := func(client string) int {
		return s.anonymous().with("X-Forwarded-For", client).do("GET", "/users/me", "").status
	}
	for range addressFactor {
		require.Equal(t, 401, from("192.0.2.1"))
	}
	require.Equal(t, 429, from("192.0.2.1"))
	require.Equal(t, 401, from("192.0.2.2"))
}

// D21: an error at the start printed the database's password.
func TestOriginalD21PasswordsAreNotPrinted(t *testing.T) {
	t.Parallel()
	var out logBuffer
	status := run(t.Context(), []string{"serve"}, []string{
		"ENVIRONMENT=production", "DATABASE_URL=postgres://app:hunter2@db.internal",
		"AUTH_PROVIDER_TYPE=oidc", "AUTH_AUDIENCE=x", "AUTH_ISSUER=https://me:hunter2@id.example",
	}, &out, &out)
	require.Equal(t, exitUsage, status)
	require.Contains(t, out.String(), "DATABASE_URL: must be postgres://")
	require.Contains(t, out.String(), "AUTH_ISSUER: ")
	require.NotContains(t, out.String(), "hunter2")
	require.NotContains(t, out.String(), "db.internal")

	var tried logBuffer
	environ := []string{}
	for name, value := range environment(t, "https://id.example") {
		environ = append(environ, name+"="+value)
	}
	for _, command := range []string{"serve", "migrate"} {
		require.Equal(t, exitFailed, run(t.Context(), []string{command}, append(environ,
			"DATABASE_URL=postgres://app:hunter2@127.0.0.1:1/app", "MIGRATE_URL=postgres://owner:hunter3@127.0.0.1:1/app"), &tried, &tried))
	}
	require.Contains(t, tried.String(), "127.0.0.1:1", "what could not be reached")
	require.NotContains(t, tried.String(), "hunter")
}

// D23: the caller's request id went into the log at any length.
func TestOriginalD23RequestIDIsBounded(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	taken := func(values ...string) string {
		return s.anonymous().with("X-Request-ID", values...).do("GET", "/livez", "").wants(200).header.Get("X-Request-ID")
	}
	for _, id := range []string{"a", "A.b-c_9", strings.Repeat("x", 64), "550e8400-e29b-41d4-a716-446655440000"} {
		require.Equal(t, id, taken(id))
	}
	for _, sent := range [][]string{
		{}, {""}, {strings.Repeat("x", 65)}, {strings.Repeat("x", 20_000)}, {"a b"}, {"a\tb"}, {`a"b`}, {"é"}, {"a,b"}, {"${jndi:x}"}, {"a", "b"},
	} {
		require.True(t, isID(taken(sent...)), "%.40q", sent)
	}
	require.NotContains(t, s.log.String(), "jndi")
	require.NotContains(t, s.log.String(), strings.Repeat("x", 65))
}

// D25: liveness asked the database, so that an outage of one restarted all.
func TestOriginalD25LivenessNeedsNoDatabase(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	ada := s.person("ada")
	a := s.found(ada, "A")
	require.NoError(t, s.app.db.close())
	s.anonymous().do("GET", "/livez", "").wants(200)
	require.Equal(t, "Not working: database.", s.anonymous().do("GET", "/readyz", "").wants(503).problem().Detail)
	s.as(ada).do("GET", a, "").wants(503)
	s.as(ada).do("GET", "/organizations", "").wants(503)
	require.Len(t, s.log.lines(t, "not ready"), 1)
}
