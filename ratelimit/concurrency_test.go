package ratelimit_test

import (
	"context"
	"fmt"
	"math"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rowhouse-go/rowhouse/ratelimit"
)

func newConcurrency(t *testing.T, limit int, o *ratelimit.ConcurrencyOptions) *ratelimit.Concurrency {
	t.Helper()
	c, err := ratelimit.NewConcurrency("export", limit, o)
	require.NoError(t, err)
	return c
}

func TestNewConcurrencyReportsEveryFault(t *testing.T) {
	t.Parallel()
	_, err := ratelimit.NewConcurrency("", 0, &ratelimit.ConcurrencyOptions{RetryAfter: 25 * time.Hour})
	require.ErrorContains(t, err, "name")
	require.ErrorContains(t, err, "limit 0")
	require.ErrorContains(t, err, "RetryAfter")
}

func TestAcquire(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	c := newConcurrency(t, 2, nil)
	first, err := c.Acquire(ctx, "a")
	require.NoError(t, err)
	second, err := c.Acquire(ctx, "a")
	require.NoError(t, err)
	other, err := c.Acquire(ctx, "b")
	require.NoError(t, err, "another key")

	third, err := c.Acquire(ctx, "a")
	require.ErrorIs(t, err, ratelimit.ErrBusy)
	requireStatus(t, err, http.StatusServiceUnavailable)
	third() // harmless

	for range 3 {
		first() // frees one place, however often
	}
	again, err := c.Acquire(ctx, "a")
	require.NoError(t, err)
	_, err = c.Acquire(ctx, "a")
	require.ErrorIs(t, err, ratelimit.ErrBusy)

	require.Error(t, c.SetMax(0))
	require.NoError(t, c.SetMax(1))
	again()
	_, err = c.Acquire(ctx, "a")
	require.ErrorIs(t, err, ratelimit.ErrBusy, "one is in flight still")
	second()
	other()
	_, err = c.Acquire(ctx, "a")
	require.NoError(t, err)
}

func TestAcquireRefusesKeys(t *testing.T) {
	t.Parallel()
	c := newConcurrency(t, 2, nil)
	for _, key := range []string{"", strings.Repeat("k", 1025), strings.Repeat("k", 1<<20)} {
		release, err := c.Acquire(t.Context(), key)
		requireKeyError(t, err, "export", key)
		release()
	}
	_, err := c.Acquire(t.Context(), strings.Repeat("k", 1024))
	require.NoError(t, err)
}

func TestAcquireNeverExceedsTheLimit(t *testing.T) {
	t.Parallel()
	const limit, workers, rounds, keys = 3, 16, 500, 5
	c := newConcurrency(t, limit, nil)
	var held [keys]atomic.Int64
	var granted atomic.Int64
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() {
			for i := range rounds {
				k := (w + i) % keys
				release, err := c.Acquire(t.Context(), strconv.Itoa(k))
				if err != nil {
					continue
				}
				granted.Add(1)
				if n := held[k].Add(1); n > limit {
					t.Errorf("%d in flight", n)
				}
				runtime.Gosched()
				held[k].Add(-1)
				wg.Go(release) // twice, and at once
				release()
			}
		})
	}
	wg.Wait()
	require.Positive(t, granted.Load())
	for k := range keys { // nothing was lost or freed twice
		for range limit {
			_, err := c.Acquire(t.Context(), strconv.Itoa(k))
			require.NoError(t, err)
		}
		_, err := c.Acquire(t.Context(), strconv.Itoa(k))
		require.ErrorIs(t, err, ratelimit.ErrBusy)
	}
}

// Not parallel: it measures the heap.
func TestConcurrencyForgetsIdleKeys(t *testing.T) {
	c := newConcurrency(t, 1, nil)
	const keys = 20_000
	heap := func() int64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return int64(m.HeapAlloc)
	}
	before := heap()
	releases := make([]func(), 0, keys)
	for i := range keys {
		release, err := c.Acquire(t.Context(), fmt.Sprintf("key-%d", i))
		require.NoError(t, err)
		releases = append(releases, release)
	}
	require.Greater(t, heap()-before, int64(keys*16), "the measure sees the keys")
	for _, release := range releases {
		release()
	}
	releases = nil
	require.Less(t, heap()-before, int64(128<<10))
	runtime.KeepAlive(c)
	runtime.KeepAlive(releases)
}

// Not parallel: AllocsPerRun is not.
func TestAcquireAllocatesItsReleaseOnly(t *testing.T) {
	c := newConcurrency(t, 1, nil)
	allocs := testing.AllocsPerRun(1000, func() {
		release, err := c.Acquire(t.Context(), "k")
		if err != nil {
			t.Fatal(err)
		}
		release()
	})
	require.LessOrEqual(t, allocs, 2.0)

	handler := c.Middleware(func(*http.Request) (string, bool) { return "k", true }, nil)(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	w, r := httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/", nil)
	require.Zero(t, testing.AllocsPerRun(1000, func() { handler.ServeHTTP(w, r) }), "of the middleware")
}

func TestConcurrencyObserve(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var events []ratelimit.ConcurrencyEvent
		type mark struct{}
		ctx := context.WithValue(t.Context(), mark{}, true)
		c := newConcurrency(t, 1, &ratelimit.ConcurrencyOptions{Observe: func(got context.Context, e ratelimit.ConcurrencyEvent) {
			require.Equal(t, true, got.Value(mark{}))
			events = append(events, e)
		}})
		start := time.Now()
		release, err := c.Acquire(ctx, "k")
		require.NoError(t, err)
		require.Empty(t, events, "before the act")
		_, refused := c.Acquire(ctx, "k")
		_, bad := c.Acquire(ctx, "")
		time.Sleep(3 * time.Second)
		release()
		release()
		require.Equal(t, []ratelimit.ConcurrencyEvent{
			{Concurrency: "export", Key: "k", InFlight: 1, Start: start, Err: refused},
			{Concurrency: "export", Start: start, Err: bad},
			{Concurrency: "export", Key: "k", InFlight: 1, Start: start, Duration: 3 * time.Second},
		}, events)
	})
}

func TestConcurrencyMiddleware(t *testing.T) {
	t.Parallel()
	c := newConcurrency(t, 1, &ratelimit.ConcurrencyOptions{RetryAfter: 90 * time.Second})
	entered, leave := make(chan struct{}), make(chan struct{})
	handler := c.Middleware(ratelimit.ByHeader("X-User"), &ratelimit.HTTPOptions{
		Skip: func(r *http.Request) bool { return r.URL.Path == "/health" },
	})(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/slow":
			entered <- struct{}{}
			<-leave
		case "/panic":
			panic(http.ErrAbortHandler)
		}
	}))
	server := httptest.NewServer(handler)
	defer server.Close()
	get := func(path, user string) (int, http.Header, error) {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL+path, nil)
		require.NoError(t, err)
		if user != "" {
			r.Header.Set("X-User", user)
		}
		res, err := server.Client().Do(r)
		if err != nil {
			return 0, nil, err
		}
		defer res.Body.Close()
		return res.StatusCode, res.Header, nil
	}
	requireStatusOf := func(want int, path, user string) http.Header {
		t.Helper()
		status, h, err := get(path, user)
		require.NoError(t, err)
		require.Equal(t, want, status)
		return h
	}
	for _, user := range []string{"ada", ""} { // none: a key as well
		var wg sync.WaitGroup
		wg.Go(func() {
			if status, _, err := get("/slow", user); status != http.StatusOK {
				t.Error(status, err)
			}
		})
		<-entered
		h := requireStatusOf(http.StatusServiceUnavailable, "/", user)
		require.Equal(t, "application/problem+json", h.Get("Content-Type"))
		seconds, err := strconv.Atoi(h.Get("Retry-After"))
		require.NoError(t, err)
		require.GreaterOrEqual(t, seconds, 90)
		require.LessOrEqual(t, seconds, 180)
		requireStatusOf(http.StatusOK, "/", "bob")
		requireStatusOf(http.StatusOK, "/health", user)
		leave <- struct{}{}
		wg.Wait()
		requireStatusOf(http.StatusOK, "/", user)
	}
	_, _, err := get("/panic", "ada")
	require.Error(t, err)
	requireStatusOf(http.StatusOK, "/", "ada") // a panic releases
}

// A key of a megabyte is one key here, too.
func TestConcurrencyMiddlewareLongKeys(t *testing.T) {
	t.Parallel()
	c := newConcurrency(t, 1, nil)
	long := strings.Repeat("k", 1<<20)
	var nested []int
	var handler http.Handler
	handler = c.Middleware(ratelimit.ByHeader("X-User"), nil)(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		for _, user := range []string{long, long + "2"} {
			if nested == nil || r.Header.Get("X-User") == long && len(nested) == 1 {
				again := httptest.NewRequest(http.MethodGet, "/", nil)
				again.Header.Set("X-User", user)
				w := httptest.NewRecorder()
				handler.ServeHTTP(w, again)
				nested = append(nested, w.Code)
			}
		}
	}))
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	r.Header.Set("X-User", long)
	w := httptest.NewRecorder()
	handler.ServeHTTP(w, r)
	require.Equal(t, http.StatusOK, w.Code)
	require.Equal(t, []int{http.StatusServiceUnavailable, http.StatusOK}, nested)
}

func TestConcurrencyMiddlewareOnError(t *testing.T) {
	t.Parallel()
	c := newConcurrency(t, 1, &ratelimit.ConcurrencyOptions{RetryAfter: -1})
	_, err := c.Acquire(t.Context(), ratelimit.NoKey)
	require.NoError(t, err)
	none := func(*http.Request) (string, bool) { return "", false }
	var got error
	handler := c.Middleware(none, &ratelimit.HTTPOptions{OnError: func(w http.ResponseWriter, _ *http.Request, err error) {
		got = err
		w.WriteHeader(http.StatusTeapot)
	}})(http.NotFoundHandler())
	w := httptest.NewRecorder()
	handler.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/", nil))
	require.Equal(t, http.StatusTeapot, w.Code)
	require.Empty(t, w.Header())
	require.ErrorIs(t, got, ratelimit.ErrBusy)

	require.Panics(t, func() { c.Middleware(nil, nil) })
	require.Panics(t, func() { (*ratelimit.Concurrency)(nil).Middleware(none, nil) })
	require.Panics(t, func() { c.Middleware(none, nil)(nil) })
	require.NoError(t, c.SetMax(math.MaxInt))
}
