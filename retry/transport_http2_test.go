package retry_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/binary"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rowhouse-go/rowhouse/retry"
)

func TestServerTLS(t *testing.T) {
	t.Parallel()
	for _, h2 := range []bool{false, true} {
		var served atomic.Int64
		srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			served.Add(1)
			if h2 != (r.ProtoMajor == 2) {
				t.Errorf("protocol %s", r.Proto)
			}
			w.WriteHeader(http.StatusServiceUnavailable)
		}))
		srv.EnableHTTP2 = h2
		srv.Config.ErrorLog = log.New(io.Discard, "", 0) // it tells of the handshake
		srv.StartTLS()
		t.Cleanup(srv.Close)

		var attempts atomic.Int64
		observe := func(context.Context, retry.Exchange) { attempts.Add(1) }
		c, base := client(t, &retry.TransportOptions{Observe: observe})
		_, _, err := send(t, c, "GET", srv.URL, "")
		_, ok := errors.AsType[*tls.CertificateVerificationError](err)
		require.True(t, ok, "%v", err)
		require.EqualValues(t, 1, attempts.Load(), "a certificate is no better the next time")
		require.Zero(t, served.Load())

		roots := x509.NewCertPool()
		roots.AddCert(srv.Certificate())
		base.TLSClientConfig = &tls.Config{RootCAs: roots}
		base.ForceAttemptHTTP2 = h2
		base.CloseIdleConnections()
		c, base = client(t, &retry.TransportOptions{Observe: observe})
		base.TLSClientConfig = &tls.Config{RootCAs: roots}
		base.ForceAttemptHTTP2 = h2
		code, _, err := send(t, c, "GET", srv.URL, "")
		require.NoError(t, err)
		require.Equal(t, 503, code)
		require.EqualValues(t, 3, served.Load())
	}
}

// HTTP/2 ends streams, not connections.
func TestServerHTTP2StreamEnds(t *testing.T) {
	t.Parallel()
	for method, want := range map[string]int64{"GET": 3, "PUT": 3, "POST": 1} {
		t.Run(method, func(t *testing.T) {
			t.Parallel()
			var effects atomic.Int64
			srv := httptest.NewUnstartedServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				_, _ = io.Copy(io.Discard, r.Body)
				if effects.Add(1) < 3 {
					panic(http.ErrAbortHandler)
				}
			}))
			srv.EnableHTTP2 = true
			srv.StartTLS()
			t.Cleanup(srv.Close)
			rt := retry.NewTransport(srv.Client().Transport, &retry.TransportOptions{Policy: eager})
			code, _, err := send(t, &http.Client{Transport: rt}, method, srv.URL, "x")
			require.Equal(t, want, effects.Load())
			if want == 1 {
				require.ErrorContains(t, err, "INTERNAL_ERROR")
				require.True(t, retry.TransientHTTP(nil, err))
			} else {
				require.NoError(t, err)
				require.Equal(t, 200, code)
			}
		})
	}
}

// AttemptTimeout ends the wait for the header, not the reading of the body; the
// client's time-out ends both.
func TestServerTimeouts(t *testing.T) {
	t.Parallel()
	hung := make(chan struct{})
	var attempts atomic.Int64
	count := func(context.Context, retry.Exchange) { attempts.Add(1) }
	release := make(chan struct{})
	for _, h2 := range []bool{false, true} {
		srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			switch r.URL.Path {
			case "/hang":
				select {
				case <-r.Context().Done():
				case <-hung:
				}
			case "/slow-body":
				w.WriteHeader(http.StatusOK)
				_ = http.NewResponseController(w).Flush()
				<-release
				_, _ = io.WriteString(w, "late")
			}
		}))
		srv.EnableHTTP2 = h2
		srv.Config.ErrorLog = log.New(io.Discard, "", 0) // a time-out may come in the handshake
		srv.StartTLS()
		t.Cleanup(srv.Close)
		base := srv.Client().Transport

		c := &http.Client{Transport: retry.NewTransport(base, &retry.TransportOptions{Policy: &retry.Policy{Base: -1, AttemptTimeout: 100 * time.Millisecond}, Observe: count})}
		attempts.Store(0)
		_, _, err := send(t, c, "GET", srv.URL+"/hang", "")
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.ErrorIs(t, err, retry.ErrExhausted)
		require.True(t, timesOut(t, err))
		require.EqualValues(t, 3, attempts.Load())

		c.Transport = retry.NewTransport(base, &retry.TransportOptions{Policy: &retry.Policy{AttemptTimeout: 2 * time.Second}})
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, srv.URL+"/slow-body", nil)
		require.NoError(t, err)
		resp, err := c.Do(req)
		require.NoError(t, err)
		go func() {
			// The body comes after the attempt's time.
			timer := time.NewTimer(2200 * time.Millisecond)
			defer timer.Stop()
			select {
			case <-timer.C:
			case <-hung:
			}
			release <- struct{}{}
		}()
		text, err := io.ReadAll(resp.Body)
		require.NoError(t, err)
		require.Equal(t, "late", string(text))
		require.NoError(t, resp.Body.Close())

		c = &http.Client{Timeout: 200 * time.Millisecond, Transport: retry.NewTransport(base, &retry.TransportOptions{Observe: count})}
		attempts.Store(0)
		_, _, err = send(t, c, "GET", srv.URL+"/hang", "")
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.True(t, timesOut(t, err))
		require.EqualValues(t, 1, attempts.Load(), "the client has had enough")
	}
	close(hung)
}

func timesOut(t *testing.T, err error) bool {
	t.Helper()
	e, ok := errors.AsType[*url.Error](err)
	require.True(t, ok)
	return e.Timeout()
}

// An h2 server of frames (RFC 9113), without TLS, that ends the n-th stream as told.
func http2Frames(t *testing.T, answer func(stream uint32, n int) (frame []byte, closes bool)) (url string, streams *atomic.Int64) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = l.Close() })
	streams = new(atomic.Int64)
	serve := func(conn net.Conn) {
		defer conn.Close()
		r := bufio.NewReader(conn)
		if _, err := r.Discard(len("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")); err != nil {
			return
		}
		_, _ = conn.Write(frame(frameSettings, 0, 0))
		for {
			head := make([]byte, 9)
			if _, err := io.ReadFull(r, head); err != nil {
				return
			}
			if _, err := r.Discard(int(head[0])<<16 | int(head[1])<<8 | int(head[2])); err != nil {
				return
			}
			if head[3] != frameHeaders {
				continue
			}
			text, closes := answer(binary.BigEndian.Uint32(head[5:]), int(streams.Add(1)))
			_, _ = conn.Write(text)
			if closes {
				return
			}
		}
	}
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go serve(conn)
		}
	}()
	return "http://" + l.Addr().String(), streams
}

const (
	frameHeaders  = 0x1
	frameReset    = 0x3
	frameSettings = 0x4
	frameGoAway   = 0x7
)

func frame(kind, flags byte, stream uint32, payload ...byte) []byte {
	head := []byte{0, 0, byte(len(payload)), kind, flags}
	return append(binary.BigEndian.AppendUint32(head, stream), payload...)
}

func TestServerHTTP2Frames(t *testing.T) {
	t.Parallel()
	reset := func(code byte) func(uint32) ([]byte, bool) {
		return func(stream uint32) ([]byte, bool) { return frame(frameReset, 0, stream, 0, 0, 0, code), false }
	}
	goAway := func(stream uint32) ([]byte, bool) {
		return frame(frameGoAway, 0, 0, append(binary.BigEndian.AppendUint32(nil, stream), 0, 0, 0, 0)...), true
	}
	for name, test := range map[string]struct {
		end       func(uint32) ([]byte, bool)
		get, post int64
	}{
		"PROTOCOL_ERROR":    {reset(0x1), 2, 2}, // net/http by itself, https://go.dev/issue/47635
		"INTERNAL_ERROR":    {reset(0x2), 2, 1},
		"REFUSED_STREAM":    {reset(0x7), 2, 2}, // nothing was done: net/http repeats it by itself
		"CANCEL":            {reset(0x8), 1, 1},
		"ENHANCE_YOUR_CALM": {reset(0xb), 2, 1},
		"GOAWAY":            {goAway, 2, 1},
	} {
		for method, want := range map[string]int64{"GET": test.get, "POST": test.post} {
			t.Run(method+" "+name, func(t *testing.T) {
				t.Parallel()
				url, streams := http2Frames(t, func(stream uint32, n int) ([]byte, bool) {
					if n == 1 {
						return test.end(stream)
					}
					return frame(frameHeaders, 0x4|0x1, stream, 0x88), false // :status 200
				})
				c, base := client(t, nil)
				base.Protocols = new(http.Protocols)
				base.Protocols.SetUnencryptedHTTP2(true)
				code, _, err := send(t, c, method, url, "")
				require.Equal(t, want, streams.Load(), "%v", err)
				if want == 2 {
					require.NoError(t, err)
					require.Equal(t, 200, code)
				} else {
					require.Error(t, err)
				}
			})
		}
	}
}
