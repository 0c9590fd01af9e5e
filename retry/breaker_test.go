package retry_test

import (
	"context"
	"errors"
	"math"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rowhouse-go/rowhouse/retry"
)

func succeed(context.Context) error { return nil }

func fail(context.Context) error { return errBackend }

// trip opens b, which has the default options.
func trip(t *testing.T, b *retry.Breaker) {
	t.Helper()
	for range 20 {
		require.Equal(t, errBackend, b.Do(t.Context(), fail))
	}
	require.Equal(t, retry.BreakerOpen, b.State())
}

func TestBreakerLife(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var changes []retry.BreakerChange
		var b *retry.Breaker
		b = retry.NewBreaker(&retry.BreakerOptions{Observe: func(ctx context.Context, c retry.BreakerChange) {
			require.NotNil(t, ctx)
			require.Equal(t, c.To, b.State(), "after the act")
			changes = append(changes, c)
		}})
		ctx := t.Context()
		for range 10 {
			require.NoError(t, b.Do(ctx, succeed))
		}
		for range 9 {
			require.Equal(t, errBackend, b.Do(ctx, fail))
		}
		require.Equal(t, retry.BreakerClosed, b.State(), "19 outcomes are not enough")
		require.Equal(t, errBackend, b.Do(ctx, fail))
		require.Equal(t, retry.BreakerOpen, b.State(), "10 of 20 failed")

		calls := 0
		probe := func(err error) func(context.Context) error {
			return func(context.Context) error { calls++; return err }
		}
		require.Equal(t, retry.ErrBreakerOpen, b.Do(ctx, probe(nil)))
		time.Sleep(5*time.Second - 1)
		require.Equal(t, retry.ErrBreakerOpen, b.Do(ctx, probe(nil)))
		require.Equal(t, retry.BreakerOpen, b.State())
		require.Zero(t, calls)
		time.Sleep(time.Nanosecond)
		require.Equal(t, retry.BreakerHalfOpen, b.State())
		require.Equal(t, errBackend, b.Do(ctx, probe(errBackend)))
		require.Equal(t, retry.BreakerOpen, b.State(), "one failed probe is enough")
		require.Equal(t, retry.ErrBreakerOpen, b.Do(ctx, probe(nil)))

		time.Sleep(5 * time.Second)
		require.NoError(t, b.Do(ctx, func(ctx context.Context) error {
			require.Equal(t, retry.BreakerHalfOpen, b.State())
			require.Equal(t, retry.ErrBreakerOpen, b.Do(ctx, probe(nil)), "one probe at a time")
			return nil
		}))
		require.Equal(t, retry.BreakerClosed, b.State())
		require.Equal(t, 1, calls)
		for range 19 {
			require.Equal(t, errBackend, b.Do(ctx, fail))
		}
		require.Equal(t, retry.BreakerClosed, b.State(), "what was before is forgotten")

		opened := retry.BreakerChange{From: retry.BreakerClosed, To: retry.BreakerOpen, Err: errBackend}
		again := retry.BreakerChange{From: retry.BreakerHalfOpen, To: retry.BreakerOpen, Err: errBackend}
		healed := retry.BreakerChange{From: retry.BreakerHalfOpen, To: retry.BreakerClosed}
		require.Equal(t, []retry.BreakerChange{opened, again, healed}, changes)
	})
}

func TestBreakerWindowSlides(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := retry.NewBreaker(nil)
		for range 19 {
			require.Error(t, b.Do(t.Context(), fail))
		}
		time.Sleep(10 * time.Second)
		require.Error(t, b.Do(t.Context(), fail))
		require.Equal(t, retry.BreakerClosed, b.State(), "the 19 are too old")
		time.Sleep(9 * time.Second)
		for range 19 {
			require.Error(t, b.Do(t.Context(), fail))
		}
		require.Equal(t, retry.BreakerOpen, b.State(), "the one is not")
	})
}

func TestBreakerProbeLapses(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := retry.NewBreaker(nil)
		trip(t, b)
		time.Sleep(5 * time.Second)
		late := make(chan error)
		go func() {
			_ = b.Do(t.Context(), func(context.Context) error { return <-late })
		}()
		synctest.Wait()
		require.Equal(t, retry.ErrBreakerOpen, b.Do(t.Context(), succeed))
		time.Sleep(5*time.Second - 1)
		require.Equal(t, retry.ErrBreakerOpen, b.Do(t.Context(), succeed))
		time.Sleep(time.Nanosecond)
		require.NoError(t, b.Do(t.Context(), succeed), "another takes its place")
		require.Equal(t, retry.BreakerClosed, b.State())
		late <- errBackend
		synctest.Wait()
		require.Equal(t, retry.BreakerClosed, b.State(), "what the lapsed one says is history")
	})
}

// Calls that began before the breaker opened say nothing about the time after.
func TestBreakerIgnoresLateOutcomes(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := retry.NewBreaker(nil)
		late := make(chan error)
		for range 80 {
			go func() {
				_ = b.Do(t.Context(), func(context.Context) error { return <-late })
			}()
		}
		synctest.Wait()
		trip(t, b)
		late <- nil
		synctest.Wait()
		require.Equal(t, retry.BreakerOpen, b.State(), "a late success closes nothing")
		time.Sleep(5 * time.Second)
		require.NoError(t, b.Do(t.Context(), succeed))
		for range 39 {
			late <- errBackend
		}
		synctest.Wait()
		require.Equal(t, retry.BreakerClosed, b.State(), "late failures open nothing")
		for range 40 {
			late <- nil
		}
		synctest.Wait()
		trip(t, b) // late successes make up for nothing
	})
}

func TestBreakerCounts(t *testing.T) {
	t.Parallel()
	canceled := func(ctx context.Context) error {
		own, cancel := context.WithCancel(ctx)
		cancel()
		return own.Err()
	}
	tests := []struct {
		name    string
		options retry.BreakerOptions
		call    func(t *testing.T, b *retry.Breaker) error
		want    retry.BreakerState
	}{
		{"errors", retry.BreakerOptions{}, func(t *testing.T, b *retry.Breaker) error { return b.Do(t.Context(), fail) }, retry.BreakerOpen},
		{"permanent", retry.BreakerOptions{}, func(t *testing.T, b *retry.Breaker) error {
			return b.Do(t.Context(), func(context.Context) error { return retry.Permanent(errBackend) })
		}, retry.BreakerClosed},
		{"Failure says no", retry.BreakerOptions{Failure: func(err error) bool { return !errors.Is(err, errBackend) }}, func(t *testing.T, b *retry.Breaker) error {
			return b.Do(t.Context(), fail)
		}, retry.BreakerClosed},
		{"Failure says yes", retry.BreakerOptions{Failure: func(err error) bool { return errors.Is(err, errBackend) }}, func(t *testing.T, b *retry.Breaker) error {
			return b.Do(t.Context(), func(context.Context) error { return retry.Permanent(errBackend) })
		}, retry.BreakerOpen},
		{"the caller went away", retry.BreakerOptions{}, func(t *testing.T, b *retry.Breaker) error {
			ctx, cancel := context.WithCancel(t.Context())
			return b.Do(ctx, func(ctx context.Context) error { cancel(); return ctx.Err() })
		}, retry.BreakerClosed},
		{"the caller waited in vain", retry.BreakerOptions{}, func(t *testing.T, b *retry.Breaker) error {
			ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
			defer cancel()
			return b.Do(ctx, func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() })
		}, retry.BreakerOpen},
		{"whatever it calls that", retry.BreakerOptions{}, func(t *testing.T, b *retry.Breaker) error {
			ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
			defer cancel()
			return b.Do(ctx, func(ctx context.Context) error { <-ctx.Done(); return retry.Permanent(ctx.Err()) })
		}, retry.BreakerOpen},
		{"a conflict", retry.BreakerOptions{}, func(t *testing.T, b *retry.Breaker) error {
			return b.Do(t.Context(), func(context.Context) error { return pgError{"40001"} })
		}, retry.BreakerClosed},
		{"an attempt in vain", retry.BreakerOptions{}, func(t *testing.T, b *retry.Breaker) error {
			p := &retry.Policy{Breaker: b, AttemptTimeout: time.Millisecond, Retryable: func(error) bool { return false }}
			return p.Do(t.Context(), func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() })
		}, retry.BreakerOpen},
		{"an inner context", retry.BreakerOptions{}, func(t *testing.T, b *retry.Breaker) error { return b.Do(t.Context(), canceled) }, retry.BreakerOpen},
		{"not begun", retry.BreakerOptions{}, func(t *testing.T, b *retry.Breaker) error {
			ctx, cancel := context.WithCancel(t.Context())
			cancel()
			return b.Do(ctx, fail)
		}, retry.BreakerClosed},
		{"a share", retry.BreakerOptions{Failures: 0.51}, func(t *testing.T, b *retry.Breaker) error {
			require.NoError(t, b.Do(t.Context(), succeed))
			return b.Do(t.Context(), fail)
		}, retry.BreakerClosed},
		{"requests", retry.BreakerOptions{Requests: 21}, func(t *testing.T, b *retry.Breaker) error { return b.Do(t.Context(), fail) }, retry.BreakerClosed},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				b := retry.NewBreaker(&test.options)
				for range 20 {
					require.Error(t, test.call(t, b))
				}
				require.Equal(t, test.want, b.State())
			})
		})
	}
}

func TestBreakerOptions(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := retry.NewBreaker(&retry.BreakerOptions{Requests: -1, Failures: 1, OpenFor: time.Minute, Window: time.Second})
		require.Error(t, b.Do(t.Context(), fail))
		require.Equal(t, retry.ErrBreakerOpen, b.Do(t.Context(), succeed), "the first one opens it")
		time.Sleep(time.Minute)
		require.NoError(t, b.Do(t.Context(), succeed))
	})

	synctest.Test(t, func(t *testing.T) { // as long and as many as there are
		b := retry.NewBreaker(&retry.BreakerOptions{Requests: math.MaxInt, OpenFor: math.MaxInt64})
		for range 1<<15 - 1 {
			require.Equal(t, errBackend, b.Do(t.Context(), fail))
		}
		require.Equal(t, retry.BreakerClosed, b.State())
		require.Equal(t, errBackend, b.Do(t.Context(), fail))
		time.Sleep(36 * 365 * 24 * time.Hour)
		require.Equal(t, retry.ErrBreakerOpen, b.Do(t.Context(), succeed))
	})

	for name, o := range map[string]retry.BreakerOptions{
		"Window":   {Window: 9 * time.Millisecond},
		"Failures": {Failures: math.NaN()},
		"OpenFor":  {OpenFor: -1},
	} {
		f, calls := failsWith(nil)
		require.ErrorContains(t, retry.NewBreaker(&o).Do(t.Context(), f), "retry: BreakerOptions."+name)
		require.Zero(t, *calls)
	}
	f, calls := failsWith(nil)
	require.ErrorContains(t, new(retry.Breaker).Do(t.Context(), f), "NewBreaker")
	require.Zero(t, *calls)
	require.NoError(t, (*retry.Breaker)(nil).Do(t.Context(), f), "nil refuses nothing")
	require.Equal(t, errBackend, (*retry.Breaker)(nil).Do(t.Context(), fail))
	require.Equal(t, retry.BreakerClosed, (*retry.Breaker)(nil).State())
}

// What panics says nothing, and a probe that does keeps nobody out for long.
func TestBreakerPanics(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := retry.NewBreaker(nil)
		boom := func() { _ = b.Do(t.Context(), func(context.Context) error { panic("boom") }) }
		for range 40 {
			require.PanicsWithValue(t, "boom", boom)
		}
		require.Equal(t, retry.BreakerClosed, b.State())
		trip(t, b)
		time.Sleep(5 * time.Second)
		require.PanicsWithValue(t, "boom", boom)
		require.Equal(t, retry.ErrBreakerOpen, b.Do(t.Context(), succeed))
		time.Sleep(5 * time.Second)
		require.NoError(t, b.Do(t.Context(), succeed))
		require.Equal(t, retry.BreakerClosed, b.State())
	})
}

// A probe whose caller went away leaves its place to the next call.
func TestBreakerProbeCanceled(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := retry.NewBreaker(nil)
		trip(t, b)
		time.Sleep(5 * time.Second)
		ctx, cancel := context.WithCancel(t.Context())
		require.Error(t, b.Do(ctx, func(ctx context.Context) error { cancel(); return ctx.Err() }))
		require.Equal(t, retry.BreakerHalfOpen, b.State())
		require.NoError(t, b.Do(t.Context(), succeed))
		require.Equal(t, retry.BreakerClosed, b.State())
	})
}

func TestPolicyWithBreaker(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) { // the attempt that opens it is the last: no wait for a refusal
		b := retry.NewBreaker(&retry.BreakerOptions{Requests: 2})
		budget := retry.NewBudget(&retry.BudgetOptions{Tokens: 10})
		p := &retry.Policy{Attempts: 9, Base: time.Second, Jitter: retry.NoJitter, Breaker: b, Budget: budget}
		start := time.Now()
		f, calls := failsWith(errBackend)
		err := p.Do(t.Context(), f)
		require.Equal(t, 2, *calls)
		require.Equal(t, time.Second, time.Since(start))
		checkEnd(t, err, errBackend, retry.ErrBreakerOpen, 2)

		err = p.Do(t.Context(), f) // and while it is open, nothing runs
		require.Equal(t, 2, *calls)
		failed, ok := errors.AsType[*retry.Error](err)
		require.True(t, ok)
		require.Equal(t, &retry.Error{Reason: retry.ErrBreakerOpen}, failed)
		value, err := retry.Value(t.Context(), p, func(context.Context) (int, error) { return 1, nil })
		require.ErrorIs(t, err, retry.ErrBreakerOpen)
		require.Zero(t, value)
	})
	synctest.Test(t, func(t *testing.T) { // a wait that outlasts OpenFor leads to the probe
		b := retry.NewBreaker(&retry.BreakerOptions{Requests: 1})
		p := &retry.Policy{Attempts: 2, Base: 6 * time.Second, Jitter: retry.NoJitter, Breaker: b}
		calls := 0
		require.NoError(t, p.Do(t.Context(), func(context.Context) error {
			if calls++; calls == 1 {
				return errBackend
			}
			return nil
		}))
		require.Equal(t, retry.BreakerClosed, b.State())
	})
	synctest.Test(t, func(t *testing.T) { // opened by others during the wait
		b := retry.NewBreaker(nil)
		p := &retry.Policy{Base: time.Second, Jitter: retry.NoJitter, Breaker: b}
		time.AfterFunc(time.Second-1, func() {
			for range 20 {
				_ = b.Do(t.Context(), fail)
			}
		})
		f, calls := failsWith(errBackend)
		err := p.Do(t.Context(), f)
		require.Equal(t, 1, *calls)
		checkEnd(t, err, errBackend, retry.ErrBreakerOpen, 1)
	})
	synctest.Test(t, func(t *testing.T) { // what is not retryable is an answer
		b := retry.NewBreaker(nil)
		p := &retry.Policy{Breaker: b, Retryable: func(error) bool { return false }}
		for range 100 {
			require.Equal(t, errBackend, p.Do(t.Context(), fail))
		}
		require.Equal(t, retry.BreakerClosed, b.State())
	})
}

// Thousands of calls race; none is refused before the first failure, and the failures
// open it.
func TestBreakerRace(t *testing.T) {
	t.Parallel()
	b := retry.NewBreaker(&retry.BreakerOptions{Window: 10 * time.Millisecond, Requests: 2, OpenFor: time.Hour})
	var down atomic.Bool
	var ran atomic.Int64
	storm := func() {
		var all sync.WaitGroup
		for range 8 {
			all.Go(func() {
				for range 5000 {
					_ = b.Do(t.Context(), func(context.Context) error {
						ran.Add(1)
						if down.Load() {
							return errBackend
						}
						return nil
					})
				}
			})
		}
		all.Wait()
	}
	storm()
	require.Equal(t, retry.BreakerClosed, b.State())
	require.Equal(t, int64(40_000), ran.Load(), "nothing was refused")
	down.Store(true)
	storm()
	require.Equal(t, retry.BreakerOpen, b.State())
}

// In a bubble all callers come at the very instant a probe may pass.
func TestBreakerLetsOneProbeThrough(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := retry.NewBreaker(nil)
		trip(t, b)
		for round := range 20 {
			time.Sleep(5 * time.Second)
			var probes, refused atomic.Int64
			for range 100 {
				go func() {
					err := b.Do(t.Context(), func(context.Context) error {
						probes.Add(1)
						time.Sleep(time.Second)
						return errBackend
					})
					if errors.Is(err, retry.ErrBreakerOpen) {
						refused.Add(1)
					}
				}()
			}
			time.Sleep(2 * time.Second)
			synctest.Wait()
			require.Equal(t, int64(1), probes.Load(), "round %d", round)
			require.Equal(t, int64(99), refused.Load())
		}
	})
}
