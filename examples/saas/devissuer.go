//go:build !production

package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"mime"
	"net"
	"net/http"
	"regexp"
	"strings"

	"github.com/rowhouse-go/rowhouse/auth"
	"github.com/rowhouse-go/rowhouse/auth/authtest"
)

// The built-in issuer signs a token for whoever asks for one. It is an OpenID
// issuer like any other to the rest of the program: its name is the service's
// own address, so people keep their organizations from run to run, and its keys
// are made when it starts.
const (
	devIssuerPath = "/dev-identity"
	devAudience   = "rowhouse-development"
	devClient     = "dev-sign-in"
)

// devIdentityLinked is false in production builds.
const devIdentityLinked = true

// insecureDevIdentity is the identity of the flag of the same name.
func insecureDevIdentity(c *config, log *slog.Logger) (*identity, error) {
	if c.AuthProviderType == "none" {
		return anonymousIdentity(), nil
	}
	issuer, err := newDevIssuer(c)
	if err != nil {
		return nil, err
	}
	return devIdentity(issuer, c, log)
}

func newDevIssuer(c *config) (*authtest.Issuer, error) {
	return authtest.New("http://"+c.ListenAddr+devIssuerPath, &authtest.Options{Audience: devAudience})
}

// devIdentity trusts issuer, which the service then serves itself.
func devIdentity(issuer *authtest.Issuer, c *config, log *slog.Logger) (*identity, error) {
	id, err := verifiedIdentity(auth.OIDC(issuer.URL(), devAudience), c, log)
	if err != nil {
		return nil, err
	}
	serveIssuer := func(w http.ResponseWriter, r *http.Request) error {
		issuer.ServeHTTP(w, r)
		return nil
	}
	id.routes = []route{
		{"GET " + devIssuerPath + "/.well-known/openid-configuration", anyone(), serveIssuer},
		{"GET " + devIssuerPath + "/jwks.json", anyone(), serveIssuer},
		{"POST " + devIssuerPath + "/token", anyone(), func(w http.ResponseWriter, r *http.Request) error {
			return devSignIn(issuer, w, r)
		}},
	}
	id.hint = fmt.Sprintf(`
INSECURE development identities: whoever reaches %[1]s is whoever he says he is. Try

  TOKEN=$(curl -s -d name=ada http://%[1]s%[2]s/token)
  curl -s -H "Authorization: Bearer $TOKEN" http://%[1]s/users/me
  curl -s -H "Authorization: Bearer $TOKEN" --json '{"name": "Acme"}' http://%[1]s/organizations

`, c.ListenAddr, devIssuerPath)
	return id, nil
}

var devName = regexp.MustCompile(`^[a-z][a-z0-9-]{0,31}$`)

// devSignIn answers the form field name with a token for that name, as text. It
// wants the request to be addressed to the loopback interface.
func devSignIn(issuer *authtest.Issuer, w http.ResponseWriter, r *http.Request) error {
	if !toLoopback(r) {
		return misdirected()
	}
	if kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type")); kind != "application/x-www-form-urlencoded" {
		return plain(http.StatusUnsupportedMediaType, "The body must be a form, application/x-www-form-urlencoded.")
	}
	if err := r.ParseForm(); err != nil {
		if e, ok := errors.AsType[*http.MaxBytesError](err); ok {
			return plain(http.StatusRequestEntityTooLarge, fmt.Sprintf("The body is larger than %d bytes.", e.Limit))
		}
		return malformed("The form is malformed.")
	}
	names := r.PostForm["name"]
	if len(names) != 1 || !devName.MatchString(names[0]) {
		return invalid(fieldFault{"name", "must be given once as a form field: a letter, then at most 31 letters, digits and dashes, all lower-case"})
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	claims := map[string]any{"sub": names[0], "client_id": devClient, "email": names[0] + "@example.com", "email_verified": true}
	_, _ = fmt.Fprintln(w, issuer.Sign(claims)) //nolint:gosec // G705: a token as text
	return nil
}

// toLoopback reports whether a request is addressed to the loopback interface by
// its own name: a page of a foreign site may get the browser to connect here
// under the site's name.
func toLoopback(r *http.Request) bool {
	host := r.Host
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	return host == "localhost" || isLoopback(net.JoinHostPort(strings.Trim(host, "[]"), "0"))
}

func misdirected() *problem {
	return plain(http.StatusMisdirectedRequest, "Development identities are for the loopback interface.")
}

// anonymousIdentity is AUTH_PROVIDER_TYPE none: everybody is the same person.
func anonymousIdentity() *identity {
	const issuer = "urn:rowhouse:anonymous"
	everybody := auth.NewClaims(auth.ClaimSet{Issuer: issuer, Subject: "everybody"})
	return &identity{
		guard: func(next http.Handler) http.Handler {
			asEverybody := auth.InsecureAnonymous(everybody)(next)
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if !toLoopback(r) {
					writeProblem(w, misdirected())
					return
				}
				asEverybody.ServeHTTP(w, r)
			})
		},
		ready:  func(context.Context) error { return nil },
		close:  func() error { return nil },
		issuer: issuer,
		hint:   "\nINSECURE: no authentication, everybody is the same person.\n\n",
	}
}
