package ratelimit_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/rowhouse-go/rowhouse/ratelimit"
)

// A storeFunc is a Store that a test writes.
type storeFunc func(ctx context.Context, name, key string, limits ratelimit.Limits, n int) (ratelimit.Decision, error)

func (f storeFunc) Take(ctx context.Context, name, key string, limits ratelimit.Limits, n int) (ratelimit.Decision, error) {
	return f(ctx, name, key, limits, n)
}

func limiterOf(t *testing.T, limits ratelimit.Limits, o *ratelimit.Options) *ratelimit.Limiter {
	t.Helper()
	l, err := ratelimit.New("api", limits, o)
	require.NoError(t, err)
	return l
}

var one = ratelimit.Limits{ratelimit.PerMinute(1)}

// noContent is a handler that passed.
var noContent = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })

func serve(h http.Handler, r *http.Request) *httptest.ResponseRecorder {
	rec := httptest.NewRecorder()
	h.ServeHTTP(rec, r)
	return rec
}

func TestMiddleware(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := limiterOf(t, ratelimit.Limits{ratelimit.PerMinute(2), ratelimit.PerHour(5)}, nil)
		h := l.Middleware(ratelimit.ByIP(ratelimit.RemoteIP()), nil)(noContent)
		for _, left := range []string{"1", "0"} {
			rec := serve(h, from(t, "192.0.2.1:1"))
			require.Equal(t, 204, rec.Code)
			require.Equal(t, `"minute";q=2;w=60, "hour";q=5;w=3600`, rec.Header().Get("RateLimit-Policy"))
			require.Equal(t, `"minute";r=`+left+`;t=30`, rec.Header().Get("RateLimit"))
			require.Len(t, rec.Header(), 2)
		}
		rec := serve(h, from(t, "192.0.2.1:2"))
		require.Equal(t, 429, rec.Code)
		require.Equal(t, `"minute";q=2;w=60, "hour";q=5;w=3600`, rec.Header().Get("RateLimit-Policy"))
		require.Equal(t, `"minute";r=0;t=30`, rec.Header().Get("RateLimit"))
		after, err := strconv.Atoi(rec.Header().Get("Retry-After"))
		require.NoError(t, err)
		require.GreaterOrEqual(t, after, 30)
		require.LessOrEqual(t, after, 33)
		require.Equal(t, "application/problem+json", rec.Header().Get("Content-Type"))
		require.Equal(t, "no-store", rec.Header().Get("Cache-Control"))
		require.Equal(t, "nosniff", rec.Header().Get("X-Content-Type-Options"))
		require.JSONEq(t, `{
			"type": "https://iana.org/assignments/http-problem-types#quota-exceeded",
			"title": "Quota Exceeded",
			"status": 429,
			"detail": "You sent too many requests. Try again later.",
			"violated-policies": ["minute"]
		}`, rec.Body.String())
		require.Equal(t, 204, serve(h, from(t, "192.0.2.2:1")).Code, "another client")
	})
}

func TestViolatedPolicies(t *testing.T) {
	t.Parallel()
	limits := ratelimit.Limits{ratelimit.PerSecond(1), ratelimit.PerMinute(2), ratelimit.PerHour(3), ratelimit.PerDay(4)}
	for refused, want := range map[uint8][]string{
		1: {"second"}, 2: {"minute"}, 5: {"second", "hour"}, 10: {"minute", "day"}, 15: {"second", "minute", "hour", "day"},
	} {
		l := limiterOf(t, limits, &ratelimit.Options{Store: storeFunc(
			func(_ context.Context, _, _ string, limits ratelimit.Limits, _ int) (ratelimit.Decision, error) {
				return ratelimit.Decision{Limits: limits, Refused: refused, RetryAfter: ratelimit.Never}, nil
			})})
		rec := serve(l.Middleware(fixed("key", true), nil)(noContent), from(t, ""))
		require.Equal(t, 429, rec.Code)
		require.NotContains(t, rec.Header(), "Retry-After", "no waiting helps")
		var doc struct {
			Detail   string   `json:"detail"`
			Violated []string `json:"violated-policies"`
		}
		require.NoError(t, json.Unmarshal(rec.Body.Bytes(), &doc))
		require.Equal(t, want, doc.Violated)
		require.Equal(t, "The request asks for more than its quota ever holds.", doc.Detail)
	}
}

func TestCost(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var charged []int
		l := limiterOf(t, ratelimit.Limits{ratelimit.PerMinute(10)}, &ratelimit.Options{Observe: func(_ context.Context, e ratelimit.Event) {
			charged = append(charged, e.Units)
		}})
		h := l.Middleware(fixed("key", true), &ratelimit.HTTPOptions{Cost: func(r *http.Request) int { return int(r.ContentLength) }})(noContent)
		request := func(length int64) *httptest.ResponseRecorder {
			r := from(t, "")
			r.ContentLength = length
			return serve(h, r)
		}
		require.Equal(t, `"minute";r=10;t=60`, request(0).Header().Get("RateLimit"), "0 only looks")
		require.Equal(t, 204, request(7).Code)
		require.Equal(t, 204, request(-1).Code, "a chunked body")
		require.Equal(t, 429, request(3).Code)
		rec := request(11)
		require.Equal(t, 429, rec.Code)
		require.Empty(t, rec.Header().Get("Retry-After"), "more than there ever is")
		require.Equal(t, 204, request(2).Code)
		require.Equal(t, 204, request(0).Code, "0 passes when nothing is left")
		require.Equal(t, []int{0, 7, 1, 3, 11, 2, 0}, charged)
	})
}

// Requests without a key share one bucket, which Observe can see; none is free.
func TestNoKey(t *testing.T) {
	t.Parallel()
	var keys []string
	l := limiterOf(t, ratelimit.Limits{ratelimit.PerMinute(3)}, &ratelimit.Options{Observe: func(_ context.Context, e ratelimit.Event) {
		keys = append(keys, e.Key)
	}})
	codes := []int{}
	for _, by := range []ratelimit.KeyFunc{
		fixed("", false), fixed("ignored", false), fixed("", true), fixed("", false), ratelimit.ByIP(ratelimit.RemoteIP()),
	} {
		codes = append(codes, serve(l.Middleware(by, nil)(noContent), from(t, "@")).Code)
	}
	require.Equal(t, []int{204, 204, 204, 429, 429}, codes)
	for _, key := range keys {
		require.Equal(t, ratelimit.NoKey, key)
	}
	require.Len(t, keys, 5)
}

// A key of a megabyte is one key: neither refused, nor unlimited, nor kept.
func TestLongKeys(t *testing.T) {
	t.Parallel()
	var keys []string
	l := limiterOf(t, one, &ratelimit.Options{Observe: func(_ context.Context, e ratelimit.Event) { keys = append(keys, e.Key) }})
	code := func(key string) int { return serve(l.Middleware(fixed(key, true), nil)(noContent), from(t, "")).Code }
	for _, n := range []int{1023, 1024, 1025, 1 << 20} {
		require.Equal(t, 204, code(strings.Repeat("a", n)), "%d", n)
		require.Equal(t, 429, code(strings.Repeat("a", n)), "%d", n)
		require.Equal(t, 204, code(strings.Repeat("a", n-1)+"b"), "%d", n)
	}
	for _, key := range keys {
		require.LessOrEqual(t, len(key), 1024)
	}
}

func TestSkip(t *testing.T) {
	t.Parallel()
	l := limiterOf(t, one, nil)
	h := l.Middleware(fixed("key", true), &ratelimit.HTTPOptions{Skip: func(r *http.Request) bool { return r.Method == http.MethodOptions }})(noContent)
	for range 3 {
		r := from(t, "")
		r.Method = http.MethodOptions
		rec := serve(h, r)
		require.Equal(t, 204, rec.Code)
		require.Empty(t, rec.Header())
	}
	require.Equal(t, 204, serve(h, from(t, "")).Code, "nothing was charged")
	require.Equal(t, 429, serve(h, from(t, "")).Code)
}

func TestOnError(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var failed error
		l := limiterOf(t, one, nil)
		h := l.Middleware(fixed("a-secret", true), &ratelimit.HTTPOptions{OnError: func(w http.ResponseWriter, r *http.Request, err error) {
			failed = err
			require.Equal(t, `"minute";r=0;t=60`, w.Header().Get("RateLimit"))
			require.NotEmpty(t, w.Header().Get("Retry-After"))
			w.WriteHeader(http.StatusTeapot)
		}})(noContent)
		require.Equal(t, 204, serve(h, from(t, "")).Code)
		require.NoError(t, failed)
		require.Equal(t, 418, serve(h, from(t, "")).Code)
		require.ErrorIs(t, failed, ratelimit.ErrLimited)
		require.NotErrorIs(t, failed, ratelimit.ErrUnavailable)
		e, ok := errors.AsType[*ratelimit.LimitedError](failed)
		require.True(t, ok)
		require.Equal(t, "api", e.Limiter)
		require.False(t, e.Decision.Allowed)
		require.EqualValues(t, 1, e.Decision.Refused)
		require.Positive(t, e.Decision.RetryAfter)
		status, ok := errors.AsType[interface {
			error
			HTTPStatus() int
		}](failed)
		require.True(t, ok)
		require.Equal(t, 429, status.HTTPStatus())
		require.Contains(t, failed.Error(), "ratelimit: quota exhausted: api: minute, for ")
		require.NotContains(t, failed.Error(), "a-secret")
		require.Equal(t, "ratelimit: quota exhausted: api, for good", (&ratelimit.LimitedError{
			Limiter: "api", Decision: ratelimit.Decision{RetryAfter: ratelimit.Never},
		}).Error())
	})
}

var errRefused = errors.New("dial tcp 10.0.0.9:6379: refused")

func down(context.Context, string, string, ratelimit.Limits, int) (ratelimit.Decision, error) {
	return ratelimit.Decision{}, errRefused
}

func TestUnavailable(t *testing.T) {
	t.Parallel()
	l := limiterOf(t, one, &ratelimit.Options{Store: storeFunc(down), OnOutage: ratelimit.FailClosed})
	seen := map[string]bool{}
	for range 100 {
		rec := serve(l.Middleware(fixed("a-secret", true), nil)(noContent), from(t, ""))
		require.Equal(t, 503, rec.Code)
		require.Equal(t, "application/problem+json", rec.Header().Get("Content-Type"))
		require.Empty(t, rec.Header().Get("RateLimit"))
		after, err := strconv.Atoi(rec.Header().Get("Retry-After"))
		require.NoError(t, err)
		require.True(t, 2 <= after && after <= 5)
		seen[rec.Header().Get("Retry-After")] = true
		require.JSONEq(t, `{"type":"about:blank","title":"Service Unavailable","status":503,
			"detail":"The service can't tell your quota at the moment. Try again later."}`, rec.Body.String())
	}
	require.Greater(t, len(seen), 1)

	var failed error
	serve(l.Middleware(fixed("key", true), &ratelimit.HTTPOptions{OnError: func(_ http.ResponseWriter, _ *http.Request, err error) {
		failed = err
	}})(noContent), from(t, ""))
	require.ErrorIs(t, failed, ratelimit.ErrUnavailable)
	require.ErrorIs(t, failed, errRefused)
}

// Whoever hung up gets no quota and is no outage.
func TestCancelledRequest(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	l := limiterOf(t, one, &ratelimit.Options{OnOutage: ratelimit.FailClosed, Store: storeFunc(
		func(ctx context.Context, _, _ string, _ ratelimit.Limits, _ int) (ratelimit.Decision, error) {
			return ratelimit.Decision{}, ctx.Err()
		})})
	rec := serve(l.Middleware(fixed("key", true), nil)(noContent), from(t, "").WithContext(ctx))
	require.Equal(t, 503, rec.Code)
	require.Empty(t, rec.Header().Get("RateLimit"))
}

func TestDryRun(t *testing.T) {
	t.Parallel()
	var would []bool
	for _, store := range []ratelimit.Store{nil, storeFunc(down)} {
		l := limiterOf(t, one, &ratelimit.Options{
			Store: store, OnOutage: ratelimit.FailClosed, DryRun: true,
			Observe: func(_ context.Context, e ratelimit.Event) { would = append(would, e.Decision.Allowed) },
		})
		h := l.Middleware(fixed("key", true), &ratelimit.HTTPOptions{XRateLimit: true})(noContent)
		for range 3 {
			rec := serve(h, from(t, ""))
			require.Equal(t, 204, rec.Code)
			require.Empty(t, rec.Header())
		}
	}
	require.Equal(t, []bool{true, false, false, false, false, false}, would)
}

func TestXRateLimit(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := limiterOf(t, ratelimit.Limits{ratelimit.PerMinute(2)}, nil)
		h := l.Middleware(fixed("key", true), &ratelimit.HTTPOptions{XRateLimit: true})(noContent)
		for _, c := range []struct{ left, reset string }{{"1", "30"}, {"0", "60"}, {"0", "60"}} {
			got := serve(h, from(t, "")).Header()
			require.Equal(t, "2", got.Get("X-RateLimit-Limit"))
			require.Equal(t, c.left, got.Get("X-RateLimit-Remaining"))
			require.Equal(t, c.reset, got.Get("X-RateLimit-Reset"))
		}
	})
}

// Within another limiter, each charges and the inner one's fields are seen; whoever
// refuses is seen in any case, and a limiter that is not asked charges nothing.
func TestNestedLimiters(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		coarse := limiterOf(t, ratelimit.Limits{{Name: "address", Quota: 3, Window: 3600e9}}, nil)
		inner := limiterOf(t, ratelimit.Limits{{Name: "user", Quota: 2, Window: 60e9}}, nil)
		h := coarse.Middleware(fixed("ip", true), nil)(inner.Middleware(ratelimit.ByHeader("User"), nil)(noContent))
		get := func(user string) *httptest.ResponseRecorder {
			r := from(t, "")
			r.Header.Set("User", user)
			rec := serve(h, r)
			require.Len(t, rec.Header().Values("RateLimit"), 1)
			require.Len(t, rec.Header().Values("RateLimit-Policy"), 1)
			return rec
		}
		rec := get("ada")
		require.Equal(t, `"user";q=2;w=60`, rec.Header().Get("RateLimit-Policy"))
		require.Equal(t, `"user";r=1;t=30`, rec.Header().Get("RateLimit"))
		get("ada")
		rec = get("ada")
		require.Equal(t, 429, rec.Code)
		require.Equal(t, `"user";q=2;w=60`, rec.Header().Get("RateLimit-Policy"))
		rec = get("bob")
		require.Equal(t, 429, rec.Code)
		require.Equal(t, `"address";q=3;w=3600`, rec.Header().Get("RateLimit-Policy"))
		require.Contains(t, rec.Body.String(), `"violated-policies":["address"]`)
		d, err := inner.AllowN(t.Context(), "bob", 0)
		require.NoError(t, err)
		require.Equal(t, 2, d.Remaining)
	})
}

// A handler's own fields win, and what it does with them is not another response's.
func TestHandlerSetsFields(t *testing.T) {
	t.Parallel()
	l := limiterOf(t, ratelimit.Limits{ratelimit.PerMinute(10)}, nil)
	mw := l.Middleware(fixed("key", true), nil)
	rec := serve(mw(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("RateLimit", `"own";r=1`)
		w.Header().Add("RateLimit-Policy", `"own";q=1`)
	})), from(t, ""))
	require.Equal(t, []string{`"own";r=1`}, rec.Header().Values("RateLimit"))
	require.Equal(t, []string{`"minute";q=10;w=60`, `"own";q=1`}, rec.Header().Values("RateLimit-Policy"))
	rec = serve(mw(noContent), from(t, ""))
	require.Equal(t, []string{`"minute";q=10;w=60`}, rec.Header().Values("RateLimit-Policy"))
}

// The cached field follows plans, however many there are and whoever changes one.
func TestPolicyFollowsPlans(t *testing.T) {
	t.Parallel()
	l := limiterOf(t, one, &ratelimit.Options{Plan: func(_ context.Context, key string) *ratelimit.Plan {
		n, err := strconv.Atoi(key)
		if err != nil {
			return nil
		}
		plan, err := ratelimit.NewPlan(ratelimit.Limits{ratelimit.PerHour(n)})
		if err != nil {
			panic(err)
		}
		return plan
	}})
	h := l.Middleware(ratelimit.ByHeader("Key"), nil)(noContent)
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			for i := range 400 {
				quota := strconv.Itoa(100 + i%100)
				r := from(t, "")
				r.Header.Set("Key", quota)
				if got := serve(h, r).Header().Get("RateLimit-Policy"); got != `"hour";q=`+quota+`;w=3600` {
					t.Errorf("%s: %s", quota, got)
					return
				}
			}
		})
	}
	all.Wait()
	r := from(t, "")
	r.Header.Set("Key", "no plan")
	require.Equal(t, `"minute";q=1;w=60`, serve(h, r).Header().Get("RateLimit-Policy"))
}

func TestWiringFaultsPanic(t *testing.T) {
	t.Parallel()
	l := limiterOf(t, one, nil)
	require.PanicsWithValue(t, "ratelimit: Middleware: nil Limiter", func() { (*ratelimit.Limiter)(nil).Middleware(fixed("k", true), nil) })
	require.PanicsWithValue(t, "ratelimit: Middleware: nil KeyFunc", func() { l.Middleware(nil, nil) })
	require.PanicsWithValue(t, "ratelimit: nil Handler", func() { l.Middleware(fixed("k", true), nil)(nil) })
}

// nowhere is a ResponseWriter that allocates nothing.
type nowhere struct{ h http.Header }

func (n *nowhere) Header() http.Header         { return n.h }
func (n *nowhere) Write(b []byte) (int, error) { return len(b), nil }
func (n *nowhere) WriteHeader(int)             {}

func TestMiddlewareAllocatesTwice(t *testing.T) {
	l := limiterOf(t, ratelimit.Limits{ratelimit.PerSecond(1e6), ratelimit.PerHour(1e9)}, nil)
	h := l.Middleware(ratelimit.ByIP(ratelimit.RemoteIP()), nil)(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	w, r := &nowhere{http.Header{}}, from(t, "192.0.2.1:1234")
	require.LessOrEqual(t, testing.AllocsPerRun(1000, func() { h.ServeHTTP(w, r) }), 2.0)
}
