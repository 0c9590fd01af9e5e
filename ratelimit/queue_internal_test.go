package ratelimit

import (
	"context"
	"errors"
	"math/rand/v2"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/time/rate"
)

// Whoever waits here is served or refused as by rate.Limiter.WaitN, at the same time.
func TestWaitIsThatOfRateLimiter(t *testing.T) {
	t.Parallel()
	for seed := range uint64(20) {
		t.Run(strconv.FormatUint(seed, 10), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				random := rand.New(rand.NewPCG(seed, 4))
				each := time.Duration(1+random.IntN(40)) * time.Millisecond
				burst := 1 + random.IntN(5)
				l, err := New("test", Limits{{Name: "w", Quota: 100, Window: 100 * each, Burst: burst}}, nil)
				require.NoError(t, err)
				oracle := rate.NewLimiter(rate.Every(each), burst)

				type end struct {
					passed bool
					at     time.Duration
				}
				start := time.Now()
				const waiters = 200
				var ours, theirs [waiters]end
				var wg sync.WaitGroup
				for i := range waiters {
					n := 1 + random.IntN(burst)
					patience := time.Duration(random.Int64N(int64(30*each))) + 100*time.Microsecond // between two ticks
					wait := func(into *end, f func(context.Context) error) {
						ctx, cancel := context.WithTimeout(t.Context(), patience)
						defer cancel()
						into.passed = f(ctx) == nil
						into.at = time.Since(start).Round(100 * time.Microsecond)
					}
					wg.Go(func() { wait(&ours[i], func(ctx context.Context) error { return l.WaitN(ctx, "k", n) }) })
					synctest.Wait()
					wg.Go(func() { wait(&theirs[i], func(ctx context.Context) error { return oracle.WaitN(ctx, n) }) })
					synctest.Wait()
					time.Sleep(time.Duration(random.IntN(4)) * each / 2 * time.Duration(random.IntN(burst+1)))
				}
				wg.Wait()
				passed := 0
				for i := range waiters {
					require.Equal(t, theirs[i], ours[i], "waiter %d", i)
					if ours[i].passed {
						passed++
					}
				}
				require.Greater(t, passed, waiters/4)
				require.Empty(t, l.waiting.of)
			})
		})
	}
}

// Cancellations, deadlines, several windows and foreign charges at random: those who
// pass do so in the order they came, and nobody is left behind.
func TestWaitLeavesNothingBehind(t *testing.T) {
	t.Parallel()
	for seed := range uint64(20) {
		t.Run(strconv.FormatUint(seed, 10), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				random := rand.New(rand.NewPCG(seed, 5))
				l, err := New("test", Limits{
					{Name: "bucket", Quota: 20, Window: time.Second, Burst: 3},
					{Name: "sliding", Quota: 40, Window: 8 * time.Second, Sliding: true},
				}, nil)
				require.NoError(t, err)
				var mu sync.Mutex
				var order []int
				var wg sync.WaitGroup
				for i := range 200 {
					n := 1 + random.IntN(3)
					ctx, cancel := context.WithTimeout(t.Context(), time.Duration(random.Int64N(int64(40*time.Second))))
					if random.IntN(2) == 0 {
						time.AfterFunc(time.Duration(random.Int64N(int64(30*time.Second))), cancel)
					}
					wg.Go(func() {
						defer cancel()
						err := l.WaitN(ctx, "k", n)
						if err == nil {
							mu.Lock()
							defer mu.Unlock()
							order = append(order, i)
						} else if !errors.Is(err, context.DeadlineExceeded) && !errors.Is(err, context.Canceled) {
							t.Error(err)
						}
					})
					synctest.Wait()
					if random.IntN(10) == 0 {
						_, _ = l.Allow(t.Context(), "k")
						time.Sleep(time.Duration(random.Int64N(int64(time.Second))))
					}
				}
				synctest.Wait()
				counted, want := 0.0, 0.0
				l.waiting.mu.Lock()
				if q := l.waiting.of["k"]; q != nil {
					counted = q.behind
					for e := q.turns.Front().Next(); e != nil; e = e.Next() {
						want += float64(e.Value.(*turn).units)
					}
				}
				l.waiting.mu.Unlock()
				require.InDelta(t, want, counted, 0)
				wg.Wait()
				require.IsIncreasing(t, order)
				require.Greater(t, len(order), 20)
				require.Empty(t, l.waiting.of)
			})
		})
	}
}
