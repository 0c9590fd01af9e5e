package main

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rowhouse-go/rowhouse/auth/authtest"
)

// A running is a service under test: configured by variables, listening on the
// loopback interface, trusting a real issuer.
type running struct {
	t      *testing.T
	app    *app
	base   string
	issuer *authtest.Issuer
	log    *logBuffer
	client *http.Client
	stop   func() error // drains
	cut    bool         // stop may fail
}

// environment returns variables that make a working configuration with issuer.
func environment(t *testing.T, issuer string) map[string]string {
	return map[string]string{
		"ENVIRONMENT":              staging,
		"LISTEN_ADDR":              "127.0.0.1:0",
		"DATABASE_URL":             sqliteURL(t),
		"AUTH_PROVIDER_TYPE":       "oidc",
		"AUTH_ISSUER":              issuer,
		"AUTH_AUDIENCE":            authtest.Audience,
		"AUTH_EMAIL_AUTHORITATIVE": "true",
		"INVITATION_KEY":           base64.StdEncoding.EncodeToString([]byte(strings.Repeat("k", 32))),
		"SHUTDOWN_DELAY":           "0s",
		"RATE_LIMITS":              "1000000/minute", // tests that are not about limits have none
		"AUTH_FAILURE_LIMITS":      "1000000/minute",
	}
}

func sqliteURL(t *testing.T) string { return "sqlite:" + filepath.Join(t.TempDir(), "saas.db") }

// start runs the service with the variables in change in place of the kit's.
func start(t *testing.T, change map[string]string) *running {
	t.Helper()
	return startWith(t, change, nil)
}

// startWith lets prepare change the service before it listens.
func startWith(t *testing.T, change map[string]string, prepare func(*app)) *running {
	t.Helper()
	issuer := authtest.NewIssuer(t)
	vars := environment(t, issuer.URL())
	maps.Copy(vars, postgresVariables(t)) // none without PostgreSQL
	maps.Copy(vars, change)
	c, err := loadConfig(vars, false)
	require.NoError(t, err)
	ln, err := listen(t.Context(), &c)
	require.NoError(t, err)
	log := &logBuffer{}
	id, err := newIdentity(&c, newLog(c, log))
	require.NoError(t, err)
	a, err := openApp(t.Context(), c, newLog(c, log), id)
	require.NoError(t, err)
	if prepare != nil {
		prepare(a)
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	served := make(chan error, 1)
	go func() { served <- a.serve(ctx, ln) }()
	stop := sync.OnceValue(func() error {
		cancel()
		err := <-served
		if closeErr := a.close(); err == nil {
			err = closeErr
		}
		return err
	})
	transport := &http.Transport{}
	s := &running{
		t: t, app: a, base: "http://" + ln.Addr().String(), issuer: issuer, log: log, stop: stop,
		client: &http.Client{
			Transport:     transport,
			Timeout:       20 * time.Second,
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}
	t.Cleanup(func() {
		transport.CloseIdleConnections()
		if err := stop(); !s.cut {
			require.NoError(t, err)
		}
	})
	return s
}

// A person has a token and the id under which others know its bearer.
type somebody struct {
	name, token, id string
}

// person signs somebody in, whose address is name@example.com.
func (s *running) person(name string) somebody {
	s.t.Helper()
	p := somebody{name: name, token: s.issuer.Sign(map[string]any{"sub": name, "email": name + "@example.com", "email_verified": true})}
	p.id = s.as(p).do("GET", "/users/me", "").wants(200).text("id")
	return p
}

// A call is one request in the making.
type call struct {
	s      *running
	header http.Header
}

func (s *running) as(p somebody) *call { return s.withToken(p.token) }

func (s *running) withToken(token string) *call {
	return &call{s, http.Header{"Authorization": {"Bearer " + token}}}
}

func (s *running) anonymous() *call { return &call{s, http.Header{}} }

// with replaces a header; no values take it away.
func (c *call) with(name string, values ...string) *call {
	c.header[http.CanonicalHeaderKey(name)] = values
	return c
}

// do sends the request. A body is JSON unless a header says otherwise.
func (c *call) do(method, path, body string) response {
	c.s.t.Helper()
	r, err := http.NewRequestWithContext(c.s.t.Context(), method, c.s.base+path, strings.NewReader(body))
	require.NoError(c.s.t, err)
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	maps.Copy(r.Header, c.header)
	return c.s.send(r)
}

func (s *running) send(r *http.Request) response {
	s.t.Helper()
	resp, err := s.client.Do(r)
	require.NoError(s.t, err, "%s %s", r.Method, r.URL.Path)
	defer resp.Body.Close()
	content, err := io.ReadAll(resp.Body)
	require.NoError(s.t, err)
	return response{s.t, r.Method + " " + r.URL.Path, resp.StatusCode, resp.Header, string(content)}
}

// A response is an answer with its checks.
type response struct {
	t      *testing.T
	asked  string
	status int
	header http.Header
	body   string
}

// wants checks the status and, of a refusal, that it is a whole problem document.
func (r response) wants(status int) response {
	r.t.Helper()
	require.Equal(r.t, status, r.status, "%s: %s", r.asked, r.body)
	if status >= 400 && r.body != "" {
		p := r.problem()
		require.Equal(r.t, status, p.Status, r.asked)
		require.NotEmpty(r.t, p.Type, r.asked)
		require.NotEmpty(r.t, p.Title, r.asked)
		require.NotEmpty(r.t, p.Detail, r.asked)
	}
	return r
}

func (r response) problem() problem {
	r.t.Helper()
	require.Equal(r.t, "application/problem+json", r.header.Get("Content-Type"), r.asked)
	var p problem
	require.NoError(r.t, json.Unmarshal([]byte(r.body), &p), r.body)
	return p
}

// fields returns the names of the fields a problem faults.
func (r response) fields() []string {
	r.t.Helper()
	var names []string
	for _, f := range r.problem().Errors {
		require.NotEmpty(r.t, f.Detail)
		names = append(names, f.Field)
	}
	return names
}

func (r response) json() map[string]any {
	r.t.Helper()
	var all map[string]any
	require.NoError(r.t, json.Unmarshal([]byte(r.body), &all), r.body)
	return all
}

func (r response) text(field string) string {
	r.t.Helper()
	s, ok := r.json()[field].(string)
	require.True(r.t, ok, "%s: no %s in %s", r.asked, field, r.body)
	return s
}

// names returns a field of every item of a listing.
func (r response) items(field string) []string {
	r.t.Helper()
	list, ok := r.json()["items"].([]any)
	require.True(r.t, ok, r.body)
	values := []string{}
	for _, one := range list {
		values = append(values, fmt.Sprint(one.(map[string]any)[field]))
	}
	return values
}

// found makes p the owner of a new organization and returns its path.
func (s *running) found(p somebody, name string) string {
	s.t.Helper()
	body, err := json.Marshal(map[string]string{"name": name})
	require.NoError(s.t, err)
	return "/organizations/" + s.as(p).do("POST", "/organizations", string(body)).wants(201).text("id")
}

// join lets an owner add p to the organization at path.
func (s *running) join(owner somebody, path string, p somebody, role string) {
	s.t.Helper()
	s.as(owner).do("POST", path+"/memberships", membershipJSON(p, role)).wants(201)
}

// invite invites an address to the organization at path.
func (s *running) invite(inviter somebody, path, email, role string) response {
	s.t.Helper()
	return s.as(inviter).do("POST", path+"/invitations", invitationJSON(email, role)).wants(201)
}

func invitationJSON(email, role string) string {
	return fmt.Sprintf(`{"email":%q,"role":%q}`, email, role)
}

func acceptJSON(token string) string { return fmt.Sprintf(`{"token":%q}`, token) }

func membershipJSON(p somebody, role string) string {
	return fmt.Sprintf(`{"id":%q,"role":%q}`, p.id, role)
}

func roleJSON(role string) string { return fmt.Sprintf(`{"role":%q}`, role) }

func transferJSON(p somebody, then string) string {
	return fmt.Sprintf(`{"to":%q,"then":%q}`, p.id, then)
}

// A logBuffer collects a log that several goroutines write.
type logBuffer struct {
	lock sync.Mutex
	text bytes.Buffer
}

func (b *logBuffer) Write(p []byte) (int, error) {
	b.lock.Lock()
	defer b.lock.Unlock()
	return b.text.Write(p)
}

func (b *logBuffer) String() string {
	b.lock.Lock()
	defer b.lock.Unlock()
	return b.text.String()
}

// lines returns the log's entries with this message.
func (b *logBuffer) lines(t *testing.T, message string) []map[string]any {
	t.Helper()
	var found []map[string]any
	for line := range strings.Lines(b.String()) {
		var entry map[string]any
		require.NoError(t, json.Unmarshal([]byte(line), &entry), line)
		if entry["msg"] == message {
			found = append(found, entry)
		}
	}
	return found
}

func readFile(t *testing.T, name string) string {
	t.Helper()
	content, err := os.ReadFile(name)
	require.NoError(t, err)
	return string(content)
}
