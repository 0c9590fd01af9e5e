package auth_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"regexp"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rowhouse-go/rowhouse/auth"
)

// The life of a RemoteKeySet: what starts it, what it says of itself, what ends it.
func TestRemoteLife(t *testing.T) {
	t.Parallel()

	t.Run("RemoteKeys and New do nothing until the first use", func(t *testing.T) {
		inWorld(t, setup{cold: true}, func(w *world) {
			w.pass(time.Hour)
			require.Empty(w, w.net.requests(""))
			require.Equal(w, auth.KeyStatus{}, w.keys.Status())
			_, err := w.keys.Current()
			require.ErrorIs(w, err, auth.ErrKeysUnavailable)
			synctest.Wait()
			_, err = w.keys.Current()
			require.NoError(w, err)
		})
	})

	t.Run("with discovery, New begins to load", func(t *testing.T) {
		inWorld(t, setup{cold: true, discovery: true}, func(w *world) {
			synctest.Wait()
			require.Len(w, w.net.requests(""), 2)
		})
	})

	t.Run("between refreshes there is no goroutine", func(t *testing.T) {
		inWorld(t, setup{cold: true}, func(w *world) {
			before := goroutines(w)
			require.NoError(w, w.keys.Ready(w.Context()))
			w.pass(time.Hour)
			require.Equal(w, before, goroutines(w))
			w.issuer.Slow(time.Second)
			all := make(chan error)
			go func() { all <- w.keys.Refresh(w.Context()) }()
			synctest.Wait()
			require.Equal(w, before+2, goroutines(w), "this test can fail")
			require.NoError(w, <-all)
		})
	})

	t.Run("Ready waits for the keys, and for no longer than ctx", func(t *testing.T) {
		inWorld(t, setup{down: true}, func(w *world) {
			ctx, cancel := context.WithTimeout(w.Context(), 10*time.Second)
			defer cancel()
			err := w.v.Ready(ctx)
			require.ErrorIs(w, err, auth.ErrKeysUnavailable)
			require.ErrorContains(w, err, "connection reset by peer")
			require.ErrorContains(w, err, worldIssuer)
			w.issuer.Outage(false)
			require.NoError(w, w.v.Ready(w.Context()))
			gone, cancel := context.WithCancel(w.Context())
			cancel()
			require.NoError(w, w.v.Ready(gone), "at hand is at hand")
		})
	})

	t.Run("Refresh brings what the issuer has now", func(t *testing.T) {
		inWorld(t, setup{}, func(w *world) {
			old := w.issuer.Key("")
			w.issuer.Rotate()
			require.NoError(w, w.keys.Refresh(w.Context()))
			w.refuses(w.sign(old), auth.ReasonKey)
			w.accepts(w.sign())
		})
	})

	t.Run("Refresh does not trust a fetch that began before it", func(t *testing.T) {
		inWorld(t, setup{}, func(w *world) {
			w.net.lag(time.Second)
			var all sync.WaitGroup
			all.Go(func() { require.NoError(w, w.keys.Refresh(w.Context())) })
			w.pass(500 * time.Millisecond)
			w.issuer.Rotate()
			for range 10 { // they share the second fetch
				all.Go(func() {
					require.NoError(w, w.keys.Refresh(w.Context()))
					w.accepts(w.sign())
				})
			}
			all.Wait()
			require.Equal(w, 3, w.issuer.Fetches())
		})
	})

	t.Run("Refresh heeds its context, and the fetch goes on", func(t *testing.T) {
		inWorld(t, setup{}, func(w *world) {
			w.issuer.Rotate()
			w.issuer.Slow(2 * time.Second)
			ctx, cancel := context.WithTimeout(w.Context(), time.Second)
			defer cancel()
			require.ErrorIs(w, w.keys.Refresh(ctx), context.DeadlineExceeded)
			w.pass(time.Second)
			w.accepts(w.sign())
			require.Equal(w, 2, w.issuer.Fetches())
		})
	})

	t.Run("Status", func(t *testing.T) {
		inWorld(t, setup{}, func(w *world) {
			w.pass(time.Minute)
			s := w.keys.Status()
			require.True(w, s.Usable)
			require.Equal(w, 1, s.Keys)
			require.Equal(w, time.Minute, s.Age)
			require.NoError(w, s.Err)
			require.Greater(w, s.Next, time.Now())
			w.net.serve("id.test", nil)
			require.Error(w, w.keys.Refresh(w.Context()))
			require.ErrorContains(w, w.keys.Status().Err, "no such host")
			require.True(w, w.keys.Status().Usable)
		})
	})

	t.Run("events", func(t *testing.T) {
		slow := func(w *world, _ *auth.Config) { w.issuer.Slow(time.Second) }
		inWorld(t, setup{cold: true, discovery: true, config: slow}, func(w *world) {
			require.NoError(w, w.v.Ready(w.Context()))
			synctest.Wait()
			require.Len(w, w.events, 2)
			fetch, keys := w.events[0], w.events[1]
			require.Equal(w, auth.EventFetch, fetch.Kind)
			require.Equal(w, auth.EventKeys, keys.Kind)
			require.Equal(w, 2*time.Second, fetch.Duration)
			require.True(w, fetch.Start.Add(2*time.Second).Equal(keys.Start))
			for _, e := range w.events {
				require.Equal(w, worldIssuer, e.Issuer)
				require.Equal(w, worldKeys, e.URL)
				require.Equal(w, 1, e.Keys)
				require.NoError(w, e.Err)
			}
		})
	})

	t.Run("Close ends a fetch in progress and those who wait for it", func(t *testing.T) {
		inWorld(t, setup{}, func(w *world) {
			w.issuer.Rotate()
			w.issuer.Slow(time.Minute)
			var all sync.WaitGroup
			all.Go(func() { w.refuses(w.sign(), auth.ReasonKeysUnready) })
			all.Go(func() { require.ErrorIs(w, w.keys.Refresh(w.Context()), auth.ErrKeysUnavailable) })
			synctest.Wait()
			start := time.Now()
			require.NoError(w, w.keys.Close())
			all.Wait()
			require.Zero(w, time.Since(start))
			require.Equal(w, 1, w.count(auth.EventFetch), "the first one's")
		})
	})

	t.Run("Close waits for the fetch it cancelled", func(t *testing.T) {
		inWorld(t, setup{}, func(w *world) {
			ended := false
			w.net.serve("id.test", http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				<-r.Context().Done()
				time.Sleep(time.Second) // of the bubble
				ended = true
			}))
			var all sync.WaitGroup
			all.Go(func() { require.Error(w, w.keys.Refresh(w.Context())) })
			synctest.Wait()
			require.NoError(w, w.keys.Close())
			require.True(w, ended)
			all.Wait()
		})
	})

	t.Run("Close ends Ready", func(t *testing.T) {
		inWorld(t, setup{down: true}, func(w *world) {
			var all sync.WaitGroup
			all.Go(func() { require.ErrorContains(w, w.keys.Ready(w.Context()), "closed") })
			synctest.Wait()
			require.NoError(w, w.keys.Close())
			all.Wait()
			require.Error(w, w.keys.Ready(w.Context()))
		})
	})

	t.Run("after Close nothing is fetched, and keys serve till they are too old", func(t *testing.T) {
		inWorld(t, setup{}, func(w *world) {
			require.NoError(w, w.keys.Close())
			require.NoError(w, w.keys.Close())
			w.pass(24*time.Hour - time.Second)
			w.accepts(w.sign())
			w.refuses(w.forge("unknown"), auth.ReasonKeysUnready)
			require.Error(w, w.keys.Refresh(w.Context()))
			w.pass(time.Second)
			w.refuses(w.sign(), auth.ReasonKeysUnready)
			require.Equal(w, 1, w.issuer.Fetches())
			require.Zero(w, w.keys.Status().Next)
		})
	})

	t.Run("an unused set closes", func(t *testing.T) {
		require.NoError(t, auth.RemoteKeys(worldKeys, nil).Close())
	})
}

// goroutines counts those in the caller's bubble.
func goroutines(t testing.TB) int {
	t.Helper()
	buf := make([]byte, 16<<20)
	n := runtime.Stack(buf, true)
	require.Less(t, n, len(buf))
	bubble := regexp.MustCompile(`synctest bubble \d+\]`).Find(buf[:n]) // the caller's is the first
	require.NotEmpty(t, bubble)
	return bytes.Count(buf[:n], bubble)
}

// Faults of the configuration come from New, all at once, and from every method.
func TestRemoteConfiguration(t *testing.T) {
	t.Parallel()
	broken := auth.RemoteKeys("http://id.test/jwks", &auth.RemoteKeysOptions{
		Failover: []string{"https://ok.test", "https://user:secret@id.test", "jwks"},
		MaxStale: time.Second,
		Timeout:  -1,
	})
	check := func(err error) {
		t.Helper()
		for _, field := range []string{"url:", "Failover[1]:", "Failover[2]:", "MaxStale:", "Timeout:"} {
			require.ErrorContains(t, err, field)
		}
		require.NotContains(t, err.Error(), "Failover[0]")
		require.NotContains(t, err.Error(), "secret")
	}
	_, err := auth.New(auth.Config{Issuer: worldIssuer, Audience: []string{"a"}, Keys: broken})
	check(err)
	_, err = broken.Current()
	check(err)
	_, err = broken.Renew(t.Context(), nil)
	check(err)
	check(broken.Ready(t.Context()))
	check(broken.Refresh(t.Context()))
	check(broken.Status().Err)
	require.NoError(t, broken.Close())

	for _, o := range []*auth.RemoteKeysOptions{{MaxStale: 31 * 24 * time.Hour}, {Timeout: 2 * time.Minute}} {
		require.Error(t, auth.RemoteKeys(worldKeys, o).Status().Err)
	}
	require.NoError(t, auth.RemoteKeys("http://id.test/jwks", &auth.RemoteKeysOptions{InsecureHTTP: true}).Status().Err)
	require.NoError(t, auth.RemoteKeys("http://127.0.0.1:1/jwks", nil).Status().Err)

	var zero auth.RemoteKeySet
	_, err = auth.New(auth.Config{Issuer: worldIssuer, Audience: []string{"a"}, Keys: &zero})
	require.ErrorContains(t, err, "Keys")
	_, err = zero.Current()
	require.ErrorIs(t, err, auth.ErrKeysUnavailable)
	_, err = zero.Renew(t.Context(), nil)
	require.ErrorIs(t, err, auth.ErrKeysUnavailable)
	require.ErrorIs(t, zero.Ready(t.Context()), auth.ErrKeysUnavailable)
	require.ErrorIs(t, zero.Refresh(t.Context()), auth.ErrKeysUnavailable)
	require.Error(t, zero.Status().Err)
	require.Zero(t, zero.Drop("k"))
	require.NoError(t, zero.Close())
	_, err = auth.New(auth.Config{Issuer: worldIssuer, Audience: []string{"a"}, Keys: (*auth.RemoteKeySet)(nil)})
	require.ErrorContains(t, err, "Keys")
}

// A client that is not ours is used as it is, and not changed.
func TestRemoteClient(t *testing.T) {
	t.Parallel()
	seen := errors.New("failed to parse Location header: https://id.test/?code=abc")
	c := &http.Client{Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
		require.Equal(t, http.MethodGet, r.Method)
		require.Contains(t, r.Header.Get("Accept"), "application/json")
		require.Empty(t, r.Header.Get("Authorization"))
		return nil, seen
	})}
	r := auth.RemoteKeys(worldKeys, &auth.RemoteKeysOptions{HTTPClient: c, Logger: slog.New(slog.DiscardHandler)})
	defer r.Close()
	err := r.Refresh(t.Context())
	require.ErrorIs(t, err, seen)
	require.NotContains(t, err.Error(), "code=abc", "what the other side sends stays out of logs")
	require.Nil(t, c.CheckRedirect)
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }
