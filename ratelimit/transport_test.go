package ratelimit_test

import (
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/time/rate"

	"github.com/rowhouse-go/rowhouse/ratelimit"
)

// A body tells whether it was closed.
type body struct {
	io.Reader
	closed atomic.Bool
}

func (b *body) Close() error {
	b.closed.Store(true)
	return nil
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// pipe is a transport to a server over connections in memory, which a bubble of
// synctest can wait for.
func pipe(t *testing.T, handler http.HandlerFunc) *http.Transport {
	t.Helper()
	server, client := make(chan net.Conn), make(chan struct{})
	srv := &http.Server{Handler: handler, ReadHeaderTimeout: time.Hour}
	go srv.Serve(pipeListener{server, client})
	transport := &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		ours, theirs := net.Pipe()
		select {
		case server <- theirs:
			return ours, nil
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}}
	t.Cleanup(func() {
		transport.CloseIdleConnections()
		srv.Close()
	})
	return transport
}

type pipeListener struct {
	conns  chan net.Conn
	closed chan struct{}
}

func (l pipeListener) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}
func (l pipeListener) Close() error   { close(l.closed); return nil }
func (l pipeListener) Addr() net.Addr { return &net.UnixAddr{Name: "pipe"} }

func TestTransportKeepsThePace(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		var mu sync.Mutex
		var at []time.Duration
		base := pipe(t, func(http.ResponseWriter, *http.Request) {
			mu.Lock()
			defer mu.Unlock()
			at = append(at, time.Since(start).Round(time.Millisecond))
		})
		client := &http.Client{Transport: ratelimit.Transport(base, rate.NewLimiter(2, 2))}
		var wg sync.WaitGroup
		for range 6 {
			wg.Go(func() {
				res, err := client.Get("http://server.test/")
				if err != nil {
					t.Error(err)
					return
				}
				res.Body.Close()
			})
		}
		wg.Wait()
		client.CloseIdleConnections() // reaches the pipe, or the bubble would not end
		const s = time.Second
		require.Equal(t, []time.Duration{0, 0, s / 2, s, 3 * s / 2, 2 * s}, at)
	})
}

func TestTransportGivesUp(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name    string
		burst   int
		drain   bool // before it begins
		limit   func(context.Context) (context.Context, context.CancelFunc)
		timeout time.Duration // of the client
		is      error
		late    bool
		after   time.Duration
		text    string
	}{
		{
			name: "no token before the deadline", burst: 1, drain: true, is: context.DeadlineExceeded, late: true,
			limit: func(ctx context.Context) (context.Context, context.CancelFunc) {
				return context.WithTimeout(ctx, 500*time.Millisecond)
			},
			text: "transport of 1/s, burst 1: no token before the deadline: context deadline exceeded",
		},
		{
			name: "no token before the client's time-out", burst: 1, drain: true, timeout: 500 * time.Millisecond,
			is: context.DeadlineExceeded, late: true, text: "no token before the deadline",
		},
		{
			name: "deadline in the past", burst: 1, is: context.DeadlineExceeded, late: true,
			limit: func(ctx context.Context) (context.Context, context.CancelFunc) { return context.WithTimeout(ctx, -1) },
			text:  "context deadline exceeded",
		},
		{
			name: "cancelled while it waits", burst: 1, drain: true, is: context.Canceled, after: 300 * time.Millisecond,
			limit: func(ctx context.Context) (context.Context, context.CancelFunc) {
				ctx, cancel := context.WithCancel(ctx)
				time.AfterFunc(300*time.Millisecond, cancel)
				return ctx, cancel
			},
			text: "context canceled",
		},
		{name: "no burst", text: "exceeds limiter's burst 0"},
		{
			name: "no burst and a deadline", text: "exceeds limiter's burst 0",
			limit: func(ctx context.Context) (context.Context, context.CancelFunc) {
				return context.WithTimeout(ctx, time.Second)
			},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				limiter := rate.NewLimiter(1, c.burst)
				if c.drain {
					limiter.AllowN(time.Now(), c.burst)
				}
				ctx, cancel := t.Context(), context.CancelFunc(func() {})
				if c.limit != nil {
					ctx, cancel = c.limit(ctx)
				}
				defer cancel()
				start := time.Now()
				sent := false
				client := &http.Client{Timeout: c.timeout, Transport: ratelimit.Transport(roundTripper(func(*http.Request) (*http.Response, error) {
					sent = true
					return nil, io.ErrUnexpectedEOF
				}), limiter)}
				b := &body{Reader: bytes.NewReader([]byte("x"))}
				r, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://server.test/", b)
				require.NoError(t, err)
				_, err = client.Do(r)
				require.ErrorContains(t, err, c.text)
				if c.is != nil {
					require.ErrorIs(t, err, c.is)
				}
				var u *url.Error
				require.ErrorAs(t, err, &u)
				require.Equal(t, c.late, u.Timeout())
				require.False(t, sent)
				require.True(t, b.closed.Load(), "the body")
				require.Equal(t, c.after, time.Since(start))
			})
		})
	}
}

func TestTransportPassesTheRequestOn(t *testing.T) {
	t.Parallel()
	var asked *http.Request
	want := &http.Response{StatusCode: http.StatusTeapot}
	transport := ratelimit.Transport(roundTripper(func(r *http.Request) (*http.Response, error) {
		asked = r
		return want, nil
	}), rate.NewLimiter(rate.Inf, 0))
	r := httptest.NewRequest(http.MethodPost, "http://server.test/a", &body{Reader: bytes.NewReader(nil)})
	before := r.Clone(t.Context())
	res, err := transport.RoundTrip(r)
	require.NoError(t, err)
	require.Same(t, want, res)
	require.Same(t, r, asked)
	require.Equal(t, before.Header, r.Header)
	require.False(t, r.Body.(*body).closed.Load(), "the body is base's to close")

	require.Panics(t, func() { ratelimit.Transport(nil, nil) })
	require.NotPanics(t, func() { transport.(interface{ CloseIdleConnections() }).CloseIdleConnections() }, "base has none")
	ratelimit.Transport(nil, rate.NewLimiter(1, 1)) // DefaultTransport
}
