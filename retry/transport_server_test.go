package retry_test

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rowhouse-go/rowhouse/retry"
)

// client returns a client with a connection pool of its own and the transport on it.
func client(t *testing.T, o *retry.TransportOptions) (*http.Client, *http.Transport) {
	t.Helper()
	base := &http.Transport{}
	t.Cleanup(base.CloseIdleConnections)
	if o == nil {
		o = new(retry.TransportOptions)
	}
	if o.Policy == nil {
		o.Policy = eager
	}
	return &http.Client{Transport: retry.NewTransport(base, o)}, base
}

// serve starts a server for the test.
func serve(t *testing.T, h http.HandlerFunc) *httptest.Server {
	t.Helper()
	srv := httptest.NewServer(h)
	t.Cleanup(srv.Close)
	return srv
}

// send sends a request whose body is text, unless that is empty, and reads the answer.
func send(t *testing.T, c *http.Client, method, url, text string, fields ...string) (code int, body string, err error) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(text))
	require.NoError(t, err)
	for i := 0; i < len(fields); i += 2 {
		req.Header.Set(fields[i], fields[i+1])
	}
	resp, err := c.Do(req)
	if err != nil {
		return 0, "", err
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	return resp.StatusCode, string(answer), nil
}

// Five POSTs that take effect and are answered 502 are five effects.
func TestServerEffectsOnce(t *testing.T) {
	t.Parallel()
	var effects, distinct atomic.Int64
	seen := make(map[string]bool)
	srv := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if _, err := io.Copy(io.Discard, r.Body); err != nil {
			t.Error(err)
		}
		effects.Add(1)
		if key := r.Header.Get("Idempotency-Key"); key != "" && !seen[key] { // one connection, one request at a time
			seen[key] = true
			distinct.Add(1)
		}
		w.WriteHeader(http.StatusBadGateway)
	})
	c, _ := client(t, nil)
	for range 5 {
		code, _, err := send(t, c, "POST", srv.URL, "pay")
		require.NoError(t, err)
		require.Equal(t, 502, code)
	}
	require.EqualValues(t, 5, effects.Load())

	effects.Store(0)
	for _, key := range []string{"a", "b", "c", "d", "e"} {
		code, _, err := send(t, c, "POST", srv.URL, "pay", "Idempotency-Key", key)
		require.NoError(t, err)
		require.Equal(t, 502, code)
	}
	require.EqualValues(t, 15, effects.Load(), "sent thrice each, as the server can tell them apart")
	require.EqualValues(t, 5, distinct.Load())
}

// A cutter is a server that reads requests and then cuts the connection as it is
// told, having counted the request as an effect.
type cutter struct {
	addr    string
	effects atomic.Int64
	dials   atomic.Int64
}

// cut starts one. For the n-th request of a connection it writes what answer returns,
// and closes the connection if that says so.
func cut(t *testing.T, answer func(effect int64, n int) (text string, closes bool)) *cutter {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = l.Close() })
	s := &cutter{addr: l.Addr().String()}
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			s.dials.Add(1)
			go func() {
				defer conn.Close()
				r := bufio.NewReader(conn)
				for n := 1; ; n++ {
					req, err := http.ReadRequest(r)
					if err != nil {
						return
					}
					if _, err := io.Copy(io.Discard, req.Body); err != nil {
						return
					}
					text, closes := answer(s.effects.Add(1), n)
					_, _ = io.WriteString(conn, text)
					if closes {
						return
					}
				}
			}()
		}
	}()
	return s
}

const fine = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

// The connection is cut after the effect and before the answer.
func TestServerCut(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		method, body string
		fields       []string
		effects      int64
		fails        bool
	}{
		"GET":                  {"GET", "", nil, 3, false},
		"PUT":                  {"PUT", "x", nil, 3, false},
		"DELETE":               {"DELETE", "", nil, 3, false},
		"POST":                 {"POST", "x", nil, 1, true},
		"POST without body":    {"POST", "", nil, 1, true},
		"PATCH":                {"PATCH", "x", nil, 1, true},
		"POST with a key":      {"POST", "x", []string{"Idempotency-Key", "k"}, 3, false},
		"POST with half a key": {"POST", "x", []string{"X-Request-Key", "k"}, 1, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, part := range []string{"", "HTTP/1.1 200 OK\r\n", "HTTP/1.1 200 OK\r\nContent-"} {
				srv := cut(t, func(effect int64, _ int) (string, bool) {
					if effect < 3 {
						return part, true
					}
					return fine, true
				})
				c, _ := client(t, nil)
				code, body, err := send(t, c, test.method, "http://"+srv.addr, test.body, test.fields...)
				require.Equal(t, test.effects, srv.effects.Load())
				if test.fails {
					require.Error(t, err)
					require.True(t, retry.TransientHTTP(nil, err), "%v", err)
				} else {
					require.NoError(t, err)
					require.Equal(t, 200, code)
					require.Equal(t, "ok", body)
				}
			}
		})
	}
}

// A connection that was kept, and is cut by the second request: net/http repeats some
// requests by itself there, and reports the others with an error of its own.
func TestServerCutIdle(t *testing.T) {
	t.Parallel()
	for method, want := range map[string]struct {
		effects int64
		fails   bool
	}{
		"GET": {3, false}, "PUT": {3, false}, "DELETE": {3, false}, "POST": {2, true}, "PATCH": {2, true},
	} {
		t.Run(method, func(t *testing.T) {
			t.Parallel()
			srv := cut(t, func(effect int64, _ int) (string, bool) {
				if effect == 2 {
					return "", true
				}
				return fine, false
			})
			c, _ := client(t, nil)
			_, _, err := send(t, c, "GET", "http://"+srv.addr, "")
			require.NoError(t, err)
			require.EqualValues(t, 1, srv.dials.Load())
			code, _, err := send(t, c, method, "http://"+srv.addr, "")
			require.Equal(t, want.effects, srv.effects.Load())
			if want.fails {
				require.Error(t, err)
				require.True(t, retry.TransientHTTP(nil, err), "%v", err)
			} else {
				require.NoError(t, err)
				require.Equal(t, 200, code)
			}
		})
	}
}

// A body that breaks off while it is read is the reader's.
func TestServerCutBody(t *testing.T) {
	t.Parallel()
	srv := cut(t, func(int64, int) (string, bool) { return "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf", true })
	c, _ := client(t, nil)
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+srv.addr, nil)
	require.NoError(t, err)
	resp, err := c.Do(req)
	require.NoError(t, err)
	defer resp.Body.Close()
	_, err = io.ReadAll(resp.Body)
	require.ErrorIs(t, err, io.ErrUnexpectedEOF)
	require.EqualValues(t, 1, srv.effects.Load())
}

// Nothing was sent before there is a connection: a POST waits for a server that
// restarts.
func TestServerRestarts(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	addr := l.Addr().String()
	require.NoError(t, l.Close())

	var effects atomic.Int64
	var exchanges []retry.Exchange
	started := false
	c, _ := client(t, &retry.TransportOptions{Observe: func(_ context.Context, e retry.Exchange) {
		exchanges = append(exchanges, e)
		if started {
			return
		}
		started = true
		l, err := net.Listen("tcp", addr)
		if err != nil {
			t.Error(err)
			return
		}
		srv := &httptest.Server{Listener: l, Config: &http.Server{
			Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				effects.Add(1)
				_, _ = io.Copy(w, r.Body)
			}),
		}}
		srv.Start()
		t.Cleanup(srv.Close)
	}})
	code, body, err := send(t, c, "POST", "http://"+addr, "pay")
	require.NoError(t, err)
	require.Equal(t, 200, code)
	require.Equal(t, "pay", body)
	require.EqualValues(t, 1, effects.Load())
	require.Len(t, exchanges, 2)
	require.Error(t, exchanges[0].Err)
}

// The connection of an answer that is repeated on is used again.
func TestServerConnectionReused(t *testing.T) {
	t.Parallel()
	addrs := make(map[string]int)
	srv := serve(t, func(w http.ResponseWriter, r *http.Request) {
		addrs[r.RemoteAddr]++
		w.WriteHeader(http.StatusServiceUnavailable)
		_, _ = w.Write(make([]byte, 32<<10))
	})
	c, _ := client(t, nil)
	code, body, err := send(t, c, "GET", srv.URL, "")
	require.NoError(t, err)
	require.Equal(t, 503, code)
	require.Len(t, body, 32<<10)
	require.Len(t, addrs, 1)
}

// While a request waits for its next try, others use its connection: here the
// observer, who is told before the wait.
func TestServerConnectionGivenBack(t *testing.T) {
	t.Parallel()
	srv := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/fine" {
			w.WriteHeader(http.StatusServiceUnavailable)
			_, _ = w.Write(make([]byte, 32<<10))
		}
	})
	var c *http.Client
	others := 0
	policy := &retry.Policy{Base: -1, Observe: func(_ context.Context, a retry.Attempt) {
		if a.Last {
			return
		}
		code, _, err := send(t, c, "GET", srv.URL+"/fine", "")
		require.NoError(t, err)
		require.Equal(t, 200, code)
		others++
	}}
	c, base := client(t, &retry.TransportOptions{Policy: policy})
	base.MaxConnsPerHost = 1
	c.Timeout = 20 * time.Second
	code, _, err := send(t, c, "GET", srv.URL, "")
	require.NoError(t, err)
	require.Equal(t, 503, code)
	require.Equal(t, 2, others)
}

// Each hop of a redirect is a request of its own, with its own attempts.
func TestServerRedirect(t *testing.T) {
	t.Parallel()
	paths := make(map[string]int)
	srv := serve(t, func(w http.ResponseWriter, r *http.Request) {
		paths[r.URL.Path]++
		if r.UserAgent() != "svc/1" || r.Header.Get("X-Request-ID") != "r-1" {
			t.Errorf("%s: fields %v", r.URL.Path, r.Header)
		}
		switch {
		case paths[r.URL.Path] < 2:
			w.WriteHeader(http.StatusServiceUnavailable)
		case r.URL.Path == "/a":
			http.Redirect(w, r, "/b", http.StatusFound)
		default:
			_, _ = io.WriteString(w, "here")
		}
	})
	c, _ := client(t, &retry.TransportOptions{UserAgent: "svc/1", RequestID: func(context.Context) string { return "r-1" }})
	code, body, err := send(t, c, "GET", srv.URL+"/a", "")
	require.NoError(t, err)
	require.Equal(t, 200, code)
	require.Equal(t, "here", body)
	require.Equal(t, map[string]int{"/a": 2, "/b": 2}, paths)
}

func TestServerUpgrade(t *testing.T) {
	t.Parallel()
	srv := cut(t, func(int64, int) (string, bool) {
		return "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\nhello", true
	})
	c, _ := client(t, &retry.TransportOptions{Policy: &retry.Policy{AttemptTimeout: time.Minute}})
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+srv.addr, nil)
	require.NoError(t, err)
	req.Header.Set("Connection", "Upgrade")
	req.Header.Set("Upgrade", "echo")
	resp, err := c.Do(req)
	require.NoError(t, err)
	defer resp.Body.Close()
	require.Equal(t, 101, resp.StatusCode)
	require.Implements(t, (*io.ReadWriteCloser)(nil), resp.Body)
	text, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	require.Equal(t, "hello", string(text))
}

func TestServerScheme(t *testing.T) {
	t.Parallel()
	var attempts int
	c, _ := client(t, &retry.TransportOptions{Observe: func(context.Context, retry.Exchange) { attempts++ }})
	_, _, err := send(t, c, "GET", "gopher://127.0.0.1", "")
	require.ErrorContains(t, err, "unsupported protocol scheme")
	_, ended := errors.AsType[*retry.Error](err)
	require.False(t, ended)
	require.Equal(t, 1, attempts)
}
