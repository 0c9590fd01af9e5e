package main

import (
	"bufio"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// bodyRoutes are the routes that read a body, with one that works.
func bodyRoutes(org string, w *world) map[string]string {
	return map[string]string{
		"POST /organizations":                          `{"name":"New"}`,
		"PATCH " + org:                                 `{"name":"Renamed"}`,
		"POST " + org + "/memberships":                 membershipJSON(w.stranger, "member"),
		"PATCH " + org + "/memberships/" + w.member.id: roleJSON("admin"),
		"POST " + org + "/transfer":                    transferJSON(w.member, "member"),
		"POST " + org + "/invitations":                 invitationJSON("eve@example.com", "member"),
		"POST " + org + "/announcements":               `{"text":"Hello"}`,
		"POST /invitations/accept":                     acceptJSON("x"),
	}
}

// Every fault of a body has one answer on every route that reads one, and changes
// nothing.
func TestBadBodies(t *testing.T) {
	t.Parallel()
	s := start(t, map[string]string{"MAX_BODY_BYTES": "2048"})
	w := world{owner: s.person("ada"), member: s.person("mia"), stranger: s.person("eve")}
	org := s.found(w.owner, "Acme")
	s.join(w.owner, org, w.member, "member")
	before := s.contents()
	for route, good := range bodyRoutes(org, &w) {
		method, path, _ := strings.Cut(route, " ")
		first, rest, _ := strings.Cut(good, ",")
		firstName, _, _ := strings.Cut(first[2:], `"`)
		other := strings.TrimSuffix("{"+rest, "}") // the object without its first member
		if rest == "" {
			other = "{"
		} else {
			other += ","
		}
		for _, c := range []struct {
			what, body string
			status     int
			kind       string
			fields     []string
		}{
			{"empty", "", 400, malformedBody, nil},
			{"blank", " \r\n\t", 400, malformedBody, nil},
			{"no JSON", "name=Acme", 400, malformedBody, nil},
			{"cut off", good[:len(good)-1], 400, malformedBody, nil},
			{"cut in a string", good[:len(good)-2], 400, malformedBody, nil},
			{"trailing object", good + " {}", 400, malformedBody, nil},
			{"trailing text", good + "x", 400, malformedBody, nil},
			{"trailing comma", good[:len(good)-1] + ",}", 400, malformedBody, nil},
			{"array", "[" + good + "]", 400, malformedBody, nil},
			{"string", `"Acme"`, 400, malformedBody, nil},
			{"null", "null", 400, malformedBody, nil},
			{"number", "1", 400, malformedBody, nil},
			{"single quotes", strings.ReplaceAll(good, `"`, "'"), 400, malformedBody, nil},
			{"comment", "/**/" + good, 400, malformedBody, nil},
			{"byte order mark", "\ufeff" + good, 400, malformedBody, nil},
			{"not UTF-8", strings.Replace(good, `":"`, "\":\"\xff", 1), 400, malformedBody, nil},
			{"raw control character", strings.Replace(good, `":"`, "\":\"\x01", 1), 400, malformedBody, nil},
			{"a name twice", other + first[1:] + "," + first[1:] + "}", 400, malformedBody, nil},
			{"a name twice, one escaped", other + first[1:] + `,"\u00` + hex(firstName[0]) + firstName[1:] + `":"x"}`, 400, malformedBody, nil},
			{"a hundred names", "{" + strings.Repeat(`"a":1,`, 1) + manyNames(100) + "}", 400, malformedBody, nil},
			{"nothing in it", "{}", 422, invalidFields, nil},
			{"unknown field", good[:len(good)-1] + `,"color":"red"}`, 422, invalidFields, []string{"color"}},
			{"other case", strings.Replace(good, firstName, strings.ToUpper(firstName), 1), 422, invalidFields, []string{strings.ToUpper(firstName), firstName}},
			{"field null", other + `"` + firstName + `":null}`, 422, invalidFields, []string{firstName}},
			{"field number", other + `"` + firstName + `":7}`, 422, invalidFields, []string{firstName}},
			{"field object", other + `"` + firstName + `":{"a":[1]}}`, 422, invalidFields, []string{firstName}},
			{"field empty", other + `"` + firstName + `":""}`, 422, invalidFields, []string{firstName}},
			{"deep", other + `"` + firstName + `":` + strings.Repeat("[", 900) + strings.Repeat("]", 900) + `}`, 422, invalidFields, []string{firstName}},
			{"too large", good[:len(good)-1] + strings.Repeat(" ", 3000) + "}", 413, aboutBlank, nil},
		} {
			got := s.as(w.owner).with("Content-Type", "application/json").do(method, path, c.body).wants(c.status)
			require.Equal(t, c.kind, got.problem().Type, "%s: %s", route, c.what)
			if c.fields != nil {
				require.Equal(t, c.fields, got.fields(), "%s: %s", route, c.what)
			}
		}
		for _, kind := range [][]string{
			nil,
			{""},
			{"text/plain"},
			{"application/x-www-form-urlencoded"},
			{"application/json; charset=latin1"},
			{"application/jsonx"},
			{"application/json, text/plain"},
			{"application/merge-patch+json"},
			{"application/json", "application/json"},
			{"application/json; charset"},
		} {
			s.as(w.owner).with("Content-Type", kind...).do(method, path, good).wants(415)
		}
		s.as(w.owner).with("Content-Encoding", "gzip").do(method, path, good).wants(415)
		require.Equal(t, before, s.contents(), route)
		s.as(w.stranger).with("Content-Type", "text/plain").do("PATCH", org, "x").wants(404) // who may not call learns no more
	}
	require.Equal(t, before, s.contents())
	for _, kind := range []string{"application/json", "application/json;charset=UTF-8", "Application/JSON; charset=\"utf-8\""} {
		s.as(w.owner).with("Content-Type", kind).do("PATCH", org, `{"name":"Acme"}`).wants(200)
	}
}

func hex(c byte) string { return string("0123456789abcdef"[c>>4]) + string("0123456789abcdef"[c&15]) }

func manyNames(n int) string {
	names := []string{}
	for i := range n {
		names = append(names, `"n`+string(rune('a'+i%26))+strings.Repeat("x", i/26)+`":1`)
	}
	return strings.Join(names, ",")
}

// Values that are strings and still not acceptable.
func TestBadFields(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	ada, bob := s.person("ada"), s.person("bob")
	org := s.found(ada, "Acme")
	s.join(ada, org, bob, "member")
	before := s.contents()
	for _, name := range []string{
		" ", " Acme", "Acme ", `a\nb`, `a\u0000b`, `a\u200bb`, `a\u202eb`, `\ud800`, `a\ufeff`, `\u00a0`, strings.Repeat("ä", 101),
	} {
		for _, route := range []string{"POST /organizations", "PATCH " + org} {
			method, path, _ := strings.Cut(route, " ")
			require.Equal(t, []string{"name"}, s.as(ada).do(method, path, `{"name":"`+name+`"}`).wants(422).fields(), "%q", name)
		}
	}
	for _, role := range []string{"root", "Owner", "OWNER", "owner ", "member,owner", "*"} {
		require.Equal(t, []string{"role"}, s.as(ada).do("POST", org+"/memberships", membershipJSON(bob, role)).wants(422).fields(), role)
		require.Equal(t, []string{"role"}, s.as(ada).do("PATCH", org+"/memberships/"+bob.id, roleJSON(role)).wants(422).fields(), role)
		require.Equal(t, []string{"then"}, s.as(ada).do("POST", org+"/transfer", transferJSON(bob, role)).wants(422).fields(), role)
	}
	require.Equal(t, []string{"then"}, s.as(ada).do("POST", org+"/transfer", transferJSON(bob, "owner")).wants(422).fields())
	s.as(ada).do("POST", org+"/transfer", transferJSON(ada, "member")).wants(403)
	require.Equal(t, []string{"id", "role"}, s.as(ada).do("POST", org+"/memberships", `{}`).wants(422).fields(), "all faults at once")
	require.Equal(t, before, s.contents())
	s.as(ada).do("PATCH", org, `{"name":"`+strings.Repeat("ä", 100)+`"}`).wants(200)
}

// The router's own refusals are problems too.
func TestPathsAndMethodsThatDoNotExist(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	ada := s.person("ada")
	org := s.found(ada, "Acme")
	before := s.contents()
	for path, allow := range map[string][]string{
		"/organizations": {"GET", "HEAD", "POST"}, org: {"DELETE", "GET", "HEAD", "PATCH"}, org + "/memberships": {"GET", "HEAD", "POST"},
		org + "/memberships/" + ada.id: {"DELETE", "PATCH"}, org + "/transfer": {"POST"}, org + "/invitations": {"GET", "HEAD", "POST"}, org + "/invitations/" + newID(): {"DELETE"},
		org + "/announcements": {"GET", "HEAD", "POST"}, org + "/announcements/" + newID(): {"DELETE"}, "/invitations/accept": {"POST"}, "/users/me": {"GET", "HEAD"}, "/livez": {"GET", "HEAD"},
	} {
		for _, method := range []string{"GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND", "get"} {
			if slices.Contains(allow, method) {
				continue
			}
			got := s.as(ada).do(method, path, "").wants(405)
			require.Equal(t, strings.Join(allow, ", "), got.header.Get("Allow"), "%s %s", method, path)
		}
	}
	for _, path := range []string{
		"/", "/nowhere", "/organizations/", org + "/", org + "/memberships/", org + "//memberships", "//organizations", "/organizations/../organizations",
		"/./organizations", "/livez/", "/debug/pprof/", "/metrics", "/.env", "/dev-identity/token", "/%6frganizations/", "/organizations%2f",
	} {
		s.as(ada).do("GET", path, "").wants(404)
		s.as(ada).do("POST", path, `{"name":"x"}`).wants(404)
	}
	require.Equal(t, before, s.contents())
}

// Requests that net/http's client would not send.
func TestRawRequests(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	ada := s.person("ada")
	before := s.contents()
	head := "Host: x\r\nAuthorization: Bearer " + ada.token + "\r\nContent-Type: application/json\r\n"
	for _, c := range []struct {
		what, text string
		status     int
	}{
		{"a body that breaks off", "POST /organizations HTTP/1.1\r\n" + head + "Content-Length: 50\r\n\r\n{\"name\":\"Ac", 400},
		{"a broken chunk", "POST /organizations HTTP/1.1\r\n" + head + "Transfer-Encoding: chunked\r\n\r\nzz\r\n", 400},
		{"two lengths", "POST /organizations HTTP/1.1\r\n" + head + "Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}", 400},
		{"a header without end", "GET /users/me HTTP/1.1\r\nX: " + strings.Repeat("x", 64<<10) + "\r\n\r\n", 431},
		{"no host", "GET /users/me HTTP/1.1\r\n\r\n", 400},
		{"a proxy's request", "CONNECT other:443 HTTP/1.1\r\nHost: other:443\r\n\r\n", 404},
		{"a path of an asterisk", "GET * HTTP/1.1\r\nHost: x\r\n\r\n", 404},
	} {
		conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", strings.TrimPrefix(s.base, "http://"))
		require.NoError(t, err)
		_, err = conn.Write([]byte(c.text))
		require.NoError(t, err)
		require.NoError(t, conn.(*net.TCPConn).CloseWrite())
		resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
		require.NoError(t, err, c.what)
		require.Equal(t, c.status, resp.StatusCode, c.what)
		resp.Body.Close()
		conn.Close()
	}
	require.Equal(t, before, s.contents())
}
