package auth_test

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/rowhouse-go/rowhouse/auth"
	"github.com/rowhouse-go/rowhouse/internal/integration/server"
)

// The resources of the provider, each with an algorithm of its own.
var resources = map[string]string{
	"https://api.example/rs256":   "RS256",
	"https://api.example/es256":   "ES256",
	"https://api.example/ed25519": "Ed25519",
}

const es256 = "https://api.example/es256"

// Access tokens of a certified provider verify locally: keys by discovery, three
// algorithms, and nothing but the audience the service goes by.
func TestOIDCProvider(t *testing.T) {
	t.Parallel()
	issuer, id, secret := server.OIDCProvider(t)
	for resource, alg := range resources {
		t.Run(alg, func(t *testing.T) {
			t.Parallel()
			cfg := auth.OIDC(issuer, resource)
			cfg.Types = []string{"at+jwt"}
			v := start(t, cfg)
			token := accessToken(t, issuer, id, secret, resource)

			c, err := v.Verify(t.Context(), token)
			require.NoError(t, err)
			require.Equal(t, issuer, c.Issuer())
			require.Equal(t, id, c.ClientID())
			require.Equal(t, auth.KindClient, c.Kind(), "client credentials speak of a program")
			require.Equal(t, []string{resource}, slices.Collect(c.Audience()))
			require.Equal(t, []string{"read"}, slices.Collect(c.Scopes()))
			require.NotEmpty(t, c.ID())

			for other := range resources {
				if other != resource {
					_, err := v.Verify(t.Context(), accessToken(t, issuer, id, secret, other))
					require.Equal(t, auth.ReasonAudience, reason(t, err))
				}
			}
			for name, tampered := range tamper(t, token) {
				_, err := v.Verify(t.Context(), tampered)
				require.ErrorIs(t, err, auth.ErrInvalidToken, name)
			}
		})
	}
}

// The same through HTTP: a request passes with the token, and without it, or
// with one for another resource, it learns what RFC 6750 lets it learn.
func TestOIDCProviderMiddleware(t *testing.T) {
	t.Parallel()
	issuer, id, secret := server.OIDCProvider(t)
	v := start(t, auth.OIDC(issuer, es256))
	h := v.Middleware(v.RequireScope("read")(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, _ := auth.FromContext(r.Context())
		_, _ = w.Write([]byte(c.Principal()))
	})))
	ask := func(token string) *httptest.ResponseRecorder {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil)
		if token != "" {
			r.Header.Set("Authorization", "Bearer "+token)
		}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		return w
	}
	w := ask(accessToken(t, issuer, id, secret, es256))
	require.Equal(t, http.StatusOK, w.Code)
	require.Contains(t, w.Body.String(), id)
	w = ask("")
	require.Equal(t, http.StatusUnauthorized, w.Code)
	require.Equal(t, "Bearer", w.Header().Get("WWW-Authenticate"))
	w = ask(accessToken(t, issuer, id, secret, "https://api.example/rs256"))
	require.Equal(t, http.StatusUnauthorized, w.Code)
	require.Contains(t, w.Header().Get("WWW-Authenticate"), `error="invalid_token"`)
}

// The provider goes away and comes back with other keys. Its tokens verify while
// it is away, and those of the new keys at once.
func TestOIDCProviderRotation(t *testing.T) {
	t.Parallel()
	var issuer, old string
	var v *auth.Verifier
	t.Run("first keys", func(t *testing.T) { // the provider ends with the subtest
		var id, secret string
		var err error
		issuer, id, secret = server.OIDCProvider(t)
		v, err = auth.New(auth.OIDC(issuer, es256))
		require.NoError(t, err)
		require.NoError(t, v.Ready(t.Context()))
		old = accessToken(t, issuer, id, secret, es256)
		_, err = v.Verify(t.Context(), old)
		require.NoError(t, err)
	})
	if v == nil {
		return // failed, or skipped
	}
	defer func() { require.NoError(t, v.Close()) }()
	_, err := v.Verify(t.Context(), old)
	require.NoError(t, err, "while the provider is away")
	t.Run("second keys", func(t *testing.T) {
		id, secret := server.RotatedOIDCProvider(t, issuer)
		_, err := v.Verify(t.Context(), accessToken(t, issuer, id, secret, es256))
		require.NoError(t, err)
		_, err = v.Verify(t.Context(), old)
		require.Equal(t, auth.ReasonKey, reason(t, err), "the first keys are withdrawn")
	})
}

// start returns a verifier that has its keys.
func start(t *testing.T, cfg auth.Config) *auth.Verifier {
	t.Helper()
	v, err := auth.New(cfg)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, v.Close()) })
	require.NoError(t, v.Ready(t.Context()))
	return v
}

func reason(t *testing.T, err error) auth.Reason {
	t.Helper()
	var e *auth.Error
	require.ErrorAs(t, err, &e)
	return e.Reason
}

// accessToken asks the provider for a token of the client credentials grant.
func accessToken(t *testing.T, issuer, id, secret, resource string) string {
	t.Helper()
	form := url.Values{"grant_type": {"client_credentials"}, "scope": {"read"}, "resource": {resource}}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, issuer+"/token", strings.NewReader(form.Encode()))
	require.NoError(t, err)
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.SetBasicAuth(id, secret)
	resp, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	defer resp.Body.Close()
	var answer struct {
		AccessToken string `json:"access_token"`
	}
	require.NoError(t, json.NewDecoder(resp.Body).Decode(&answer))
	require.Equal(t, http.StatusOK, resp.StatusCode)
	require.NotEmpty(t, answer.AccessToken)
	return answer.AccessToken
}

// tamper changes one thing of a token that a provider signed.
func tamper(t *testing.T, token string) map[string]string {
	t.Helper()
	s := strings.Split(token, ".")
	require.Len(t, s, 3)
	edit := func(segment, old, replacement string) string {
		raw, err := base64.RawURLEncoding.DecodeString(segment)
		require.NoError(t, err)
		require.Contains(t, string(raw), old)
		return base64.RawURLEncoding.EncodeToString([]byte(strings.Replace(string(raw), old, replacement, 1)))
	}
	other := "A"
	if strings.HasPrefix(s[2], other) {
		other = "B"
	}
	return map[string]string{
		"another scope":     s[0] + "." + edit(s[1], `"scope":"read"`, `"scope":"write"`) + "." + s[2],
		"longer life":       s[0] + "." + edit(s[1], `"exp":1`, `"exp":2`) + "." + s[2],
		"no algorithm":      edit(s[0], `"alg":"`, `"alg":"none","x":"`) + "." + s[1] + "." + s[2],
		"another key":       edit(s[0], `"kid":"`, `"kid":"x`) + "." + s[1] + "." + s[2],
		"another signature": s[0] + "." + s[1] + "." + other + s[2][1:],
		"no signature":      s[0] + "." + s[1] + ".",
	}
}
