package auth_test

import (
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rowhouse-go/rowhouse/auth"
)

// When keys are fetched again, and what the clocks have to do with it.
func TestRemoteClock(t *testing.T) {
	t.Parallel()

	for name, c := range map[string]struct {
		header []string
		fresh  time.Duration
	}{
		"nothing said":                  {nil, 10 * time.Minute},
		"max-age":                       {[]string{"Cache-Control", "public, max-age=1800"}, 30 * time.Minute},
		"max-age, oddly written":        {[]string{"Cache-Control", ` PUBLIC ,  Max-Age="1800" `}, 30 * time.Minute},
		"below a minute":                {[]string{"Cache-Control", "max-age=5"}, time.Minute},
		"above an hour":                 {[]string{"Cache-Control", "max-age=604800"}, time.Hour},
		"beyond all numbers":            {[]string{"Cache-Control", "max-age=99999999999999999999999"}, time.Hour},
		"max-age=0":                     {[]string{"Cache-Control", "max-age=0, must-revalidate"}, time.Minute},
		"no-store":                      {[]string{"Cache-Control", "no-store"}, time.Minute},
		"no-cache after max-age":        {[]string{"Cache-Control", "max-age=1800", "Cache-Control", "No-Cache"}, time.Minute},
		"a max-age that is no number":   {[]string{"Cache-Control", "max-age=soon"}, time.Minute},
		"a negative max-age":            {[]string{"Cache-Control", "max-age=-1"}, time.Minute},
		"two max-ages: the shorter":     {[]string{"Cache-Control", "max-age=1800, max-age=1200"}, 20 * time.Minute},
		"a comma in quotes":             {[]string{"Cache-Control", `x="a, max-age=120, \", no-store", max-age=1800`}, 30 * time.Minute},
		"s-maxage is for shared caches": {[]string{"Cache-Control", "s-maxage=120"}, 10 * time.Minute},
		"Expires is not asked":          {[]string{"Expires", "Thu, 01 Dec 1994 16:00:00 GMT"}, 10 * time.Minute},
		"Age counts":                    {[]string{"Cache-Control", "max-age=1800", "Age", "600"}, 20 * time.Minute},
		"Age beyond max-age":            {[]string{"Cache-Control", "max-age=1800", "Age", "9999"}, time.Minute},
	} {
		t.Run("refreshed at 80 % of what Cache-Control says: "+name, func(t *testing.T) {
			inWorld(t, setup{cold: true}, func(w *world) {
				w.net.answer("id.test", http.StatusOK, string(w.issuer.JWKS()), c.header...)
				require.NoError(w, w.keys.Refresh(w.Context()))
				synctest.Wait()
				next := time.Until(w.keys.Status().Next)
				require.GreaterOrEqual(w, next, c.fresh*3/4)
				require.Less(w, next, c.fresh*17/20)
				w.pass(next - time.Millisecond)
				require.Len(w, w.net.requests(""), 1)
				w.pass(time.Millisecond)
				require.Len(w, w.net.requests(""), 2)
			})
		})
	}

	t.Run("refreshes do not keep step with each other", func(t *testing.T) {
		inWorld(t, setup{}, func(w *world) {
			w.pass(3 * time.Hour)
			asked := w.net.requests("")
			gaps := make(map[time.Duration]bool)
			for i := 1; i < len(asked); i++ {
				gaps[asked[i].at.Sub(asked[i-1].at)] = true
			}
			require.Greater(w, len(gaps), 10)
		})
	})

	t.Run("no request waits for a refresh that is due", func(t *testing.T) {
		inWorld(t, setup{}, func(w *world) {
			w.issuer.Slow(4 * time.Second)
			for range 600 {
				start := time.Now()
				w.accepts(w.sign())
				require.Zero(w, time.Since(start))
				w.pass(time.Second)
			}
			require.Equal(w, 2, w.issuer.Fetches())
		})
	})

	t.Run("the wall clock jumps 25 hours: old keys serve nobody, new ones are fetched", func(t *testing.T) {
		inWorld(t, setup{}, func(w *world) {
			old := w.issuer.Key("")
			w.issuer.Rotate()
			w.skew.Add(int64(25 * time.Hour))
			_, err := w.keys.Current()
			require.ErrorIs(w, err, auth.ErrKeysUnavailable)
			w.accepts(w.sign()) // waits for the fetch
			require.Equal(w, 2, w.issuer.Fetches())
			w.refuses(w.sign(old), auth.ReasonKey)
		})
	})

	t.Run("the wall clock jumps 25 hours while the issuer is down", func(t *testing.T) {
		inWorld(t, setup{}, func(w *world) {
			w.issuer.Outage(true)
			w.skew.Add(int64(25 * time.Hour))
			w.unavailable(w.sign())
			w.skew.Add(-int64(25 * time.Hour)) // it was wrong
			w.accepts(w.sign())
		})
	})

	t.Run("a machine slept two hours: keys serve, and are refreshed at the first use", func(t *testing.T) {
		inWorld(t, setup{}, func(w *world) {
			w.skew.Add(int64(2 * time.Hour)) // timers stood still
			w.accepts(w.sign())
			synctest.Wait()
			require.Equal(w, 2, w.issuer.Fetches())
			w.accepts(w.sign())
			require.Equal(w, 2, w.issuer.Fetches(), "once is enough")
		})
	})

	t.Run("a machine slept, and the issuer is down: one attempt for each back-off", func(t *testing.T) {
		inWorld(t, setup{}, func(w *world) {
			w.issuer.Outage(true)
			w.skew.Add(int64(2 * time.Hour))
			for range 100 {
				w.accepts(w.sign())
				synctest.Wait()
			}
			require.Equal(w, 2, w.issuer.Fetches())
		})
	})

	t.Run("the wall clock is set back: keys age by the monotonic one", func(t *testing.T) {
		inWorld(t, setup{}, func(w *world) {
			w.issuer.Outage(true)
			for range 48 { // half an hour forward, half an hour back
				w.pass(30 * time.Minute)
				w.skew.Add(-int64(30 * time.Minute))
			}
			w.unavailable(w.sign())
			require.Equal(w, 24*time.Hour, w.keys.Status().Age)
		})
	})
}
