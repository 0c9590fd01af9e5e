package retry

import (
	"container/list"
	"context"
	"errors"
	"maps"
	"net/http"
	"time"
)

// TransportOptions are the optional parts of [NewTransport]. The zero value, like a
// nil *TransportOptions, means the defaults.
type TransportOptions struct {
	// Policy says how often and how patiently requests are repeated. nil means the
	// zero Policy. A Budget or Breaker in it is shared by all hosts; without, each
	// host has its own. Max also bounds what a server may ask for with Retry-After:
	// a response that asks for more is returned at once. AttemptTimeout bounds the
	// time from the start of an attempt to the header of its response, the sending
	// of the request's body included, and not the reading of the response's body.
	// Retryable, if not nil, judges errors of the base transport in place of
	// [TransientHTTP]; it is not asked about responses, and what it says makes no
	// request safe to repeat.
	Policy *Policy

	// Retry500 repeats on 500 Internal Server Error too, which more often than the
	// other statuses stays as it is.
	Retry500 bool

	// RequestID returns the id to send as X-Request-ID, for example that of the
	// incoming request, from the request's context. A request that has one keeps it.
	// What is empty, longer than 128 bytes or no visible ASCII is not sent.
	RequestID func(context.Context) string

	// UserAgent is appended to the request's User-Agent, with a space between, and is
	// the User-Agent of a request that has none; net/http's own default does not
	// stand before it. A request that suppresses the field by an empty value keeps
	// it so.
	UserAgent string

	// Budget and Breaker make the budget and the breaker of each host. nil means the
	// defaults of [NewBudget] and [NewBreaker]. Without a Failure of its own a
	// breaker, that of Policy too, counts all that is transient, whether or not the
	// request can be repeated, but 429, which is meant for this client and not for
	// the others of the process.
	Budget  *BudgetOptions
	Breaker *BreakerOptions

	// MaxHosts bounds the number of hosts that have a budget and a breaker. Beyond
	// it, the host used longest ago is forgotten, and begins anew when it comes
	// back. 0 means 1024; negative: hosts have neither.
	MaxHosts int

	// Observe, if not nil, is told of each attempt, successes included.
	Observe func(context.Context, Exchange)
}

// An Exchange is what [TransportOptions.Observe] is told: one request sent and its
// answer.
type Exchange struct {
	Method   string
	Host     string // of the URL
	Attempt  int    // 1 is the first
	Start    time.Time
	Duration time.Duration // until the header of the response was there
	Status   int           // 0 without a response
	Err      error         // of the base transport
}

const defaultMaxHosts = 1024

// NewTransport returns a transport that repeats requests through base, nil for
// [http.DefaultTransport], where that can't repeat an effect:
//
//   - GET, HEAD, OPTIONS, TRACE, PUT and DELETE, and any request with a header field
//     Idempotency-Key, on what [TransientHTTP] calls transient;
//   - any request whose connection could not be dialed: nothing was sent.
//
// A body is repeated by [http.Request.GetBody] only, which [http.NewRequest] sets for
// the readers of bytes and strings; requests with another body are sent once. Bodies
// are never buffered. Requests with a field Upgrade are passed on as they are.
//
// Retry-After is followed in both its forms, up to Policy.Max. Before the wait for the
// next try, up to 64 KiB of the response are read, for no longer than AttemptTimeout,
// and the body is closed, so that nobody waits for its connection. When no further try
// is to be made, RoundTrip returns the last response if there is one, whatever its
// status; else the error of base as it is, if it was not one to retry on, or an
// [*Error] that wraps it. So a response is dropped for an error only where the next
// try comes to nothing: when the context ends, or the breaker opens, during the wait,
// or GetBody fails. A response whose body breaks off while it is read is not repeated.
//
// Redirects are followed by [http.Client], each hop a request of its own here. net/http
// also repeats requests by itself, without waiting, when a connection that was idle
// turns out closed, and in HTTP/2, POST included, when the server refuses a stream or
// ends it with PROTOCOL_ERROR; these do not count.
//
// The transport is safe for concurrent use if base is, and passes CloseIdleConnections
// on. It changes no request: what it adds goes to a copy. With a faulty Policy or
// Breaker each RoundTrip sends nothing and returns an error that names the fields.
func NewTransport(base http.RoundTripper, o *TransportOptions) http.RoundTripper {
	if base == nil {
		base = http.DefaultTransport
	}
	if o == nil {
		o = &TransportOptions{}
	}
	t := &transport{
		base: base, retry500: o.Retry500, requestID: o.RequestID, userAgent: o.UserAgent, observe: o.Observe,
		transient: func(err error) bool { return TransientHTTP(nil, err) },
	}
	if o.Policy != nil {
		t.policy = *o.Policy
	}
	if t.policy.Retryable != nil {
		t.transient, t.policy.Retryable = t.policy.Retryable, nil
	}
	if t.policy.AttemptTimeout > 0 { // the body is read after the end of Do's attempt
		t.timeout, t.policy.AttemptTimeout = t.policy.AttemptTimeout, 0
	}
	t.policy.failed = func(err error, _ bool) bool { return t.hostFailed(err) }
	if o.MaxHosts < 0 || t.policy.Budget != nil && t.policy.Breaker != nil {
		return t
	}
	var budget BudgetOptions
	if o.Budget != nil {
		budget = *o.Budget
	}
	var breaker BreakerOptions
	if o.Breaker != nil {
		breaker = *o.Breaker
	}
	t.hosts = &hosts{max: o.MaxHosts, known: map[host]*list.Element{}, make: func() *Policy {
		p := t.policy
		if p.Budget == nil {
			p.Budget = NewBudget(&budget)
		}
		if p.Breaker == nil {
			p.Breaker = NewBreaker(&breaker)
		}
		return &p
	}}
	if t.hosts.max == 0 {
		t.hosts.max = defaultMaxHosts
	}
	return t
}

type transport struct {
	base      http.RoundTripper
	policy    Policy
	hosts     *hosts // nil: all share policy
	timeout   time.Duration
	transient func(error) bool
	retry500  bool
	requestID func(context.Context) string
	userAgent string
	observe   func(context.Context, Exchange)
}

// hostFailed reports whether err, of an attempt, speaks against its host.
func (t *transport) hostFailed(err error) bool {
	if status, ok := errors.AsType[statusError](err); ok {
		return status.code != http.StatusTooManyRequests
	}
	return t.transient(err) || TransientHTTP(nil, err)
}

// RoundTrip implements [http.RoundTripper].
func (t *transport) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.URL == nil || req.Header == nil {
		return t.base.RoundTrip(req) // which says what is missing
	}
	dressed := t.dress(req)
	if _, ok := req.Header["Upgrade"]; ok {
		return t.base.RoundTrip(dressed)
	}
	policy := &t.policy
	if t.hosts != nil {
		policy = t.hosts.policy(req.URL)
	}
	c := &call{transport: t, req: dressed}
	return c.end(policy.guarded(req.Context(), c.try, c))
}

// CloseIdleConnections is what [http.Client.CloseIdleConnections] looks for.
func (t *transport) CloseIdleConnections() {
	if base, ok := t.base.(interface{ CloseIdleConnections() }); ok {
		base.CloseIdleConnections()
	}
}

// dress returns req with the header fields that the options ask for: req itself if
// there are none.
func (t *transport) dress(req *http.Request) *http.Request {
	var id string
	if t.requestID != nil && len(req.Header["X-Request-Id"]) == 0 {
		if id = t.requestID(req.Context()); !visible(id) {
			id = ""
		}
	}
	agent := ""
	if t.userAgent != "" {
		switch own, ok := req.Header["User-Agent"]; {
		case !ok:
			agent = t.userAgent
		case len(own) > 0 && own[0] != "":
			agent = own[0] + " " + t.userAgent
		}
	}
	if id == "" && agent == "" {
		return req
	}
	req = req.WithContext(req.Context())
	req.Header = maps.Clone(req.Header)
	if id != "" {
		req.Header["X-Request-Id"] = []string{id}
	}
	if agent != "" {
		req.Header["User-Agent"] = []string{agent}
	}
	return req
}

const maxRequestID = 128

// visible reports whether id is of visible ASCII and of a length to send. An id often
// comes from a client, whose nonsense must not make the request fail.
func visible(id string) bool {
	for i := range len(id) {
		if id[i] <= ' ' || id[i] > '~' {
			return false
		}
	}
	return len(id) <= maxRequestID
}
