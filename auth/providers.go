package auth

import (
	"net/url"
	"slices"
	"strings"
)

// The presets below return a [Config] that knows what one provider's access
// tokens look like. They check nothing and fetch nothing: an argument that is
// empty or can't be one leaves a field for which [New] reports a fault. Every
// field may be changed before New sees it. docs/auth-providers.md has the
// provider's side of the setup.

// OIDC is the preset for any other issuer that signs access tokens as JWTs,
// best as RFC 9068 has them, and describes itself with OpenID Connect Discovery.
// issuer is its exact iss; audience is the name it knows this service by.
//
// A person is who has a sub other than the client, as RFC 9068 §2.2 has it. For
// an issuer that gives programs a sub of their own, as Entra ID does, set Kind:
// otherwise they pass for people.
func OIDC(issuer, audience string) Config {
	return Config{Issuer: issuer, Audience: []string{audience}}
}

// Auth0 is the preset for an Auth0 tenant or its custom domain, such as
// "example.eu.auth0.com". A scheme https:// before and a slash behind it make
// no difference. audience is the API's identifier.
//
// A person is who has a sub of the form connection|id; "…@clients" and gty
// "client-credentials" mark programs.
func Auth0(domain, audience string) Config {
	return Config{
		Issuer:     auth0Issuer(domain),
		Audience:   []string{audience},
		Algorithms: []string{"RS256"},
		Kind: userIf(func(c Claims) bool {
			return strings.Contains(c.Subject(), "|") && !strings.HasSuffix(c.Subject(), "@clients") &&
				!slices.Contains(list(c.raw("gty")), "client-credentials")
		}),
	}
}

// auth0Issuer returns what is no host as it is: New tells what is wrong with it.
func auth0Issuer(domain string) string {
	host := strings.TrimSuffix(strings.TrimPrefix(domain, "https://"), "/")
	if host == "" || strings.ContainsAny(host, "/:@?#") {
		return domain
	}
	return "https://" + host + "/"
}

// Keycloak is the preset for a realm of the Keycloak server at base, such as
// "https://id.example.com" (before version 17 with "/auth" behind it). audience
// is the client id of this service in the realm; its client roles are this
// service's, besides the realm's own.
//
// Keycloak puts this audience into a token only if told to. Where it is not,
// set Clients as well. The audience "account" of Keycloak's own account
// console says nothing and is ignored.
//
// The payload's own typ must be "Bearer": ID, refresh and logout tokens are
// signed with the same keys, and so are DPoP-bound access tokens, whose proof
// this package does not check.
//
// A person is who has a preferred_username (client scope profile) that is not
// a service account's, and no client_id, which only service accounts get.
func Keycloak(base, realm, audience string) Config {
	issuer := ""
	if base != "" && realm != "" {
		issuer = strings.TrimRight(base, "/") + "/realms/" + url.PathEscape(realm)
	}
	return Config{
		Issuer:           issuer,
		Audience:         []string{audience},
		IgnoredAudiences: []string{"account"},
		Require:          map[string]string{"typ": "Bearer"},
		Claims: ClaimNames{
			Roles:   []ClaimPath{{"realm_access", "roles"}, {"resource_access", audience, "roles"}},
			Session: []ClaimPath{{"sid"}, {"session_state"}},
		},
		Kind: userIf(func(c Claims) bool {
			name := c.text("preferred_username")
			return name != "" && !strings.HasPrefix(name, "service-account-") &&
				c.raw("client_id") == "" && c.raw("clientId") == "" // the second in older versions
		}),
	}
}

// Cognito is the preset for an Amazon Cognito user pool: region "eu-central-1",
// pool "eu-central-1_AbCdEfGhI". Its access tokens name no audience, so the
// app clients whose tokens are accepted are listed: client and more. Tokens
// bound to a resource do have an aud: set Audience for them.
//
// iss may have the form of a pool's original or updated issuer. Both are one
// Principal. Keys come from the original: docs/auth-providers.md says what a
// pool with the updated issuer type needs.
//
// A person is who has a username, which client credentials tokens lack.
func Cognito(region, pool, client string, more ...string) Config {
	c := Config{
		Clients:    append([]string{client}, more...),
		Algorithms: []string{"RS256"},
		Require:    map[string]string{"token_use": "access"},
		Claims: ClaimNames{
			Groups:  []ClaimPath{{"cognito:groups"}},
			Session: []ClaimPath{{"origin_jti"}},
		},
		Kind: userIf(func(c Claims) bool { return c.text("username") != "" }),
	}
	// A pool's id is its region's name, an underscore and more: this finds the
	// two exchanged.
	if region != "" && strings.Contains(pool, "_") {
		host := "cognito-idp." + region + ".amazonaws.com/" + pool
		c.Issuer = "https://" + host
		c.Aliases = []string{"https://issuer-" + host}
	}
	return c
}

// Ory is the preset for Ory Hydra and for OAuth2 in the Ory Network
// ("https://SLUG.projects.oryapis.com"), with the JWT access token strategy.
// Custom claims are looked for in ext, where Hydra puts them, and at the top,
// where it may be told to.
//
// Hydra sets aud only if the client asked for one. Where clients don't, set
// Clients and leave Audience nil.
func Ory(issuer, audience string) Config {
	in := func(name string) []ClaimPath { return []ClaimPath{{"ext", name}, {name}} }
	return Config{
		Issuer:   issuer,
		Audience: []string{audience},
		Claims: ClaimNames{
			Roles:       in("roles"),
			Permissions: in("permissions"),
			Groups:      in("groups"),
			Tenant:      in("org_id"),
			Session:     in("sid"),
		},
		Kind: userIf(func(Claims) bool { return true }),
	}
}

// userIf is [UserUnlessClient] for providers that put a sub into every token and
// leave further evidence of people who signed in. A token without sub would
// pass as the client it was issued to, so it counts as a person's, and a person
// without sub is refused.
func userIf(evidence func(Claims) bool) func(Claims) Kind {
	return func(c Claims) Kind {
		if c.Subject() == "" || UserUnlessClient(c) == KindUser && evidence(c) {
			return KindUser
		}
		return KindClient
	}
}

// raw returns the text of a top-level claim, empty if it is absent.
func (c Claims) raw(name string) string {
	raw, _ := lookup(c.get().payload, c.get().members, ClaimPath{name})
	return raw
}

// text returns the string a claim holds, empty for any other value.
func (c Claims) text(name string) string {
	if raw := c.raw(name); raw != "" && raw[0] == '"' {
		return stringValue(raw, true)
	}
	return ""
}
