package ratelimit_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rowhouse-go/rowhouse/ratelimit"
)

// mustNew is a limiter called "test".
func mustNew(t *testing.T, limits ratelimit.Limits, o *ratelimit.Options) *ratelimit.Limiter {
	t.Helper()
	l, err := ratelimit.New("test", limits, o)
	require.NoError(t, err)
	return l
}

func mustPlan(t *testing.T, limits ratelimit.Limits) *ratelimit.Plan {
	t.Helper()
	p, err := ratelimit.NewPlan(limits)
	require.NoError(t, err)
	return p
}

func requireStatus(t *testing.T, err error, want int) {
	t.Helper()
	var s interface{ HTTPStatus() int }
	require.ErrorAs(t, err, &s)
	require.Equal(t, want, s.HTTPStatus())
}

func requireKeyError(t *testing.T, err error, limiter, key string) {
	t.Helper()
	e, ok := errors.AsType[*ratelimit.KeyError](err)
	require.True(t, ok, "%v", err)
	require.Equal(t, ratelimit.KeyError{Limiter: limiter, Length: len(key)}, *e)
	require.ErrorContains(t, err, limiter)
	require.Less(t, len(err.Error()), 100, "it holds the key")
	requireStatus(t, err, http.StatusBadRequest)
}

// requireAllows counts how many of key pass, and requires want.
func requireAllows(t *testing.T, l *ratelimit.Limiter, key string, want int) {
	t.Helper()
	for range want {
		d, err := l.Allow(t.Context(), key)
		require.NoError(t, err)
		require.True(t, d.Allowed)
	}
	d, err := l.Allow(t.Context(), key)
	require.NoError(t, err)
	require.False(t, d.Allowed, "more than %d", want)
}

func TestNewReportsEveryFault(t *testing.T) {
	t.Parallel()
	for _, name := range []string{
		"", "a b", "a:b", `a"b`, "a\r\nX: y", "é", strings.Repeat("n", 33), "a{b}", "a/b", "a.b",
	} {
		_, err := ratelimit.New(name, ratelimit.Limits{ratelimit.PerSecond(1)}, nil)
		require.ErrorContains(t, err, "name", "%q", name)
		require.NotContains(t, err.Error(), "\n", "one fault")
	}
	for _, o := range []ratelimit.Outage{-1, 3} {
		_, err := ratelimit.New("", ratelimit.Limits{{Name: "a b"}}, &ratelimit.Options{OnOutage: o})
		require.ErrorContains(t, err, "name")
		require.ErrorContains(t, err, "limit 1")
		require.ErrorContains(t, err, "Quota")
		require.ErrorContains(t, err, "Options.OnOutage: "+o.String())
	}
	_, err := ratelimit.New("x", nil, nil)
	require.ErrorContains(t, err, "no limits")
	for _, name := range []string{"a", "Login_2-x", strings.Repeat("n", 32)} {
		_, err := ratelimit.New(name, ratelimit.Limits{ratelimit.PerSecond(1)}, nil)
		require.NoError(t, err)
	}
}

func TestAllow(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx := t.Context()
		l := mustNew(t, ratelimit.Limits{ratelimit.PerMinute(3), ratelimit.PerHour(4)}, nil)
		d, err := l.AllowN(ctx, "k", 0)
		require.NoError(t, err)
		require.True(t, d.Allowed)
		require.Equal(t, 3, d.Remaining)
		requireAllows(t, l, "k", 3)
		requireAllows(t, l, "other", 3)
		d, err = l.Allow(ctx, "k")
		require.NoError(t, err)
		require.Equal(t, 20*time.Second, d.RetryAfter)
		require.Equal(t, "minute", d.Limits[d.Tightest].Name)
		time.Sleep(d.RetryAfter)
		requireAllows(t, l, "k", 1)
		d, err = l.AllowN(ctx, "k", 4)
		require.NoError(t, err)
		require.Equal(t, ratelimit.Never, d.RetryAfter)
	})
}

func TestAllowRefusesKeysAndUnits(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	asked := 0
	l := mustNew(t, ratelimit.Limits{ratelimit.PerMinute(3)}, &ratelimit.Options{
		OnOutage: ratelimit.FailOpen, // a bad key is no outage
		Store: storeFunc(func(context.Context, string, string, ratelimit.Limits, int) (ratelimit.Decision, error) {
			asked++
			return ratelimit.Decision{Allowed: true}, nil
		}),
	})
	for _, key := range []string{"", strings.Repeat("s", 1025), strings.Repeat("s", 1<<20)} {
		d, err := l.Allow(ctx, key)
		requireKeyError(t, err, "test", key)
		require.False(t, d.Allowed)
		requireKeyError(t, l.Wait(ctx, key), "test", key)
		requireKeyError(t, l.Reset(ctx, key), "test", key)
	}
	d, err := l.AllowN(ctx, "k", -1)
	require.ErrorContains(t, err, "-1 units")
	require.False(t, d.Allowed)
	require.Zero(t, asked)
	for _, key := range []string{"\x00", "\xff\r\n", strings.Repeat("s", 1024)} {
		_, err := l.Allow(ctx, key)
		require.NoError(t, err)
	}
}

func TestSetLimits(t *testing.T) {
	t.Parallel()
	given := ratelimit.Limits{ratelimit.PerHour(3)}
	l := mustNew(t, given, nil)
	given[0].Quota = 1000
	requireAllows(t, l, "k", 3)
	l.Limits()[0].Quota = 1000
	require.Equal(t, ratelimit.Limits{ratelimit.PerHour(3)}, l.Limits())

	require.Error(t, l.SetLimits(nil))
	require.Error(t, l.SetLimits(ratelimit.Limits{{Name: "hour", Quota: -1, Window: time.Hour}}))
	require.Equal(t, ratelimit.Limits{ratelimit.PerHour(3)}, l.Limits(), "the old ones stay")

	given = ratelimit.Limits{ratelimit.PerHour(6)}
	require.NoError(t, l.SetLimits(given))
	given[0].Quota = 1000
	requireAllows(t, l, "fresh", 6)
	d, err := l.AllowN(t.Context(), "k", 6)
	require.NoError(t, err)
	require.False(t, d.Allowed, "what was used is forgotten")
}

func TestPlan(t *testing.T) {
	t.Parallel()
	given := ratelimit.Limits{ratelimit.PerHour(5), ratelimit.PerDay(50)}
	pro := mustPlan(t, given)
	given[0].Quota = 1000
	_, err := ratelimit.NewPlan(ratelimit.Limits{{Name: "x"}})
	require.ErrorContains(t, err, "Window")
	type planKey struct{}
	l := mustNew(t, ratelimit.Limits{ratelimit.PerHour(2)}, &ratelimit.Options{
		Plan: func(ctx context.Context, key string) *ratelimit.Plan {
			switch key {
			case "acme":
				return pro
			case "zero":
				return &ratelimit.Plan{}
			}
			p, _ := ctx.Value(planKey{}).(*ratelimit.Plan)
			return p
		},
	})
	requireAllows(t, l, "acme", 5)
	requireAllows(t, l, "zero", 2)
	requireAllows(t, l, "ada", 2)
	d, err := l.Allow(context.WithValue(t.Context(), planKey{}, pro), "bob")
	require.NoError(t, err)
	require.Equal(t, 4, d.Remaining)
	require.NoError(t, l.SetLimits(ratelimit.Limits{ratelimit.PerHour(3)}))
	requireAllows(t, l, "carol", 3)
	d, err = l.Allow(t.Context(), "acme")
	require.NoError(t, err)
	require.False(t, d.Allowed, "SetLimits is not for plans")
}

func TestReset(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	l := mustNew(t, ratelimit.Limits{ratelimit.PerHour(2)}, nil)
	requireAllows(t, l, "k", 2)
	requireAllows(t, l, "other", 2)
	require.NoError(t, l.Reset(ctx, "k"))
	requireAllows(t, l, "k", 2)
	requireAllows(t, l, "other", 0)

	none := mustNew(t, ratelimit.Limits{ratelimit.PerHour(2)}, &ratelimit.Options{Store: storeFunc(nil)})
	require.ErrorIs(t, none.Reset(ctx, "k"), errors.ErrUnsupported)
}

func TestLimitersShareAStore(t *testing.T) {
	t.Parallel()
	store := ratelimit.NewMemory(nil)
	limits := ratelimit.Limits{ratelimit.PerHour(2)}
	for _, name := range []string{"a", "ab"} {
		l, err := ratelimit.New(name, limits, &ratelimit.Options{Store: store})
		require.NoError(t, err)
		requireAllows(t, l, "bc", 2)
		requireAllows(t, l, "c", 2)
	}
	again, err := ratelimit.New("a", limits, &ratelimit.Options{Store: store})
	require.NoError(t, err)
	requireAllows(t, again, "c", 0)
}

func TestDryRunLetsEverythingPass(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	var events []ratelimit.Event
	store := &flaky{Store: ratelimit.NewMemory(nil)}
	l := mustNew(t, ratelimit.Limits{ratelimit.PerHour(2)}, &ratelimit.Options{
		Store: store, OnOutage: ratelimit.FailClosed, DryRun: true,
		Observe: func(_ context.Context, e ratelimit.Event) { events = append(events, e) },
	})
	var passes int
	for range 4 {
		d, err := l.Allow(ctx, "k")
		require.NoError(t, err)
		require.True(t, d.Allowed)
		require.Zero(t, d.RetryAfter)
		require.Zero(t, d.Refused)
		if events[len(events)-1].Decision.Allowed {
			passes++
		}
	}
	require.Equal(t, 2, passes, "what it would have been")
	require.Positive(t, events[3].Decision.RetryAfter)

	store.down.Store(true)
	for _, key := range []string{"k", ""} {
		d, err := l.Allow(ctx, key)
		require.NoError(t, err)
		require.True(t, d.Allowed)
		last := events[len(events)-1]
		require.Error(t, last.Err)
		require.False(t, last.Decision.Allowed)
	}
	cancelled, cancel := context.WithCancel(ctx)
	cancel()
	d, err := l.Allow(cancelled, "k")
	require.NoError(t, err)
	require.True(t, d.Allowed)
}

func TestObserve(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		type mark struct{}
		ctx := context.WithValue(t.Context(), mark{}, true)
		var events []ratelimit.Event
		memory := ratelimit.NewMemory(nil)
		start := time.Now()
		l := mustNew(t, ratelimit.Limits{ratelimit.PerHour(2)}, &ratelimit.Options{
			Store: storeFunc(func(ctx context.Context, name, key string, limits ratelimit.Limits, n int) (ratelimit.Decision, error) {
				time.Sleep(5 * time.Millisecond)
				return memory.Take(ctx, name, key, limits, n)
			}),
			Observe: func(ctx context.Context, e ratelimit.Event) {
				require.Equal(t, true, ctx.Value(mark{}))
				events = append(events, e)
			},
		})
		allowed, err := l.AllowN(ctx, "k", 2)
		require.NoError(t, err)
		refused, err := l.Allow(ctx, "k")
		require.NoError(t, err)
		require.False(t, refused.Allowed)
		_, bad := l.Allow(ctx, "")
		const ms = time.Millisecond
		require.Equal(t, []ratelimit.Event{
			{Limiter: "test", Key: "k", Units: 2, Decision: allowed, Start: start, Duration: 5 * ms},
			{Limiter: "test", Key: "k", Units: 1, Decision: refused, Start: start.Add(5 * ms), Duration: 5 * ms},
			{Limiter: "test", Units: 1, Start: start.Add(10 * ms), Err: bad},
		}, events)
	})
}

// Not parallel: AllocsPerRun is not.
func TestAllowDoesNotAllocate(t *testing.T) {
	ctx := t.Context()
	limits := ratelimit.Limits{ratelimit.PerMinute(100), ratelimit.PerHour(2000)}
	plan := mustPlan(t, limits)
	for name, o := range map[string]*ratelimit.Options{
		"default": nil,
		"plan":    {Plan: func(context.Context, string) *ratelimit.Plan { return plan }},
		"observe": {Observe: func(context.Context, ratelimit.Event) {}},
		"dry run": {DryRun: true},
	} {
		l := mustNew(t, limits, o)
		require.Zero(t, testing.AllocsPerRun(1000, func() { // most of them refused
			if _, err := l.Allow(ctx, "192.0.2.1"); err != nil {
				t.Fatal(err)
			}
		}), name)
	}
}
