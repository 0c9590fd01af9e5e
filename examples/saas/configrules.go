package main

import (
	"cmp"
	"encoding/base64"
	"log/slog"
	"maps"
	"net"
	"net/netip"
	"net/url"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// faults returns everything wrong with the configuration.
func (c *config) faults() []configFault {
	var f faultList
	f.unless(isLabel(c.AppName, 64), "APP_NAME", "must be 1 to 64 printable characters")
	f.unless(slices.Contains([]string{development, staging, production}, c.Environment), "ENVIRONMENT",
		"must be development, staging or production")
	f.unless(slices.Contains([]slog.Level{slog.LevelDebug, slog.LevelInfo, slog.LevelWarn, slog.LevelError}, c.LogLevel),
		"LOG_LEVEL", "must be debug, info, warn or error")
	f.unless(isListenAddr(c.ListenAddr), "LISTEN_ADDR", "must be host:port, or :port for every interface")
	c.databaseFaults(&f)
	c.identityFaults(&f)
	f.unless(c.InvitationKey != "" || c.Environment == development, "INVITATION_KEY", "is required except in development")
	key, err := base64.StdEncoding.DecodeString(c.InvitationKey)
	f.unless(c.InvitationKey == "" || err == nil && len(key) >= minInvitationKey, "INVITATION_KEY", "must be base64 of at least 32 bytes")
	f.unless(c.AuthTokenCache >= 0 && c.AuthTokenCache <= 1_000_000, "AUTH_TOKEN_CACHE", "must be from 0 to 1000000")
	c.limitFaults(&f)
	f.unless(isRequestIDHeader(c.RequestIDHeader), "REQUEST_ID_HEADER",
		"must be at most 64 letters, digits and dashes that end in Request-ID, Correlation-ID or Trace-ID")
	f.unless(c.MaxBodyBytes >= 1<<10 && c.MaxBodyBytes <= 1<<20, "MAX_BODY_BYTES", "must be from 1024 to 1048576")
	f.unless(c.ShutdownDelay >= 0 && c.ShutdownDelay <= 5*time.Minute, "SHUTDOWN_DELAY", "must be from 0s to 5m")
	f.unless(c.ShutdownGrace >= time.Second && c.ShutdownGrace <= 10*time.Minute, "SHUTDOWN_GRACE", "must be from 1s to 10m")
	return f
}

// minInvitationKey is the least number of bytes, that of the hash.
const minInvitationKey = 32

type faultList []configFault

func (f *faultList) unless(ok bool, variable, text string) {
	if !ok {
		*f = append(*f, configFault{variable, text})
	}
}

// identityFaults judges who may call the service and how that is proved.
func (c *config) identityFaults(f *faultList) {
	insecure := c.insecureDevIdentity || c.AuthProviderType == "none"
	if c.insecureDevIdentity {
		f.unless(devIdentityLinked, "--insecure-dev-identity", "is not part of a production build")
	}
	if insecure {
		f.unless(c.insecureDevIdentity, "AUTH_PROVIDER_TYPE", "none also needs the flag --insecure-dev-identity")
		f.unless(c.Environment == development, "ENVIRONMENT", "must be development for --insecure-dev-identity and AUTH_PROVIDER_TYPE none")
		f.unless(isLoopback(c.ListenAddr), "LISTEN_ADDR", "must be a loopback address for --insecure-dev-identity and AUTH_PROVIDER_TYPE none")
	}
	needs, takes, known := providerVariables(c.AuthProviderType)
	switch {
	case !known, c.AuthProviderType == "" && !c.insecureDevIdentity:
		f.unless(false, "AUTH_PROVIDER_TYPE", "must be oidc, auth0, keycloak, cognito or ory")
		return
	case c.insecureDevIdentity && len(needs) > 0:
		f.unless(false, "AUTH_PROVIDER_TYPE", "must not be set with --insecure-dev-identity, which brings its own issuer")
	}
	set, complete := c.authVariables(), true
	for _, name := range needs {
		f.unless(set[name], name, "is required for "+c.AuthProviderType)
		complete = complete && set[name]
	}
	if complete && len(needs) > 0 {
		f.unless(isIssuer(c.verifierConfig().Issuer), needs[0],
			"leads to no issuer, which is an https URL without credentials, query and fragment (http only on the loopback interface)")
	}
	if slices.Contains(takes, "AUTH_AUDIENCE") && slices.Contains(takes, "AUTH_CLIENTS") {
		f.unless(set["AUTH_AUDIENCE"] || set["AUTH_CLIENTS"], "AUTH_AUDIENCE",
			"is required unless AUTH_CLIENTS is set: a token for another service must not open this one")
	}
	for _, name := range slices.Sorted(maps.Keys(set)) {
		used := slices.Contains(needs, name) || slices.Contains(takes, name)
		f.unless(!set[name] || used, name, "has no meaning for this AUTH_PROVIDER_TYPE")
	}
	f.unless(c.AuthUserInfoURL == "" || isIssuer(c.AuthUserInfoURL), "AUTH_USERINFO_URL",
		"must be an https URL without credentials, query and fragment (http only on the loopback interface)")
	f.unless(isList(c.AuthAudience), "AUTH_AUDIENCE", "has an empty entry, or white space around one")
	f.unless(isList(c.AuthClients), "AUTH_CLIENTS", "has an empty entry, or white space around one")
}

// providerVariables says which variables a provider needs and which it may have.
func providerVariables(provider string) (needs, takes []string, known bool) {
	switch provider {
	case "oidc", "ory":
		return []string{"AUTH_ISSUER"}, []string{"AUTH_AUDIENCE", "AUTH_CLIENTS"}, true
	case "auth0":
		return []string{"AUTH_AUTH0_DOMAIN", "AUTH_AUDIENCE"}, []string{"AUTH_CLIENTS"}, true
	case "keycloak":
		return []string{"AUTH_KEYCLOAK_URL", "AUTH_KEYCLOAK_REALM"}, []string{"AUTH_AUDIENCE", "AUTH_CLIENTS"}, true
	case "cognito":
		return []string{"AUTH_COGNITO_REGION", "AUTH_COGNITO_USER_POOL_ID", "AUTH_CLIENTS"}, []string{"AUTH_AUDIENCE"}, true
	case "none", "":
		return nil, nil, true
	}
	return nil, nil, false
}

// authVariables tells which of the providers' variables are set.
func (c *config) authVariables() map[string]bool {
	return map[string]bool{
		"AUTH_ISSUER":               c.AuthIssuer != "",
		"AUTH_AUTH0_DOMAIN":         c.AuthAuth0Domain != "",
		"AUTH_KEYCLOAK_URL":         c.AuthKeycloakURL != "",
		"AUTH_KEYCLOAK_REALM":       c.AuthKeycloakRealm != "",
		"AUTH_COGNITO_REGION":       c.AuthCognitoRegion != "",
		"AUTH_COGNITO_USER_POOL_ID": c.AuthCognitoUserPoolID != "",
		"AUTH_AUDIENCE":             len(c.AuthAudience) > 0,
		"AUTH_CLIENTS":              len(c.AuthClients) > 0,
	}
}

func isLabel(s string, most int) bool {
	unprintable := func(r rune) bool { return !unicode.IsPrint(r) }
	return s != "" && utf8.ValidString(s) && utf8.RuneCountInString(s) <= most && !strings.ContainsFunc(s, unprintable)
}

func isListenAddr(addr string) bool {
	host, port, err := net.SplitHostPort(addr)
	n, portErr := strconv.ParseUint(port, 10, 16)
	return err == nil && portErr == nil && strconv.FormatUint(n, 10) == port && !strings.ContainsAny(host, " /@")
}

// isLoopback takes addresses only: what a name leads to is another machine's word.
func isLoopback(addr string) bool {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return false
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.Unmap().IsLoopback()
}

// isRequestIDHeader refuses headers with a meaning of their own: the caller's
// value is logged and sent back.
func isRequestIDHeader(name string) bool {
	return len(name) <= 64 && requestIDHeader.MatchString(name)
}

var requestIDHeader = regexp.MustCompile(`^(?i:([a-z0-9]+-)*(request|correlation|trace)-id)$`)

func isIssuer(raw string) bool {
	u, err := url.Parse(raw)
	if err != nil || u.Hostname() == "" || u.User != nil || strings.ContainsAny(raw, "?# ") || path.Clean("/"+u.Path) != "/"+strings.Trim(u.Path, "/") {
		return false
	}
	if _, err := strconv.ParseUint(cmp.Or(u.Port(), "443"), 10, 16); err != nil {
		return false
	}
	return (u.Scheme == "https" || u.Scheme == "http" && (u.Hostname() == "localhost" || isLoopback(net.JoinHostPort(u.Hostname(), "0"))))
}

func isList(entries []string) bool {
	return !slices.ContainsFunc(entries, func(s string) bool { return s == "" || strings.TrimSpace(s) != s })
}
