package auth_test

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"testing"
	"time"

	"github.com/MicahParks/keyfunc/v3"
	"github.com/auth0/go-jwt-middleware/v3/jwks"
	"github.com/auth0/go-jwt-middleware/v3/validator"
	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/go-jose/go-jose/v4"
	josejwt "github.com/go-jose/go-jose/v4/jwt"
	"github.com/golang-jwt/jwt/v5"
	"github.com/lestrrat-go/jwx/v3/jwk"
	jwxjwt "github.com/lestrrat-go/jwx/v3/jwt"
	"github.com/stretchr/testify/require"
	"github.com/zitadel/oidc/v3/pkg/client/rp"
	zitadel "github.com/zitadel/oidc/v3/pkg/oidc"
	"github.com/zitadel/oidc/v3/pkg/op"

	"github.com/rowhouse-go/rowhouse/auth"
)

// ours is the name of what is measured.
const ours = "rowhouse/auth"

// A verifyFunc returns nil for an access token it accepts.
type verifyFunc func(token string) error

// A peer is a library as its documentation has it used for access tokens, with
// every check it offers switched on: issuer, audience, expiry and a list of
// algorithms.
type peer struct {
	name string
	make func(testing.TB, *fixture) verifyFunc
}

var peers = []peer{
	{ours, rowhouse(0)},
	{"golang-jwt v5.3.1 + keyfunc v3.9.1", golangJWT},
	{"go-oidc v3.21.0", goOIDC},
	{"go-jose v4.1.8", goJOSE},
	{"zitadel/oidc v3.51.17", zitadelOIDC},
	{"jwx v3.3.0", jwx},
	{"auth0 go-jwt-middleware v3.3.0", auth0},
}

// rowhouse is this project's verifier, with a token cache for so many tokens.
func rowhouse(cache int) func(testing.TB, *fixture) verifyFunc {
	return func(t testing.TB, f *fixture) verifyFunc {
		cfg := auth.OIDC(f.url, audience)
		cfg.TokenCache = cache
		v, err := auth.New(cfg)
		require.NoError(t, err)
		t.Cleanup(func() { require.NoError(t, v.Close()) })
		require.NoError(t, v.Ready(t.Context()))
		ctx := t.Context()
		return func(token string) error {
			_, err := v.Verify(ctx, token)
			return err
		}
	}
}

func golangJWT(t testing.TB, f *fixture) verifyFunc {
	k, err := keyfunc.NewDefaultCtx(t.Context(), []string{f.jwks})
	require.NoError(t, err)
	p := jwt.NewParser(jwt.WithValidMethods(algorithms), jwt.WithIssuer(f.url), jwt.WithAudience(audience),
		jwt.WithExpirationRequired(), jwt.WithIssuedAt(), jwt.WithStrictDecoding())
	type claims struct {
		jwt.RegisteredClaims
		ClientID string   `json:"client_id"`
		Scope    string   `json:"scope"`
		Roles    []string `json:"roles"`
	}
	return func(token string) error {
		_, err := p.ParseWithClaims(token, &claims{}, k.Keyfunc)
		return err
	}
}

func goOIDC(t testing.TB, f *fixture) verifyFunc {
	ctx := t.Context()
	v := oidc.NewVerifier(f.url, oidc.NewRemoteKeySet(ctx, f.jwks), &oidc.Config{
		ClientID: audience, SupportedSigningAlgs: algorithms,
	})
	return func(token string) error {
		_, err := v.Verify(ctx, token)
		return err
	}
}

func goJOSE(t testing.TB, f *fixture) verifyFunc {
	var set jose.JSONWebKeySet
	require.NoError(t, json.Unmarshal(f.issuer.JWKS(), &set))
	allowed := []jose.SignatureAlgorithm{jose.RS256, jose.ES256, jose.EdDSA}
	return func(token string) error {
		parsed, err := josejwt.ParseSigned(token, allowed)
		if err != nil {
			return err
		}
		var claims josejwt.Claims
		if err := parsed.Claims(set, &claims); err != nil {
			return err
		}
		return claims.Validate(josejwt.Expected{Issuer: f.url, AnyAudience: josejwt.Audience{audience}, Time: time.Now()})
	}
}

func zitadelOIDC(t testing.TB, f *fixture) verifyFunc {
	v := op.NewAccessTokenVerifier(f.url, rp.NewRemoteKeySet(http.DefaultClient, f.jwks),
		op.WithSupportedAccessTokenSigningAlgorithms(algorithms...))
	ctx := t.Context()
	return func(token string) error {
		claims, err := op.VerifyAccessToken[*zitadel.AccessTokenClaims](ctx, token, v)
		if err == nil && !slices.Contains(claims.Audience, audience) { // left to the caller
			return zitadel.ErrAudience
		}
		return err
	}
}

func jwx(t testing.TB, f *fixture) verifyFunc {
	set, err := jwk.Fetch(t.Context(), f.jwks)
	require.NoError(t, err)
	return func(token string) error {
		_, err := jwxjwt.ParseString(token, jwxjwt.WithKeySet(set), jwxjwt.WithIssuer(f.url), jwxjwt.WithAudience(audience),
			jwxjwt.WithRequiredClaim(jwxjwt.ExpirationKey))
		return err
	}
}

func auth0(t testing.TB, f *fixture) verifyFunc {
	issuer, err := url.Parse(f.url)
	require.NoError(t, err)
	provider, err := jwks.NewCachingProvider(jwks.WithIssuerURL(issuer))
	require.NoError(t, err)
	v, err := validator.New(validator.WithKeyFunc(provider.KeyFunc),
		validator.WithAlgorithms([]validator.SignatureAlgorithm{validator.RS256, validator.ES256, validator.EdDSA}),
		validator.WithIssuer(f.url), validator.WithAudience(audience))
	require.NoError(t, err)
	ctx := context.WithoutCancel(t.Context())
	return func(token string) error {
		_, err := v.ValidateToken(ctx, token)
		return err
	}
}
