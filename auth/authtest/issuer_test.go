package authtest_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rowhouse-go/rowhouse/auth"
	"github.com/rowhouse-go/rowhouse/auth/authtest"
)

func verifier(t *testing.T, c auth.Config) *auth.Verifier {
	t.Helper()
	v, err := auth.New(c)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, v.Close()) })
	require.NoError(t, v.Ready(t.Context()))
	return v
}

func TestEveryAlgorithm(t *testing.T) {
	t.Parallel()
	issuer := authtest.NewIssuer(t)
	for _, alg := range []string{"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA", "Ed25519"} {
		issuer.Key(alg)
	}
	v := verifier(t, issuer.Config())
	for _, alg := range []string{"", "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA", "Ed25519"} {
		c, err := v.Verify(t.Context(), issuer.SignToken(authtest.Token{Alg: alg}))
		require.NoError(t, err, alg)
		require.Equal(t, "alice", c.Subject())
		require.Equal(t, auth.KindUser, c.Kind())
	}
	require.Equal(t, 1, issuer.Fetches())
}

// Each preset's token is accepted by the preset, with who and what it grants.
func TestPresets(t *testing.T) {
	t.Parallel()
	issuer := authtest.NewIssuer(t)
	issuer.Key("RS256") // published before the verifiers fetch
	for name, p := range map[string]struct {
		config auth.Config
		token  authtest.Token
		sub    string
		kind   auth.Kind
		has    func(auth.Claims) bool
	}{
		"OIDC": {
			auth.OIDC("", authtest.Audience),
			authtest.Token{},
			"alice", auth.KindUser,
			func(c auth.Claims) bool { return c.ClientID() == "web" },
		},
		"client credentials": {
			auth.OIDC("", authtest.Audience), authtest.ClientToken("robot", "read", "write"), "robot", auth.KindClient,
			func(c auth.Claims) bool { return c.HasScope("write") },
		},
		"Auth0": {
			auth.Auth0("tenant.auth0.test", "https://api.test/v1"), authtest.Auth0Token("auth0|1", "https://api.test/v1", "read:all"), "auth0|1", auth.KindUser,
			func(c auth.Claims) bool { return slices.Contains(slices.Collect(c.Permissions()), "read:all") },
		},
		"Keycloak": {
			auth.Keycloak("https://id.test", "test", "orders"), authtest.KeycloakToken("bob", "orders", "clerk"), "bob", auth.KindUser,
			func(c auth.Claims) bool {
				return slices.Contains(slices.Collect(c.Roles()), "clerk") && c.Email() == "bob@example.test" && c.EmailVerified()
			},
		},
		"Cognito": {
			auth.Cognito("eu-central-1", "eu-central-1_AbCdEfGhI", "app"), authtest.CognitoToken("carol", "app", "staff"), "carol", auth.KindUser,
			func(c auth.Claims) bool { return slices.Contains(slices.Collect(c.Groups()), "staff") },
		},
		"Ory": {
			auth.Ory("https://slug.projects.oryapis.com", "orders"), authtest.OryToken("dave", "orders", "offline"), "dave", auth.KindUser,
			func(c auth.Claims) bool { return c.HasScope("offline") },
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p.config.Issuer = issuer.URL()
			if p.config.Algorithms == nil {
				p.config.Algorithms = []string{"RS256", "ES256"}
			}
			v := verifier(t, p.config)
			c, err := v.Verify(t.Context(), issuer.SignToken(p.token))
			require.NoError(t, err)
			require.Equal(t, p.sub, c.Subject())
			require.Equal(t, p.kind, c.Kind())
			require.True(t, p.has(c))
		})
	}
}

// Ory's tokens without an audience are for those who list clients.
func TestOryWithoutAudience(t *testing.T) {
	t.Parallel()
	issuer := authtest.NewIssuer(t)
	issuer.Key("RS256")
	config := auth.Ory(issuer.URL(), "")
	config.Audience, config.Clients = nil, []string{"web"}
	v := verifier(t, config)
	_, err := v.Verify(t.Context(), issuer.SignToken(authtest.OryToken("dave", "")))
	require.NoError(t, err)
}

func TestHostileTokens(t *testing.T) {
	t.Parallel()
	issuer := authtest.NewIssuer(t)
	v := verifier(t, issuer.Config())
	foreign, err := authtest.NewKey(issuer.Key("").Kid, "ES256")
	require.NoError(t, err)
	for name, c := range map[string]struct {
		token  authtest.Token
		reason auth.Reason
	}{
		"foreign key":     {authtest.Token{Key: &foreign}, auth.ReasonSignature},
		"alg none":        {authtest.Token{Header: map[string]any{"alg": "none"}}, auth.ReasonAlgorithm},
		"header typ":      {authtest.Token{Header: map[string]any{"typ": "logout+jwt"}}, auth.ReasonType},
		"raw header":      {authtest.Token{RawHeader: []byte(`{"alg":"ES256","alg":"ES256"}`)}, auth.ReasonHeader},
		"raw payload":     {authtest.Token{RawPayload: []byte(`{"exp":9e9,"exp":9e9}`)}, auth.ReasonClaims},
		"own signature":   {authtest.Token{Signature: func(string) []byte { return make([]byte, 64) }}, auth.ReasonSignature},
		"claim left out":  {authtest.Token{Claims: map[string]any{"exp": nil}}, auth.ReasonClaims},
		"claim replaced":  {authtest.Token{Claims: map[string]any{"aud": "other"}}, auth.ReasonAudience},
		"expired":         {authtest.Token{Claims: map[string]any{"exp": time.Now().Add(-time.Hour).Unix()}}, auth.ReasonExpired},
		"no kid, one key": {authtest.Token{Header: map[string]any{"kid": nil}}, ""},
	} {
		_, err := v.Verify(t.Context(), issuer.SignToken(c.token))
		if c.reason == "" {
			require.NoError(t, err, name)
			continue
		}
		var e *auth.Error
		require.ErrorAs(t, err, &e, name)
		require.Equal(t, c.reason, e.Reason, name)
	}
}

func TestSwitches(t *testing.T) {
	t.Parallel()
	issuer := authtest.NewIssuer(t)
	get := func(url string) (int, string, error) {
		resp, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Get(url)
		if err != nil {
			return 0, "", err
		}
		defer resp.Body.Close()
		body, err := io.ReadAll(resp.Body)
		return resp.StatusCode, string(body), err
	}
	status, body, err := get(issuer.KeysURL())
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, status)
	require.Equal(t, string(issuer.JWKS()), body)
	require.Equal(t, 1, issuer.Fetches())

	issuer.Outage(true)
	_, _, err = get(issuer.KeysURL())
	require.Error(t, err)
	issuer.Outage(false)

	issuer.Garbage(true)
	status, body, err = get(issuer.KeysURL())
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, status)
	require.Contains(t, body, "<!doctype html>")
	issuer.Garbage(false)

	issuer.EmptySet(true)
	_, body, err = get(issuer.KeysURL())
	require.NoError(t, err)
	require.JSONEq(t, `{"keys":[]}`, body)
	issuer.EmptySet(false)

	issuer.Slow(50 * time.Millisecond)
	start := time.Now()
	_, _, err = get(issuer.KeysURL())
	require.NoError(t, err)
	require.GreaterOrEqual(t, time.Since(start), 50*time.Millisecond)
	issuer.Slow(0)

	status, _, err = get(issuer.URL() + "/token")
	require.NoError(t, err)
	require.Equal(t, http.StatusNotFound, status)
	require.Equal(t, 5, issuer.Fetches())

	resp, err := http.Post(issuer.KeysURL(), "application/json", nil)
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	require.Equal(t, http.StatusMethodNotAllowed, resp.StatusCode)
}

func kids(t *testing.T, issuer *authtest.Issuer) (kids []string) {
	t.Helper()
	var doc struct{ Keys []struct{ Kid string } }
	require.NoError(t, json.Unmarshal(issuer.JWKS(), &doc))
	for _, k := range doc.Keys {
		kids = append(kids, k.Kid)
	}
	return kids
}

func TestRotation(t *testing.T) {
	t.Parallel()
	issuer := authtest.NewIssuer(t)
	first := issuer.Key("")
	issuer.RotateKeepOld()
	second := issuer.Key("")
	require.NotEqual(t, first.Kid, second.Kid)
	require.Equal(t, []string{first.Kid, second.Kid}, kids(t, issuer))
	issuer.Revoke(first.Kid)
	require.Equal(t, []string{second.Kid}, kids(t, issuer))
	issuer.Rotate()
	third := issuer.Key("")
	require.Equal(t, []string{third.Kid}, kids(t, issuer))
	issuer.Publish(first)
	require.Equal(t, []string{third.Kid, first.Kid}, kids(t, issuer))
}

// An issuer without a listener serves inside a synctest bubble, whose clock it
// follows, and behind another server's mux.
func TestNew(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		issuer, err := authtest.New("https://id.test/realm/", nil)
		require.NoError(t, err)
		config := issuer.Config()
		config.HTTPClient = issuer.Client()
		v, err := auth.New(config)
		require.NoError(t, err)
		defer v.Close()
		token := issuer.Sign(nil)
		require.NoError(t, v.Ready(t.Context()))
		_, err = v.Verify(t.Context(), token)
		require.NoError(t, err)
		synctest.Wait()
		time.Sleep(authtest.Lifetime + 2*time.Minute) // of the bubble
		_, err = v.Verify(t.Context(), token)
		require.ErrorIs(t, err, auth.ErrExpired)

		issuer.Outage(true)
		_, err = issuer.Client().Get(issuer.KeysURL())
		require.ErrorContains(t, err, "down")
		_, err = issuer.Client().Get("https://elsewhere.test/")
		require.ErrorContains(t, err, "not the issuer")
		issuer.Outage(false)
		issuer.Slow(time.Minute)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, issuer.KeysURL(), nil)
		require.NoError(t, err)
		_, err = issuer.Client().Do(r)
		require.ErrorIs(t, err, context.DeadlineExceeded)
	})

	mux := http.NewServeMux()
	server := httptest.NewServer(mux)
	defer server.Close()
	issuer, err := authtest.New(server.URL+"/id", &authtest.Options{
		Audience:  "orders",
		Algorithm: "EdDSA",
		Metadata:  map[string]any{"token_endpoint": server.URL + "/id/token"},
	})
	require.NoError(t, err)
	mux.Handle("/id/", issuer)
	v := verifier(t, issuer.Config())
	c, err := v.Verify(t.Context(), issuer.Sign(map[string]any{"sub": "erin"}))
	require.NoError(t, err)
	require.Equal(t, []string{"orders"}, slices.Collect(c.Audience()))
	resp, err := http.Get(server.URL + "/id/.well-known/openid-configuration")
	require.NoError(t, err)
	defer resp.Body.Close()
	var doc map[string]any
	require.NoError(t, json.NewDecoder(resp.Body).Decode(&doc))
	require.Equal(t, server.URL+"/id/token", doc["token_endpoint"])
}

func TestNewRefuses(t *testing.T) {
	t.Parallel()
	for _, iss := range []string{"", "id.test", "ftp://id.test", "https://id.test/?x=1", "https://id.test/#f", "https://u:p@id.test", "%zz"} {
		_, err := authtest.New(iss, nil)
		require.Error(t, err, iss)
	}
	_, err := authtest.New("https://id.test", &authtest.Options{Algorithm: "HS256"})
	require.ErrorContains(t, err, "HS256")
	require.Panics(t, func() { authtest.NewIssuer(t).Sign(map[string]any{"x": make(chan int)}) })
	require.Panics(t, func() { authtest.NewIssuer(t).SignToken(authtest.Token{Alg: "none"}) })
}

func TestConcurrentUse(t *testing.T) {
	t.Parallel()
	issuer := authtest.NewIssuer(t)
	v := verifier(t, issuer.Config())
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 5 {
				issuer.RotateKeepOld()
				_, _ = v.Verify(t.Context(), issuer.Sign(nil))
				issuer.Revoke(issuer.Key("").Kid)
				issuer.Slow(0)
				issuer.Fetches()
			}
		})
	}
	all.Wait()
}

func TestCloseEndsTheListener(t *testing.T) {
	t.Parallel()
	issuer, err := authtest.Start(nil)
	require.NoError(t, err)
	issuer.Close()
	issuer.Close()
	_, err = http.Get(issuer.KeysURL())
	require.Error(t, err)
}

// A program that uses this package as its development issuer gets no test flags.
func TestDoesNotImportTesting(t *testing.T) {
	t.Parallel()
	out, err := exec.CommandContext(t.Context(), "go", "list", "-deps", ".").Output()
	require.NoError(t, err)
	for p := range strings.FieldsSeq(string(out)) {
		require.NotContains(t, []string{"testing", "flag", "net/http/httptest"}, p)
	}
}
