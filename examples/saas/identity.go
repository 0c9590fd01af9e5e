package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"

	"github.com/rowhouse-go/rowhouse/auth"
)

// An identity is how the service learns who calls.
type identity struct {
	guard  func(http.Handler) http.Handler // lets nobody pass without claims in the context
	ready  func(context.Context) error
	close  func() error
	issuer string  // whose people can be members
	routes []route // sign-in, with a development identity only
	hint   string  // how to sign in, for the terminal

	refusing func(http.Handler) http.Handler // around the answer to a token that is not accepted
}

// newIdentity verifies the tokens of the configured provider, or falls for a
// development identity. The configuration has been judged by loadConfig.
func newIdentity(c *config, log *slog.Logger) (*identity, error) {
	if c.insecureDevIdentity {
		return insecureDevIdentity(c, log)
	}
	return verifiedIdentity(c.verifierConfig(), c, log)
}

func verifiedIdentity(provider auth.Config, c *config, log *slog.Logger) (*identity, error) {
	provider.TokenCache = c.AuthTokenCache
	provider.Logger = log
	id := &identity{issuer: provider.Issuer}
	provider.OnError = id.refuse
	provider.Check = func(c auth.Claims) error {
		if !storable(c.Principal()) {
			return errors.New("the issuer and the subject are too long to be a member")
		}
		return nil
	}
	v, err := auth.New(provider)
	if err != nil {
		return nil, fmt.Errorf("identity: %w", err)
	}
	id.guard, id.ready, id.close = v.Middleware, v.Ready, v.Close
	return id, nil
}

// refuse answers as package auth does, as long as not too many tokens have failed, and
// notes the reason for the log.
func (id *identity) refuse(w http.ResponseWriter, r *http.Request, err error) {
	if e, ok := errors.AsType[*auth.Error](err); ok {
		exchangeOf(r.Context()).refused = string(e.Reason)
	}
	answer := http.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { auth.WriteError(w, r, err) }))
	// Not for want of a token, nor of our keys. One that has expired was signed by the
	// issuer: it is no guess, and who is not told gets no new one.
	if errors.Is(err, auth.ErrInvalidToken) && !errors.Is(err, auth.ErrExpired) {
		answer = id.refusing(answer)
	}
	answer.ServeHTTP(w, r)
}

// verifierConfig returns the preset of the provider with the settings that all
// share.
func (c *config) verifierConfig() auth.Config {
	audience := ""
	if len(c.AuthAudience) > 0 {
		audience = c.AuthAudience[0]
	}
	var provider auth.Config
	switch c.AuthProviderType {
	case "auth0":
		provider = auth.Auth0(c.AuthAuth0Domain, audience)
	case "keycloak":
		provider = auth.Keycloak(c.AuthKeycloakURL, c.AuthKeycloakRealm, audience)
	case "cognito":
		provider = auth.Cognito(c.AuthCognitoRegion, c.AuthCognitoUserPoolID, "")
	case "ory":
		provider = auth.Ory(c.AuthIssuer, audience)
	default:
		provider = auth.OIDC(c.AuthIssuer, audience)
	}
	provider.Audience, provider.Clients = c.AuthAudience, c.AuthClients
	return provider
}
