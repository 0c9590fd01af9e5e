package auth_test

import (
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/stretchr/testify/require"

	"github.com/rowhouse-go/rowhouse/auth"
	"github.com/rowhouse-go/rowhouse/auth/authtest"
)

// A shape is a token as a provider emits it.
type shape struct {
	header object
	claims object
}

// but returns the shape with changed claims; nil drops one.
func (s shape) but(changes object) shape {
	c := maps.Clone(s.claims)
	for name, v := range changes {
		if c[name] = v; v == nil {
			delete(c, name)
		}
	}
	return shape{s.header, c}
}

func (s shape) token(t testing.TB) string {
	t.Helper()
	h := object{"alg": "RS256", "kid": "rsa"}
	maps.Copy(h, s.header)
	c := object{"iat": epoch.Add(-time.Minute).Unix(), "exp": epoch.Add(5 * time.Minute).Unix()}
	maps.Copy(c, s.claims)
	return forge(t, jwt.SigningMethodRS256, keys().rsa, h, c)
}

// A provider is a preset with the tokens of one tenant, realm or pool.
type provider struct {
	preset  auth.Config
	user    shape
	program shape
	want    auth.ClaimSet // of user, as far as set
	refused map[string]refusal
}

type refusal struct {
	reason auth.Reason
	shape  shape
}

var (
	plain = object{"typ": "JWT"}
	at    = object{"typ": "at+jwt"}
)

const (
	sub    = "5be86359-073c-434b-ad2d-a3932222dabe"
	jti    = "a1b2c3d4-0000-4000-8000-000000000001"
	client = "K1AUPhZq8mRi0Q0pjhkfu1D7y6KjDQja"
	api    = "https://api.example.com"
)

func providers() map[string]provider {
	return map[string]provider{
		"Auth0": auth0(), "Auth0, RFC 9068": auth0Profile(), "Keycloak": keycloak(), "Cognito": cognito(),
		"Hydra": hydra(), "OIDC": generic(),
	}
}

func auth0() provider {
	user := shape{plain, object{
		"iss": "https://example.eu.auth0.com/", "sub": "auth0|6553da60a54af58e29493993", "azp": client,
		"aud": []string{api, "https://example.eu.auth0.com/userinfo"}, "scope": "openid profile read:reports",
		"org_id": "org_9ybsU1dN2dKfDkBi", "permissions": []string{"read:reports"},
	}}
	idToken := shape{plain, object{
		"iss": "https://example.eu.auth0.com/", "sub": "auth0|6553da60a54af58e29493993", "aud": client,
		"nickname": "ada", "name": "ada@example.com", "updated_at": "2026-02-28T12:00:00.000Z", "sid": "Xq0", "nonce": "n0",
	}}
	return provider{
		preset: auth.Auth0("example.eu.auth0.com", api),
		user:   user,
		program: shape{plain, object{
			"iss": "https://example.eu.auth0.com/", "sub": client + "@clients", "aud": api, "azp": client,
			"scope": "read:reports", "gty": "client-credentials", "permissions": []string{"read:reports"},
		}},
		want: auth.ClaimSet{
			Subject: "auth0|6553da60a54af58e29493993", ClientID: client, TenantHint: "org_9ybsU1dN2dKfDkBi",
			Scopes: []string{"openid", "profile", "read:reports"}, Permissions: []string{"read:reports"},
		},
		refused: map[string]refusal{
			"ID token":                   {auth.ReasonIDToken, idToken},
			"ID token without nonce":     {auth.ReasonAudience, idToken.but(object{"nonce": nil})},
			"token for userinfo alone":   {auth.ReasonAudience, user.but(object{"aud": "https://example.eu.auth0.com/userinfo"})},
			"other API":                  {auth.ReasonAudience, user.but(object{"aud": "https://other.example.com"})},
			"other tenant":               {auth.ReasonIssuer, user.but(object{"iss": "https://evil.eu.auth0.com/"})},
			"issuer without its slash":   {auth.ReasonIssuer, user.but(object{"iss": "https://example.eu.auth0.com"})},
			"back-channel logout token":  {auth.ReasonType, shape{object{"typ": "logout+jwt"}, idToken.claims}},
			"token of an HS256 API":      {auth.ReasonAlgorithm, shape{object{"typ": "JWT", "alg": "HS256"}, user.claims}},
			"algorithm the tenant lacks": {auth.ReasonAlgorithm, shape{object{"typ": "JWT", "alg": "ES256", "kid": "ec"}, user.claims}},
		},
	}
}

func auth0Profile() provider {
	p := auth0()
	p.user = shape{at, p.user.but(object{"azp": nil, "client_id": client, "jti": jti}).claims}
	p.program = shape{at, p.program.but(object{"azp": nil, "gty": nil, "client_id": client, "jti": jti}).claims}
	return p
}

func keycloak() provider {
	user := shape{plain, object{
		"iss": "https://id.example.com/realms/main", "sub": sub, "typ": "Bearer", "azp": "web", "sid": "s1", "acr": "1",
		"auth_time": epoch.Unix(), "jti": "onrtac:" + jti, "aud": []string{"orders", "account"},
		"allowed-origins": []string{"https://app.example.com"},
		"realm_access":    object{"roles": []string{"offline_access", "default-roles-main"}},
		"resource_access": object{
			"orders":  object{"roles": []string{"editor"}},
			"billing": object{"roles": []string{"admin"}},
			"account": object{"roles": []string{"manage-account"}},
		},
		"scope": "openid profile email", "email_verified": true, "name": "Ada Lovelace", "preferred_username": "ada",
		"email": "ada@example.com",
	}}
	// The ID token of a client that is both an API and an application has the
	// API's audience; only the payload's typ tells them apart.
	idToken := user.but(object{
		"typ": "ID", "aud": "orders", "azp": "orders", "realm_access": nil, "resource_access": nil, "scope": nil,
		"allowed-origins": nil,
	})
	return provider{
		preset: auth.Keycloak("https://id.example.com/", "main", "orders"),
		user:   user,
		program: shape{plain, object{
			"iss": "https://id.example.com/realms/main", "sub": "d952cf23-bf92-4c8f-a3ff-4972b4f2bc5b", "typ": "Bearer",
			"azp": "batch", "acr": "1", "jti": "trrtcc:" + jti, "aud": []string{"orders", "account"},
			"realm_access": object{"roles": []string{"default-roles-main"}}, "scope": "email profile",
			"clientHost": "10.0.0.1", "clientAddress": "10.0.0.1", "email_verified": false,
			"preferred_username": "service-account-batch", "client_id": "batch",
		}},
		want: auth.ClaimSet{
			Subject: sub, ClientID: "web", SessionID: "s1", Email: "ada@example.com", EmailVerified: true,
			Scopes: []string{"openid", "profile", "email"},
			Roles:  []string{"offline_access", "default-roles-main", "editor"},
		},
		refused: map[string]refusal{
			"ID token":                  {auth.ReasonRequired, idToken},
			"ID token, with at_hash":    {auth.ReasonIDToken, idToken.but(object{"at_hash": "h"})},
			"refresh token":             {auth.ReasonAlgorithm, shape{object{"typ": "JWT", "alg": "HS512"}, user.but(object{"typ": "Refresh"}).claims}},
			"refresh token, asymmetric": {auth.ReasonRequired, user.but(object{"typ": "Refresh", "aud": "orders"})},
			"offline token":             {auth.ReasonRequired, user.but(object{"typ": "Offline", "aud": "orders"})},
			"logout token":              {auth.ReasonRequired, user.but(object{"typ": "Logout", "aud": "orders"})},
			"logout token, typed":       {auth.ReasonType, shape{object{"typ": "logout+jwt"}, user.but(object{"typ": "Logout", "aud": "orders"}).claims}},
			"DPoP-bound token":          {auth.ReasonRequired, user.but(object{"typ": "DPoP", "cnf": object{"jkt": "x"}})},
			"no typ":                    {auth.ReasonRequired, user.but(object{"typ": nil})},
			"typ a list":                {auth.ReasonRequired, user.but(object{"typ": []string{"Bearer"}})},
			"version 24, with nonce":    {auth.ReasonIDToken, user.but(object{"nonce": "n0"})},
			"other realm":               {auth.ReasonIssuer, user.but(object{"iss": "https://id.example.com/realms/master"})},
			"other client's audience":   {auth.ReasonAudience, user.but(object{"aud": "billing"})},
			"no audience mapper":        {auth.ReasonAudience, user.but(object{"aud": "account"})},
			"no aud":                    {auth.ReasonAudience, user.but(object{"aud": nil})},
		},
	}
}

func cognito() provider {
	const (
		app  = "57cbishk4j24pabc1234567890"
		pool = "https://cognito-idp.eu-central-1.amazonaws.com/eu-central-1_AbCdEfGhI"
	)
	user := shape{nil, object{
		"iss": pool, "sub": sub, "client_id": app, "token_use": "access", "username": "ada", "version": 2,
		"cognito:groups": []string{"staff"}, "scope": "openid orders/read", "auth_time": epoch.Unix(),
		"jti": jti, "origin_jti": "o1", "event_id": "64f513be-32db-42b0-b78e-b02127b4f463",
	}}
	idToken := shape{nil, object{
		"iss": pool, "sub": sub, "aud": app, "token_use": "id", "cognito:username": "ada", "email": "ada@example.com",
		"email_verified": true, "auth_time": epoch.Unix(), "origin_jti": "o1", "jti": jti,
	}}
	return provider{
		preset: auth.Cognito("eu-central-1", "eu-central-1_AbCdEfGhI", "first-app", app),
		user:   user,
		program: shape{nil, object{
			"iss": pool, "sub": app, "client_id": app, "token_use": "access", "scope": "orders/read", "version": 2,
			"auth_time": epoch.Unix(), "jti": jti,
		}},
		want: auth.ClaimSet{
			Subject: sub, ClientID: app, SessionID: "o1", Groups: []string{"staff"}, Scopes: []string{"openid", "orders/read"},
		},
		refused: map[string]refusal{
			"ID token":                       {auth.ReasonAudience, idToken},
			"ID token that names the client": {auth.ReasonRequired, idToken.but(object{"aud": nil, "client_id": app})},
			"no token_use":                   {auth.ReasonRequired, user.but(object{"token_use": nil})},
			"token_use a list":               {auth.ReasonRequired, user.but(object{"token_use": []string{"access"}})},
			"token_use in capitals":          {auth.ReasonRequired, user.but(object{"token_use": "Access"})},
			"client not in the list":         {auth.ReasonAudience, user.but(object{"client_id": "other-app"})},
			"no client":                      {auth.ReasonAudience, user.but(object{"client_id": nil})},
			"azp of another client":          {auth.ReasonAudience, user.but(object{"azp": "other-app"})},
			"other pool":                     {auth.ReasonIssuer, user.but(object{"iss": "https://cognito-idp.eu-central-1.amazonaws.com/eu-central-1_Other"})},
			"other region":                   {auth.ReasonIssuer, user.but(object{"iss": "https://cognito-idp.us-east-1.amazonaws.com/eu-central-1_AbCdEfGhI"})},
			"bound to another resource":      {auth.ReasonAudience, user.but(object{"aud": "https://other.example.com"})},
		},
	}
}

func hydra() provider {
	user := shape{plain, object{
		"iss": "https://slug.projects.oryapis.com", "sub": sub, "client_id": "c5b9f4d2-7a1c-4b65-9d0e-31b6c1c8b1aa",
		"aud": []string{api}, "scp": []string{"offline", "orders.read"}, "jti": jti, "nbf": epoch.Add(-time.Minute).Unix(),
		"ext": object{"org_id": "acme", "roles": []string{"editor"}},
	}}
	idToken := user.but(object{
		"client_id": nil, "scp": nil, "ext": nil, "aud": []string{"c5b9f4d2-7a1c-4b65-9d0e-31b6c1c8b1aa"},
		"at_hash": "h", "auth_time": epoch.Unix(), "rat": epoch.Unix(), "sid": "s1",
	})
	return provider{
		preset:  auth.Ory("https://slug.projects.oryapis.com", api),
		user:    user,
		program: user.but(object{"sub": "c5b9f4d2-7a1c-4b65-9d0e-31b6c1c8b1aa", "ext": object{}, "scp": []string{"orders.read"}}),
		want: auth.ClaimSet{
			Subject: sub, ClientID: "c5b9f4d2-7a1c-4b65-9d0e-31b6c1c8b1aa", TenantHint: "acme", Roles: []string{"editor"},
			Scopes: []string{"offline", "orders.read"},
		},
		refused: map[string]refusal{
			"ID token":                 {auth.ReasonIDToken, idToken},
			"ID token without at_hash": {auth.ReasonAudience, idToken.but(object{"at_hash": nil})},
			"aud empty":                {auth.ReasonAudience, user.but(object{"aud": []string{}})},
			"other audience":           {auth.ReasonAudience, user.but(object{"aud": []string{"https://other.example.com"}})},
			"other project":            {auth.ReasonIssuer, user.but(object{"iss": "https://evil.projects.oryapis.com"})},
			"logout token":             {auth.ReasonType, shape{object{"typ": "logout+jwt"}, idToken.claims}},
		},
	}
}

func generic() provider {
	user := shape{at, object{
		"iss": "https://id.example.com", "sub": sub, "client_id": "web", "aud": api, "jti": jti, "scope": "read write",
		"roles": []string{"editor"}, "groups": []string{"staff"},
	}}
	return provider{
		preset:  auth.OIDC("https://id.example.com", api),
		user:    user,
		program: user.but(object{"sub": "web", "roles": nil}),
		want: auth.ClaimSet{
			Subject: sub, ClientID: "web", Scopes: []string{"read", "write"}, Roles: []string{"editor"}, Groups: []string{"staff"},
		},
		refused: map[string]refusal{
			"ID token":       {auth.ReasonAudience, shape{plain, user.but(object{"client_id": nil, "aud": "web"}).claims}},
			"nonce":          {auth.ReasonIDToken, user.but(object{"nonce": "n0"})},
			"other audience": {auth.ReasonAudience, user.but(object{"aud": "https://other.example.com"})},
			"other issuer":   {auth.ReasonIssuer, user.but(object{"iss": "https://evil.example.com"})},
		},
	}
}

// verifier makes the preset's verifier, with the tests' keys and clock.
func (p provider) verifier(t testing.TB, change func(*auth.Config)) *auth.Verifier {
	t.Helper()
	cfg := p.preset
	cfg.Keys, cfg.Now = ourKeys(t), func() time.Time { return epoch }
	if change != nil {
		change(&cfg)
	}
	return newVerifier(t, cfg)
}

func TestPresets(t *testing.T) {
	t.Parallel()
	for name, p := range providers() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			v := p.verifier(t, nil)
			c, err := v.Verify(t.Context(), p.user.token(t))
			require.NoError(t, err)
			require.Equal(t, auth.KindUser, c.Kind())
			require.Equal(t, p.want, auth.ClaimSet{
				Subject: c.Subject(), ClientID: c.ClientID(), TenantHint: c.TenantHint(), SessionID: c.SessionID(),
				Scopes: slices.Collect(c.Scopes()), Roles: slices.Collect(c.Roles()), Groups: slices.Collect(c.Groups()),
				Permissions: slices.Collect(c.Permissions()), Email: c.Email(), EmailVerified: c.EmailVerified(),
			})
			c, err = v.Verify(t.Context(), p.program.token(t))
			require.NoError(t, err)
			require.Equal(t, auth.KindClient, c.Kind())
			for name, r := range p.refused {
				_, err := v.Verify(t.Context(), r.shape.token(t))
				require.ErrorIs(t, err, auth.ErrInvalidToken, name)
				require.Equal(t, r.reason, reason(t, err), name)
			}
		})
	}
}

// Each preset finds the keys by discovery at its own issuer.
func TestPresetsDiscover(t *testing.T) {
	t.Parallel()
	for name, p := range providers() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			is, err := authtest.New(p.preset.Issuer, &authtest.Options{Algorithm: "RS256"})
			require.NoError(t, err)
			cfg := p.preset
			cfg.HTTPClient = is.Client()
			v := newVerifier(t, cfg)
			require.NoError(t, v.Ready(t.Context()))
			shape := p.user.but(object{"auth_time": nil, "nbf": nil}) // of another epoch
			for _, ours := range []string{"aud", "client_id"} {
				if _, theirs := shape.claims[ours]; !theirs {
					shape.claims[ours] = nil
				}
			}
			c, err := v.Verify(t.Context(), is.SignToken(authtest.Token{Header: shape.header, Claims: shape.claims}))
			require.NoError(t, err)
			require.Equal(t, auth.KindUser, c.Kind())
			require.Equal(t, p.preset.Issuer, c.Issuer())
		})
	}
}

// The rules that tell people from programs, against who would pass for another
// (RFC 9700 §4.15): only a provider's own evidence makes a person.
func TestPresetKinds(t *testing.T) {
	t.Parallel()
	all := providers()
	for _, tt := range []struct {
		provider, name string
		program        bool // start from the program's token
		changes        object
		want           auth.Kind
	}{
		{"Auth0", "social connection", false, object{"sub": "google-oauth2|103547991597142817347"}, auth.KindUser},
		{"Auth0", "refreshed", false, object{"gty": []string{"refresh_token", "password"}}, auth.KindUser},
		{"Auth0", "database user who calls himself a client", false, object{"sub": "auth0|x@clients"}, auth.KindClient},
		{"Auth0", "client credentials, whatever sub", false, object{"gty": "client-credentials"}, auth.KindClient},
		{"Auth0", "client credentials in a list", false, object{"gty": []string{"client-credentials"}}, auth.KindClient},
		{"Auth0", "gty missing", true, object{"gty": nil}, auth.KindClient},
		{"Auth0", "client whose id has a bar", true, object{"azp": "a|b", "sub": "a|b@clients", "gty": nil}, auth.KindClient},
		{"Auth0", "sub that is the client", true, object{"azp": "a|b", "sub": "a|b", "gty": nil}, auth.KindClient},
		{"Auth0", "sub of no connection", false, object{"sub": "ada"}, auth.KindClient},
		{"Auth0", "no client at all", false, object{"azp": nil}, auth.KindClient},

		{"Keycloak", "service account without profile scope", true, object{"preferred_username": nil, "client_id": nil}, auth.KindClient},
		{"Keycloak", "service account before version 22", true, object{"client_id": nil, "clientId": "batch"}, auth.KindClient},
		{"Keycloak", "service account of no mapper", true, object{"client_id": nil}, auth.KindClient},
		{"Keycloak", "service account renamed", true, object{"preferred_username": "ada"}, auth.KindClient},
		{"Keycloak", "service account renamed, before version 22", true, object{"preferred_username": "ada", "client_id": nil, "clientId": "batch"}, auth.KindClient},
		{"Keycloak", "user registered as a service account", false, object{"preferred_username": "service-account-batch"}, auth.KindClient},
		{"Keycloak", "user without profile scope", false, object{"preferred_username": nil}, auth.KindClient},
		{"Keycloak", "preferred_username a list", false, object{"preferred_username": []string{"ada"}}, auth.KindClient},
		{"Keycloak", "preferred_username empty", false, object{"preferred_username": ""}, auth.KindClient},

		{"Cognito", "username empty", false, object{"username": ""}, auth.KindClient},
		{"Cognito", "username added to a client's token", true, object{"username": "ada"}, auth.KindClient},
		{"Cognito", "groups added to a client's token", true, object{"cognito:groups": []string{"staff"}}, auth.KindClient},

		{"Hydra", "no client", false, object{"client_id": nil}, auth.KindClient},
		{"Hydra", "client that took a person's sub", true, object{"sub": sub, "client_id": sub}, auth.KindClient},
		{"OIDC", "azp for client_id", false, object{"client_id": nil, "azp": "web"}, auth.KindUser},
		{"OIDC", "no client", false, object{"client_id": nil}, auth.KindClient},
		{"OIDC", "client that took a person's sub", true, object{"sub": sub, "client_id": sub}, auth.KindClient},
	} {
		t.Run(tt.provider+"/"+tt.name, func(t *testing.T) {
			t.Parallel()
			p := all[tt.provider]
			v := p.verifier(t, nil)
			from := p.user
			if tt.program {
				from = p.program
			}
			if p.preset.Clients == nil { // the audience rule is not what is tested
				from = from.but(object{"aud": p.preset.Audience[0]})
			}
			c, err := v.Verify(t.Context(), from.but(tt.changes).token(t))
			require.NoError(t, err)
			require.Equal(t, tt.want, c.Kind())

			// Whoever shares a sub with the person of this provider without being
			// one shares nothing else.
			person, err := v.Verify(t.Context(), p.user.token(t))
			require.NoError(t, err)
			if c.Kind() == auth.KindClient {
				require.NotEqual(t, person.Principal(), c.Principal())
			}
		})
	}
}

// Only an issuer nobody knows may leave out sub, for programs. Elsewhere a token
// without one would act as the client it was issued to.
func TestPresetsNeedSubject(t *testing.T) {
	t.Parallel()
	for name, p := range providers() {
		for _, s := range []shape{p.user, p.program} {
			_, err := p.verifier(t, nil).Verify(t.Context(), s.but(object{"sub": nil}).token(t))
			if name == "OIDC" {
				require.NoError(t, err)
				continue
			}
			require.Equal(t, auth.ReasonSubject, reason(t, err), name)
		}
	}
}

func TestPresetIssuers(t *testing.T) {
	t.Parallel()
	for want, got := range map[string]auth.Config{
		"https://example.auth0.com/":                               auth.Auth0("example.auth0.com", api),
		"https://id.example.org/":                                  auth.Auth0("https://id.example.org/", api),
		"https://id.example.org/realms/a":                          auth.Keycloak("https://id.example.org", "a", "x"),
		"https://id.example.org/auth/realms/a":                     auth.Keycloak("https://id.example.org/auth/", "a", "x"),
		"https://id.example.org/realms/a%20b":                      auth.Keycloak("https://id.example.org//", "a b", "x"),
		"https://cognito-idp.us-east-1.amazonaws.com/us-east-1_Ab": auth.Cognito("us-east-1", "us-east-1_Ab", "x"),
		"https://hydra.example.org/":                               auth.Ory("https://hydra.example.org/", api),
	} {
		require.Equal(t, want, got.Issuer)
		v, err := auth.New(withKeys(t, got))
		require.NoError(t, err, want)
		require.NoError(t, v.Close())
	}
}

func withKeys(t testing.TB, c auth.Config) auth.Config {
	c.Keys = ourKeys(t)
	return c
}

// What is missing surfaces in New, under the field's name.
func TestPresetArguments(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		preset auth.Config
		want   string
	}{
		"Auth0, no domain":      {auth.Auth0("", api), "Issuer: is required"},
		"Auth0, scheme alone":   {auth.Auth0("https://", api), "Issuer: is not an absolute https URL"},
		"Auth0, plain http":     {auth.Auth0("http://example.auth0.com", api), "Issuer: is plain http"},
		"Auth0, a path":         {auth.Auth0("example.auth0.com/api/v2", api), "Issuer: is not an absolute https URL"},
		"Auth0, no audience":    {auth.Auth0("example.auth0.com", ""), "Audience: holds an empty string"},
		"Keycloak, no base":     {auth.Keycloak("", "main", "orders"), "Issuer: is required"},
		"Keycloak, no realm":    {auth.Keycloak("https://id.example.com", "", "orders"), "Issuer: is required"},
		"Keycloak, no scheme":   {auth.Keycloak("id.example.com", "main", "orders"), "Issuer: is not an absolute https URL"},
		"Keycloak, no audience": {auth.Keycloak("https://id.example.com", "main", ""), "Audience: holds an empty string"},
		"Keycloak, account":     {auth.Keycloak("https://id.example.com", "main", "account"), "IgnoredAudiences: holds"},
		"Cognito, no region":    {auth.Cognito("", "eu-central-1_Ab", "app"), "Issuer: is required"},
		"Cognito, no pool":      {auth.Cognito("eu-central-1", "", "app"), "Issuer: is required"},
		"Cognito, exchanged":    {auth.Cognito("eu-central-1_Ab", "eu-central-1", "app"), "Issuer: is required"},
		"Cognito, no client":    {auth.Cognito("eu-central-1", "eu-central-1_Ab", ""), "Clients: holds an empty string"},
		"Cognito, one empty":    {auth.Cognito("eu-central-1", "eu-central-1_Ab", "app", ""), "Clients: holds an empty string"},
		"Ory, no issuer":        {auth.Ory("", api), "Issuer: is required"},
		"Ory, no audience":      {auth.Ory("https://slug.projects.oryapis.com", ""), "Audience: holds an empty string"},
		"OIDC, no issuer":       {auth.OIDC("", api), "Issuer: is required"},
		"OIDC, no audience":     {auth.OIDC("https://id.example.com", ""), "Audience: holds an empty string"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := auth.New(tt.preset)
			require.ErrorContains(t, err, tt.want)
		})
	}
}

// A pool's tokens verify under both spellings of its issuer and speak of the
// same person; the look-alike of a host that is not Amazon's does not.
func TestCognitoUpdatedIssuer(t *testing.T) {
	t.Parallel()
	p := cognito()
	v := p.verifier(t, nil)
	original, err := v.Verify(t.Context(), p.user.token(t))
	require.NoError(t, err)
	updated, err := v.Verify(t.Context(), p.user.but(object{
		"iss": "https://issuer-cognito-idp.eu-central-1.amazonaws.com/eu-central-1_AbCdEfGhI",
	}).token(t))
	require.NoError(t, err)
	require.Equal(t, original.Principal(), updated.Principal())
	_, err = v.Verify(t.Context(), p.user.but(object{
		"iss": "https://issuer.cognito-idp.eu-central-1.amazonaws.com/eu-central-1_AbCdEfGhI",
	}).token(t))
	require.Equal(t, auth.ReasonIssuer, reason(t, err))
}

// A resource-bound token is judged by its audience, with the same preset.
func TestCognitoResource(t *testing.T) {
	t.Parallel()
	p := cognito()
	v := p.verifier(t, func(c *auth.Config) { c.Audience = []string{api} })
	_, err := v.Verify(t.Context(), p.user.but(object{"aud": api}).token(t))
	require.NoError(t, err)
	_, err = v.Verify(t.Context(), p.user.token(t)) // unbound: by its client
	require.NoError(t, err)
	_, err = v.Verify(t.Context(), p.user.but(object{"aud": "https://other.example.com"}).token(t))
	require.Equal(t, auth.ReasonAudience, reason(t, err))
}

// Keycloak without an audience mapper: the client list stands in for aud, and
// never for one that names somebody else.
func TestKeycloakClients(t *testing.T) {
	t.Parallel()
	p := keycloak()
	v := p.verifier(t, func(c *auth.Config) { c.Clients = []string{"web"} })
	for name, tt := range map[string]struct {
		changes object
		want    auth.Reason
	}{
		"listed, account":                 {object{"aud": "account"}, ""},
		"listed, no aud":                  {object{"aud": nil}, ""},
		"not listed, account":             {object{"aud": "account", "azp": "spa"}, auth.ReasonAudience},
		"listed, for somebody else":       {object{"aud": "billing"}, auth.ReasonAudience},
		"listed, for somebody else too":   {object{"aud": []string{"account", "billing"}}, auth.ReasonAudience},
		"not listed, but the audience is": {object{"azp": "spa"}, ""},
	} {
		_, err := v.Verify(t.Context(), p.user.but(tt.changes).token(t))
		if tt.want == "" {
			require.NoError(t, err, name)
			continue
		}
		require.Equal(t, tt.want, reason(t, err), name)
	}
}

// Keycloak's roles: the realm's and this client's, never another client's.
func TestKeycloakRoles(t *testing.T) {
	t.Parallel()
	p := keycloak()
	c, err := p.verifier(t, nil).Verify(t.Context(), p.user.but(object{
		"realm_access":           object{"roles": "admin "},
		"resource_access":        object{"orders.x": object{"roles": []string{"owner"}}, "billing": object{"roles": []string{"owner"}}},
		"resource_access.orders": object{"roles": []string{"owner"}},
		"roles":                  []string{"owner"},
	}).token(t))
	require.NoError(t, err)
	require.NotContains(t, slices.Collect(c.Roles()), "owner")
}

// Hydra's custom claims, nested, mirrored to the top, or there alone.
func TestOryClaims(t *testing.T) {
	t.Parallel()
	p := hydra()
	v := p.verifier(t, nil)
	for name, changes := range map[string]object{
		"in ext":     {"ext": object{"org_id": "acme", "roles": []string{"editor"}}},
		"mirrored":   {"ext": object{"org_id": "acme", "roles": []string{"editor"}}, "org_id": "acme", "roles": []string{"editor"}},
		"at the top": {"ext": nil, "org_id": "acme", "roles": []string{"editor"}},
	} {
		c, err := v.Verify(t.Context(), p.user.but(changes).token(t))
		require.NoError(t, err, name)
		require.Equal(t, "acme", c.TenantHint(), name)
		require.Equal(t, []string{"editor"}, slices.Collect(c.Roles()), name)
	}
}

// A Hydra that sets no aud, by the list of its clients.
func TestOryClients(t *testing.T) {
	t.Parallel()
	p := hydra()
	v := p.verifier(t, func(c *auth.Config) {
		c.Audience, c.Clients = nil, []string{p.want.ClientID}
	})
	_, err := v.Verify(t.Context(), p.user.but(object{"aud": []string{}}).token(t))
	require.NoError(t, err)
	_, err = v.Verify(t.Context(), p.user.but(object{"aud": []string{}, "client_id": "other"}).token(t))
	require.Equal(t, auth.ReasonAudience, reason(t, err))
	_, err = v.Verify(t.Context(), p.user.token(t)) // for an API by name: not for this one
	require.Equal(t, auth.ReasonAudience, reason(t, err))
}

// Presets share nothing: changing one result changes no other.
func TestPresetsAreFresh(t *testing.T) {
	t.Parallel()
	for _, preset := range []func() auth.Config{
		func() auth.Config { return auth.Auth0("example.auth0.com", api) },
		func() auth.Config { return auth.Keycloak("https://id.example.com", "main", "orders") },
		func() auth.Config { return auth.Cognito("eu-central-1", "eu-central-1_Ab", "app", "more") },
		func() auth.Config { return auth.Ory("https://slug.projects.oryapis.com", api) },
	} {
		first := preset()
		for _, l := range [][]string{first.Audience, first.Clients, first.Aliases, first.Algorithms, first.IgnoredAudiences} {
			for i := range l {
				l[i] = "spoiled"
			}
		}
		clear(first.Require)
		for _, paths := range [][]auth.ClaimPath{first.Claims.Roles, first.Claims.Groups, first.Claims.Session} {
			for i := range paths {
				paths[i] = nil
			}
		}
		v, err := auth.New(withKeys(t, preset()))
		require.NoError(t, err)
		require.NoError(t, v.Close())
	}
}
