package tenant

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"time"
)

// Options holds the optional parts of [Middleware]. The zero value, like a nil
// *Options, means the defaults.
type Options struct {
	// OnError writes the answer to a refused request. err matches ErrNoTenant or
	// ErrConflict (400), ErrInvalidID or ErrNotMember (404), or is a *LookupError
	// (503); errors.As finds HTTPStatus() int in it. Nil means an RFC 9457 problem
	// document whose content depends on nothing but the status; an answer that
	// tells the two of 404 apart tells strangers which tenants exist.
	OnError func(w http.ResponseWriter, r *http.Request, err error)

	// Observe, if not nil, is called once for each request after the decision and
	// before the handler or OnError, on the request's goroutine and with the
	// context as it came.
	Observe func(context.Context, Decision)
}

// A Decision is what [Options.Observe] is told.
type Decision struct {
	Start    time.Time
	Duration time.Duration // of Resolver and Membership together
	Tenant   ID            // zero if the request was refused
	Err      error         // nil if it passes; otherwise as for OnError
}

// Middleware returns a middleware that lets a request pass if r finds the tenant it
// claims and m says that its sender belongs to it, with the tenant in its context
// for [FromContext]. Put it behind authentication, which m relies on.
//
// The answer is 400 to a request that names no tenant or several, or whose context
// carries another one already; 404, the same one byte for byte, to a malformed id,
// an unknown tenant and a stranger; 503 if nothing could be found out. See
// [Membership.Enter].
//
// It panics if r or m is nil: as with a malformed pattern of [http.ServeMux], the
// fault is in the program, and a route that serves every tenant to everybody must
// not get past its start.
func Middleware(r Resolver, m Membership, o *Options) func(http.Handler) http.Handler {
	if r == nil {
		panic("tenant: Middleware: nil Resolver")
	}
	if m == nil {
		panic("tenant: Middleware: nil Membership")
	}
	if o == nil {
		o = &Options{}
	}
	onError, observe := o.OnError, o.Observe
	if onError == nil {
		onError = writeProblem
	}
	return func(next http.Handler) http.Handler {
		if next == nil {
			panic("tenant: nil Handler")
		}
		return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
			var d Decision
			if observe != nil {
				d.Start = time.Now()
			}
			ctx, err := enter(r, m, req)
			if observe != nil {
				d.Duration = time.Since(d.Start)
				d.Err = err
				if err == nil {
					d.Tenant, _ = FromContext(ctx)
				}
				observe(req.Context(), d)
			}
			if err != nil {
				onError(w, req, err)
				return
			}
			next.ServeHTTP(w, req.WithContext(ctx))
		})
	}
}

// enter resolves a request and asks m; it sorts the errors of both.
func enter(r Resolver, m Membership, req *http.Request) (context.Context, error) {
	claimed, err := r.ask(req)
	switch {
	case err == nil:
		return m.Enter(req.Context(), claimed)
	case errors.Is(err, ErrNoTenant), errors.Is(err, ErrConflict), errors.Is(err, ErrInvalidID), errors.Is(err, ErrNotMember):
		return nil, err
	}
	return nil, &LookupError{err}
}

// writeProblem answers with the RFC 9457 problem document of err's status. The
// bodies are constant, and that of 404 is the one of package rbac.
func writeProblem(w http.ResponseWriter, _ *http.Request, err error) {
	status, detail := http.StatusServiceUnavailable, "The service can't tell your membership at the moment. Try again later."
	_, unknown := errors.AsType[*LookupError](err) // may wrap anything, ErrConflict too
	switch {
	case unknown:
	case errors.Is(err, ErrNotMember), errors.Is(err, ErrInvalidID):
		status, detail = http.StatusNotFound, "There is no such resource, or it is not visible to you."
	case errors.Is(err, ErrNoTenant), errors.Is(err, ErrConflict):
		status, detail = http.StatusBadRequest, "The request does not name exactly one tenant."
	}
	h := w.Header()
	h.Set("Content-Type", "application/problem+json")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cache-Control", "no-store") // RFC 9111 lets caches keep a 404; a membership may begin any moment
	w.WriteHeader(status)
	_, _ = w.Write([]byte(`{"type":"about:blank","title":"` + http.StatusText(status) +
		`","status":` + strconv.Itoa(status) + `,"detail":"` + detail + "\"}\n")) // the client may be gone
}
