package retry

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"time"
)

// A call is one use of the transport: a request, its attempts, and what the last of
// them brought.
type call struct {
	*transport
	req      *http.Request
	attempts int
	resp     *http.Response
	err      error
	failed   error // what was wrong with the last attempt
	final    bool  // and it was not one to retry on
}

// try makes one attempt, for [Policy.Do].
func (c *call) try(context.Context) error {
	req := c.req
	if c.attempts > 0 {
		var err error
		if req, err = again(req); err != nil {
			c.final = true
			c.err = fmt.Errorf("%w, to repeat it after: %w", err, c.failed)
			return Permanent(err)
		}
	}
	c.attempts++
	var start time.Time
	if c.observe != nil {
		start = time.Now()
	}
	c.resp, c.err = c.send(req) //nolint:bodyclose // the caller's, or closed by rest
	if c.observe != nil {
		c.tell(start)
	}
	var repeat bool
	if repeat, c.failed = c.failure(); c.failed == nil || repeat {
		return c.failed
	}
	c.final = true
	return Permanent(c.failed)
}

// failure returns what is wrong with the last attempt, if anything, and whether the
// request may be repeated for it.
func (c *call) failure() (repeat bool, err error) {
	if c.err != nil {
		repeat = c.req.Context().Err() == nil && c.transient(c.err) && replayable(c.req) &&
			(idempotent(c.req) || dialFailed(c.err))
		return repeat, c.err
	}
	if !TransientHTTP(c.resp, nil) && (!c.retry500 || c.resp.StatusCode != http.StatusInternalServerError) {
		return false, nil
	}
	err = After(retryAfter(c.resp.Header, time.Now()), statusError{c.resp.StatusCode})
	return idempotent(c.req) && replayable(c.req), err
}

// end returns what RoundTrip does, given what Do did.
func (c *call) end(err error) (*http.Response, error) {
	switch {
	case err == nil || c.final || c.resp != nil:
		return c.resp, c.err
	case c.attempts == 0 && c.req.Body != nil:
		_ = c.req.Body.Close() // a RoundTripper always closes it
	}
	return nil, err
}

// tell tells the observer of the attempt that began at start.
func (c *call) tell(start time.Time) {
	e := Exchange{
		Method: c.req.Method, Host: c.req.URL.Host, Attempt: c.attempts,
		Start: start, Duration: time.Since(start), Err: c.err,
	}
	if c.resp != nil {
		e.Status = c.resp.StatusCode
	}
	c.observe(c.req.Context(), e)
}

// maxDrain is how much of a response is read for the sake of its connection.
const maxDrain = 64 << 10

// rest implements rester: it reads what is left of the last response, if it is little,
// and closes it, so that others can use its connection during the wait.
func (c *call) rest() {
	if c.resp == nil {
		return
	}
	if c.resp.ContentLength <= maxDrain {
		if b, ok := c.resp.Body.(*attemptBody); ok {
			defer time.AfterFunc(c.timeout, b.cancel).Stop()
		}
		_, _ = io.CopyN(io.Discard, c.resp.Body, maxDrain) // a failure costs the connection, no more
	}
	_ = c.resp.Body.Close()
	c.resp = nil
}

// A statusError is what [Policy.Observe] and [Error.Last] say of a response.
type statusError struct{ code int }

func (e statusError) Error() string {
	return fmt.Sprintf("retry: HTTP status %d %s", e.code, http.StatusText(e.code))
}

// again returns a copy of req to be sent once more.
func again(req *http.Request) (*http.Request, error) {
	req = req.WithContext(req.Context())
	if req.Body != nil && req.Body != http.NoBody && req.GetBody != nil {
		body, err := req.GetBody()
		if err != nil {
			return nil, fmt.Errorf("retry: body of the request: %w", err)
		}
		req.Body = body
	}
	return req, nil
}

// replayable reports whether the body of req can be sent once more.
func replayable(req *http.Request) bool {
	return req.Body == nil || req.Body == http.NoBody || req.GetBody != nil
}

// idempotent reports whether a server that has seen req before does no more for
// seeing it again: by its method (RFC 9110, section 9.2.2) or because it says so. As
// with net/http, the presence of the field counts.
func idempotent(req *http.Request) bool {
	switch req.Method {
	case "", http.MethodGet, http.MethodHead, http.MethodOptions, http.MethodTrace, http.MethodPut, http.MethodDelete:
		return true
	}
	_, ok := req.Header["Idempotency-Key"]
	return ok
}
