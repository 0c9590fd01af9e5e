package auth_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rowhouse-go/rowhouse/auth"
	"github.com/rowhouse-go/rowhouse/auth/authtest"
)

// What a verifier does while keys change, and while somebody pretends they do.
func TestRemoteRotation(t *testing.T) {
	t.Parallel()

	t.Run("rotation with overlap: both keys verify at once", func(t *testing.T) {
		inWorld(t, setup{}, func(w *world) {
			old := w.issuer.Key("")
			w.issuer.RotateKeepOld()
			w.accepts(w.sign())
			w.accepts(w.sign(old))
			require.Equal(w, 2, w.issuer.Fetches())
		})
	})

	t.Run("rotation without overlap: the old key is gone at once", func(t *testing.T) {
		inWorld(t, setup{config: func(_ *world, c *auth.Config) { c.TokenCache = 10 }}, func(w *world) {
			old := w.sign()
			w.accepts(old)
			w.issuer.Rotate()
			w.accepts(w.sign())
			w.refuses(old, auth.ReasonKey) // the cached verdict died with the key
		})
	})

	t.Run("two rotations in a row work at once, a third within ten seconds", func(t *testing.T) {
		inWorld(t, setup{}, func(w *world) {
			for range 2 {
				w.issuer.Rotate()
				w.accepts(w.sign())
			}
			w.issuer.Rotate()
			w.refuses(w.sign(), auth.ReasonKey)
			w.pass(10 * time.Second)
			w.accepts(w.sign())
		})
	})

	t.Run("a key of another type is rotated in", func(t *testing.T) {
		inWorld(t, setup{}, func(w *world) {
			w.accepts(w.issuer.SignToken(authtest.Token{Alg: "EdDSA"}))
		})
	})

	t.Run("200 made-up key ids cause at most 2 fetches", func(t *testing.T) {
		inWorld(t, setup{}, func(w *world) {
			for i := range 200 {
				w.refuses(w.forge(fmt.Sprint("made-up-", i)), auth.ReasonKey)
			}
			require.Equal(w, 1+2, w.issuer.Fetches())
		})
	})

	t.Run("200 made-up key ids at once cause at most 2 fetches", func(t *testing.T) {
		inWorld(t, setup{}, func(w *world) {
			w.issuer.Slow(100 * time.Millisecond)
			var all sync.WaitGroup
			var unanswered atomic.Int64
			for i := range 200 {
				all.Go(func() {
					_, err := w.v.Verify(w.Context(), w.forge(fmt.Sprint("made-up-", i)))
					if errors.Is(err, auth.ErrKeysUnavailable) {
						unanswered.Add(1) // beyond 100 waiters nobody has looked: the key may exist
					} else {
						require.Equal(w, auth.ReasonKey, reason(w, err))
					}
				})
			}
			all.Wait()
			require.EqualValues(w, 100, unanswered.Load())
			require.LessOrEqual(w, w.issuer.Fetches(), 1+2)
			w.accepts(w.sign())
		})
	})

	t.Run("a flood costs a fetch in ten seconds, and true tokens pass", func(t *testing.T) {
		inWorld(t, setup{}, func(w *world) {
			forged, good := w.forge("made-up"), w.sign()
			for range 1200 {
				w.refuses(forged, auth.ReasonKey)
				w.accepts(good)
				w.pass(500 * time.Millisecond)
			}
			require.LessOrEqual(w, w.issuer.Fetches(), 1+2+60)
		})
	})

	t.Run("after a flood a true rotation works within one refill", func(t *testing.T) {
		inWorld(t, setup{}, func(w *world) {
			for i := range 200 {
				w.refuses(w.forge(fmt.Sprint("made-up-", i)), auth.ReasonKey)
			}
			w.issuer.Rotate()
			w.refuses(w.sign(), auth.ReasonKey) // fails at once, nobody waits for a limiter
			n := w.issuer.Fetches()
			w.pass(10 * time.Second)
			require.Equal(w, n+1, w.issuer.Fetches(), "the refused token had a refresh planned")
			w.accepts(w.sign())
		})
	})

	t.Run("a flood does not put off the next attempt", func(t *testing.T) {
		inWorld(t, setup{}, func(w *world) {
			w.issuer.Outage(true)
			forged := w.forge("made-up")
			for range 10 { // two attempts, then the bucket is empty for 20 s or more
				w.unavailable(forged)
			}
			require.Len(w, w.net.requests(""), 3)
			w.issuer.Outage(false)
			w.pass(4 * time.Second) // the back-off after two failures
			require.NoError(w, w.keys.Status().Err)
		})
	})

	t.Run("a flood while the issuer is down costs few attempts", func(t *testing.T) {
		inWorld(t, setup{}, func(w *world) {
			forged := w.forge("made-up")
			w.issuer.Outage(true)
			for range 1000 {
				w.unavailable(forged)
				w.pass(2 * time.Second)
			}
			// One in 30 to 60 s by the back-off, one in 60 s by the tokens.
			require.Less(w, len(w.net.requests("")), 2000/30+2000/60+10)
		})
	})

	t.Run("a known key with a wrong signature never causes a fetch", func(t *testing.T) {
		inWorld(t, setup{}, func(w *world) {
			for range 50 {
				w.refuses(w.forge(w.issuer.Key("").Kid), auth.ReasonSignature)
			}
			require.Equal(w, 1, w.issuer.Fetches())
		})
	})

	t.Run("an implausible token never causes a fetch", func(t *testing.T) {
		inWorld(t, setup{config: func(_ *world, c *auth.Config) { c.Algorithms = []string{"ES256"} }}, func(w *world) {
			k, err := authtest.NewKey("made-up", "ES256")
			require.NoError(w, err)
			for name, c := range map[string]struct {
				token  authtest.Token
				reason auth.Reason
			}{
				"expired":       {authtest.Token{Claims: object{"exp": time.Now().Add(-time.Hour).Unix()}}, auth.ReasonKey},
				"not yet valid": {authtest.Token{Claims: object{"nbf": time.Now().Add(time.Hour).Unix()}}, auth.ReasonKey},
				"audience":      {authtest.Token{Claims: object{"aud": "other"}}, auth.ReasonKey},
				"issuer":        {authtest.Token{Claims: object{"iss": "https://other.test"}}, auth.ReasonKey},
				"ID token":      {authtest.Token{Claims: object{"nonce": "n"}}, auth.ReasonKey},
				"payload":       {authtest.Token{RawPayload: []byte(`{"exp":1,"exp":9e9}`)}, auth.ReasonKey},
				"type":          {authtest.Token{Header: object{"typ": "logout+jwt"}}, auth.ReasonType},
				"algorithm":     {authtest.Token{Header: object{"alg": "RS256"}}, auth.ReasonAlgorithm},
				"crit":          {authtest.Token{Header: object{"crit": []string{"x"}}}, auth.ReasonHeader},
			} {
				c.token.Key = &k
				w.refuses(w.issuer.SignToken(c.token), c.reason)
				require.Equal(w, 1, w.issuer.Fetches(), name)
			}
		})
	})

	t.Run("a cancelled leader fails nobody else", func(t *testing.T) {
		inWorld(t, setup{}, func(w *world) {
			w.issuer.Rotate()
			w.issuer.Slow(500 * time.Millisecond)
			leader, cancel := context.WithCancel(w.Context())
			var all sync.WaitGroup
			all.Go(func() {
				start := time.Now()
				_, err := w.v.Verify(leader, w.sign())
				require.ErrorIs(w, err, context.Canceled)
				require.ErrorIs(w, err, auth.ErrUnavailable)
				require.Equal(w, 100*time.Millisecond, time.Since(start))
			})
			synctest.Wait()
			for range 20 {
				all.Go(func() { w.accepts(w.sign()) })
			}
			w.pass(100 * time.Millisecond)
			cancel()
			all.Wait()
			require.Equal(w, 2, w.issuer.Fetches())
		})
	})

	t.Run("100 requests wait for a fetch, more do not", func(t *testing.T) {
		inWorld(t, setup{}, func(w *world) {
			w.issuer.Rotate()
			w.issuer.Slow(500 * time.Millisecond)
			var mu sync.Mutex
			results := make(map[string]int)
			var all sync.WaitGroup
			for range 150 {
				all.Go(func() {
					start := time.Now()
					_, err := w.v.Verify(w.Context(), w.sign())
					mu.Lock()
					defer mu.Unlock()
					results[fmt.Sprint(err == nil, time.Since(start))]++
				})
			}
			all.Wait()
			require.Equal(w, map[string]int{"true 500ms": 100, "false 0s": 50}, results)
			require.Equal(w, 2, w.issuer.Fetches())
			w.issuer.Rotate()
			for range 100 { // all places are free again
				all.Go(func() { w.accepts(w.sign()) })
			}
			all.Wait()
		})
	})

	t.Run("who joined a fetch that began too early gets one more", func(t *testing.T) {
		inWorld(t, setup{}, func(w *world) {
			w.net.lag(400 * time.Millisecond) // the answer is made, then travels
			var all sync.WaitGroup
			all.Go(func() { require.NoError(w, w.keys.Refresh(w.Context())) })
			w.pass(100 * time.Millisecond)
			w.issuer.Rotate()
			start := time.Now()
			for range 10 {
				all.Go(func() {
					w.accepts(w.sign())
					require.Equal(w, 700*time.Millisecond, time.Since(start))
				})
			}
			all.Wait()
			require.Equal(w, 3, w.issuer.Fetches())
		})
	})

	t.Run("a removed key stops at the next refresh, and so do its cached tokens", func(t *testing.T) {
		inWorld(t, setup{config: func(_ *world, c *auth.Config) { c.TokenCache = 10 }}, func(w *world) {
			old := w.issuer.Key("")
			w.issuer.RotateKeepOld()
			token := w.sign(old)
			w.accepts(w.sign())
			w.accepts(token)
			w.issuer.Revoke(old.Kid)
			w.pass(10 * time.Minute)
			w.refuses(token, auth.ReasonKey)
			w.accepts(w.sign())
		})
	})

	t.Run("unchanged content keeps the set, and with it what is cached", func(t *testing.T) {
		inWorld(t, setup{}, func(w *world) {
			before, err := w.keys.Current()
			require.NoError(w, err)
			w.pass(3 * time.Hour)
			after, err := w.keys.Current()
			require.NoError(w, err)
			require.Same(w, before, after)
			require.Greater(w, w.issuer.Fetches(), 10)
			require.Equal(w, 1, w.count(auth.EventKeys))
		})
	})

	t.Run("a token without kid finds a key that was rotated in", func(t *testing.T) {
		inWorld(t, setup{}, func(w *world) {
			bare := authtest.Token{Header: object{"kid": nil}}
			w.accepts(w.issuer.SignToken(bare))
			w.issuer.Rotate()
			w.accepts(w.issuer.SignToken(bare))
			require.Equal(w, 2, w.issuer.Fetches())
		})
	})

	t.Run("a dropped key does not come back, another under its kid may", func(t *testing.T) {
		inWorld(t, setup{config: func(_ *world, c *auth.Config) { c.TokenCache = 10 }}, func(w *world) {
			leaked := w.issuer.Key("")
			w.issuer.RotateKeepOld()
			w.accepts(w.sign())
			token := w.sign(leaked)
			w.accepts(token)
			require.Zero(w, w.keys.Drop("unknown"))
			require.Equal(w, 1, w.keys.Drop(leaked.Kid))
			require.Zero(w, w.keys.Drop(leaked.Kid))
			w.refuses(token, auth.ReasonKey) // refetches, which does not help
			w.pass(time.Hour)
			w.refuses(w.sign(leaked), auth.ReasonKey)
			w.accepts(w.sign())
			require.Equal(w, 1, w.keys.Status().Keys)

			// The same key under another name is the same key.
			renamed := leaked
			renamed.Kid = "renamed"
			w.issuer.Publish(renamed)
			require.NoError(w, w.keys.Refresh(w.Context()))
			w.refuses(w.sign(renamed), auth.ReasonKey)

			w.issuer.Revoke(leaked.Kid)
			successor, err := authtest.NewKey(leaked.Kid, "ES256")
			require.NoError(w, err)
			w.issuer.Publish(successor)
			w.pass(time.Hour)
			w.accepts(w.sign(successor))
			w.refuses(w.sign(leaked), auth.ReasonSignature)
		})
	})
}
