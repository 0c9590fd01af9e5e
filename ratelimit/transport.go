package ratelimit

import (
	"net/http"

	"golang.org/x/time/rate"
)

// Transport makes requests through base at the pace of l: each waits for a token
// first, within its context. nil base means [http.DefaultTransport].
func Transport(base http.RoundTripper, l *rate.Limiter) http.RoundTripper {
	if base == nil {
		base = http.DefaultTransport
	}
	return &transport{base, l}
}

type transport struct {
	base    http.RoundTripper
	limiter *rate.Limiter
}

func (t *transport) RoundTrip(r *http.Request) (*http.Response, error) {
	if err := t.limiter.Wait(r.Context()); err != nil {
		if r.Body != nil {
			r.Body.Close()
		}
		return nil, err
	}
	return t.base.RoundTrip(r)
}
