package main

import (
	"context"
	"errors"
	"log/slog"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

func TestHealthChecksAreAskedOnceASecond(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var asked atomic.Int32
		var broken atomic.Bool
		log := &logBuffer{}
		h := &health{log: slog.New(slog.NewJSONHandler(log, nil)), checks: []check{
			{"one", func(context.Context) error {
				asked.Add(1)
				if broken.Load() {
					return errors.New("the reason")
				}
				return nil
			}},
			{"hangs", func(ctx context.Context) error {
				if !broken.Load() {
					return nil
				}
				<-ctx.Done()
				return ctx.Err()
			}},
		}}
		for range 50 {
			go h.failures()
		}
		synctest.Wait()
		require.EqualValues(t, 1, asked.Load())
		time.Sleep(readyFresh)
		require.Empty(t, h.failures())
		require.EqualValues(t, 2, asked.Load())

		broken.Store(true)
		time.Sleep(readyFresh)
		began := time.Now()
		require.Equal(t, []string{"one", "hangs"}, h.failures())
		require.Equal(t, readyTimeout, time.Since(began), "and no longer")
		time.Sleep(readyFresh)
		require.Equal(t, []string{"one", "hangs"}, h.failures())
		broken.Store(false)
		require.Equal(t, []string{"one", "hangs"}, h.failures(), "kept for a moment")
		time.Sleep(readyFresh)
		require.Empty(t, h.failures())

		lines := log.lines(t, "not ready")
		require.Len(t, lines, 1, "news only")
		require.Contains(t, lines[0]["error"], "the reason")
		require.Len(t, log.lines(t, "ready again"), 1)
	})
}

// Without keys the service is alive and not ready, and a token that may be good is
// answered 503, not 401.
func TestReadinessWaitsForKeys(t *testing.T) {
	t.Parallel()
	s := start(t, map[string]string{"AUTH_ISSUER": "http://127.0.0.1:1"}) // nobody listens there
	s.anonymous().do("GET", "/livez", "").wants(200)
	require.Equal(t, "Not working: keys.", s.anonymous().do("GET", "/readyz", "").wants(503).problem().Detail)
	plausible := s.issuer.Sign(map[string]any{"iss": "http://127.0.0.1:1"})
	require.NotEmpty(t, s.withToken(plausible).do("GET", "/users/me", "").wants(503).header.Get("Retry-After"))
	s.withToken("junk").do("GET", "/users/me", "").wants(401)
	require.NotContains(t, s.anonymous().do("GET", "/readyz", "").body, "127.0.0.1")
}
