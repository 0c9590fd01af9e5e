package ratelimit_test

import (
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/didip/tollbooth/v8"
	tollboothlimiter "github.com/didip/tollbooth/v8/limiter"
	"github.com/go-chi/httprate"
	"github.com/sethvargo/go-limiter/httplimit"
	"github.com/sethvargo/go-limiter/memorystore"
	"github.com/stretchr/testify/require"
	"github.com/throttled/throttled/v2"
	"github.com/ulule/limiter/v3"
	"github.com/ulule/limiter/v3/drivers/middleware/stdlib"
	"github.com/ulule/limiter/v3/drivers/store/memory"

	"github.com/rowhouse-go/rowhouse/internal/bench/cpu"
	"github.com/rowhouse-go/rowhouse/ratelimit"
)

// bare is the name of the handler without a limiter.
const bare = "bare handler"

// A wrapped is a peer's own middleware, limiting by the address of the connection
// with the response headers it comes with.
type wrapped struct {
	name string
	wrap func(testing.TB, http.Handler) http.Handler
}

var middlewares = []wrapped{
	{bare, func(_ testing.TB, next http.Handler) http.Handler { return next }},
	{ours, func(t testing.TB, next http.Handler) http.Handler {
		l, err := ratelimit.New("bench", windows(plenty), nil)
		require.NoError(t, err)
		return l.Middleware(ratelimit.ByIP(ratelimit.RemoteIP()), nil)(next)
	}},
	{"tollbooth v8.0.1", func(_ testing.TB, next http.Handler) http.Handler {
		l := tollbooth.NewLimiter(float64(plenty.n)/60, &tollboothlimiter.ExpirableOptions{DefaultExpirationTTL: time.Hour})
		l.SetBurst(plenty.n).SetIPLookup(tollboothlimiter.IPLookup{Name: "RemoteAddr"})
		return tollbooth.HTTPMiddleware(l)(next)
	}},
	{"httprate v0.16.1", func(_ testing.TB, next http.Handler) http.Handler {
		return httprate.LimitBy(plenty.n, plenty.window, func(r *http.Request) (string, error) {
			host, _, err := net.SplitHostPort(r.RemoteAddr)
			return httprate.CanonicalizeIP(host), err
		})(next)
	}},
	{"ulule/limiter v3.11.2", func(_ testing.TB, next http.Handler) http.Handler {
		l := limiter.New(memory.NewStore(), limiter.Rate{Period: plenty.window, Limit: int64(plenty.n)})
		return stdlib.NewMiddleware(l).Handler(next)
	}},
	{"sethvargo/go-limiter v0.7.1", func(t testing.TB, next http.Handler) http.Handler {
		store, err := memorystore.New(&memorystore.Config{Tokens: uint64(plenty.n), Interval: plenty.window})
		require.NoError(t, err)
		m, err := httplimit.NewMiddleware(store, httplimit.IPKeyFunc())
		require.NoError(t, err)
		return m.Handle(next)
	}},
	{"throttled v2.15.0", func(t testing.TB, next http.Handler) http.Handler {
		l := &throttled.HTTPRateLimiterCtx{RateLimiter: throttledLimiter(t, plenty), VaryBy: &throttled.VaryBy{RemoteAddr: true}}
		return l.RateLimit(next)
	}},
}

// A response is what a handler writes to: it keeps the header's map and forgets
// the rest.
type response struct {
	header http.Header
	status int
}

func (w *response) Header() http.Header         { return w.header }
func (w *response) Write(b []byte) (int, error) { return len(b), nil }
func (w *response) WriteHeader(status int)      { w.status = status }

// served returns what serves one request through m.
func served(t testing.TB, m wrapped) func() {
	h := m.wrap(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) }))
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/orders", nil)
	r.RemoteAddr = "192.0.2.1:41234"
	w := &response{header: make(http.Header)}
	return func() {
		clear(w.header)
		w.status = 0
		h.ServeHTTP(w, r)
		if w.status != http.StatusNoContent {
			t.Fatal(w.status)
		}
	}
}

func TestMiddlewareAllocations(t *testing.T) { // not parallel: it counts the process's allocations
	require.Zero(t, testing.AllocsPerRun(100, served(t, middlewares[0])))
	require.LessOrEqual(t, testing.AllocsPerRun(1000, served(t, middlewares[1])), 2.0)
}

// BenchmarkMiddleware is one request that passes, with the fields of the response.
func BenchmarkMiddleware(b *testing.B) {
	for _, m := range middlewares {
		b.Run(m.name, func(b *testing.B) {
			serve := served(b, m)
			defer cpu.PerOp(b)()
			for b.Loop() {
				serve()
			}
		})
	}
}
