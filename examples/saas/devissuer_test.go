//go:build !production

package main

import (
	"context"
	"log/slog"
	"maps"
	"net/http"
	"net/url"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// startInsecure runs the service with a development identity.
func startInsecure(t *testing.T, file, addr, provider string) (base string, stop func()) {
	t.Helper()
	c, err := loadConfig(map[string]string{
		"ENVIRONMENT": development, "LISTEN_ADDR": addr, "DATABASE_URL": "sqlite:" + file, "SHUTDOWN_DELAY": "0s", "AUTH_PROVIDER_TYPE": provider,
	}, true)
	require.NoError(t, err)
	ln, err := listen(t.Context(), &c)
	require.NoError(t, err)
	c.ListenAddr = ln.Addr().String()
	log := newLog(c, &logBuffer{})
	id, err := newIdentity(&c, log)
	require.NoError(t, err)
	a, err := openApp(t.Context(), c, log, id)
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	served := make(chan error, 1)
	go func() { served <- a.serve(ctx, ln) }()
	stopped := false
	stop = func() {
		if !stopped {
			stopped = true
			cancel()
			require.NoError(t, <-served)
			require.NoError(t, a.close())
		}
	}
	t.Cleanup(stop)
	return "http://" + c.ListenAddr, stop
}

func TestDevelopmentSignIn(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "saas.db")
	base, stop := startInsecure(t, file, "127.0.0.1:0", "")
	s := &running{t: t, base: base, client: &http.Client{}}
	signIn := func(form, host string) response {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, base+"/dev-identity/token", strings.NewReader(form))
		require.NoError(t, err)
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Host = host
		return s.send(r)
	}
	here := strings.TrimPrefix(base, "http://")
	s.anonymous().do("POST", "/dev-identity/token", `{"name":"ada"}`).wants(415)
	signIn("name="+strings.Repeat("a", 70_000), here).wants(413)
	ada := somebody{token: strings.TrimSpace(signIn("name=ada", here).wants(200).body)}
	require.Equal(t, "user", s.as(ada).do("GET", "/users/me", "").wants(200).text("kind"))
	s.found(ada, "Acme")

	for _, name := range []string{"", "Ada", "a b", "../x", strings.Repeat("a", 33), "-a", "ä"} {
		signIn("name="+url.QueryEscape(name), here).wants(422)
	}
	signIn("name=ada&name=bob", here).wants(422)
	signIn("", here).wants(422)
	signIn("name=%zz", here).wants(400)
	_, port, _ := strings.Cut(here, ":")
	signIn("name=ada", "localhost:"+port).wants(200)
	for _, host := range []string{"evil.example", "evil.example:" + port, "127.0.0.1.evil.example:" + port, "localhost.evil.example:" + port} {
		signIn("name=ada", host).wants(421) // DNS rebinding
	}

	// The keys end with the process; the person stays the same one.
	s.client.CloseIdleConnections()
	stop()
	again, _ := startInsecure(t, file, here, "")
	require.Equal(t, base, again)
	s.as(ada).do("GET", "/users/me", "").wants(401)
	ada.token = strings.TrimSpace(signIn("name=ada", here).wants(200).body)
	require.Equal(t, []string{"Acme"}, s.as(ada).do("GET", "/organizations", "").wants(200).items("name"))
	s.client.CloseIdleConnections()
}

func TestProviderNone(t *testing.T) {
	t.Parallel()
	base, _ := startInsecure(t, filepath.Join(t.TempDir(), "saas.db"), "127.0.0.1:0", "none")
	s := &running{t: t, base: base, client: &http.Client{}}
	require.Equal(t, "everybody", s.anonymous().do("GET", "/users/me", "").wants(200).text("subject"))
	require.Equal(t, "owner", s.anonymous().do("POST", "/organizations", `{"name":"Acme"}`).wants(201).text("role"))
	s.anonymous().do("POST", "/dev-identity/token", "").wants(404)
	s.anonymous().do("GET", "/readyz", "").wants(200)
	// A foreign site whose name leads here must not get the browser to act.
	for host, status := range map[string]int{
		"evil.example": 421, "evil.example:80": 421, "127.0.0.1.evil.example": 421, "localhost": 200, "127.0.0.1": 200, "[::1]:80": 200, "[::1]": 200,
	} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, base+"/organizations", nil)
		require.NoError(t, err)
		r.Host = host
		s.send(r).wants(status)
	}
	s.client.CloseIdleConnections()
}

// An address that is found not to be on the loopback interface closes again.
func TestListenChecksWhatItFound(t *testing.T) {
	t.Parallel()
	_, err := listen(t.Context(), &config{ListenAddr: "0.0.0.0:0", insecureDevIdentity: true})
	require.ErrorContains(t, err, "is no loopback address")
}

func TestConfigDefaults(t *testing.T) {
	t.Parallel()
	c, err := loadConfig(map[string]string{"ENVIRONMENT": "development", "MAX_BODY_BYTES": "", "LISTEN_ADDR": ""}, true)
	require.NoError(t, err)
	require.Equal(t, config{
		AppName: "rowhouse-saas", Environment: development, LogLevel: slog.LevelInfo, ListenAddr: "127.0.0.1:8080",
		DatabaseURL: "sqlite:saas.db", DBPoolMaxConns: 10, DBPoolMaxLifetime: 30 * time.Minute, AuthTokenCache: 1024, RequestIDHeader: "X-Request-ID", MaxBodyBytes: 65536,
		RateLimits: "100/minute; 2000/hour", AuthFailureLimits: "30/minute; 300/hour",
		ShutdownDelay: 3 * time.Second, ShutdownGrace: 20 * time.Second, insecureDevIdentity: true,
	}, c)
}

// Development identities need the flag, the environment and a loopback address.
func TestInsecureIdentityNeedsAllThree(t *testing.T) {
	t.Parallel()
	right := map[string]string{"ENVIRONMENT": development, "LISTEN_ADDR": "127.0.0.1:0"}
	for _, provider := range []string{"", "none"} {
		with := func(name, value string) map[string]string {
			vars := maps.Clone(right)
			vars["AUTH_PROVIDER_TYPE"], vars[name] = provider, value
			return vars
		}
		_, err := loadConfig(with("APP_NAME", "x"), true)
		require.NoError(t, err)
		_, err = loadConfig(with("LISTEN_ADDR", "[::1]:0"), true)
		require.NoError(t, err)
		_, err = loadConfig(with("APP_NAME", "x"), false)
		require.ErrorContains(t, err, "AUTH_PROVIDER_TYPE: ", "no flag")
		for _, environment := range []string{"", staging, production} {
			_, err = loadConfig(with("ENVIRONMENT", environment), true)
			require.ErrorContains(t, err, "ENVIRONMENT: ")
		}
		for _, addr := range []string{":8080", "0.0.0.0:8080", "[::]:8080", "192.0.2.1:8080", "localhost:8080", "127.0.0.1.example:80", "[::ffff:192.0.2.1]:80"} {
			_, err = loadConfig(with("LISTEN_ADDR", addr), true)
			require.ErrorContains(t, err, "LISTEN_ADDR: must be a loopback address", addr)
		}
	}
	_, err := loadConfig(environment(t, "https://id.example"), true)
	require.ErrorContains(t, err, "AUTH_PROVIDER_TYPE: must not be set with --insecure-dev-identity")
}

// D24 of the list in original_test.go: the default settings could not work.
func TestOriginalD24ExampleSettingsWork(t *testing.T) {
	t.Parallel()
	vars := map[string]string{}
	for line := range strings.Lines(readFile(t, ".env.example")) {
		if name, value, ok := strings.Cut(strings.TrimSpace(line), "="); ok && !strings.HasPrefix(name, "#") {
			vars[name] = value
		}
	}
	require.Equal(t, development, vars["ENVIRONMENT"])
	_, err := loadConfig(vars, true)
	require.NoError(t, err)
}
