package authtest

import "strings"

// The functions below describe the access tokens of the providers package auth
// has presets for, with their header types, claim names and omissions, and with
// iss as the issuer's own: a Config of a preset accepts them once its Issuer is
// [Issuer.URL]. They may be changed before they are signed.

// ClientToken is a token of RFC 9068 that a program got for itself, with the
// client credentials grant.
func ClientToken(client string, scopes ...string) Token {
	return Token{Claims: map[string]any{
		"sub":       client,
		"client_id": client,
		"scope":     text(scopes),
	}}
}

// Auth0Token is a person's token for the API audience, with RBAC permissions if
// there are any. Auth0 subjects are of the form "auth0|0123".
func Auth0Token(subject, audience string, permissions ...string) Token {
	claims := map[string]any{
		"sub":       subject,
		"aud":       []string{audience, "https://tenant.auth0.test/userinfo"},
		"azp":       "web",
		"client_id": nil,
		"jti":       nil,
		"scope":     "openid profile email",
	}
	if len(permissions) > 0 {
		claims["permissions"] = permissions
	}
	return Token{Alg: "RS256", Header: map[string]any{"typ": "JWT"}, Claims: claims}
}

// KeycloakToken is a person's token by the client web, for the client audience,
// in which the person has roles.
func KeycloakToken(subject, audience string, roles ...string) Token {
	return Token{Alg: "RS256", Header: map[string]any{"typ": "JWT"}, Claims: map[string]any{
		"sub":                subject,
		"aud":                []string{audience, "account"},
		"azp":                "web",
		"client_id":          nil,
		"typ":                "Bearer",
		"acr":                "1",
		"sid":                "1f2c4d7e-6a0b-4d5c-9c55-0a4f3c1d2b6e",
		"scope":              "openid profile email",
		"realm_access":       map[string]any{"roles": []string{"offline_access", "default-roles-test"}},
		"resource_access":    map[string]any{audience: map[string]any{"roles": append([]string{}, roles...)}},
		"preferred_username": subject,
		"email":              subject + "@example.test",
		"email_verified":     true,
	}}
}

// CognitoToken is a person's token by an app client, without aud and typ, as
// Cognito has it.
func CognitoToken(subject, client string, groups ...string) Token {
	claims := map[string]any{
		"sub":        subject,
		"aud":        nil,
		"client_id":  client,
		"username":   subject,
		"token_use":  "access",
		"scope":      "aws.cognito.signin.user.admin",
		"origin_jti": "8a1b9c57-0f43-4c3e-8a5e-6d1f2b3c4d5e",
		"event_id":   "2b6e1d2c-3c1d-4f0a-559c-5c4d0b6a7e4d",
		"version":    2,
	}
	if len(groups) > 0 {
		claims["cognito:groups"] = groups
	}
	return Token{Alg: "RS256", Header: map[string]any{"typ": nil}, Claims: claims}
}

// OryToken is a person's token of Ory Hydra or the Ory Network by the client
// web. An empty audience leaves aud empty, as Hydra does when nobody asked for
// one.
func OryToken(subject, audience string, scopes ...string) Token {
	aud := []string{}
	if audience != "" {
		aud = append(aud, audience)
	}
	return Token{Alg: "RS256", Header: map[string]any{"typ": "JWT"}, Claims: map[string]any{
		"sub": subject,
		"aud": aud,
		"ext": map[string]any{},
		"scp": append([]string{}, scopes...),
	}}
}

// text joins scopes as RFC 6749 §3.3 does; none are left out.
func text(scopes []string) any {
	if len(scopes) == 0 {
		return nil
	}
	return strings.Join(scopes, " ")
}
