package ratelimit

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"math/rand/v2"
	"net/http"
	"strconv"
)

// HTTPOptions are the optional parts of [Limiter.Middleware]. The zero value, like a
// nil *HTTPOptions, means the defaults.
type HTTPOptions struct {
	// Cost is how many units a request takes; nil means 1. 0 takes nothing and
	// passes, with the fields of the quota as it stands. A negative cost is taken for 1:
	// it is what a computation returns that does not know, as
	// [http.Request.ContentLength] of a chunked body, and not knowing must not be free.
	Cost func(*http.Request) int

	// Skip lets a request pass unlimited and without fields, if it returns true: for
	// CORS preflights behind a coarser limit, or health checks. Skip by what a client
	// can't choose, or what costs nothing to serve.
	Skip func(*http.Request) bool

	// OnError writes the answer to a request that does not pass; the fields and
	// Retry-After are set by then. err is a *[LimitedError] (429), matches
	// ErrUnavailable (503), or is the error of the request's context. Nil means
	// an RFC 9457 problem document, with 429 for a LimitedError and 503 otherwise. It
	// says nothing of err's text.
	OnError func(w http.ResponseWriter, r *http.Request, err error)

	// XRateLimit adds X-RateLimit-Limit (the Quota), X-RateLimit-Remaining and
	// X-RateLimit-Reset (seconds until the whole burst is back) of the tightest
	// window, for clients that know no other fields.
	XRateLimit bool
}

// NoKey is the key that requests without one are charged to, all of them together:
// that bucket is strict, as one client's quota serves them all, and [Options.Observe]
// sees how often it is used. Often means that a [KeyFunc] or the proxies of a
// [ClientIP] are declared wrongly.
const NoKey = "(no key)"

// Middleware returns a middleware that charges each request to its key and lets it
// pass if [Limiter.AllowN] does. The answer is 429 otherwise, or 503 if the store can't
// decide and the limiter is [FailClosed]. The response has the fields of
// [Decision.SetHeaders] in either case, unless the limiter is a DryRun: that charges
// and tells Observe, changes no response and lets everything pass.
//
// Put a coarse limiter by address before authentication and the quota of the
// principal behind it. Limiters may be nested: the request passes if all let it
// pass, and the fields are those of the inner one.
//
// A key longer than a kilobyte is replaced by its SHA-256.
//
// It panics if l or by is nil: as with a malformed pattern of [http.ServeMux], the
// fault is in the program, and a route without its limit must not get past its start.
func (l *Limiter) Middleware(by KeyFunc, o *HTTPOptions) func(http.Handler) http.Handler {
	if l == nil {
		panic("ratelimit: Middleware: nil Limiter")
	}
	if by == nil {
		panic("ratelimit: Middleware: nil KeyFunc")
	}
	if o == nil {
		o = &HTTPOptions{}
	}
	options, policies := *o, &policyCache{}
	if options.OnError == nil {
		options.OnError = writeProblem
	}
	return func(next http.Handler) http.Handler {
		if next == nil {
			panic("ratelimit: nil Handler")
		}
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if options.Skip != nil && options.Skip(r) {
				next.ServeHTTP(w, r)
				return
			}
			d, err := l.AllowN(r.Context(), keyOf(by, r), costOf(options.Cost, r))
			if l.options.DryRun {
				next.ServeHTTP(w, r)
				return
			}
			switch {
			case err == nil:
				d.setHeaders(w.Header(), policies)
				if options.XRateLimit {
					d.setXHeaders(w.Header())
				}
				if d.Allowed {
					next.ServeHTTP(w, r)
					return
				}
				err = &LimitedError{Limiter: l.name, Decision: d}
			case errors.Is(err, ErrUnavailable):
				// How long an outage takes, nobody knows: 2 to 5 seconds spread the
				// clients and are long enough not to add to it.
				w.Header().Set(headerRetryAfter, strconv.Itoa(2+rand.IntN(4))) //nolint:gosec // G404: spreads clients, guards nothing
			}
			options.OnError(w, r, err)
		})
	}
}

func costOf(cost func(*http.Request) int, r *http.Request) int {
	if cost == nil {
		return 1
	}
	if n := cost(r); n >= 0 {
		return n
	}
	return 1
}

// keyOf returns a key that AllowN accepts.
func keyOf(by KeyFunc, r *http.Request) string {
	key, ok := by(r)
	switch {
	case !ok || key == "":
		return NoKey
	case len(key) > maxRawKey:
		// Not a faster hash: who finds two keys with the same value shares another's quota.
		sum := sha256.Sum256([]byte(key))
		return "sha256:" + hex.EncodeToString(sum[:])
	}
	return key
}

// maxRawKey is the longest key, in bytes, that is used as it is.
const maxRawKey = 1 << 10
