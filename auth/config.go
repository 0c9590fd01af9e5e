package auth

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// A Config says which tokens of one issuer are accepted. Issuer, and Audience or
// Clients, are required; every other zero field means the documented default.
// The presets ([Auth0], [Keycloak], [Cognito], [Ory], [OIDC]) fill a Config for
// their provider, and each field may be changed afterwards.
type Config struct {
	// Issuer is the exact iss of the tokens, such as "https://id.example.com/".
	Issuer string

	// Aliases are further spellings of iss that the same provider signs with the
	// same keys. Claims.Principal uses Issuer for all of them.
	Aliases []string

	// Audience lists the names this service goes by. A token with aud must hold
	// one of them.
	Audience []string

	// Clients lists clients (azp or client_id; each that is present) whose tokens
	// are accepted although they have no aud. It never stands in for an aud that
	// does not match.
	Clients []string

	// IgnoredAudiences are names that say nothing: an aud of only these counts as
	// absent. Keycloak's "account" is one.
	IgnoredAudiences []string

	// Keys supplies the issuer's keys. Nil means OpenID Connect Discovery at
	// Issuer + "/.well-known/openid-configuration", closed with the Verifier; use
	// DiscoverKeys to set its options, or to Refresh or Drop keys by hand.
	Keys KeySource

	// Algorithms is the allow-list for alg. Nil means RS256, PS256, ES256 and
	// EdDSA (which includes Ed25519 of RFC 9864). Symmetric algorithms and
	// "none" are configuration errors.
	Algorithms []string

	// Types is the allow-list for typ, compared without regard to case; "" stands
	// for a header without typ. Nil means "", "JWT", "at+jwt" and
	// "application/at+jwt". Naming only the last two refuses everything that is
	// not declared an access token (RFC 9068 §4).
	Types []string

	// Leeway is the tolerated difference between our clock and the issuer's. Zero
	// means 60 seconds, negative means none; at most 10 minutes.
	Leeway time.Duration

	// Require holds claims that must be strings equal to these, such as
	// {"token_use": "access"}.
	Require map[string]string

	// Claims names the claims behind the accessors of Claims.
	Claims ClaimNames

	// Kind tells people from programs. Nil means UserUnlessClient.
	Kind func(Claims) Kind

	// Check is called after every other rule; an error refuses the token. Its
	// verdict is cached with the token, so it must depend on the claims alone.
	Check func(Claims) error

	// Revoked is asked on every call, cached or not. An error is an outage of
	// ours and answered 503.
	Revoked func(context.Context, Claims) (bool, error)

	// InsecureHTTP allows an http issuer or key URL that is not on the loopback
	// interface: whoever sits on the path chooses the keys.
	InsecureHTTP bool

	// The fields below concern the Verifier as a whole. With several issuers they
	// are set in the first Config only.

	// TokenCache is the number of verified tokens to remember. Zero means none.
	// Memory is bounded by 2 KiB for each.
	TokenCache int

	// MaxTokenBytes bounds a token before anything is decoded. Zero means 16 KiB;
	// from 1 KiB to 64 KiB.
	MaxTokenBytes int

	// HTTPClient fetches discovery documents and key sets. Nil means a client of
	// this package's own, without cookies.
	HTTPClient *http.Client

	// Logger receives what no caller can see, such as a failed key refresh. Nil
	// means slog.Default().
	Logger *slog.Logger

	// Observe is told of every verification and of the key sets' events, outside
	// locks, on the goroutine that acted. It must not call Verifier.Close, which
	// waits for that goroutine.
	Observe func(context.Context, Event)

	// OnError replaces the answer of the middlewares to a refused request.
	OnError func(http.ResponseWriter, *http.Request, error)

	// Now is the clock. Nil means time.Now.
	Now func() time.Time
}

// A ClaimPath leads to a claim through nested objects: {"realm_access",
// "roles"}. A path of one name is a top-level claim, whatever dots it holds.
type ClaimPath []string

// ClaimNames says where an issuer keeps what the accessors of [Claims] return.
// Lists are the union over their paths; Tenant and Session are the first path
// that holds a string. Nil fields mean the defaults named beside them.
type ClaimNames struct {
	Scopes      []ClaimPath // "scope" and "scp"
	Roles       []ClaimPath // "roles"
	Permissions []ClaimPath // "permissions"
	Groups      []ClaimPath // "groups"
	Tenant      []ClaimPath // "org_id"
	Session     []ClaimPath // "sid"
}

const (
	defaultLeeway = time.Minute
	maxLeeway     = 10 * time.Minute
)

// withDefaults returns a copy whose zero fields are filled and whose slices
// and maps are its own.
func (c Config) withDefaults() Config {
	c.Aliases = slices.Clone(c.Aliases)
	c.Audience = slices.Clone(c.Audience)
	c.Clients = slices.Clone(c.Clients)
	c.IgnoredAudiences = slices.Clone(c.IgnoredAudiences)
	c.Algorithms = slices.Clone(c.Algorithms)
	if c.Algorithms == nil {
		c.Algorithms = defaultAlgorithms
	}
	c.Types = slices.Clone(c.Types)
	if c.Types == nil {
		c.Types = []string{"", "JWT", "at+jwt", "application/at+jwt"}
	}
	switch {
	case c.Leeway == 0:
		c.Leeway = defaultLeeway
	case c.Leeway < 0:
		c.Leeway = 0
	}
	if c.Kind == nil {
		c.Kind = UserUnlessClient
	}
	if c.MaxTokenBytes == 0 {
		c.MaxTokenBytes = defaultMaxTokenBytes
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
	c.Claims = c.Claims.withDefaults()
	return c
}

func (n ClaimNames) withDefaults() ClaimNames {
	set := func(paths *[]ClaimPath, names ...string) {
		if *paths == nil {
			for _, name := range names {
				*paths = append(*paths, ClaimPath{name})
			}
			return
		}
		*paths = slices.Clone(*paths)
		for i, p := range *paths {
			(*paths)[i] = slices.Clone(p)
		}
	}
	set(&n.Scopes, "scope", "scp")
	set(&n.Roles, "roles")
	set(&n.Permissions, "permissions")
	set(&n.Groups, "groups")
	set(&n.Tenant, "org_id")
	set(&n.Session, "sid")
	return n
}

// problems returns every fault of the configuration, each naming its field.
func (c *Config) problems() []error {
	var errs []error
	bad := func(field, format string, args ...any) {
		errs = append(errs, fmt.Errorf("%s: %s", field, fmt.Sprintf(format, args...)))
	}
	if c.Issuer == "" {
		bad("Issuer", "is required")
	} else if c.Keys != nil {
		// Some issuers are no URLs. One that is plain http could be anybody's.
		if u, err := url.Parse(c.Issuer); err == nil && strings.EqualFold(u.Scheme, "http") && !c.InsecureHTTP && !loopback(u.Hostname()) {
			bad("Issuer", "is plain http: set InsecureHTTP if you mean it")
		}
	} else {
		if err := checkURL(c.Issuer, c.InsecureHTTP); err != nil {
			bad("Issuer", "%v (without Keys, discovery needs a URL)", err)
		}
	}
	if len(c.Audience) == 0 && len(c.Clients) == 0 {
		bad("Audience", "is required unless Clients is set: a token for another service must not open this one")
	}
	for field, list := range map[string][]string{
		"Aliases": c.Aliases, "Audience": c.Audience, "Clients": c.Clients, "IgnoredAudiences": c.IgnoredAudiences,
	} {
		if slices.Contains(list, "") {
			bad(field, "holds an empty string")
		}
	}
	for _, a := range c.Audience {
		if slices.Contains(c.IgnoredAudiences, a) {
			bad("IgnoredAudiences", "holds %q, which is also in Audience", a)
		}
	}
	if c.Algorithms != nil && len(c.Algorithms) == 0 {
		bad("Algorithms", "is empty: nothing could be accepted")
	}
	for _, a := range c.Algorithms {
		if algorithmNamed(a) == nil {
			bad("Algorithms", "%q is not an asymmetric JWS algorithm of this package", a)
		}
	}
	if c.Types != nil && len(c.Types) == 0 {
		bad("Types", "is empty: nothing could be accepted")
	}
	if c.Leeway > maxLeeway {
		bad("Leeway", "%v is over %v", c.Leeway, maxLeeway)
	}
	if c.TokenCache < 0 {
		bad("TokenCache", "is negative")
	}
	if n := c.MaxTokenBytes; n != 0 && (n < 1<<10 || n > 64<<10) {
		bad("MaxTokenBytes", "%d is not from 1 KiB to 64 KiB", n)
	}
	for field, paths := range map[string][]ClaimPath{
		"Scopes": c.Claims.Scopes, "Roles": c.Claims.Roles, "Permissions": c.Claims.Permissions,
		"Groups": c.Claims.Groups, "Tenant": c.Claims.Tenant, "Session": c.Claims.Session,
	} {
		if slices.ContainsFunc(paths, func(p ClaimPath) bool { return len(p) == 0 }) {
			bad("Claims."+field, "holds an empty path")
		}
	}
	if p, ok := c.Keys.(interface{ problem() error }); ok {
		if err := p.problem(); err != nil {
			bad("Keys", "%v", err)
		}
	}
	slices.SortStableFunc(errs, func(a, b error) int { return strings.Compare(a.Error(), b.Error()) })
	return errs
}

// shared names the verifier-wide fields that are set.
func (c *Config) shared() []string {
	var set []string
	for name, is := range map[string]bool{
		"TokenCache": c.TokenCache != 0, "MaxTokenBytes": c.MaxTokenBytes != 0, "HTTPClient": c.HTTPClient != nil,
		"Logger": c.Logger != nil, "Observe": c.Observe != nil, "OnError": c.OnError != nil, "Now": c.Now != nil,
	} {
		if is {
			set = append(set, name)
		}
	}
	slices.Sort(set)
	return set
}

// checkURL accepts an absolute https URL, and http on the loopback interface
// or when insecure.
func checkURL(raw string, insecure bool) error {
	u, err := url.Parse(raw)
	switch {
	case err != nil:
		return errors.New("is not a URL")
	case u.User != nil || u.Fragment != "":
		return errors.New("holds credentials or a fragment")
	case u.Host == "" || u.Scheme != "https" && u.Scheme != "http":
		return errors.New("is not an absolute https URL")
	case u.Scheme == "http" && !insecure && !loopback(u.Hostname()):
		return errors.New("is plain http: set InsecureHTTP if you mean it")
	}
	return nil
}

func loopback(host string) bool {
	if host == "localhost" {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}
