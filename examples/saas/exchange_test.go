package main

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/rowhouse-go/rowhouse/rbac"
)

// startWithRoutes adds routes to the service's own.
func startWithRoutes(t *testing.T, change map[string]string, extra ...route) *running {
	t.Helper()
	return startWith(t, change, func(a *app) {
		a.router = newRouter(append(a.routes(), extra...), a.guard, a.act)
		a.handler = a.layers(a.router)
	})
}

func TestPanicIsAProblemAndALogLine(t *testing.T) {
	t.Parallel()
	s := startWithRoutes(t, nil,
		route{"GET /panic", anyone(), func(http.ResponseWriter, *http.Request) error { panic("secret detail") }},
		route{"GET /late", anyone(), func(w http.ResponseWriter, _ *http.Request) error {
			_, _ = w.Write([]byte("half"))
			_ = http.NewResponseController(w).Flush()
			panic("too late")
		}},
		route{"GET /abort", anyone(), func(http.ResponseWriter, *http.Request) error { panic(http.ErrAbortHandler) }},
		route{"GET /fault", anyone(), func(http.ResponseWriter, *http.Request) error { return errors.New("secret cause") }},
	)
	for path, message := range map[string]string{"/panic": "panic", "/fault": "request failed"} {
		got := s.anonymous().with("X-Request-ID", "id-of-"+path[1:]).do("GET", path, "").wants(500)
		require.NotContains(t, got.body, "secret")
		require.Equal(t, "id-of-"+path[1:], got.header.Get("X-Request-ID"))
		require.Equal(t, "nosniff", got.header.Get("X-Content-Type-Options"))
		lines := s.log.lines(t, message)
		require.Len(t, lines, 1)
		require.Equal(t, "id-of-"+path[1:], lines[0]["request_id"])
		require.Equal(t, "GET "+path, lines[0]["route"])
	}
	require.Contains(t, s.log.lines(t, "panic")[0]["stack"], "TestPanicIsAProblemAndALogLine")
	require.Equal(t, "secret cause", s.log.lines(t, "request failed")[0]["error"])

	resp, err := s.client.Get(s.base + "/late")
	require.NoError(t, err)
	half, err := io.ReadAll(resp.Body)
	resp.Body.Close()
	require.ErrorIs(t, err, io.ErrUnexpectedEOF, "the client sees that it is not whole")
	require.Equal(t, "half", string(half))
	_, err = s.client.Get(s.base + "/abort")
	require.ErrorIs(t, err, io.EOF)
	require.Len(t, s.log.lines(t, "panic"), 2, "an abort on purpose is none")
	for _, line := range s.log.lines(t, "request") {
		if line["route"] == "GET /panic" {
			require.InDelta(t, 500, line["status"], 0)
		}
	}
	s.anonymous().do("GET", "/livez", "").wants(200)
}

func TestAccessLog(t *testing.T) {
	t.Parallel()
	s := start(t, map[string]string{"REQUEST_ID_HEADER": "My-Correlation-Id", "APP_NAME": "the app"})
	ada := s.person("ada")
	path := s.found(ada, "Acme")
	s.as(ada).with("My-Correlation-Id", "abc").do("GET", path+"?limit=1", "").wants(200)
	s.withToken("x.y.z").do("GET", path, "").wants(401)
	s.as(ada).do("BREW", "/nowhere/"+strings.Repeat("x", 5000), "").wants(404)
	s.anonymous().do("GET", "/livez", "").wants(200)

	lines := s.log.lines(t, "request")
	require.Len(t, lines, 5, "health checks that succeed are not in it")
	get, refused, odd := lines[2], lines[3], lines[4]
	require.Equal(t, "the app", get["app"])
	require.Equal(t, "abc", get["request_id"])
	require.Equal(t, "GET", get["method"])
	require.Equal(t, "GET /organizations/{org}", get["route"])
	require.InDelta(t, 200, get["status"], 0)
	require.Greater(t, get["bytes"], 100.0)
	require.Greater(t, get["duration"], 0.0)
	require.Equal(t, "format", refused["refused"])
	require.Equal(t, "other", odd["method"])
	require.Empty(t, odd["route"])
	require.NotContains(t, s.log.String(), strings.TrimPrefix(path, "/organizations/"), "routes, not paths")
	require.NotContains(t, s.log.String(), ada.token[:40])
}

func TestEveryAnswerHasTheHeaders(t *testing.T) {
	t.Parallel()
	for environment, hsts := range map[string]string{staging: "", production: "max-age=31536000; includeSubDomains"} {
		s := start(t, map[string]string{"ENVIRONMENT": environment})
		ada := s.person("ada")
		for _, got := range []response{
			s.as(ada).do("GET", "/users/me", "").wants(200), s.anonymous().do("GET", "/users/me", "").wants(401),
			s.anonymous().do("GET", "/nowhere", "").wants(404), s.anonymous().do("PUT", "/livez", "").wants(405),
			s.anonymous().do("GET", "//", "").wants(404), s.as(ada).do("POST", "/organizations", "x").wants(400),
		} {
			for name, value := range map[string]string{
				"Cache-Control": "no-store", "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
				"Referrer-Policy": "no-referrer", "X-Content-Type-Options": "nosniff", "Strict-Transport-Security": hsts,
			} {
				require.Equal(t, value, got.header.Get(name), "%s: %s", got.asked, name)
			}
			require.True(t, isID(got.header.Get("X-Request-ID")), got.asked)
			require.Empty(t, got.header.Get("Server"))
			require.Empty(t, got.header.Get("Access-Control-Allow-Origin"))
		}
	}
}

// The table refuses lines that would leave a route open or a role unasked.
func TestRouterRefusesFaultyTables(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	act := func(http.ResponseWriter, *http.Request) error { return nil }
	for what, faulty := range map[string]route{
		"no access":                     {pattern: "GET /x", act: act},
		"an organization without role":  {"GET /organizations/{org}/x", person(), act},
		"an organization for anyone":    {"GET /organizations/{org}/x", anyone(), act},
		"a role without organization":   {"GET /x", may(rbac.MemberRead), act},
		"a permission nobody holds":     {"GET /organizations/{org}/x", may("x:y"), act},
		"a permission that is no word":  {"GET /organizations/{org}/x", may(""), act},
		"a pattern that is there twice": {livePattern, anyone(), act},
	} {
		require.Panics(t, func() { newRouter(append(s.app.routes(), faulty), s.app.guard, s.app.act) }, what)
	}
}
