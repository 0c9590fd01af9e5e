package retry_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rowhouse-go/rowhouse/retry"
)

func TestDefaults(t *testing.T) {
	t.Parallel()
	for name, p := range map[string]*retry.Policy{"nil": nil, "zero": {}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				start := time.Now()
				f, calls := failsWith(errBackend)
				err := p.Do(t.Context(), f)
				require.ErrorIs(t, err, retry.ErrExhausted)
				require.Equal(t, 3, *calls)
				require.LessOrEqual(t, time.Since(start), 150*time.Millisecond, "waits of at most 50 and 100 ms")
			})
		})
	}
}

func TestDo(t *testing.T) {
	t.Parallel()
	quick := func(change func(*retry.Policy)) *retry.Policy {
		p := &retry.Policy{Base: -1}
		change(p)
		return p
	}
	transient := func(err error) bool { return errors.Is(err, errBackend) }
	errOther := errors.New("no such thing")
	tests := []struct {
		name   string
		policy *retry.Policy
		errs   []error // of f; the last one repeats
		calls  int
		want   error // nil: success
		reason error // of the *Error; nil: none
	}{
		{name: "at once", errs: []error{nil}, calls: 1},
		{name: "second", errs: []error{errBackend, nil}, calls: 2},
		{name: "last", errs: []error{errBackend, errBackend, nil}, calls: 3},
		{name: "too late", errs: []error{errBackend, errBackend, errBackend, nil}, calls: 3, want: errBackend, reason: retry.ErrExhausted},
		{name: "one attempt", policy: quick(func(p *retry.Policy) { p.Attempts = 1 }), errs: []error{errBackend}, calls: 1, want: errBackend, reason: retry.ErrExhausted},
		{name: "negative attempts", policy: quick(func(p *retry.Policy) { p.Attempts = -1 }), errs: append(slices.Repeat([]error{errBackend}, 50), nil), calls: 51},
		{name: "permanent", errs: []error{retry.Permanent(errBackend)}, calls: 1, want: errBackend},
		{name: "permanent later", errs: []error{errBackend, retry.Permanent(errOther)}, calls: 2, want: errOther},
		{name: "permanent, wrapped", errs: []error{fmt.Errorf("send: %w", retry.Permanent(errBackend))}, calls: 1, want: errBackend},
		{name: "permanent among others", errs: []error{errors.Join(errOther, retry.Permanent(errBackend))}, calls: 1, want: errBackend},
		{name: "permanent, to come back", errs: []error{retry.After(time.Second, retry.Permanent(errBackend))}, calls: 1, want: errBackend},
		{name: "retryable", policy: quick(func(p *retry.Policy) { p.Retryable = transient }), errs: []error{errBackend, nil}, calls: 2},
		{name: "not retryable", policy: quick(func(p *retry.Policy) { p.Retryable = transient }), errs: []error{errOther}, calls: 1, want: errOther},
		{name: "not retryable later", policy: quick(func(p *retry.Policy) { p.Retryable = transient }), errs: []error{errBackend, errOther}, calls: 2, want: errOther},
		{name: "a stranger's deadline", errs: []error{context.DeadlineExceeded, context.Canceled, nil}, calls: 3},
		{name: "no budget", policy: quick(func(p *retry.Policy) { p.Budget = retry.NewBudget(&retry.BudgetOptions{Tokens: -1}) }), errs: []error{errBackend}, calls: 1, want: errBackend, reason: retry.ErrBudget},
		{name: "told to come back too late", policy: quick(func(p *retry.Policy) { p.Max = time.Second }), errs: []error{retry.After(time.Second+1, errBackend)}, calls: 1, want: errBackend, reason: retry.ErrDeadline},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			if test.policy == nil {
				test.policy = &retry.Policy{Base: -1}
			}
			calls := 0
			f := func(context.Context) error {
				err := test.errs[min(calls, len(test.errs)-1)]
				calls++
				return err
			}
			err := test.policy.Do(t.Context(), f)
			require.Equal(t, test.calls, calls)
			checkEnd(t, err, test.want, test.reason, calls)

			calls = 0
			value, err := retry.Value(t.Context(), test.policy, func(ctx context.Context) (int, error) {
				err := f(ctx)
				return calls, err
			})
			require.Equal(t, test.calls, value, "the value beside the last error")
			checkEnd(t, err, test.want, test.reason, calls)
		})
	}
}

// checkEnd requires err to be what a call returns that ends so.
func checkEnd(t *testing.T, err, want, reason error, attempts int) {
	t.Helper()
	if want == nil {
		require.NoError(t, err)
		return
	}
	require.ErrorIs(t, err, want)
	failed, isError := errors.AsType[*retry.Error](err)
	require.Equal(t, reason != nil, isError, "%v", err)
	if isError {
		require.ErrorIs(t, err, reason)
		require.Equal(t, attempts, failed.Attempts)
		require.ErrorIs(t, failed.Last, want)
	}
}

func TestCanceledBefore(t *testing.T) {
	t.Parallel()
	reason := errors.New("shutting down")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(reason)
	for name, p := range map[string]*retry.Policy{"nil": nil, "breaker": {Breaker: retry.NewBreaker(nil)}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f, calls := failsWith(errBackend)
			err := p.Do(ctx, f)
			require.Zero(t, *calls)
			require.ErrorIs(t, err, reason)
			require.ErrorIs(t, err, context.Canceled, "who looks for it finds it")
			value, err := retry.Value(ctx, p, func(context.Context) (int, error) { return 1, nil })
			require.ErrorIs(t, err, reason)
			require.Zero(t, value)
		})
	}
	plain, cancelPlain := context.WithCancel(t.Context())
	cancelPlain()
	require.Equal(t, context.Canceled, (&retry.Policy{}).Do(plain, nil))
}

func TestCanceledWhile(t *testing.T) {
	t.Parallel()
	reason := errors.New("shutting down")
	for _, attempts := range []int{3, -1} {
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithCancelCause(t.Context())
			calls := 0
			running := &retry.Policy{Attempts: attempts}
			err := running.Do(ctx, func(context.Context) error { calls++; cancel(reason); return errBackend })
			require.Equal(t, 1, calls)
			checkEnd(t, err, errBackend, reason, 1)
		})
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithCancelCause(t.Context())
			time.AfterFunc(time.Second, func() { cancel(reason) })
			start := time.Now()
			waiting := &retry.Policy{Attempts: attempts, Base: 10 * time.Second, Jitter: retry.NoJitter}
			f, calls := failsWith(errBackend)
			err := waiting.Do(ctx, f)
			require.Equal(t, 1, *calls)
			require.Equal(t, time.Second, time.Since(start))
			checkEnd(t, err, errBackend, reason, 1)
			failed, _ := errors.AsType[*retry.Error](err)
			require.Equal(t, time.Second, failed.Elapsed)
		})
	}
}

// A success counts, whatever became of the context.
func TestSuccessAfterCancellation(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	require.NoError(t, (*retry.Policy)(nil).Do(ctx, func(context.Context) error { cancel(); return nil }))
}

func TestDeadlines(t *testing.T) {
	t.Parallel()
	const second = time.Second
	tests := []struct {
		name   string
		policy retry.Policy
		limit  time.Duration // of the context
		takes  time.Duration // each attempt
		calls  int
		after  time.Duration // the call returns
	}{
		{name: "context", policy: retry.Policy{Base: 2 * second}, limit: 5 * second, calls: 2, after: 2 * second}, // then 4 s
		{name: "context, to the instant", policy: retry.Policy{Base: 2 * second}, limit: 2 * second, calls: 1},
		{name: "context, just", policy: retry.Policy{Base: 2 * second}, limit: 2*second + 1, calls: 2, after: 2 * second},
		{name: "elapsed", policy: retry.Policy{Base: 2 * second, MaxElapsed: 5 * second}, calls: 2, after: 2 * second},
		{name: "elapsed counts attempts", policy: retry.Policy{Base: second, MaxElapsed: 5 * second}, takes: 4 * second, calls: 1, after: 4 * second},
		{name: "elapsed cuts no attempt", policy: retry.Policy{Base: second, MaxElapsed: 2 * second}, takes: 4 * second, calls: 1, after: 4 * second},
		{name: "context before elapsed", policy: retry.Policy{Base: second, MaxElapsed: 9 * second}, limit: second, calls: 1},
		{name: "unlimited attempts", policy: retry.Policy{Attempts: -1, Base: second, Max: second, MaxElapsed: 10 * second}, calls: 10, after: 9 * second},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				ctx := t.Context()
				if test.limit > 0 {
					var cancel context.CancelFunc
					ctx, cancel = context.WithTimeout(ctx, test.limit)
					defer cancel()
				}
				p := test.policy
				p.Jitter = retry.NoJitter
				start, calls := time.Now(), 0
				err := p.Do(ctx, func(context.Context) error {
					calls++
					time.Sleep(test.takes)
					return errBackend
				})
				require.Equal(t, test.calls, calls)
				require.Equal(t, test.after, time.Since(start))
				checkEnd(t, err, errBackend, retry.ErrDeadline, calls)
			})
		})
	}
}

func TestAttemptTimeout(t *testing.T) {
	t.Parallel()
	hang := func(ctx context.Context) error {
		<-ctx.Done()
		return ctx.Err()
	}
	synctest.Test(t, func(t *testing.T) { // each attempt has its own
		start := time.Now()
		p := &retry.Policy{Base: -1, AttemptTimeout: time.Second}
		err := p.Do(t.Context(), hang)
		require.Equal(t, 3*time.Second, time.Since(start))
		checkEnd(t, err, context.DeadlineExceeded, retry.ErrExhausted, 3)
	})
	synctest.Test(t, func(t *testing.T) { // the end of the call's is final
		ctx, cancel := context.WithTimeout(t.Context(), 1500*time.Millisecond)
		defer cancel()
		p := &retry.Policy{Base: -1, AttemptTimeout: time.Second}
		err := p.Do(ctx, hang)
		checkEnd(t, err, context.DeadlineExceeded, context.DeadlineExceeded, 2)
	})
	synctest.Test(t, func(t *testing.T) { // Retryable is asked about it too
		p := &retry.Policy{AttemptTimeout: time.Second, Retryable: func(error) bool { return false }}
		require.Equal(t, context.DeadlineExceeded, p.Do(t.Context(), hang))
	})
	synctest.Test(t, func(t *testing.T) { // no timer outlives its attempt
		p := &retry.Policy{AttemptTimeout: time.Hour}
		own, err := retry.Value(t.Context(), p, func(ctx context.Context) (context.Context, error) { return ctx, nil })
		require.NoError(t, err)
		require.ErrorIs(t, own.Err(), context.Canceled)
	})
}

func TestPanicsPass(t *testing.T) {
	t.Parallel()
	for name, p := range map[string]*retry.Policy{"plain": {}, "guarded": {AttemptTimeout: time.Minute, Breaker: retry.NewBreaker(nil)}} {
		for _, attempt := range []int{1, 2} {
			t.Run(fmt.Sprint(name, attempt), func(t *testing.T) {
				t.Parallel()
				calls := 0
				require.PanicsWithValue(t, "boom", func() {
					_ = p.Do(t.Context(), func(context.Context) error {
						if calls++; calls == attempt {
							panic("boom")
						}
						return errBackend
					})
				})
				require.Equal(t, attempt, calls)
			})
		}
	}
}

func TestObserve(t *testing.T) {
	t.Parallel()
	type key struct{}
	synctest.Test(t, func(t *testing.T) {
		var seen []retry.Attempt
		p := &retry.Policy{
			Base: time.Second, Jitter: retry.NoJitter,
			Observe: func(ctx context.Context, a retry.Attempt) {
				require.Equal(t, "value", ctx.Value(key{}))
				seen = append(seen, a)
			},
		}
		ctx, start := context.WithValue(t.Context(), key{}, "value"), time.Now()
		require.NoError(t, p.Do(ctx, func(context.Context) error { return nil }))
		require.Empty(t, seen, "nothing failed")

		err := p.Do(ctx, func(context.Context) error { time.Sleep(time.Minute); return errBackend })
		require.ErrorIs(t, err, retry.ErrExhausted)
		require.Equal(t, []retry.Attempt{
			{Number: 1, Start: start, Duration: time.Minute, Err: errBackend, Wait: time.Second},
			{Number: 2, Start: start.Add(time.Minute + time.Second), Duration: time.Minute, Err: errBackend, Wait: 2 * time.Second},
			{Number: 3, Start: start.Add(2*time.Minute + 3*time.Second), Duration: time.Minute, Err: errBackend, Last: true, Reason: retry.ErrExhausted},
		}, seen)

		seen = nil
		permanent := retry.Permanent(errBackend)
		require.Error(t, p.Do(ctx, func(context.Context) error { return permanent }))
		require.Equal(t, []retry.Attempt{{Number: 1, Start: time.Now(), Err: permanent, Last: true}}, seen)

		seen = nil
		p.Budget = retry.NewBudget(&retry.BudgetOptions{Tokens: -1})
		require.Error(t, p.Do(ctx, func(context.Context) error { return errBackend }))
		require.Equal(t, []retry.Attempt{{Number: 1, Start: time.Now(), Err: errBackend, Last: true, Reason: retry.ErrBudget}}, seen)
	})
}

// Retryable may count or log: it is asked once for each failure.
func TestRetryableIsAskedOnce(t *testing.T) {
	t.Parallel()
	asked := 0
	p := &retry.Policy{
		Base: -1, Breaker: retry.NewBreaker(nil), Budget: retry.NewBudget(nil),
		Retryable: func(error) bool { asked++; return true },
	}
	f, _ := failsWith(errBackend)
	require.Error(t, p.Do(t.Context(), f))
	require.Equal(t, 3, asked)
}

func TestMarksOfNil(t *testing.T) {
	t.Parallel()
	require.NoError(t, retry.Permanent(nil))
	require.NoError(t, retry.After(time.Second, nil))
}

func TestMarksHideNothing(t *testing.T) {
	t.Parallel()
	inner := &numbered{7}
	for _, err := range []error{retry.Permanent(inner), retry.After(time.Second, inner)} {
		require.Equal(t, inner.Error(), err.Error())
		require.ErrorIs(t, err, inner)
		found, ok := errors.AsType[*numbered](err)
		require.True(t, ok)
		require.Same(t, inner, found)
	}
}

// Each layer above gets the mark too, and stops there.
func TestPermanentEndsAllLayers(t *testing.T) {
	t.Parallel()
	p := &retry.Policy{Base: -1}
	f, calls := failsWith(retry.Permanent(errBackend))
	err := p.Do(t.Context(), func(ctx context.Context) error { return p.Do(ctx, f) })
	require.ErrorIs(t, err, errBackend)
	require.Equal(t, 1, *calls)
}
