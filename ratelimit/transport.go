package ratelimit

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"golang.org/x/time/rate"
)

// Transport makes requests through base at the pace of l: each takes a token first,
// and waits for it within its context, in the order they came. It keeps a service within the
// quota of another one; l may be shared by several transports, and changed at any time.
// base nil means [http.DefaultTransport].
//
// A request that gets no token is not sent. Its error has method Timeout() bool and
// matches ctx.Err() if the context has ended, or [context.DeadlineExceeded], at once,
// if the token would come after the context's deadline; [http.Client.Timeout] is such
// a deadline. A limiter whose burst is 0 refuses everything.
//
// It panics if l is nil: a program that means to have a limit must not run without.
func Transport(base http.RoundTripper, l *rate.Limiter) http.RoundTripper {
	if l == nil {
		panic("ratelimit: Transport: nil Limiter")
	}
	if base == nil {
		base = http.DefaultTransport
	}
	return &transport{base, l}
}

type transport struct {
	base    http.RoundTripper
	limiter *rate.Limiter
}

// RoundTrip implements [http.RoundTripper].
func (t *transport) RoundTrip(r *http.Request) (*http.Response, error) {
	ctx := r.Context()
	if err := t.limiter.Wait(ctx); err != nil {
		if r.Body != nil {
			_ = r.Body.Close() // as the contract of RoundTripper has it; the wait's error says more
		}
		return nil, t.fault(ctx, err)
	}
	return t.base.RoundTrip(r)
}

// fault tells apart what rate.Limiter says in words only.
func (t *transport) fault(ctx context.Context, err error) error {
	e := &paceError{limit: t.limiter.Limit(), burst: t.limiter.Burst(), err: err}
	_, bounded := ctx.Deadline()
	switch {
	case ctx.Err() != nil:
		e.err = ctx.Err()
	case bounded && e.burst > 0:
		e.err = fmt.Errorf("no token before the deadline: %w", context.DeadlineExceeded)
	}
	return e
}

// CloseIdleConnections has base close its connections, for
// [http.Client.CloseIdleConnections].
func (t *transport) CloseIdleConnections() {
	if c, ok := t.base.(interface{ CloseIdleConnections() }); ok {
		c.CloseIdleConnections()
	}
}

// A paceError says which limit a request did not get through.
type paceError struct {
	limit rate.Limit
	burst int
	err   error
}

func (e *paceError) Error() string {
	return fmt.Sprintf("ratelimit: transport of %.6g/s, burst %d: %v", float64(e.limit), e.burst, e.err)
}

func (e *paceError) Unwrap() error { return e.err }

// Timeout is what [net/url.Error.Timeout] reports.
func (e *paceError) Timeout() bool { return errors.Is(e.err, context.DeadlineExceeded) }
