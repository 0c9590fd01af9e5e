package ratelimit_test

import (
	"math"
	"math/rand/v2"
	"net/http"
	"regexp"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rowhouse-go/rowhouse/ratelimit"
)

var (
	perMinute = ratelimit.PerMinute(100)
	perHour   = ratelimit.PerHour(2000)
	tenth     = ratelimit.Limit{Name: "tenth", Quota: 5, Window: 100 * time.Millisecond}
	odd       = ratelimit.Limit{Name: "odd_one-1", Quota: 7, Window: 90*time.Second + 1}
	bursty    = ratelimit.Limit{Name: "bursty", Quota: 60, Window: time.Minute, Burst: 90}
	slides    = ratelimit.Limit{Name: "slides", Quota: 10, Window: time.Minute, Sliding: true}
	vast      = ratelimit.Limit{Name: "vast", Quota: math.MaxInt, Window: math.MaxInt64}
)

func TestSetHeaders(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		d             ratelimit.Decision
		policy, limit string
		after         bool
	}{
		"allowed": {
			ratelimit.Decision{Allowed: true, Limits: ratelimit.Limits{perMinute, perHour}, Remaining: 42, ResetAfter: time.Second},
			`"minute";q=100;w=60, "hour";q=2000;w=3600`, `"minute";r=42;t=26`, false,
		},
		"the second window": {
			ratelimit.Decision{Allowed: true, Limits: ratelimit.Limits{perMinute, perHour}, Tightest: 1, Remaining: 5},
			`"minute";q=100;w=60, "hour";q=2000;w=3600`, `"hour";r=5;t=9`, false,
		},
		"untouched":    {ratelimit.Decision{Allowed: true, Limits: ratelimit.Limits{perMinute}, Remaining: 100}, `"minute";q=100;w=60`, `"minute";r=100;t=60`, false},
		"the last one": {ratelimit.Decision{Allowed: true, Limits: ratelimit.Limits{perMinute}, ResetAfter: time.Minute}, `"minute";q=100;w=60`, `"minute";r=0;t=1`, false},
		"less than a second": {
			ratelimit.Decision{Allowed: true, Limits: ratelimit.Limits{tenth}, Remaining: 4}, `"tenth";q=5;w=1`, `"tenth";r=4;t=1`, false,
		},
		"not whole seconds": {ratelimit.Decision{Allowed: true, Limits: ratelimit.Limits{odd}, Remaining: 7}, `"odd_one-1";q=7;w=91`, `"odd_one-1";r=7;t=91`, false},
		"more than q left":  {ratelimit.Decision{Allowed: true, Limits: ratelimit.Limits{bursty}, Remaining: 90}, `"bursty";q=60;w=60`, `"bursty";r=90;t=90`, false},
		"sliding": {
			ratelimit.Decision{Allowed: true, Limits: ratelimit.Limits{slides}, Remaining: 3, ResetAfter: 66 * time.Second},
			`"slides";q=10;w=60`, `"slides";r=3;t=66`, false,
		},
		"sliding, almost whole": {
			ratelimit.Decision{Allowed: true, Limits: ratelimit.Limits{slides}, Remaining: 9, ResetAfter: time.Second},
			`"slides";q=10;w=60`, `"slides";r=9;t=54`, false,
		},
		"vast": {
			ratelimit.Decision{Allowed: true, Limits: ratelimit.Limits{vast}, Remaining: math.MaxInt},
			`"vast";q=999999999999999;w=9223372037`, `"vast";r=999999999999999;t=9223372037`, false,
		},
		"refused": {
			ratelimit.Decision{Limits: ratelimit.Limits{perMinute}, Refused: 1, RetryAfter: 1500 * time.Millisecond},
			`"minute";q=100;w=60`, `"minute";r=0;t=2`, true,
		},
		"refused, with some left": {
			ratelimit.Decision{Limits: ratelimit.Limits{perMinute}, Refused: 1, Remaining: 3, RetryAfter: 1},
			`"minute";q=100;w=60`, `"minute";r=3;t=1`, true,
		},
		"refused without a wait": {ratelimit.Decision{Limits: ratelimit.Limits{perMinute}, Refused: 1}, `"minute";q=100;w=60`, `"minute";r=0;t=1`, true},
		"refused for good": {
			ratelimit.Decision{Limits: ratelimit.Limits{perMinute}, Refused: 1, Remaining: 100, RetryAfter: ratelimit.Never},
			`"minute";q=100;w=60`, `"minute";r=100;t=60`, false,
		},
		"an unsafe name": {
			ratelimit.Decision{Allowed: true, Limits: ratelimit.Limits{{Name: "a\"b\\\r\nX: é", Quota: 1, Window: time.Second}}},
			`"a_b___X: __";q=1;w=1`, `"a_b___X: __";r=0;t=1`, false,
		},
		"no limits":    {ratelimit.Decision{Allowed: true, Degraded: true}, "", "", false},
		"out of range": {ratelimit.Decision{Limits: ratelimit.Limits{perMinute}, Tightest: 1, RetryAfter: 1}, "", "", false},
		"below range":  {ratelimit.Decision{Limits: ratelimit.Limits{perMinute}, Tightest: -1, RetryAfter: 1}, "", "", false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := http.Header{}
			c.d.SetHeaders(h)
			require.Equal(t, c.policy, h.Get("RateLimit-Policy"))
			require.Equal(t, c.limit, h.Get("RateLimit"))
			require.Equal(t, c.after, h.Get("Retry-After") != "")
			if c.policy == "" {
				require.Empty(t, h)
			}
		})
	}
}

var limitField = regexp.MustCompile(`^"[A-Za-z0-9_-]{1,32}";r=([0-9]{1,15});t=([0-9]{1,15})$`)

// limitOf reads the r and t of a RateLimit field.
func limitOf(t *testing.T, h http.Header) (r, window int) {
	t.Helper()
	m := limitField.FindStringSubmatch(h.Get("RateLimit"))
	require.NotNil(t, m, "%q", h.Get("RateLimit"))
	r, err := strconv.Atoi(m[1])
	require.NoError(t, err)
	window, err = strconv.Atoi(m[2])
	require.NoError(t, err)
	return r, window
}

// Retry-After is never earlier than t nor than RetryAfter, and at most a tenth later
// but for rounding; it varies. What r and t promise together is not above the
// policy's rate.
func TestHeadersHold(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(1, 2))
	for range 20_000 {
		l := ratelimit.Limit{Name: "n", Quota: 1 + random.IntN(1e6), Window: time.Millisecond + time.Duration(random.Int64N(int64(48*time.Hour)))}
		d := ratelimit.Decision{Allowed: true, Limits: ratelimit.Limits{l}, Remaining: random.IntN(l.Quota + 1)}
		h := http.Header{}
		d.SetHeaders(h)
		r, window := limitOf(t, h)
		require.Equal(t, d.Remaining, r)
		require.Positive(t, window)
		require.LessOrEqual(t, float64(r)/float64(window), float64(l.Quota)/l.Window.Seconds()*(1+1e-12), "%+v %v", l, h)
		require.Less(t, float64(window-1), float64(max(r, 1))*l.Window.Seconds()/float64(l.Quota), "not later than necessary")

		d = ratelimit.Decision{Limits: ratelimit.Limits{l}, Refused: 1, RetryAfter: 1 + time.Duration(random.Int64N(int64(l.Window)))}
		d.SetHeaders(h)
		_, window = limitOf(t, h)
		after, err := strconv.Atoi(h.Get("Retry-After"))
		require.NoError(t, err)
		require.GreaterOrEqual(t, after, window)
		require.GreaterOrEqual(t, time.Duration(after)*time.Second, d.RetryAfter)
		require.LessOrEqual(t, time.Duration(after-1)*time.Second, d.RetryAfter+d.RetryAfter/10)
	}
	seen := map[string]bool{}
	for range 1000 {
		h := http.Header{}
		ratelimit.Decision{Limits: ratelimit.Limits{perHour}, Refused: 1, RetryAfter: 1000 * time.Second}.SetHeaders(h)
		seen[h.Get("Retry-After")] = true
	}
	require.Greater(t, len(seen), 50, "all clients return together")

	// The longest wait there is overflows nothing.
	h := http.Header{}
	ratelimit.Decision{Limits: ratelimit.Limits{vast}, Refused: 1, RetryAfter: ratelimit.Never - 1}.SetHeaders(h)
	require.Equal(t, "9223372037", h.Get("Retry-After"))
}

// What the fields promise, a client can rely on: r units at once, r again after t;
// and what was refused passes after Retry-After.
func TestHeadersAreTrue(t *testing.T) {
	t.Parallel()
	for _, limit := range []ratelimit.Limit{perMinute, bursty, slides, {Name: "slow", Quota: 3, Window: time.Minute}} {
		synctest.Test(t, func(t *testing.T) {
			l, err := ratelimit.New("test", ratelimit.Limits{limit}, nil)
			require.NoError(t, err)
			take := func(n int) (ratelimit.Decision, http.Header) {
				d, err := l.AllowN(t.Context(), "key", n)
				require.NoError(t, err)
				h := http.Header{}
				d.SetHeaders(h)
				return d, h
			}
			random := rand.New(rand.NewPCG(3, 4))
			for range 200 {
				d, h := take(1 + random.IntN(3))
				if d.Allowed {
					r, window := limitOf(t, h)
					again, _ := take(r)
					require.True(t, again.Allowed)
					time.Sleep(time.Duration(window) * time.Second) // the bubble's clock
					again, _ = take(r)
					if !limit.Sliding { // whose units are held for up to 9/8 of a window from when they were spent
						require.True(t, again.Allowed, "%+v: r=%d t=%d", limit, r, window)
					}
				} else {
					after, err := strconv.Atoi(h.Get("Retry-After"))
					require.NoError(t, err)
					time.Sleep(time.Duration(after) * time.Second)
				}
				time.Sleep(time.Duration(random.Int64N(int64(2 * time.Second))))
			}
			d, h := take(limit.Quota + limit.Burst + 1)
			require.False(t, d.Allowed)
			if d.RetryAfter == ratelimit.Never {
				require.Empty(t, h.Get("Retry-After"))
			}
			for d.Allowed = true; d.Allowed; {
				d, h = take(2)
			}
			after, err := strconv.Atoi(h.Get("Retry-After"))
			require.NoError(t, err)
			time.Sleep(time.Duration(after) * time.Second)
			d, _ = take(2)
			require.True(t, d.Allowed, "%+v", limit)
		})
	}
}
