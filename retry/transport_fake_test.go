package retry_test

import (
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/rowhouse-go/rowhouse/retry"
)

// A fakeBase answers requests without a network, and counts bodies.
type fakeBase struct {
	// answer is what the n-th request gets, n counting from 1.
	answer func(n int, req *http.Request) (*http.Response, error)

	mu        sync.Mutex
	sent      int
	bodies    []string // of the requests
	left      int      // bodies of requests and responses that were not closed
	idleCalls int
}

func (b *fakeBase) RoundTrip(req *http.Request) (*http.Response, error) {
	b.mu.Lock()
	b.sent++
	n := b.sent
	b.mu.Unlock()
	if req.Body != nil {
		text, err := io.ReadAll(req.Body)
		_ = req.Body.Close()
		if err != nil {
			return nil, err
		}
		b.mu.Lock()
		b.bodies = append(b.bodies, string(text))
		b.mu.Unlock()
	}
	resp, err := b.answer(n, req)
	if resp != nil {
		resp.Request = req
		b.mu.Lock()
		b.left++
		b.mu.Unlock()
		resp.Body = &countedBody{Reader: resp.Body, base: b}
	}
	return resp, err
}

func (b *fakeBase) CloseIdleConnections() { b.idleCalls++ }

type countedBody struct {
	io.Reader
	base *fakeBase
	once sync.Once
	read int
}

func (c *countedBody) Read(p []byte) (int, error) {
	n, err := c.Reader.Read(p)
	c.read += n
	return n, err
}

func (c *countedBody) Close() error {
	c.once.Do(func() {
		c.base.mu.Lock()
		c.base.left--
		c.base.mu.Unlock()
	})
	return nil
}

// A roundTripper is a base transport that is one function.
type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(req *http.Request) (*http.Response, error) { return f(req) }

// status is a response.
func status(code int, fields ...string) *http.Response {
	h := http.Header{}
	for i := 0; i < len(fields); i += 2 {
		h.Set(fields[i], fields[i+1])
	}
	body := http.StatusText(code)
	return &http.Response{StatusCode: code, Header: h, ContentLength: int64(len(body)), Body: io.NopCloser(strings.NewReader(body))}
}

// answering gives each request the same status.
func answering(code int, fields ...string) *fakeBase {
	return &fakeBase{answer: func(int, *http.Request) (*http.Response, error) { return status(code, fields...), nil }}
}

// downBase gives each request the same error.
func downBase(err error) *fakeBase {
	return &fakeBase{answer: func(int, *http.Request) (*http.Response, error) { return nil, err }}
}

func request(t testing.TB, method string, body io.Reader) *http.Request {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, "http://example.com/x", body)
	require.NoError(t, err)
	return req
}

// eager has no waits.
var eager = &retry.Policy{Base: -1}

var (
	errRefused = &net.OpError{Op: "dial", Net: "tcp", Err: syscall.ECONNREFUSED}
	errReset   = &net.OpError{Op: "read", Net: "tcp", Err: syscall.ECONNRESET}
)
