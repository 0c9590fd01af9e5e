package auth

import (
	"encoding/json"
	"errors"
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Middleware lets a request pass if it carries one valid bearer token in the
// Authorization header (RFC 6750 §2.1; never a form field or the query), with
// the claims in its context for [FromContext]. Otherwise it answers with the
// challenge of RFC 6750 §3 and an application/problem+json body (RFC 9457), or
// leaves that to Config.OnError.
func (v *Verifier) Middleware(next http.Handler) http.Handler { return v.middleware(next, false) }

// Optional is [Verifier.Middleware], but a request without an Authorization header
// passes, without claims. A bad token is still refused: the sender meant to be
// somebody.
func (v *Verifier) Optional(next http.Handler) http.Handler { return v.middleware(next, true) }

func (v *Verifier) middleware(next http.Handler, optional bool) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		token, err := BearerToken(r)
		if optional && errors.Is(err, ErrNoToken) {
			next.ServeHTTP(w, r)
			return
		}
		var c Claims
		if err == nil {
			c, err = v.Verify(r.Context(), token)
		}
		if err != nil {
			v.answer(w, r, err)
			return
		}
		next.ServeHTTP(w, r.WithContext(NewContext(r.Context(), c)))
	})
}

// RequireScope goes behind [Verifier.Middleware] on routes that need all of the
// scopes. A request without them is answered 403 insufficient_scope, one
// without claims 401.
func (v *Verifier) RequireScope(scopes ...string) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			c, ok := FromContext(r.Context())
			if !ok {
				v.answer(w, r, ErrNoToken)
				return
			}
			for _, s := range scopes {
				if !c.HasScope(s) {
					v.answer(w, r, &Error{Reason: ReasonScope, Err: &missingScope{strings.Join(scopes, " ")}})
					return
				}
			}
			next.ServeHTTP(w, r)
		})
	}
}

type missingScope struct{ needed string }

func (e *missingScope) Error() string { return "needs " + strconv.Quote(e.needed) }

func (v *Verifier) answer(w http.ResponseWriter, r *http.Request, err error) {
	if v.shared.OnError != nil {
		v.shared.OnError(w, r, err)
		return
	}
	WriteError(w, r, err)
}

// BearerToken returns the token of the request's Authorization header. Its
// errors match ErrNoToken if there is none, and ErrRequest if there are several
// headers or one that is malformed or of another scheme.
func BearerToken(r *http.Request) (string, error) {
	switch h := r.Header["Authorization"]; {
	case len(h) == 0:
		return "", ErrNoToken
	case len(h) > 1:
		return "", refuse(ReasonRequest, errors.New("several Authorization headers"))
	default:
		scheme, token, ok := strings.Cut(h[0], " ")
		if !ok || !strings.EqualFold(scheme, "Bearer") {
			return "", refuse(ReasonRequest, errors.New("the scheme is not Bearer"))
		}
		token = strings.TrimLeft(token, " ")
		if token == "" || strings.ContainsAny(token, " \t,") {
			return "", refuse(ReasonRequest, errors.New("not one bearer token"))
		}
		return token, nil
	}
}

// A problem is the body of RFC 9457.
type problem struct {
	Type   string `json:"type"`
	Title  string `json:"title"`
	Status int    `json:"status"`
	Detail string `json:"detail"`
}

// WriteError answers a request with the status, WWW-Authenticate challenge,
// Retry-After and problem body that an error of this package deserves. An error
// of another type is answered 503, and its text reaches nobody.
func WriteError(w http.ResponseWriter, r *http.Request, err error) {
	e, ok := errors.AsType[*Error](err)
	if !ok {
		e = &Error{Reason: "unavailable"}
	}
	status := e.HTTPStatus()
	p := problem{Type: "about:blank", Title: http.StatusText(status), Status: status, Detail: reasonText[e.Reason]}
	switch {
	case e.Reason == ReasonNoToken: // RFC 6750 §3.1: no error code for a request without credentials
		w.Header().Set("WWW-Authenticate", "Bearer")
	case status == http.StatusBadRequest:
		w.Header().Set("WWW-Authenticate", challenge("invalid_request", p.Detail, ""))
	case status == http.StatusUnauthorized:
		w.Header().Set("WWW-Authenticate", challenge("invalid_token", p.Detail, ""))
	case status == http.StatusForbidden:
		scope := ""
		if m, ok := errors.AsType[*missingScope](e.Err); ok {
			scope = m.needed
		}
		w.Header().Set("WWW-Authenticate", challenge("insufficient_scope", p.Detail, scope))
	case status == http.StatusServiceUnavailable:
		w.Header().Set("Retry-After", strconv.Itoa(retryAfter(e.RetryAfter)))
	}
	w.Header().Set("Content-Type", "application/problem+json")
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	if r.Method == http.MethodHead {
		return
	}
	_ = json.NewEncoder(w).Encode(p) // the client may have gone
}

// challenge builds a header from texts of this package and configured scopes.
func challenge(code, description, scope string) string {
	s := `Bearer error="` + code + `", error_description="` + description + `"`
	if scope != "" {
		s += `, scope="` + strings.Map(scopeRune, scope) + `"`
	}
	return s
}

// scopeRune keeps the characters of RFC 6749 §3.3 and the space between.
func scopeRune(r rune) rune {
	if r < 0x20 || r > 0x7e || r == '"' || r == '\\' {
		return -1
	}
	return r
}

func retryAfter(d time.Duration) int {
	if d <= 0 {
		d = time.Second
	}
	return int(math.Ceil(d.Seconds()))
}

// InsecureAnonymous lets every request pass as claims, without a token. It is for
// development and for tests: a service that links it in production has no
// authentication.
func InsecureAnonymous(claims Claims) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			next.ServeHTTP(w, r.WithContext(NewContext(r.Context(), claims)))
		})
	}
}
