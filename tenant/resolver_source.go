package tenant

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
)

// FromHeader returns a resolver that reads the header field name, such as
// "X-Tenant-ID". A field on several lines or with a comma in it is [ErrConflict],
// even if the values are equal: RFC 9110 §5.3 lets a proxy join lines and each
// recipient choose, so who reads the last one and who reads the first see different
// requests. An absent or empty field is [ErrNoTenant].
//
// It panics if name is no field name, or is Host, which net/http keeps elsewhere.
func FromHeader(name string) Resolver {
	if !isToken(name) || strings.EqualFold(name, "Host") {
		panic(fmt.Sprintf("tenant: FromHeader: %q is no header to read a tenant from", name))
	}
	name = http.CanonicalHeaderKey(name)
	return func(r *http.Request) (string, error) {
		lines := r.Header[name]
		if len(lines) == 0 {
			return "", ErrNoTenant
		}
		if len(lines) > 1 {
			return "", fmt.Errorf("%w: several lines of header %s", ErrConflict, name)
		}
		if len(lines[0]) <= maxClaim && strings.Contains(lines[0], ",") {
			return "", fmt.Errorf("%w: several values of header %s", ErrConflict, name)
		}
		return claim(lines[0])
	}
}

// FromPath returns a resolver that reads the wildcard of the pattern that the
// request matched, as [http.Request.PathValue] does: FromPath("org") for
// "/orgs/{org}/…". A pattern without that wildcard is [ErrNoTenant].
//
// Wrap the handlers of the routes, not the [http.ServeMux]: around it no request
// has been matched yet. Such a request is refused with an error that says so, and
// that [Middleware] answers with 503.
//
// It panics if wildcard is empty.
func FromPath(wildcard string) Resolver {
	if wildcard == "" {
		panic("tenant: FromPath: no wildcard")
	}
	return func(r *http.Request) (string, error) {
		claimed := r.PathValue(wildcard)
		if claimed == "" && r.Pattern == "" {
			return "", errors.New("tenant: FromPath outside of a route: no pattern has been matched")
		}
		return claim(claimed)
	}
}

// FromClaim returns a resolver that asks fn about the request's context: an
// organization that a verified token names, for instance. An empty string is
// [ErrNoTenant]. fn has to return an error for a claim that is there and can't be
// read; a token bound to something is not a token bound to nothing.
//
// What a token names is a hint like the others: it may be older than the end of the
// membership.
//
// It panics if fn is nil.
func FromClaim(fn func(context.Context) (string, error)) Resolver {
	if fn == nil {
		panic("tenant: FromClaim: nil function")
	}
	return func(r *http.Request) (string, error) {
		claimed, err := fn(r.Context())
		if err != nil {
			return "", err
		}
		return claim(claimed)
	}
}

// isToken reports whether s is a token of RFC 9110 §5.6.2.
func isToken(s string) bool {
	for i := range len(s) {
		c := s[i]
		if (c < '0' || c > '9') && (c < 'A' || c > 'Z') && (c < 'a' || c > 'z') &&
			strings.IndexByte("!#$%&'*+-.^_`|~", c) < 0 {
			return false
		}
	}
	return s != ""
}
