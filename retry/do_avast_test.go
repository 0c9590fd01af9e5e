package retry_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	avast "github.com/avast/retry-go/v5"
	"github.com/stretchr/testify/require"

	"github.com/rowhouse-go/rowhouse/retry"
)

// What retry-go does and this package does otherwise. The first half of each test
// fails when an upgrade changes retry-go, so that the code around it is looked at.

var errBackend = errors.New("backend down")

// bare returns a Retrier of retry-go that makes n attempts without waiting.
func bare(n uint, options ...avast.Option) *avast.Retrier {
	return avast.New(append([]avast.Option{avast.Attempts(n), avast.Delay(0), avast.MaxJitter(0)}, options...)...)
}

// failsWith returns a function that fails with err and counts its calls.
func failsWith(err error) (f func(context.Context) error, calls *int) {
	calls = new(int)
	return func(context.Context) error { *calls++; return err }, calls
}

func TestAvastIgnoresUnrecoverableUnderACustomRetryIf(t *testing.T) {
	t.Parallel()
	always := avast.RetryIf(func(error) bool { return true })
	calls := 0
	stop := func() error { calls++; return avast.Unrecoverable(errBackend) }
	require.Error(t, bare(3, always).Do(stop))
	require.Equal(t, 3, calls, "with a number of attempts the mark means nothing")
	calls = 0
	require.Error(t, bare(0, always).Do(stop))
	require.Equal(t, 1, calls, "without, it ends all before RetryIf is asked")

	for _, attempts := range []int{3, -1} {
		p := &retry.Policy{Attempts: attempts, Base: -1, Retryable: func(error) bool { return true }}
		f, calls := failsWith(retry.Permanent(errBackend))
		require.ErrorIs(t, p.Do(t.Context(), f), errBackend)
		require.Equal(t, 1, *calls, "our mark ends it, whatever Retryable says")
	}
	p := &retry.Policy{Attempts: 3, Base: -1}
	f, calls2 := failsWith(avast.Unrecoverable(errBackend))
	require.ErrorIs(t, p.Do(t.Context(), f), retry.ErrExhausted)
	require.Equal(t, 3, *calls2, "the mark of another library is not ours")
}

func TestAvastTellsOfARetryAfterTheLastAttempt(t *testing.T) {
	t.Parallel()
	var told []uint
	_ = bare(3, avast.OnRetry(func(n uint, _ error) { told = append(told, n) })).Do(func() error { return errBackend })
	require.Equal(t, []uint{0, 1, 2}, told)

	var last []bool
	p := &retry.Policy{Base: -1, Observe: func(_ context.Context, a retry.Attempt) { last = append(last, a.Last) }}
	f, _ := failsWith(errBackend)
	require.Error(t, p.Do(t.Context(), f))
	require.Equal(t, []bool{false, false, true}, last, "told once, as the last")
}

// Both channels of retry-go's select are ready then, so only chance ends it.
func TestAvastMayAttemptAfterCancellation(t *testing.T) {
	t.Parallel()
	attempts := 0
	synctest.Test(t, func(t *testing.T) {
		for range 200 {
			ctx, cancel := context.WithCancel(t.Context())
			_ = bare(3, avast.Context(ctx), avast.WithTimer(elapsed{})).Do(func() error {
				attempts++
				cancel()
				return errBackend
			})
		}
	})
	require.Greater(t, attempts, 200)

	attempts = 0
	for range 200 {
		ctx, cancel := context.WithCancel(t.Context())
		err := (&retry.Policy{Base: -1, Observe: func(_ context.Context, a retry.Attempt) {
			if a.Number == 1 {
				cancel() // after it is decided that there is to be another
			}
		}}).Do(ctx, func(context.Context) error { attempts++; return errBackend })
		require.ErrorIs(t, err, context.Canceled)
		require.ErrorIs(t, err, errBackend)
	}
	require.Equal(t, 200, attempts)
}

// elapsed is a timer whose waits are over.
type elapsed struct{}

func (elapsed) After(time.Duration) <-chan time.Time {
	c := make(chan time.Time, 1)
	c <- time.Time{}
	return c
}

func TestAvastSleepsToTheDeadline(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		start := time.Now()
		err := bare(3, avast.Context(ctx), avast.LastErrorOnly(true), avast.DelayType(avast.FixedDelay), avast.Delay(time.Hour)).
			Do(func() error { return errBackend })
		require.Equal(t, time.Minute, time.Since(start))
		require.NotErrorIs(t, err, errBackend, "and forgets why")
	})
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		start := time.Now()
		err := (&retry.Policy{Base: time.Hour, Max: time.Hour, Jitter: retry.NoJitter}).
			Do(ctx, func(context.Context) error { return errBackend })
		require.Zero(t, time.Since(start))
		require.ErrorIs(t, err, retry.ErrDeadline)
		require.ErrorIs(t, err, errBackend)
	})
}

func TestAvastPanicsOnNegativeJitter(t *testing.T) {
	t.Parallel()
	require.Panics(t, func() {
		_ = avast.New(avast.MaxJitter(-1)).Do(func() error { return errBackend })
	})

	f, calls := failsWith(errBackend)
	require.ErrorContains(t, (&retry.Policy{Jitter: -1}).Do(t.Context(), f), "Jitter")
	require.Zero(t, *calls)
}

func TestAvastCountsFromZeroAndDelaysFromOne(t *testing.T) {
	t.Parallel()
	var delays []uint
	_ = bare(3, avast.WithTimer(elapsed{}), avast.DelayType(func(n uint, _ error, _ avast.DelayContext) time.Duration {
		delays = append(delays, n)
		return 0
	})).Do(func() error { return errBackend })
	require.Equal(t, []uint{1, 2}, delays, "asked after each attempt but the last")

	var numbers []int
	p := &retry.Policy{Base: -1, Observe: func(_ context.Context, a retry.Attempt) { numbers = append(numbers, a.Number) }}
	f, _ := failsWith(errBackend)
	require.Error(t, p.Do(t.Context(), f))
	require.Equal(t, []int{1, 2, 3}, numbers)
}

func TestAvastKeepsTheErrorsOfAllAttempts(t *testing.T) {
	t.Parallel()
	const n = 1000
	made := 0
	err := bare(n, avast.WithTimer(elapsed{})).Do(func() error { made++; return &numbered{made} })
	all, ok := errors.AsType[avast.Error](err)
	require.True(t, ok)
	require.Len(t, all, n)

	made = 0
	p := &retry.Policy{Attempts: n, Base: -1}
	err = p.Do(t.Context(), func(context.Context) error { made++; return &numbered{made} })
	ours, ok := errors.AsType[*retry.Error](err)
	require.True(t, ok)
	require.Equal(t, n, ours.Attempts)
	require.Equal(t, &numbered{n}, ours.Last)
	require.Len(t, ours.Unwrap(), 2)
}

type numbered struct{ n int }

func (*numbered) Error() string { return "failed" }

func TestAvastRefundsTheWholeCostAfterRetries(t *testing.T) {
	t.Parallel()
	throttle := avast.NewFixedTokenBucketThrottle(avast.FixedTokenBucketThrottleConfig{MaxCapacity: 5})
	require.True(t, throttle.AllowRetry(0, nil))
	throttle.OnSuccess(1)
	require.True(t, throttle.AllowRetry(0, nil), "a dependency that fails every second call is never throttled")

	budget := retry.NewBudget(&retry.BudgetOptions{Tokens: 5})
	second := func() func(context.Context) error {
		n := 0
		return func(context.Context) error {
			if n++; n == 1 {
				return errBackend
			}
			return nil
		}
	}
	p := &retry.Policy{Base: -1, Budget: budget}
	require.NoError(t, p.Do(t.Context(), second()))
	require.ErrorIs(t, p.Do(t.Context(), second()), retry.ErrBudget)
}

func TestAvastSpendsOnWaitsThatDoNotFit(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		throttle := avast.NewFixedTokenBucketThrottle(avast.FixedTokenBucketThrottleConfig{MaxCapacity: 5})
		_ = bare(3, avast.Context(ctx), avast.WithThrottle(throttle), avast.DelayType(avast.FixedDelay), avast.Delay(time.Hour)).
			Do(func() error { return errBackend })
		require.False(t, throttle.AllowRetry(0, nil))
	})
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		budget := retry.NewBudget(&retry.BudgetOptions{Tokens: 5})
		late := &retry.Policy{Base: time.Hour, Max: time.Hour, Jitter: retry.NoJitter, Budget: budget}
		f, calls := failsWith(errBackend)
		require.ErrorIs(t, late.Do(ctx, f), retry.ErrDeadline)
		require.Equal(t, 1, *calls)
		require.ErrorIs(t, (&retry.Policy{Attempts: 2, Base: -1, Budget: budget}).Do(ctx, f), retry.ErrExhausted)
		require.Equal(t, 3, *calls, "the token was still there")
	})
}
