package main

import (
	"net/http"
	"time"

	"github.com/rowhouse-go/rowhouse/retry"
)

// outboundTimeout bounds a request to another service with all its retries, within
// that of the request it is made for.
const outboundTimeout = requestTimeout / 2

// newOutbound returns the client for requests to other services, one for each. What is
// safe to repeat is repeated; each service has a budget and a breaker, so that one
// that is down costs a request no time. Redirects are answers: what is sent may be a
// secret, and is for the host it is sent to.
//
// The key set of package auth has a client of its own: it fetches in the background,
// waits between attempts, and would multiply these.
func newOutbound() *http.Client {
	return &http.Client{
		Timeout:       outboundTimeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport: retry.NewTransport(http.DefaultTransport.(*http.Transport).Clone(), &retry.TransportOptions{
			Policy: &retry.Policy{
				Attempts:       3,
				Base:           100 * time.Millisecond,
				Max:            time.Second,
				AttemptTimeout: outboundTimeout / 2,
			},
			RequestID: requestIDOf,
			UserAgent: "rowhouse-saas",
		}),
	}
}
