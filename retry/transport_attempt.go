package retry

import (
	"context"
	"errors"
	"io"
	"net/http"
	"time"
)

// send sends req, within Policy.AttemptTimeout if there is one.
func (t *transport) send(req *http.Request) (*http.Response, error) {
	if t.timeout <= 0 {
		return t.exchange(req)
	}
	ctx, cancel := context.WithCancelCause(req.Context())
	timer := time.AfterFunc(t.timeout, func() { cancel(attemptTimeout{}) })
	resp, err := t.exchange(req.WithContext(ctx))
	timer.Stop()
	// net/http returns the cause in HTTP/1, and not always in HTTP/2.
	timedOut := errors.Is(context.Cause(ctx), attemptTimeout{})
	switch {
	case err != nil:
		cancel(nil)
	case timedOut: // between the header and here: the body can't be read any more
		_ = resp.Body.Close()
		resp = nil
	case resp.Body == http.NoBody:
		cancel(nil)
	case resp.StatusCode != http.StatusSwitchingProtocols: // its body can be written too
		resp.Body = &attemptBody{resp.Body, func() { cancel(nil) }}
	}
	if timedOut {
		err = attemptTimeout{}
	}
	return resp, err
}

var errNoAnswer = errors.New("retry: the base transport returned neither a response nor an error")

// exchange is base.RoundTrip with what its contract promises and fakes forget.
func (t *transport) exchange(req *http.Request) (*http.Response, error) {
	resp, err := t.base.RoundTrip(req)
	switch {
	case err != nil:
		return nil, err
	case resp == nil:
		return nil, errNoAnswer
	case resp.Body == nil:
		resp.Body = http.NoBody
	}
	return resp, nil
}

// An attemptBody ends the context of its attempt when it is closed.
type attemptBody struct {
	io.ReadCloser
	cancel func()
}

func (b *attemptBody) Close() error {
	err := b.ReadCloser.Close()
	b.cancel()
	return err
}

// attemptTimeout is the error of an attempt that took longer than
// Policy.AttemptTimeout.
type attemptTimeout struct{}

func (attemptTimeout) Error() string        { return "retry: attempt timed out" }
func (attemptTimeout) Timeout() bool        { return true }
func (attemptTimeout) Is(target error) bool { return target == context.DeadlineExceeded }
