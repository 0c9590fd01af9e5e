package auth_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/stretchr/testify/require"

	"github.com/rowhouse-go/rowhouse/auth"
)

func TestNewNamesEveryFault(t *testing.T) {
	t.Parallel()
	_, err := auth.New(auth.Config{
		Issuer:           "http://id.example.com",
		Aliases:          []string{""},
		Algorithms:       []string{"HS256", "none", "RS256"},
		Types:            []string{},
		Leeway:           time.Hour,
		TokenCache:       -1,
		MaxTokenBytes:    1,
		Claims:           auth.ClaimNames{Roles: []auth.ClaimPath{{}}},
		IgnoredAudiences: []string{""},
	}, auth.Config{Issuer: "http://id.example.com", TokenCache: 5, OnError: func(http.ResponseWriter, *http.Request, error) {}})
	require.Error(t, err)
	text := err.Error()
	for _, want := range []string{
		"Config 1: Issuer: is plain http", "Config 1: Audience: is required", "Aliases: holds an empty",
		`Algorithms: "HS256"`, `Algorithms: "none"`, "Types: is empty", "Leeway: 1h0m0s is over", "TokenCache: is negative",
		"MaxTokenBytes: 1 is not", "Claims.Roles: holds an empty path", "IgnoredAudiences: holds an empty",
		"Config 2: Audience", "Config 2: TokenCache: belongs in the first", "Config 2: OnError: belongs in the first", `Config 2: Issuer: "http://id.example.com" is configured twice`,
	} {
		require.Contains(t, text, want)
	}
	require.NotContains(t, text, `"RS256"`)
	for line := range strings.SplitSeq(text, "\n") {
		require.True(t, strings.HasPrefix(line, "auth: Config "), line)
	}
}

func TestNewRefuses(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change func(*auth.Config)
		want   string
	}{
		"no issuer":                 {func(c *auth.Config) { c.Issuer = "" }, "Issuer: is required"},
		"no audience rule":          {func(c *auth.Config) { c.Audience = nil }, "Audience: is required"},
		"an empty audience":         {func(c *auth.Config) { c.Audience = []string{""} }, "Audience: holds an empty string"},
		"an audience also ignored":  {func(c *auth.Config) { c.IgnoredAudiences = c.Audience }, "which is also in Audience"},
		"no algorithm":              {func(c *auth.Config) { c.Algorithms = []string{} }, "Algorithms: is empty"},
		"lower-case algorithm":      {func(c *auth.Config) { c.Algorithms = []string{"es256"} }, `"es256"`},
		"issuer no URL":             {func(c *auth.Config) { c.Keys, c.Issuer = nil, "accounts" }, "not an absolute https URL"},
		"issuer with credentials":   {func(c *auth.Config) { c.Keys, c.Issuer = nil, "https://u:p@id.example.com" }, "holds credentials"},
		"issuer http, not loopback": {func(c *auth.Config) { c.Keys, c.Issuer = nil, "http://127.0.0.1.example.com" }, "InsecureHTTP"},
		"issuer http, with keys":    {func(c *auth.Config) { c.Issuer = "http://id.example.com" }, "Issuer: is plain http"},
		"discovery with failover": {func(c *auth.Config) {
			c.Keys = auth.DiscoverKeys(issuer, &auth.RemoteKeysOptions{Failover: []string{"https://b.example.com"}})
		}, "Keys: Failover: has no meaning"},
		"discovery at no URL":        {func(c *auth.Config) { c.Keys = auth.DiscoverKeys("id", nil) }, "Keys: issuer: is not an absolute"},
		"a nil key set":              {func(c *auth.Config) { c.Keys = (*auth.KeySet)(nil) }, "Keys: is a KeySet without keys"},
		"an empty key set":           {func(c *auth.Config) { c.Keys = &auth.KeySet{} }, "Keys: is a KeySet without keys"},
		"key URL http, not loopback": {func(c *auth.Config) { c.Keys = auth.RemoteKeys("http://id.example.com/jwks", nil) }, "Keys"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cfg := config(t)
			c.change(&cfg)
			_, err := auth.New(cfg)
			require.ErrorContains(t, err, c.want)
			require.NotContains(t, err.Error(), "u:p")
		})
	}
}

// A caller who changes its slices after New changes nothing.
func TestNewCopiesItsConfig(t *testing.T) {
	t.Parallel()
	cfg := config(t)
	v := newVerifier(t, cfg)
	cfg.Audience[0] = "other"
	_, err := v.Verify(t.Context(), token(t, nil))
	require.NoError(t, err)
	_, err = v.Verify(t.Context(), token(t, object{"aud": "other"}))
	require.ErrorIs(t, err, auth.ErrInvalidToken)
}

func TestZeroVerifierRefuses(t *testing.T) {
	t.Parallel()
	var v auth.Verifier
	_, err := v.Verify(t.Context(), token(t, nil))
	require.ErrorIs(t, err, auth.ErrInvalidToken)
}

func TestAudienceAndClients(t *testing.T) {
	t.Parallel()
	both := func(c *auth.Config) { c.Clients = []string{"web"} }
	clientsOnly := func(c *auth.Config) { c.Audience, c.Clients = nil, []string{"web"} }
	keycloak := func(c *auth.Config) { c.Clients, c.IgnoredAudiences = []string{"web"}, []string{"account"} }
	for name, c := range map[string]struct {
		change func(*auth.Config)
		claims object
		ok     bool
	}{
		"aud matches":                              {both, object{"client_id": "other"}, true},
		"aud absent, client listed":                {both, object{"aud": nil}, true},
		"aud absent, client listed by azp":         {both, object{"aud": nil, "client_id": nil, "azp": "web"}, true},
		"aud absent, client unknown":               {both, object{"aud": nil, "client_id": "other"}, false},
		"aud absent, no client":                    {both, object{"aud": nil, "client_id": nil}, false},
		"aud absent, azp listed, client_id not":    {both, object{"aud": nil, "azp": "web", "client_id": "other"}, false},
		"aud empty list, client listed":            {both, object{"aud": []string{}}, true},
		"aud another, client listed":               {both, object{"aud": "other"}, false},
		"aud empty string, client listed":          {both, object{"aud": ""}, false},
		"clients only, aud another":                {clientsOnly, object{"aud": "other"}, false},
		"clients only, aud absent":                 {clientsOnly, object{"aud": nil}, true},
		"ignored aud counts as absent":             {keycloak, object{"aud": "account"}, true},
		"ignored aud, client unknown":              {keycloak, object{"aud": "account", "client_id": "other"}, false},
		"ignored aud beside another":               {keycloak, object{"aud": []string{"account", "other"}}, false},
		"ignored aud beside ours":                  {keycloak, object{"aud": []string{"account", audience}, "client_id": "other"}, true},
		"ignored aud without being told to ignore": {both, object{"aud": "account"}, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cfg := config(t)
			c.change(&cfg)
			_, err := newVerifier(t, cfg).Verify(t.Context(), token(t, c.claims))
			if c.ok {
				require.NoError(t, err)
			} else {
				require.Equal(t, auth.ReasonAudience, reason(t, err))
			}
		})
	}
}

func TestRequireAndCheck(t *testing.T) {
	t.Parallel()
	cfg := config(t)
	cfg.Require = map[string]string{"token_use": "access"}
	cfg.Check = func(c auth.Claims) error {
		if !c.HasScope("api") {
			return errors.New("scope api is missing")
		}
		return nil
	}
	v := newVerifier(t, cfg)
	verify := func(o object) error { _, err := v.Verify(t.Context(), token(t, o)); return err }
	require.NoError(t, verify(object{"token_use": "access", "scope": "api"}))
	require.Equal(t, auth.ReasonRequired, reason(t, verify(object{"scope": "api"})))
	require.Equal(t, auth.ReasonRequired, reason(t, verify(object{"scope": "api", "token_use": "id"})))
	require.Equal(t, auth.ReasonRequired, reason(t, verify(object{"scope": "api", "token_use": []string{"access"}})))
	err := verify(object{"token_use": "access"})
	require.Equal(t, auth.ReasonCheck, reason(t, err))
	require.ErrorContains(t, err, "scope api is missing")
}

func TestTypesAndAlgorithms(t *testing.T) {
	t.Parallel()
	k := keys()
	cfg := config(t)
	cfg.Types = []string{"at+jwt"}
	cfg.Algorithms = []string{"RS512"}
	v := newVerifier(t, cfg)
	verify := func(m jwt.SigningMethod, h object) error {
		_, err := v.Verify(t.Context(), forge(t, m, k.rsaAny, h, claims(nil)))
		return err
	}
	require.NoError(t, verify(jwt.SigningMethodRS512, object{"alg": "RS512", "kid": "any", "typ": "at+jwt"}))
	require.Equal(t, auth.ReasonType, reason(t, verify(jwt.SigningMethodRS512, object{"alg": "RS512", "kid": "any"})))
	require.Equal(t, auth.ReasonType, reason(t, verify(jwt.SigningMethodRS512, object{"alg": "RS512", "kid": "any", "typ": "JWT"})))
	require.Equal(t, auth.ReasonAlgorithm, reason(t, verify(jwt.SigningMethodRS256, object{"alg": "RS256", "kid": "any", "typ": "at+jwt"})))
}

// A set shared by two Configs must not carry a header that one allows into the
// other through the memo.
func TestMemoDoesNotCarryAllowances(t *testing.T) {
	t.Parallel()
	wide := config(t)
	narrow := config(t)
	narrow.Keys = wide.Keys
	narrow.Types = []string{"at+jwt"}
	tok := forge(t, jwt.SigningMethodES256, keys().ec, object{"alg": "ES256", "kid": "ec", "typ": "JWT"}, claims(nil))
	_, err := newVerifier(t, wide).Verify(t.Context(), tok)
	require.NoError(t, err)
	_, err = newVerifier(t, narrow).Verify(t.Context(), tok)
	require.Equal(t, auth.ReasonType, reason(t, err))
}

func TestNoLeeway(t *testing.T) {
	t.Parallel()
	cfg := config(t)
	cfg.Leeway = -1
	v := newVerifier(t, cfg)
	_, err := v.Verify(t.Context(), token(t, object{"exp": epoch.Unix()}))
	require.ErrorIs(t, err, auth.ErrExpired)
	_, err = v.Verify(t.Context(), token(t, object{"exp": epoch.Unix() + 1}))
	require.NoError(t, err)
	_, err = v.Verify(t.Context(), token(t, object{"nbf": epoch.Unix() + 1}))
	require.ErrorIs(t, err, auth.ErrInvalidToken)
}

// Issuers never pool keys: the other's key under the other's kid verifies
// nothing of ours.
func TestSeveralIssuers(t *testing.T) {
	t.Parallel()
	k := keys()
	only := func(kid string, key object) *auth.KeySet {
		set, err := auth.StaticKeys(jwks(t, key))
		require.NoError(t, err)
		return set
	}
	a := config(t)
	a.Keys = only("a", jwkOf(t, k.ec, "a", nil))
	b := auth.Config{Issuer: "https://b.example.com", Audience: []string{"b"}, Keys: only("b", jwkOf(t, k.ed, "b", nil))}
	v := newVerifier(t, a, b)
	signA := func(kid string, c object) string {
		return forge(t, jwt.SigningMethodES256, k.ec, object{"alg": "ES256", "kid": kid}, claims(c))
	}
	signB := func(kid string, c object) string {
		return forge(t, jwt.SigningMethodEdDSA, k.ed, object{"alg": "EdDSA", "kid": kid}, claims(c))
	}
	asB := object{"iss": "https://b.example.com", "aud": "b"}
	for name, c := range map[string]struct {
		token string
		want  auth.Reason
	}{
		"a":                         {signA("a", nil), ""},
		"b":                         {signB("b", asB), ""},
		"b's key for a":             {signB("b", nil), auth.ReasonKey},
		"b's key under a's kid":     {signB("a", nil), auth.ReasonKey},
		"a's key for b":             {signA("a", asB), auth.ReasonKey},
		"a's audience at b":         {signB("b", object{"iss": "https://b.example.com"}), auth.ReasonAudience},
		"nobody's issuer":           {signA("a", object{"iss": "https://c.example.com"}), auth.ReasonIssuer},
		"no issuer":                 {signA("a", object{"iss": nil}), auth.ReasonIssuer},
		"an empty issuer":           {signA("a", object{"iss": ""}), auth.ReasonIssuer},
		"issuer with a slash added": {signB("b", object{"iss": "https://b.example.com/", "aud": "b"}), auth.ReasonIssuer},
	} {
		_, err := v.Verify(t.Context(), c.token)
		if c.want == "" {
			require.NoError(t, err, name)
		} else {
			require.Equal(t, c.want, reason(t, err), name)
		}
	}
}

// Junk stays 401 when keys are unavailable, and asks for none; only a token
// that could be good is told to come back.
func TestKeysUnavailable(t *testing.T) {
	t.Parallel()
	src := &source{}
	cfg := config(t)
	cfg.Keys = src
	second := config(t)
	second.Issuer, second.Now = "https://second.example.com", nil
	for _, v := range []*auth.Verifier{newVerifier(t, cfg), newVerifier(t, cfg, second)} {
		src.asked.Store(0)
		for _, a := range attacks(t) {
			switch a.want {
			case auth.ReasonKey, auth.ReasonSignature, auth.ReasonSubject:
				continue // what only a key can tell
			}
			_, err := v.Verify(t.Context(), a.token)
			require.ErrorIs(t, err, auth.ErrInvalidToken, a.name)
		}
		require.Zero(t, src.asked.Load())
		_, err := v.Verify(t.Context(), token(t, nil))
		require.ErrorIs(t, err, auth.ErrKeysUnavailable)
		require.ErrorIs(t, err, auth.ErrUnavailable)
		require.NotErrorIs(t, err, auth.ErrInvalidToken)
		var e *auth.Error
		require.ErrorAs(t, err, &e)
		require.Equal(t, 7*time.Second, e.RetryAfter)
		require.EqualValues(t, 1, src.asked.Load())
	}
}

// A known kid with a wrong signature asks for no newer keys; an unknown one
// does, once.
func TestWhoAsksForNewerKeys(t *testing.T) {
	t.Parallel()
	src := &source{}
	src.set.Store(ourKeys(t))
	cfg := config(t)
	cfg.Keys = src
	v := newVerifier(t, cfg)
	k := keys()
	for name, c := range map[string]struct {
		token string
		asks  int64
	}{
		"good":                           {token(t, nil), 0},
		"known kid, wrong signature":     {forge(t, jwt.SigningMethodRS256, k.foreign, object{"alg": "RS256", "kid": "rsa"}, claims(nil)), 0},
		"unknown kid":                    {forge(t, jwt.SigningMethodRS256, k.foreign, object{"alg": "RS256", "kid": "new"}, claims(nil)), 1},
		"unknown kid, expired":           {forge(t, jwt.SigningMethodRS256, k.foreign, object{"alg": "RS256", "kid": "new"}, claims(object{"exp": 1})), 0},
		"unknown kid, other issuer":      {forge(t, jwt.SigningMethodRS256, k.foreign, object{"alg": "RS256", "kid": "new"}, claims(object{"iss": "x"})), 0},
		"unknown kid, other audience":    {forge(t, jwt.SigningMethodRS256, k.foreign, object{"alg": "RS256", "kid": "new"}, claims(object{"aud": "x"})), 0},
		"unknown kid, HS256":             {forge(t, jwt.SigningMethodHS256, []byte("x"), object{"alg": "HS256", "kid": "new"}, claims(nil)), 0},
		"no kid, wrong signature":        {forge(t, jwt.SigningMethodRS256, k.foreign, object{"alg": "RS256"}, claims(nil)), 1},
		"known kid, type does not match": {forge(t, jwt.SigningMethodRS256, k.foreign, object{"alg": "RS256", "kid": "ec"}, claims(nil)), 1},
	} {
		src.asked.Store(0)
		_, _ = v.Verify(t.Context(), c.token)
		require.Equal(t, c.asks, src.asked.Load(), name)
	}
}

func TestObserveVerify(t *testing.T) {
	t.Parallel()
	var events []auth.Event
	cfg := config(t)
	cfg.TokenCache = 4
	cfg.Observe = func(_ context.Context, e auth.Event) { events = append(events, e) }
	v := newVerifier(t, cfg)
	_, _ = v.Verify(t.Context(), token(t, nil))
	_, _ = v.Verify(t.Context(), token(t, nil)[:20])
	require.Len(t, events, 2)
	require.Equal(t, auth.EventVerify, events[0].Kind)
	require.Equal(t, issuer, events[0].Issuer)
	require.NoError(t, events[0].Err)
	require.Equal(t, epoch, events[0].Start)
	require.ErrorIs(t, events[1].Err, auth.ErrInvalidToken)
}
