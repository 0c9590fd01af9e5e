package retry_test

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/url"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rowhouse-go/rowhouse/retry"
)

func TestTransportAttemptTimeout(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var contexts []context.Context
		base := &fakeBase{answer: func(n int, req *http.Request) (*http.Response, error) {
			contexts = append(contexts, req.Context())
			if n < 3 {
				<-req.Context().Done()
				return nil, req.Context().Err() // and not the cause
			}
			return status(200), nil
		}}
		rt := retry.NewTransport(base, &retry.TransportOptions{Policy: &retry.Policy{Base: -1, AttemptTimeout: time.Second}})
		start := time.Now()
		resp, err := rt.RoundTrip(request(t, "GET", nil))
		require.NoError(t, err)
		require.Equal(t, 2*time.Second, time.Since(start))
		time.Sleep(time.Minute) // the body may take its time
		require.NoError(t, contexts[2].Err())
		_, err = io.ReadAll(resp.Body)
		require.NoError(t, err)
		require.NoError(t, resp.Body.Close())
		require.Error(t, contexts[2].Err(), "closing the body ends the attempt")
		require.Zero(t, base.left)

		base.sent = 0
		_, err = rt.RoundTrip(request(t, "POST", nil))
		require.Equal(t, 1, base.sent, "the request may have had its effect")
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.True(t, (&url.Error{Err: err}).Timeout())

		base.answer = func(_ int, req *http.Request) (*http.Response, error) {
			<-req.Context().Done()
			return nil, context.Cause(req.Context())
		}
		_, err = rt.RoundTrip(request(t, "GET", nil))
		require.ErrorIs(t, err, retry.ErrExhausted)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.True(t, (&url.Error{Err: err}).Timeout())
	})
}

// A header that comes as the time is up is too late: its body can't be read.
func TestTransportAttemptTimeoutLate(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		base := &fakeBase{answer: func(int, *http.Request) (*http.Response, error) {
			time.Sleep(2 * time.Second) // and does not look at the context
			return status(200), nil
		}}
		rt := retry.NewTransport(base, &retry.TransportOptions{Policy: &retry.Policy{Attempts: 1, AttemptTimeout: time.Second}})
		_, err := rt.RoundTrip(request(t, "GET", nil))
		require.EqualError(t, err, "retry: attempts exhausted after 1 attempt: retry: attempt timed out")
		require.Zero(t, base.left)
	})
}

// The body of a switch of protocols can be written, and NoBody is known by identity.
func TestTransportAttemptTimeoutBodies(t *testing.T) {
	t.Parallel()
	switched := struct {
		io.ReadWriter
		io.Closer
	}{new(bytes.Buffer), io.NopCloser(nil)}
	resp := &http.Response{StatusCode: http.StatusSwitchingProtocols, Body: switched}
	base := roundTripper(func(*http.Request) (*http.Response, error) { return resp, nil })
	rt := retry.NewTransport(base, &retry.TransportOptions{Policy: &retry.Policy{AttemptTimeout: time.Hour}})
	got, err := rt.RoundTrip(request(t, "GET", nil))
	require.NoError(t, err)
	require.Implements(t, (*io.Writer)(nil), got.Body)
	require.NoError(t, got.Body.Close())

	resp = &http.Response{StatusCode: http.StatusNoContent, Body: http.NoBody}
	got, err = rt.RoundTrip(request(t, "GET", nil))
	require.NoError(t, err)
	require.Equal(t, http.NoBody, got.Body)
	require.NoError(t, got.Body.Close())
}

// What is read for the sake of the connection is bounded.
func TestTransportDrain(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct{ size, length, want int64 }{
		"short":           {100, 100, 100},
		"long":            {1 << 20, 1 << 20, 0},
		"of unknown size": {1 << 20, -1, 64 << 10},
	} {
		var bodies []*countedBody
		base := roundTripper(func(*http.Request) (*http.Response, error) {
			b := &countedBody{Reader: io.LimitReader(endless{}, test.size), base: new(fakeBase)}
			bodies = append(bodies, b)
			return &http.Response{StatusCode: http.StatusServiceUnavailable, Header: http.Header{}, ContentLength: test.length, Body: b}, nil
		})
		resp, err := retry.NewTransport(base, &retry.TransportOptions{Policy: eager}).RoundTrip(request(t, "GET", nil))
		require.NoError(t, err)
		require.Len(t, bodies, 3)
		require.EqualValues(t, test.want, bodies[0].read, name)
		require.Equal(t, -1, bodies[0].base.left, "closed")
		require.Zero(t, bodies[2].read)
		require.NoError(t, resp.Body.Close())
	}
}

type endless struct{}

func (endless) Read(p []byte) (int, error) { return len(p), nil }

// A server that sends its error slowly holds the next try up for an AttemptTimeout.
func TestTransportDrainSlow(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		base := &fakeBase{answer: func(n int, req *http.Request) (*http.Response, error) {
			if n > 1 {
				return status(200), nil
			}
			ctx := req.Context()
			slow := readFunc(func([]byte) (int, error) { <-ctx.Done(); return 0, ctx.Err() })
			return &http.Response{StatusCode: http.StatusServiceUnavailable, Header: http.Header{}, ContentLength: -1, Body: io.NopCloser(slow)}, nil
		}}
		start := time.Now()
		resp, err := retry.NewTransport(base, &retry.TransportOptions{Policy: &retry.Policy{Base: -1, AttemptTimeout: time.Second}}).
			RoundTrip(request(t, "GET", nil))
		require.NoError(t, err)
		require.NoError(t, resp.Body.Close())
		require.Equal(t, time.Second, time.Since(start))
		require.Zero(t, base.left)
	})
}

type readFunc func([]byte) (int, error)

func (f readFunc) Read(p []byte) (int, error) { return f(p) }
