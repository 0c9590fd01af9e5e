package auth_test

import (
	"context"
	"log/slog"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rowhouse-go/rowhouse/auth"
)

// What a verifier does while its issuer does not answer, or too late. In each
// scenario tokens go through the whole verifier.
func TestRemoteOutage(t *testing.T) {
	t.Parallel()

	t.Run("cold start with the server down: 503, then it works by itself", func(t *testing.T) {
		inWorld(t, setup{down: true}, func(w *world) {
			e := w.unavailable(w.sign())
			require.Len(w, w.net.requests(""), 1, "one failure says enough")
			// Junk is the client's fault, whatever our state.
			w.refuses("junk", auth.ReasonFormat)
			w.refuses(w.issuer.Sign(object{"aud": "other"}), auth.ReasonAudience)
			w.refuses(w.issuer.Sign(object{"exp": time.Now().Add(-time.Hour).Unix()}), auth.ReasonExpired)
			w.issuer.Outage(false)
			w.pass(e.RetryAfter)
			n := w.issuer.Fetches()
			w.accepts(w.sign())
			require.Equal(w, n, w.issuer.Fetches(), "the timer fetched, not the request")
		})
	})

	t.Run("cold start with discovery down: New does not need the issuer", func(t *testing.T) {
		inWorld(t, setup{down: true, discovery: true}, func(w *world) {
			w.unavailable(w.sign())
			time.AfterFunc(5*time.Second, func() { w.issuer.Outage(false) })
			require.NoError(w, w.v.Ready(w.Context()))
			w.accepts(w.sign())
		})
	})

	t.Run("cold start, slower than a request: it waits", func(t *testing.T) {
		inWorld(t, setup{cold: true}, func(w *world) {
			w.issuer.Slow(900 * time.Millisecond)
			start := time.Now()
			w.accepts(w.sign())
			require.Equal(w, 900*time.Millisecond, time.Since(start))
		})
	})

	t.Run("cold start, slower than a second: 503 after a second, the fetch goes on", func(t *testing.T) {
		inWorld(t, setup{cold: true}, func(w *world) {
			w.issuer.Slow(3 * time.Second)
			start := time.Now()
			w.unavailable(w.sign())
			require.Equal(w, time.Second, time.Since(start))
			w.pass(2 * time.Second)
			w.accepts(w.sign())
			require.Equal(w, 1, w.issuer.Fetches())
		})
	})

	t.Run("a server that hangs is cut off after 5 seconds", func(t *testing.T) {
		inWorld(t, setup{cold: true}, func(w *world) {
			w.issuer.Slow(time.Hour)
			w.unavailable(w.sign())
			w.pass(4*time.Second + time.Millisecond)
			require.ErrorIs(w, w.keys.Status().Err, context.DeadlineExceeded)
			require.Equal(w, 5*time.Second, w.last(auth.EventFetch).Duration)
		})
	})

	t.Run("Timeout is the time of one request", func(t *testing.T) {
		inWorld(t, setup{cold: true, options: func(_ *world, o *auth.RemoteKeysOptions) {
			o.Timeout = 300 * time.Millisecond
			o.Failover = []string{mirrorKeys}
		}}, func(w *world) {
			w.net.serve("mirror.test", w.issuer)
			slow := make(chan struct{})
			w.net.serve("id.test", http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				select {
				case <-slow:
				case <-r.Context().Done():
				}
			}))
			start := time.Now()
			w.accepts(w.sign())
			require.Equal(w, 300*time.Millisecond, time.Since(start))
		})
	})

	t.Run("an outage with keys at hand: known keys verify for hours, few attempts", func(t *testing.T) {
		inWorld(t, setup{}, func(w *world) {
			w.issuer.Outage(true)
			for range 20 {
				w.pass(time.Hour)
				w.accepts(w.sign())
			}
			n := len(w.net.requests("")) - 1
			require.Greater(w, n, 20*60-10, "an attempt a minute at least")
			require.Less(w, n, 2*20*60, "no more than two")
			require.Equal(w, []slog.Level{slog.LevelWarn}, w.log.levels(), "the log hears of it once")
			w.issuer.Outage(false)
			w.pass(time.Minute)
			require.NoError(w, w.keys.Status().Err)
			require.Equal(w, []slog.Level{slog.LevelWarn, slog.LevelInfo}, w.log.levels())
		})
	})

	t.Run("failures back off from 1 s to 1 min, with jitter", func(t *testing.T) {
		inWorld(t, setup{down: true}, func(w *world) {
			_, err := w.keys.Current()
			require.ErrorIs(w, err, auth.ErrKeysUnavailable)
			w.pass(10 * time.Minute)
			asked := w.net.requests("")
			seen := make(map[time.Duration]bool)
			most := 2 * time.Second
			for i := 1; i < len(asked); i++ {
				gap := asked[i].at.Sub(asked[i-1].at)
				require.GreaterOrEqual(w, gap, most/2, i)
				require.Less(w, gap, most, i)
				most = min(2*most, time.Minute)
				seen[gap] = true
			}
			require.Greater(w, len(seen), 10)
		})
	})

	t.Run("keys serve for 24 hours and no longer", func(t *testing.T) {
		inWorld(t, setup{}, func(w *world) {
			w.issuer.Outage(true)
			w.pass(24*time.Hour - time.Second)
			w.accepts(w.sign())
			require.Zero(w, w.count(auth.EventStale))
			w.pass(time.Second)
			e := w.unavailable(w.sign())
			require.ErrorContains(w, e, "24h0m0s old")
			w.refuses("junk", auth.ReasonFormat)
			require.False(w, w.keys.Status().Usable)
			w.pass(time.Hour)
			require.Equal(w, 1, w.count(auth.EventStale))
			require.Equal(w, []slog.Level{slog.LevelWarn, slog.LevelError}, w.log.levels())
			w.issuer.Outage(false)
			w.pass(time.Minute)
			w.accepts(w.sign())
			w.issuer.Outage(true)
			w.pass(25 * time.Hour)
			require.Equal(w, 2, w.count(auth.EventStale), "once for each outage")
		})
	})

	t.Run("keys are as old as the request for them", func(t *testing.T) {
		inWorld(t, setup{cold: true}, func(w *world) {
			w.issuer.Slow(4 * time.Second)
			require.NoError(w, w.keys.Refresh(w.Context()))
			require.Equal(w, 4*time.Second, w.keys.Status().Age)
		})
	})

	t.Run("no cached token outlives its keys", func(t *testing.T) {
		inWorld(t, setup{
			options: func(_ *world, o *auth.RemoteKeysOptions) { o.MaxStale = time.Minute },
			config:  func(_ *world, c *auth.Config) { c.TokenCache = 10 },
		}, func(w *world) {
			token := w.sign()
			w.accepts(token)
			w.issuer.Outage(true)
			w.pass(time.Minute)
			w.unavailable(token)
		})
	})

	t.Run("MaxStale bounds freshness too", func(t *testing.T) {
		inWorld(t, setup{options: func(_ *world, o *auth.RemoteKeysOptions) { o.MaxStale = 2 * time.Minute }}, func(w *world) {
			w.pass(time.Hour)
			require.GreaterOrEqual(w, w.issuer.Fetches(), 30)
			require.Equal(w, 1, w.count(auth.EventKeys))
		})
	})

	t.Run("negative MaxStale: keys serve while they are fresh", func(t *testing.T) {
		inWorld(t, setup{options: func(_ *world, o *auth.RemoteKeysOptions) { o.MaxStale = -1 }}, func(w *world) {
			w.pass(time.Hour)
			w.accepts(w.sign())
			w.issuer.Outage(true)
			w.pass(10 * time.Minute)
			w.unavailable(w.sign())
		})
	})

	t.Run("an unknown key while the issuer is down is our outage, a known one is not", func(t *testing.T) {
		inWorld(t, setup{}, func(w *world) {
			old := w.issuer.Key("")
			w.issuer.RotateKeepOld()
			w.issuer.Outage(true)
			w.unavailable(w.sign())
			w.accepts(w.sign(old))
			w.issuer.Outage(false)
			w.pass(2 * time.Second)
			w.accepts(w.sign())
		})
	})

	t.Run("an unknown key while the issuer is slow is our outage", func(t *testing.T) {
		inWorld(t, setup{}, func(w *world) {
			w.issuer.Rotate()
			w.issuer.Slow(3 * time.Second)
			e := w.unavailable(w.sign())
			require.ErrorIs(w, e, context.DeadlineExceeded)
			w.pass(2 * time.Second)
			w.accepts(w.sign())
		})
	})

	t.Run("failover URLs are asked in order, the first again each time", func(t *testing.T) {
		inWorld(t, setup{cold: true, options: func(_ *world, o *auth.RemoteKeysOptions) {
			o.Failover = []string{"https://broken.test/", mirrorKeys}
		}}, func(w *world) {
			w.net.serve("mirror.test", w.issuer)
			w.net.answer("broken.test", http.StatusInternalServerError, "")
			w.net.serve("id.test", nil)
			w.accepts(w.sign())
			w.net.serve("id.test", w.issuer)
			require.NoError(w, w.keys.Refresh(w.Context()))
			var urls []string
			for _, r := range w.net.requests("") {
				urls = append(urls, r.url)
			}
			require.Equal(w, []string{worldKeys, "https://broken.test/", mirrorKeys, worldKeys}, urls)
		})
	})

	t.Run("all URLs down: the error names each, without its query", func(t *testing.T) {
		inWorld(t, setup{down: true, options: func(_ *world, o *auth.RemoteKeysOptions) {
			o.Failover = []string{"https://mirror.test/keys?code=SECRET"}
		}}, func(w *world) {
			e := w.unavailable(w.sign())
			for _, text := range []string{e.Error(), w.log.text(), w.last(auth.EventFetch).URL} {
				require.Contains(w, text, "https://mirror.test/keys")
				require.NotContains(w, text, "SECRET")
			}
			require.ErrorContains(w, e, worldKeys)
		})
	})
}
