package auth_test

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rowhouse-go/rowhouse/auth"
	"github.com/rowhouse-go/rowhouse/auth/authtest"
)

// The main scenarios again, over sockets, with the default client.
func TestRemoteHTTP(t *testing.T) {
	t.Parallel()
	quiet := slog.New(slog.DiscardHandler)

	t.Run("discovery, rotation, revocation", func(t *testing.T) {
		t.Parallel()
		issuer := authtest.NewIssuer(t)
		v := newVerifier(t, issuer.Config())
		require.NoError(t, v.Ready(t.Context()))
		verify := func(token string) error {
			_, err := v.Verify(t.Context(), token)
			return err
		}
		require.NoError(t, verify(issuer.Sign(nil)))
		old := issuer.Sign(nil)
		issuer.Rotate()
		require.NoError(t, verify(issuer.Sign(nil)))
		require.ErrorIs(t, verify(old), auth.ErrInvalidToken)
	})

	t.Run("cold start with the server down: 503, Retry-After, then 200", func(t *testing.T) {
		t.Parallel()
		issuer := authtest.NewIssuer(t)
		issuer.Outage(true)
		c := issuer.Config()
		c.Logger = quiet
		v := newVerifier(t, c)
		ask := func() *httptest.ResponseRecorder {
			return serve(v.Middleware(whoami), bearer(issuer.Sign(nil)))
		}
		w := ask()
		require.Equal(t, http.StatusServiceUnavailable, w.Code)
		require.NotEmpty(t, w.Header().Get("Retry-After"))
		requireProblem(t, w)
		issuer.Outage(false)
		require.NoError(t, v.Ready(t.Context()))
		require.Equal(t, http.StatusOK, ask().Code)
	})

	t.Run("an outage with keys at hand", func(t *testing.T) {
		t.Parallel()
		issuer := authtest.NewIssuer(t)
		keys := auth.RemoteKeys(issuer.KeysURL(), &auth.RemoteKeysOptions{Logger: quiet})
		defer keys.Close()
		c := issuer.Config()
		c.Keys = keys
		v := newVerifier(t, c)
		require.NoError(t, v.Ready(t.Context()))
		for _, fault := range []func(bool){issuer.Outage, issuer.Garbage, issuer.EmptySet} {
			fault(true)
			require.ErrorIs(t, keys.Refresh(t.Context()), auth.ErrKeysUnavailable)
			_, err := v.Verify(t.Context(), issuer.Sign(nil))
			require.NoError(t, err)
			fault(false)
			require.NoError(t, keys.Refresh(t.Context()))
		}
	})

	t.Run("a redirect to another origin", func(t *testing.T) {
		t.Parallel()
		issuer := authtest.NewIssuer(t)
		elsewhere := httptest.NewServer(http.RedirectHandler(issuer.KeysURL(), http.StatusFound))
		defer elsewhere.Close()
		keys := auth.RemoteKeys(elsewhere.URL, &auth.RemoteKeysOptions{Logger: quiet})
		defer keys.Close()
		require.ErrorContains(t, keys.Refresh(t.Context()), "another origin")
		require.Zero(t, issuer.Fetches())
	})

	t.Run("no cookies, and no connection is kept", func(t *testing.T) {
		t.Parallel()
		issuer, err := authtest.New("https://id.test", nil)
		require.NoError(t, err)
		var cookies, connections atomic.Int64
		server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			cookies.Add(int64(len(r.Cookies())))
			http.SetCookie(w, &http.Cookie{Name: "a", Value: "b"})
			_, _ = w.Write(issuer.JWKS())
		}))
		server.Config.ConnState = func(_ net.Conn, s http.ConnState) {
			if s == http.StateNew {
				connections.Add(1)
			}
		}
		server.Start()
		defer server.Close()
		keys := auth.RemoteKeys(server.URL, nil)
		defer keys.Close()
		for range 3 {
			require.NoError(t, keys.Refresh(t.Context()))
		}
		require.Zero(t, cookies.Load())
		require.EqualValues(t, 3, connections.Load())
	})

	t.Run("an answer that drips is cut off", func(t *testing.T) {
		t.Parallel()
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			tick := time.NewTicker(10 * time.Millisecond)
			defer tick.Stop()
			for r.Context().Err() == nil {
				<-tick.C
				if _, err := w.Write([]byte(" ")); err != nil || http.NewResponseController(w).Flush() != nil {
					return
				}
			}
		}))
		defer server.Close()
		keys := auth.RemoteKeys(server.URL, &auth.RemoteKeysOptions{Timeout: 200 * time.Millisecond, Logger: quiet})
		defer keys.Close()
		require.ErrorIs(t, keys.Refresh(t.Context()), context.DeadlineExceeded)
	})

	t.Run("an endless answer is cut off", func(t *testing.T) {
		t.Parallel()
		var sent atomic.Int64
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			chunk := make([]byte, 32<<10)
			for {
				n, err := w.Write(chunk)
				if sent.Add(int64(n)); err != nil {
					return
				}
			}
		}))
		defer server.Close()
		keys := auth.RemoteKeys(server.URL, &auth.RemoteKeysOptions{Logger: quiet})
		defer keys.Close()
		require.ErrorContains(t, keys.Refresh(t.Context()), "too large")
		server.Close() // waits for the handler
		require.Less(t, sent.Load(), int64(64<<20))
	})

	t.Run("headers without end are cut off", func(t *testing.T) {
		t.Parallel()
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("X-Long", strings.Repeat("x", 128<<10))
			_, _ = w.Write([]byte(`{"keys":[]}`))
		}))
		defer server.Close()
		keys := auth.RemoteKeys(server.URL, &auth.RemoteKeysOptions{Logger: quiet})
		defer keys.Close()
		require.ErrorContains(t, keys.Refresh(t.Context()), "the exchange failed")
	})

	t.Run("rotation under load", func(t *testing.T) {
		t.Parallel()
		issuer := authtest.NewIssuer(t)
		c := issuer.Config()
		c.TokenCache = 100
		v := newVerifier(t, c)
		require.NoError(t, v.Ready(t.Context()))
		var current atomic.Pointer[string]
		current.Store(new(issuer.Sign(nil)))
		ctx, cancel := context.WithCancel(t.Context())
		var all sync.WaitGroup
		for range 8 {
			all.Go(func() {
				for ctx.Err() == nil {
					_, err := v.Verify(t.Context(), *current.Load())
					if err != nil && !errors.Is(err, auth.ErrUnavailable) {
						t.Error(err)
						return
					}
				}
			})
		}
		for range 2 {
			issuer.RotateKeepOld()
			current.Store(new(issuer.Sign(nil)))
			_, err := v.Verify(t.Context(), *current.Load())
			require.NoError(t, err)
		}
		cancel()
		all.Wait()
		require.LessOrEqual(t, issuer.Fetches(), 1+2)
	})
}

// Observe runs outside locks: it may use the keys it is told about.
func TestRemoteObserveMayUseTheKeys(t *testing.T) {
	t.Parallel()
	issuer := authtest.NewIssuer(t)
	var keys *auth.RemoteKeySet
	var dropped atomic.Int64
	keys = auth.DiscoverKeys(issuer.URL(), &auth.RemoteKeysOptions{
		Logger: slog.New(slog.DiscardHandler),
		Observe: func(_ context.Context, e auth.Event) {
			if e.Kind == auth.EventKeys {
				dropped.Add(int64(keys.Drop(issuer.Key("ES256").Kid)))
			}
		},
	})
	defer keys.Close()
	require.NoError(t, keys.Refresh(t.Context()))
	require.NoError(t, keys.Refresh(t.Context())) // the first one's Observe has returned, or will
	require.Eventually(t, func() bool { return dropped.Load() == 1 }, 5*time.Second, time.Millisecond)
}
