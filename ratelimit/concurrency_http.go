package ratelimit

import (
	"math/rand/v2"
	"net/http"
	"strconv"
)

// Middleware returns a middleware that lets a request pass if its key has a place
// free, which it has until the handler returns or panics. The answer is 503 otherwise,
// with Retry-After and an RFC 9457 problem document. Requests without a key share that
// of [NoKey], and a key longer than a kilobyte is replaced by its SHA-256.
//
// Of o it takes Skip and OnError, which is given an error that matches [ErrBusy].
//
// It panics if c or by is nil, as [Limiter.Middleware] does.
func (c *Concurrency) Middleware(by KeyFunc, o *HTTPOptions) func(http.Handler) http.Handler {
	if c == nil {
		panic("ratelimit: Middleware: nil Concurrency")
	}
	if by == nil {
		panic("ratelimit: Middleware: nil KeyFunc")
	}
	if o == nil {
		o = &HTTPOptions{}
	}
	skip, onError := o.Skip, o.OnError
	if onError == nil {
		onError = writeBusy
	}
	return func(next http.Handler) http.Handler {
		if next == nil {
			panic("ratelimit: nil Handler")
		}
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if skip != nil && skip(r) {
				next.ServeHTTP(w, r)
				return
			}
			p, err := c.take(r.Context(), keyOf(by, r))
			if err != nil {
				if d := c.options.RetryAfter; d > 0 {
					s := seconds(d + rand.N(d+1)) //nolint:gosec // G404: spreads clients, guards nothing
					w.Header().Set(headerRetryAfter, strconv.FormatInt(s, 10))
				}
				onError(w, r, err)
				return
			}
			defer p.release(r.Context())
			next.ServeHTTP(w, r)
		})
	}
}

// writeBusy answers with a constant RFC 9457 problem document.
func writeBusy(w http.ResponseWriter, _ *http.Request, _ error) {
	writeDocument(w, http.StatusServiceUnavailable, []byte(`{"type":"about:blank","title":"Service Unavailable","status":503,"detail":"Too many of your requests are in progress. Try again when one has ended."}`+"\n"))
}
