package ratelimit_test

import (
	"context"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/didip/tollbooth/v8"
	tollboothlimiter "github.com/didip/tollbooth/v8/limiter"
	"github.com/go-chi/httprate"
	"github.com/sethvargo/go-limiter/memorystore"
	"github.com/stretchr/testify/require"
	"github.com/throttled/throttled/v2"
	"github.com/throttled/throttled/v2/store/memstore"
	"github.com/ulule/limiter/v3"
	"github.com/ulule/limiter/v3/drivers/store/memory"
	"golang.org/x/time/rate"

	"github.com/rowhouse-go/rowhouse/ratelimit"
)

// ours is the name of what is measured.
const ours = "rowhouse/ratelimit, two windows"

// A takeFunc takes one unit of a key and reports whether there was one.
type takeFunc func(key string) bool

// A quota is what a peer is asked to hold keys to: n units per window. Ours holds
// them to the same and, in the same decision, to twenty times as many per sixty
// windows: "100/minute; 2000/hour".
type quota struct {
	n      int
	window time.Duration
}

// plenty refuses nobody while a benchmark runs: what is measured is the decision
// that lets a request pass.
var plenty = quota{60_000_000, time.Minute}

// A peer is a library that limits by key in memory, with one window, and with the
// settings it documents. Where its decision comes with response headers, they are
// switched off.
type peer struct {
	name string
	make func(testing.TB, quota) takeFunc
}

var peers = []peer{
	{ours, rowhouse},
	{"x/time/rate v0.16.0, map and mutex", timeRate},
	{"tollbooth v8.0.1", tollBooth},
	{"httprate v0.16.1", httpRate},
	{"ulule/limiter v3.11.2", ulule},
	{"sethvargo/go-limiter v0.7.1", goLimiter},
	{"throttled v2.15.0", throttle},
}

// windows are ours for q.
func windows(q quota) ratelimit.Limits {
	return ratelimit.Limits{
		{Name: "minute", Quota: q.n, Window: q.window},
		{Name: "hour", Quota: 20 * q.n, Window: 60 * q.window},
	}
}

func rowhouse(t testing.TB, q quota) takeFunc {
	l, err := ratelimit.New("bench", windows(q), nil)
	require.NoError(t, err)
	ctx := t.Context()
	return func(key string) bool {
		d, err := l.Allow(ctx, key)
		return err == nil && d.Allowed
	}
}

// timeRate is what is written where no library is wanted.
func timeRate(_ testing.TB, q quota) takeFunc {
	var mu sync.Mutex
	limiters := make(map[string]*rate.Limiter)
	every := rate.Every(q.window / time.Duration(q.n))
	return func(key string) bool {
		mu.Lock()
		l := limiters[key]
		if l == nil {
			l = rate.NewLimiter(every, q.n)
			limiters[key] = l
		}
		mu.Unlock()
		return l.Allow()
	}
}

// tollBooth counts per second only.
func tollBooth(_ testing.TB, q quota) takeFunc {
	l := tollbooth.NewLimiter(float64(q.n)/q.window.Seconds(), &tollboothlimiter.ExpirableOptions{
		DefaultExpirationTTL: 60 * q.window, // as its README has it: an hour
	}).SetBurst(q.n)
	return func(key string) bool { return !l.LimitReached(key) }
}

// httpRate decides for requests only.
func httpRate(t testing.TB, q quota) takeFunc {
	l := httprate.NewRateLimiter(q.n, q.window, httprate.WithResponseHeaders(httprate.ResponseHeaders{}))
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil)
	require.NoError(t, err)
	return func(key string) bool { return !l.OnLimit(nil, r, key) }
}

func ulule(t testing.TB, q quota) takeFunc {
	store := memory.NewStoreWithOptions(limiter.StoreOptions{
		Prefix:          limiter.DefaultPrefix,
		CleanUpInterval: q.window / 2, // its default if the window is a minute
	})
	l := limiter.New(store, limiter.Rate{Period: q.window, Limit: int64(q.n)})
	ctx := t.Context()
	return func(key string) bool {
		c, err := l.Get(ctx, key)
		return err == nil && !c.Reached
	}
}

func goLimiter(t testing.TB, q quota) takeFunc {
	store, err := memorystore.New(&memorystore.Config{Tokens: uint64(q.n), Interval: q.window})
	require.NoError(t, err)
	ctx := context.WithoutCancel(t.Context())
	t.Cleanup(func() { require.NoError(t, store.Close(ctx)) })
	return func(key string) bool {
		_, _, _, ok, err := store.Take(ctx, key)
		return err == nil && ok
	}
}

func throttle(t testing.TB, q quota) takeFunc {
	l := throttledLimiter(t, q)
	ctx := t.Context()
	return func(key string) bool {
		limited, _, err := l.RateLimitCtx(ctx, key, 1)
		return err == nil && !limited
	}
}

func throttledLimiter(t testing.TB, q quota) *throttled.GCRARateLimiterCtx {
	store, err := memstore.NewCtx(0) // 0: as many keys as come, in a map; its bounded one is slower
	require.NoError(t, err)
	l, err := throttled.NewGCRARateLimiterCtx(store, throttled.RateQuota{
		MaxRate: throttled.PerDuration(q.n, q.window), MaxBurst: q.n - 1,
	})
	require.NoError(t, err)
	return l
}
