package ratelimit_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rowhouse-go/rowhouse/ratelimit"
)

// A counted store counts how often it is asked, and says when the first grant was.
type counted struct {
	ratelimit.Store
	takes atomic.Int64
}

func (c *counted) Take(ctx context.Context, name, key string, limits ratelimit.Limits, n int) (ratelimit.Decision, error) {
	c.takes.Add(1)
	return c.Store.Take(ctx, name, key, limits, n)
}

func newCounted() *counted { return &counted{Store: ratelimit.NewMemory(nil)} }

func TestWaitServesInOrderAtThePaceOfTheLimit(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := newCounted()
		l := mustNew(t, ratelimit.Limits{{Name: "s", Quota: 10, Window: time.Second, Burst: 1}}, &ratelimit.Options{Store: store})
		start := time.Now()
		const waiters = 1000
		var mu sync.Mutex
		var order []int
		var at []time.Duration
		for i := range waiters {
			go func() {
				if err := l.Wait(t.Context(), "k"); err != nil {
					t.Error(err)
				}
				mu.Lock()
				defer mu.Unlock()
				order, at = append(order, i), append(at, time.Since(start))
			}()
			synctest.Wait() // it is in its place
		}
		time.Sleep(waiters * 100 * time.Millisecond)
		synctest.Wait()
		require.Len(t, order, waiters)
		require.True(t, slices.IsSorted(order), "%v", order)
		for i, d := range at {
			require.InDelta(t, time.Duration(i)*100*time.Millisecond, d, float64(time.Millisecond), "waiter %d", i)
		}
		// The first at once; the second, who found nobody waiting, twice; the others once.
		require.LessOrEqual(t, store.takes.Load(), int64(waiters+1))
	})
}

func TestWaitFollowsTheWindowThatBinds(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		limits ratelimit.Limits
		want   time.Duration // until 40 have passed
		takes  int64         // at most
	}{
		{"one", ratelimit.Limits{ratelimit.PerSecond(10)}, 3 * time.Second, 41},
		{"the second window takes over", ratelimit.Limits{ratelimit.PerSecond(10), ratelimit.PerMinute(20)}, 60 * time.Second, 44},
		{"sliding", ratelimit.Limits{{Name: "s", Quota: 8, Window: 8 * time.Second, Sliding: true}}, 36 * time.Second, 80},
		{"an odd interval", ratelimit.Limits{{Name: "s", Quota: 7, Window: time.Second}}, 33 * time.Second / 7, 44},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				store := newCounted()
				l := mustNew(t, c.limits, &ratelimit.Options{Store: store})
				start := time.Now()
				var wg sync.WaitGroup
				for range 40 {
					wg.Go(func() {
						if err := l.Wait(t.Context(), "k"); err != nil {
							t.Error(err)
						}
					})
					synctest.Wait()
				}
				wg.Wait()
				require.InDelta(t, c.want, time.Since(start), float64(time.Millisecond))
				require.LessOrEqual(t, store.takes.Load(), c.takes)
			})
		})
	}
}

func TestWaitGivesUpAtOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := mustNew(t, ratelimit.Limits{{Name: "s", Quota: 1, Window: time.Second, Burst: 2}}, nil)
		start := time.Now()
		within := func(d time.Duration) context.Context {
			ctx, cancel := context.WithTimeout(t.Context(), d)
			t.Cleanup(cancel)
			return ctx
		}
		requireLate := func(err error, after time.Duration) {
			t.Helper()
			require.ErrorIs(t, err, context.DeadlineExceeded)
			require.ErrorIs(t, err, ratelimit.ErrLimited)
			limited, ok := errors.AsType[*ratelimit.LimitedError](err)
			require.True(t, ok)
			require.False(t, limited.Decision.Allowed)
			require.EqualValues(t, 1, limited.Decision.Refused)
			require.InDelta(t, after, limited.Decision.RetryAfter, float64(time.Millisecond))
			require.Equal(t, start, time.Now(), "it waited")
		}

		err := l.WaitN(t.Context(), "k", 3)
		require.ErrorIs(t, err, ratelimit.ErrLimited, "more than the burst")
		require.NotErrorIs(t, err, context.DeadlineExceeded)
		require.NoError(t, l.WaitN(t.Context(), "k", 2))
		requireLate(l.Wait(within(999*time.Millisecond), "k"), time.Second)

		var wg sync.WaitGroup
		for range 3 { // at 1, 2 and 3 s
			wg.Go(func() {
				if err := l.Wait(t.Context(), "k"); err != nil {
					t.Error(err)
				}
			})
		}
		synctest.Wait()
		requireLate(l.Wait(within(3999*time.Millisecond), "k"), 4*time.Second)
		err = l.WaitN(t.Context(), "k", 3)
		require.ErrorIs(t, err, ratelimit.ErrLimited, "more than the burst, with others waiting")
		require.Equal(t, start, time.Now(), "it waited")
		require.Error(t, l.WaitN(t.Context(), "k", -1))
		require.NoError(t, l.WaitN(t.Context(), "k", 0), "nothing to wait for")
		require.NoError(t, l.Wait(within(4001*time.Millisecond), "k"))
		require.Equal(t, 4*time.Second, time.Since(start).Round(time.Millisecond))
		wg.Wait()
	})
}

func TestWaitExpectsAWholeWindowOfASlidingLimit(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := mustNew(t, ratelimit.Limits{{Name: "s", Quota: 4, Window: 8 * time.Second, Sliding: true}}, nil)
		start := time.Now()
		for range 4 {
			require.NoError(t, l.Wait(t.Context(), "k"))
		}
		var wg sync.WaitGroup
		for range 4 { // all of them when the window has passed
			wg.Go(func() {
				ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
				defer cancel()
				if err := l.Wait(ctx, "k"); err != nil {
					t.Error(err)
				}
			})
			synctest.Wait()
		}
		ctx, cancel := context.WithTimeout(t.Context(), 15*time.Second)
		defer cancel()
		require.ErrorIs(t, l.Wait(ctx, "k"), context.DeadlineExceeded)
		require.Equal(t, start, time.Now())
		wg.Wait()
		require.LessOrEqual(t, time.Since(start), 9*time.Second)
	})
}

func TestWaitCancelledGivesItsPlaceToTheNext(t *testing.T) {
	t.Parallel()
	for _, quits := range []int{0, 1, 2} { // at the front, in the middle, at the end
		t.Run(fmt.Sprint(quits), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				l := mustNew(t, ratelimit.Limits{{Name: "s", Quota: 1, Window: time.Second}}, nil)
				start := time.Now()
				require.NoError(t, l.Wait(t.Context(), "k"))
				var cancels []context.CancelFunc
				results := make([]error, 3)
				ends := make([]time.Duration, 3)
				for i := range 3 {
					ctx, cancel := context.WithCancel(t.Context())
					cancels = append(cancels, cancel)
					go func() {
						results[i] = l.Wait(ctx, "k")
						ends[i] = time.Since(start).Round(time.Millisecond)
					}()
					synctest.Wait()
				}
				time.Sleep(300 * time.Millisecond)
				cancels[quits]()
				time.Sleep(10 * time.Second)
				synctest.Wait()
				next := time.Second
				for i := range 3 {
					if i == quits {
						require.ErrorIs(t, results[i], context.Canceled)
						require.NotErrorIs(t, results[i], ratelimit.ErrLimited)
						require.Equal(t, 300*time.Millisecond, ends[i])
						continue
					}
					require.NoError(t, results[i])
					require.Equal(t, next, ends[i], "waiter %d", i)
					next += time.Second
				}
				for _, cancel := range cancels {
					cancel()
				}
				d, err := l.AllowN(t.Context(), "k", 1)
				require.NoError(t, err)
				require.True(t, d.Allowed, "the cancelled one was charged")
			})
		})
	}
}

func TestWaitAllCancelled(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := newCounted()
		l := mustNew(t, ratelimit.Limits{ratelimit.PerHour(1)}, &ratelimit.Options{Store: store})
		require.NoError(t, l.Wait(t.Context(), "k"))
		ctx, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		for range 500 {
			wg.Go(func() {
				if err := l.Wait(ctx, "k"); !errors.Is(err, context.Canceled) {
					t.Error(err)
				}
			})
		}
		synctest.Wait()
		asked := store.takes.Load()
		cancel()
		wg.Wait()
		require.Equal(t, asked, store.takes.Load(), "a cancelled waiter asked the store")
		require.ErrorIs(t, l.Wait(ctx, "k"), context.Canceled)
		require.Equal(t, asked, store.takes.Load(), "a cancelled waiter asked the store")
	})
}

func TestWaitSharesWithOthers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		// Two limiters on one store are two replicas.
		store := newCounted()
		limits := ratelimit.Limits{{Name: "s", Quota: 10, Window: time.Second, Burst: 1}}
		replicas := []*ratelimit.Limiter{
			mustNew(t, limits, &ratelimit.Options{Store: store}),
			mustNew(t, limits, &ratelimit.Options{Store: store}),
		}
		start := time.Now()
		var wg sync.WaitGroup
		for i := range 100 {
			wg.Go(func() {
				if err := replicas[i%2].Wait(t.Context(), "k"); err != nil {
					t.Error(err)
				}
			})
			synctest.Wait()
		}
		wg.Wait()
		require.InDelta(t, 9900*time.Millisecond, time.Since(start), float64(10*time.Millisecond))
		require.LessOrEqual(t, store.takes.Load(), int64(400))
	})
}

// Whoever expected a turn before the deadline, and does not any more since somebody else
// came between, is told so at once and not at the deadline.
func TestWaitGivesUpOnceItIsTooLate(t *testing.T) {
	t.Parallel()
	const s = time.Second
	for name, c := range map[string]struct {
		patience, want [2]time.Duration
		late           int
	}{
		"at the front":     {patience: [2]time.Duration{5 * s / 2, 10 * s}, want: [2]time.Duration{2 * s, 2 * s}, late: 0},
		"on the way there": {patience: [2]time.Duration{10 * s, 7 * s / 2}, want: [2]time.Duration{3 * s, 3 * s}, late: 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				l := mustNew(t, ratelimit.Limits{{Name: "s", Quota: 1, Window: s, Burst: 2}}, nil)
				start := time.Now()
				require.NoError(t, l.WaitN(t.Context(), "k", 2))
				var wg sync.WaitGroup
				for i, units := range []int{2, 1} { // after two and three seconds
					wg.Go(func() {
						ctx, cancel := context.WithTimeout(t.Context(), c.patience[i])
						defer cancel()
						err := l.WaitN(ctx, "k", units)
						if i != c.late && err != nil || i == c.late && (!errors.Is(err, ratelimit.ErrLimited) || !errors.Is(err, context.DeadlineExceeded)) {
							t.Errorf("waiter %d: %v", i, err)
						}
						if took := time.Since(start).Round(time.Millisecond); took != c.want[i] {
							t.Errorf("waiter %d took %v, want %v", i, took, c.want[i])
						}
					})
					synctest.Wait()
				}
				time.Sleep(3 * s / 2)
				d, err := l.Allow(t.Context(), "k")
				require.NoError(t, err)
				require.True(t, d.Allowed)
				wg.Wait()
			})
		})
	}
}

func TestWaitFollowsChangedLimits(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := mustNew(t, ratelimit.Limits{ratelimit.PerSecond(2)}, nil)
		start := time.Now()
		require.NoError(t, l.WaitN(t.Context(), "k", 2))
		errs := make(chan error, 2)
		go func() { errs <- l.WaitN(t.Context(), "k", 1) }()
		synctest.Wait()
		go func() { errs <- l.WaitN(t.Context(), "k", 2) }()
		synctest.Wait()
		require.NoError(t, l.SetLimits(ratelimit.Limits{ratelimit.PerSecond(1)}))
		require.NoError(t, <-errs)
		require.ErrorIs(t, <-errs, ratelimit.ErrLimited, "more than the window holds now")
		require.Less(t, time.Since(start), 3*time.Second)
	})
}

func TestWaitWithoutAStore(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := &flaky{Store: ratelimit.NewMemory(nil)}
		l := mustNew(t, ratelimit.Limits{ratelimit.PerSecond(1)}, &ratelimit.Options{Store: store, OnOutage: ratelimit.FailClosed})
		require.NoError(t, l.Wait(t.Context(), "k"))
		errs := make(chan error, 3)
		for range 3 {
			go func() { errs <- l.Wait(t.Context(), "k") }()
			synctest.Wait()
		}
		store.down.Store(true)
		for range 3 { // none is left behind
			require.ErrorIs(t, <-errs, ratelimit.ErrUnavailable)
		}
		require.ErrorIs(t, l.Wait(t.Context(), "k"), errStore)
	})
}

func TestWaitSurvivesAPanic(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var armed atomic.Bool
		l := mustNew(t, ratelimit.Limits{ratelimit.PerSecond(1)}, &ratelimit.Options{
			Observe: func(context.Context, ratelimit.Event) {
				if armed.CompareAndSwap(true, false) {
					panic("observer")
				}
			},
		})
		require.NoError(t, l.Wait(t.Context(), "k"))
		done := make(chan any, 2)
		for range 2 {
			go func() {
				defer func() { done <- recover() }()
				if err := l.Wait(t.Context(), "k"); err != nil {
					t.Error(err)
				}
			}()
			synctest.Wait()
		}
		armed.Store(true)
		require.Equal(t, "observer", <-done)
		require.Nil(t, <-done, "the next one was left waiting")
	})
}

func TestWaitDryRunDoesNotWait(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := mustNew(t, ratelimit.Limits{ratelimit.PerHour(1)}, &ratelimit.Options{DryRun: true})
		start := time.Now()
		for range 5 {
			require.NoError(t, l.Wait(t.Context(), "k"))
		}
		require.Equal(t, start, time.Now())
	})
}
