package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/rowhouse-go/rowhouse/ratelimit"
)

// A person has a quota outside of organizations and one in each, and nobody else's is
// touched by it.
func TestQuotas(t *testing.T) {
	t.Parallel()
	s := start(t, map[string]string{"RATE_LIMITS": "6/hour; 1000/day"})
	ada, bob := s.person("ada"), s.person("bob") // of whom each has asked once
	acme, globex := s.found(ada, "Acme"), s.found(ada, "Globex")
	s.join(ada, acme, bob, "member")
	for left := 2; left >= 0; left-- {
		got := s.as(ada).do("GET", "/users/me", "").wants(200)
		require.Equal(t, `"hour";q=6;w=3600, "day";q=1000;w=86400`, got.header.Get("RateLimit-Policy"))
		require.Regexp(t, fmt.Sprintf(`^"hour";r=%d;t=\d+$`, left), got.header.Get("RateLimit"))
		require.Empty(t, got.header.Get("Retry-After"))
	}
	before := s.contents()
	for range 2 {
		got := s.as(ada).do("POST", "/organizations", `{"name":"One more"}`).wants(429)
		require.Equal(t, quotaExceeded, got.problem().Type)
		require.Equal(t, []string{"hour"}, got.problem().Violated)
		require.Regexp(t, `^"hour";r=0;t=\d+$`, got.header.Get("RateLimit"))
		wait, err := strconv.Atoi(got.header.Get("Retry-After"))
		require.NoError(t, err)
		require.True(t, wait >= 300 && wait <= 660, "%d: a unit comes back in 600 s, and a tenth is jitter", wait)
		require.Empty(t, got.header.Get("WWW-Authenticate"))
	}
	require.Equal(t, before, s.contents())
	s.as(bob).do("GET", "/users/me", "").wants(200)
	for range 5 { // the sixth was that of joining
		s.as(ada).do("GET", acme, "").wants(200)
	}
	s.as(ada).do("GET", acme, "").wants(429)
	s.as(bob).do("GET", acme, "").wants(200)
	s.as(ada).do("GET", globex, "").wants(200)
	for range 100 { // more than an address may
		s.anonymous().do("GET", "/livez", "").wants(200)
	}
	require.Empty(t, s.anonymous().do("GET", "/readyz", "").wants(200).header.Get("RateLimit"))
	require.Empty(t, s.log.lines(t, "request failed"))
}

// What an organization has paid for counts from the next request on, and is taken
// from nobody's word but the operator's.
func TestPlans(t *testing.T) {
	t.Parallel()
	s := start(t, map[string]string{"PLAN_LIMITS": "pro=7/minute, trial=2/hour"})
	ada := s.person("ada")
	acme, globex := s.found(ada, "Acme"), s.found(ada, "Globex")
	s.as(ada).do("POST", "/organizations", `{"name":"Mine","plan":"pro"}`).wants(422)
	s.as(ada).do("PATCH", acme, `{"plan":"pro"}`).wants(422)
	policy := func(path string) string {
		return s.as(ada).do("GET", path, "").wants(200).header.Get("RateLimit-Policy")
	}
	require.Contains(t, policy(acme), "q=1000000")
	command := func(org, name string) (int, string) {
		vars := map[string]string{"PLAN_LIMITS": "pro=7/minute, trial=2/hour", "ENVIRONMENT": development}
		maps.Copy(vars, map[string]string{"DATABASE_URL": s.app.config.DatabaseURL, "WORKER_URL": s.app.config.WorkerURL})
		var environ []string
		for name, value := range vars {
			environ = append(environ, name+"="+value)
		}
		var out logBuffer
		status := run(t.Context(), []string{"plan", "-organization", org, "-name", name}, environ, &out, &out)
		return status, out.String()
	}
	id := acme[len("/organizations/"):]
	status, told := command(id, "pro")
	require.Equal(t, exitDone, status, told)
	require.Equal(t, id+" is on the plan pro\n", told)
	require.Equal(t, `"minute";q=7;w=60`, policy(acme))
	require.Contains(t, policy(globex), "q=1000000")
	status, _ = command(id, "trial")
	require.Equal(t, exitDone, status)
	require.Equal(t, `"hour";q=2;w=3600`, s.as(ada).do("GET", acme, "").header.Get("RateLimit-Policy"))
	status, _ = command(id, "free")
	require.Equal(t, exitDone, status)
	require.Contains(t, policy(acme), "q=1000000", "free is not listed: RATE_LIMITS")

	for _, c := range []struct {
		org, name string
		status    int
		says      string
	}{
		{id, "gold", exitUsage, "one of PLAN_LIMITS"},
		{"1", "pro", exitUsage, "must be the id"},
		{"", "", exitUsage, "must be the id"},
		{newID(), "pro", exitFailed, "there is no such organization"},
	} {
		status, told := command(c.org, c.name)
		require.Equal(t, c.status, status, told)
		require.Contains(t, told, c.says)
	}
}

// Tokens that fail are limited by address; those that don't are let in from there, and
// so is who has none told that.
func TestFailuresOfTokens(t *testing.T) {
	t.Parallel()
	s := start(t, map[string]string{"AUTH_FAILURE_LIMITS": "2/hour", "TRUSTED_PROXIES": "127.0.0.0/8"})
	ada := s.person("ada")
	bad := func(from string) response {
		return s.withToken(ada.token+"x").with("X-Forwarded-For", from).do("GET", "/users/me", "")
	}
	for range 5 {
		s.anonymous().with("X-Forwarded-For", "192.0.2.1").do("GET", "/users/me", "").wants(401)
	}
	for range 2 {
		require.Contains(t, bad("192.0.2.1").wants(401).header.Get("WWW-Authenticate"), "invalid_token")
	}
	got := bad("192.0.2.1").wants(429)
	require.Empty(t, got.header.Get("WWW-Authenticate"), "nothing is said of the token")
	require.NotEmpty(t, got.header.Get("Retry-After"))
	bad("203.0.113.9, 192.0.2.1").wants(429) // the client's own word
	bad("192.0.2.2").wants(401)
	s.as(ada).with("X-Forwarded-For", "192.0.2.1").do("GET", "/users/me", "").wants(200)
	lines := s.log.lines(t, "request")
	require.Equal(t, "format", lines[len(lines)-3]["refused"])
}

// Who has a token that was good once is told so as often as he asks: he would never
// get a new one, nor would his neighbours.
func TestExpiredTokensAreNoGuesses(t *testing.T) {
	t.Parallel()
	s := start(t, map[string]string{"AUTH_FAILURE_LIMITS": "1/hour"})
	expired := func() *call { return s.withToken(s.issuer.Sign(map[string]any{"sub": "ada", "exp": 1})) }
	for range 3 {
		require.Contains(t, expired().do("GET", "/users/me", "").wants(401).header.Get("WWW-Authenticate"), "expired")
	}
	s.withToken("junk").do("GET", "/users/me", "").wants(401)
	s.withToken("junk").do("GET", "/users/me", "").wants(429)
	expired().do("GET", "/users/me", "").wants(401)
}

// Who has many organizations, or asks for those of others, from many addresses, has ten
// times one quota in all.
func TestPersonInAllOrganizations(t *testing.T) {
	t.Parallel()
	s := start(t, map[string]string{"RATE_LIMITS": "3/hour", "TRUSTED_PROXIES": "127.0.0.0/8"})
	ada, asked := s.person("ada"), 1
	ask := func(path string) response {
		asked++
		return s.as(ada).with("X-Forwarded-For", fmt.Sprintf("192.0.2.%d", asked)).do("GET", path, "")
	}
	acme, globex := s.found(ada, "Acme"), s.found(ada, "Globex")
	asked += 2
	for _, path := range []string{acme, globex, acme, globex, acme, globex} {
		ask(path).wants(200)
	}
	for asked < 3*personFactor {
		ask("/organizations/" + newID()).wants(404)
	}
	bob := s.person("bob")
	initech := s.found(bob, "Initech")
	s.join(bob, initech, ada, "member")
	require.Equal(t, `"hour";q=30;w=3600`, ask(initech).wants(429).header.Get("RateLimit-Policy"))
	s.as(bob).do("GET", initech, "").wants(200)
}

// Who has paid for more than ten times as much gets it, from one address.
func TestPlanIsMetByNothingElse(t *testing.T) {
	t.Parallel()
	s := start(t, map[string]string{"RATE_LIMITS": "2/hour", "PLAN_LIMITS": "pro=60/hour"})
	ada := s.person("ada")
	acme := s.found(ada, "Acme")
	s.all(`UPDATE organizations SET plan = 'pro'`)
	for range 60 {
		s.as(ada).do("GET", acme, "").wants(200)
	}
	require.Equal(t, `"hour";q=60;w=3600`, s.as(ada).do("GET", acme, "").wants(429).header.Get("RateLimit-Policy"))
}

func TestCoarserLimits(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ standard, plans, want string }{
		{"100/minute; 2000/hour", "", "1000/minute; 20000/hour"},
		{"100/minute; 2000/hour", "pro=1000/minute; 20000/hour,small=1/minute; 5/hour", "10000/minute; 200000/hour"},
		{"100/minute burst 20", "", "1000/minute burst 200"},
		{"100/minute burst 20", "pro=1000/hour,few=5/minute", "10000/minute burst 10000"},
		{"100/minute; 2000/hour", "pro=200/minute", "2000/minute; 120000/hour"},
		{"x=1/day sliding", "pro=3/hour sliding", "x=720/day"},
		{"1/second", "pro=1/31d", "10/second"},
		{"1000000000/second", "", "1000000000/second"},
		{"1000000000/31d sliding", "pro=1000000000/second", "2678400000000000/31d"},
	} {
		full := config{RateLimits: c.standard, AuthFailureLimits: "1/day", PlanLimits: strings.FieldsFunc(c.plans, func(r rune) bool { return r == ',' })}
		standard, err := parseLimits(c.standard)
		require.NoError(t, err)
		plans, err := full.plans()
		require.NoError(t, err)
		require.Equal(t, c.want, coarser(standard, plans, 10).String())
		_, err = newLimits(&full, slog.New(slog.DiscardHandler)) // with a factor of 100, too
		require.NoError(t, err, c.standard)
	}
}

// Every answer tells a quota, whatever it says: but those to probes, which cost nothing.
func TestEveryRefusalHasItsFields(t *testing.T) {
	t.Parallel()
	s := startWithRoutes(t, nil,
		route{"GET /panics", person(), func(http.ResponseWriter, *http.Request) error { panic("x") }},
		route{"GET /fails", person(), func(http.ResponseWriter, *http.Request) error { return io.ErrNoProgress }},
		route{"GET /out", person(), func(http.ResponseWriter, *http.Request) error { return errNoDatabase }},
	)
	ada := s.person("ada")
	for _, c := range []struct {
		who    *call
		method string
		path   string
		body   string
		status int
	}{
		{s.anonymous(), "GET", "/fails", "", 401},
		{s.anonymous().with("Authorization", "Basic x"), "GET", "/fails", "", 400},
		{s.withToken("junk"), "HEAD", "/fails", "", 401},
		{s.anonymous(), "GET", "/nowhere", "", 404},
		{s.anonymous(), "GET", "//", "", 404},
		{s.anonymous(), "OPTIONS", "/fails", "", 405},
		{s.anonymous(), "POST", "/livez", "", 405},
		{s.as(ada), "GET", "/organizations/" + newID(), "", 404},
		{s.as(ada), "GET", "/fails", "", 500},
		{s.as(ada), "GET", "/panics", "", 500},
		{s.as(ada), "GET", "/out", "", 503},
		{s.as(ada), "POST", "/organizations", "{", 400},
		{s.as(ada), "POST", "/organizations", "{}", 422},
		{s.as(ada), "POST", "/organizations", strings.Repeat("x", 70_000), 413},
		{s.as(ada).with("Content-Type", "text/plain"), "POST", "/organizations", "x", 415},
	} {
		got := c.who.do(c.method, c.path, c.body).wants(c.status)
		require.NotEmpty(t, got.header.Get("RateLimit"), got.asked)
		require.NotEmpty(t, got.header.Get("RateLimit-Policy"), got.asked)
		require.Equal(t, c.status == 503, got.header.Get("Retry-After") != "", got.asked)
	}
	for _, method := range []string{"GET", "HEAD"} {
		require.Empty(t, s.anonymous().do(method, "/livez", "").wants(200).header.Get("RateLimit"))
	}
}

// The address is the one that the nearest trusted proxy saw, in the limits as in the
// log; networks of IPv6 are limited as what they are: one client's, or one site's.
func TestAddresses(t *testing.T) {
	t.Parallel()
	s := start(t, map[string]string{"RATE_LIMITS": "1/hour", "TRUSTED_PROXIES": "127.0.0.0/8,10.0.0.0/8"})
	from := func(forwarded ...string) int {
		return s.anonymous().with("X-Forwarded-For", forwarded...).do("GET", "/nowhere", "").status
	}
	logged := func() any {
		lines := s.log.lines(t, "request")
		return lines[len(lines)-1]["client"]
	}
	for i := range 10 {
		require.Equal(t, 404, from(fmt.Sprintf("203.0.113.%d, 192.0.2.1", i)))
		require.Equal(t, "192.0.2.1", logged())
	}
	require.Equal(t, 429, from("203.0.113.77, 192.0.2.1, 10.1.1.1"))
	require.Equal(t, 429, from("203.0.113.77", "::ffff:192.0.2.1"))
	require.Equal(t, 404, from("192.0.2.2"))
	for i := range 10 {
		require.Equal(t, 404, from(fmt.Sprintf("2001:db8:1:1::%d", i)))
	}
	network := s.anonymous().with("X-Forwarded-For", "2001:db8:3::1").do("GET", "/nowhere", "").wants(404)
	require.Equal(t, `"hour";q=10;w=3600`, network.header.Get("RateLimit-Policy"), "what binds, and not the site's")
	for range 100 {
		require.Equal(t, 429, from("2001:db8:1:1:ffff::1"), "the same /64")
	}
	for i := range 90 { // what it was refused is not at its neighbours' cost
		require.Equal(t, 404, from(fmt.Sprintf("2001:db8:1:%d::1", 2+i)))
	}
	site := s.anonymous().with("X-Forwarded-For", "2001:db8:1:ffff::1").do("GET", "/nowhere", "").wants(429)
	require.Equal(t, `"hour";q=100;w=3600`, site.header.Get("RateLimit-Policy"), "the same /48")
	require.NotEmpty(t, site.header.Get("Retry-After"))
	require.Equal(t, 200, s.anonymous().with("X-Forwarded-For", "2001:db8:1:ffff::1").do("GET", "/livez", "").status)
	require.Equal(t, 404, from("2001:db8:2::1"))
	for range 10 {
		require.Equal(t, 404, from("unknown"))
	}
	require.Equal(t, 429, from("also unknown"), "who has no address has one bucket together")
	require.Equal(t, "invalid IP", logged())
	require.Equal(t, 200, s.anonymous().with("X-Forwarded-For", "192.0.2.1").do("GET", "/livez", "").status)

	direct := start(t, map[string]string{"RATE_LIMITS": "1/hour"})
	for i := range 10 {
		direct.anonymous().with("X-Forwarded-For", fmt.Sprintf("192.0.2.%d", i)).do("GET", "/nowhere", "").wants(404)
	}
	direct.anonymous().with("X-Forwarded-For", "192.0.2.200").do("GET", "/nowhere", "").wants(429)
	require.Equal(t, "127.0.0.1", direct.log.lines(t, "request")[0]["client"])
}

// Without the Redis it should have, a replica counts quotas by itself and is ready;
// tokens that fail can't be counted, so nothing is said of them.
func TestLimitsWithoutTheirRedis(t *testing.T) {
	t.Parallel()
	s := start(t, map[string]string{"RATE_LIMITS": "4/hour", "REDIS_URL": "redis://u:hunter2@127.0.0.1:1/0"}) // nobody listens there
	ada := s.person("ada")
	for range 3 {
		s.as(ada).do("GET", "/users/me", "").wants(200)
	}
	s.as(ada).do("GET", "/users/me", "").wants(429)
	for range 3 {
		require.NotEmpty(t, s.withToken(ada.token+"x").do("GET", "/users/me", "").wants(503).header.Get("Retry-After"))
	}
	s.withToken(s.issuer.Sign(map[string]any{"sub": "ada", "exp": 1})).do("GET", "/users/me", "").wants(401)
	s.anonymous().do("GET", "/users/me", "").wants(401)
	s.anonymous().do("GET", "/readyz", "").wants(200)
	require.Len(t, s.log.lines(t, "limits are counted by each replica: Redis can't be reached"), 1, "news only")
	require.Empty(t, s.log.lines(t, "request failed"))
	require.NotContains(t, s.log.String(), "hunter2")
}

// The log says once when Redis goes and when it is back: which neither a refusal says
// that is remembered, nor a caller who has gone.
func TestRedisGoesAndComesBack(t *testing.T) {
	t.Parallel()
	var log logBuffer
	l := limits{log: slog.New(slog.NewJSONHandler(&log, nil))}
	tell := func(d ratelimit.Decision, err error) {
		l.observe(t.Context(), ratelimit.Event{Decision: d, Err: err})
	}
	told := func(gone, back int) {
		t.Helper()
		require.Len(t, log.lines(t, "limits are counted by each replica: Redis can't be reached"), gone)
		require.Len(t, log.lines(t, "limits are shared again"), back)
	}
	tell(ratelimit.Decision{}, nil)
	tell(ratelimit.Decision{}, context.Canceled)
	told(0, 0)
	tell(ratelimit.Decision{Degraded: true}, io.EOF)
	tell(ratelimit.Decision{Degraded: true, Allowed: true}, io.EOF)
	tell(ratelimit.Decision{}, fmt.Errorf("%w: x", ratelimit.ErrUnavailable))
	tell(ratelimit.Decision{}, nil)
	tell(ratelimit.Decision{}, context.Canceled)
	told(1, 0)
	tell(ratelimit.Decision{Allowed: true}, nil)
	told(1, 1)
}

// Nobody alone keeps the service busy.
func TestRequestsUnderWay(t *testing.T) {
	t.Parallel()
	var begun sync.WaitGroup
	begun.Add(maxAtOnce)
	finish := make(chan struct{})
	s := startWithRoutes(t, nil, route{"GET /slow", person(), func(w http.ResponseWriter, _ *http.Request) error {
		begun.Done()
		<-finish
		return reply(w, http.StatusOK, "done")
	}})
	ada := somebody{token: s.issuer.Sign(map[string]any{"sub": "ada"})}
	bob := somebody{token: s.issuer.Sign(map[string]any{"sub": "bob"})}
	var all sync.WaitGroup
	for range maxAtOnce {
		all.Go(func() { s.as(ada).do("GET", "/slow", "").wants(200) })
	}
	begun.Wait()
	refused := s.as(ada).do("GET", "/slow", "").wants(503)
	require.Contains(t, refused.problem().Detail, "under way")
	require.NotEmpty(t, refused.header.Get("Retry-After"))
	require.Empty(t, s.log.lines(t, "request failed"), "which is no fault of ours")
	begun.Add(1)
	all.Go(func() { s.as(bob).do("GET", "/slow", "").wants(200) })
	begun.Wait()
	close(finish)
	all.Wait()
	begun.Add(1)
	s.as(ada).do("GET", "/slow", "").wants(200)
}
