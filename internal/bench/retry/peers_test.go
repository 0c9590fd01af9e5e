package retry_test

import (
	"context"
	"testing"
	"time"

	avast "github.com/avast/retry-go/v5"
	"github.com/cenkalti/backoff/v5"
	"github.com/failsafe-go/failsafe-go"
	"github.com/failsafe-go/failsafe-go/budget"
	"github.com/failsafe-go/failsafe-go/circuitbreaker"
	"github.com/failsafe-go/failsafe-go/retrypolicy"
	sethvargo "github.com/sethvargo/go-retry"
	"github.com/sony/gobreaker/v2"
	"github.com/stretchr/testify/require"

	"github.com/rowhouse-go/rowhouse/retry"
)

// ours is the name of what is measured.
const ours = "rowhouse/retry"

// A doFunc runs f under a policy.
type doFunc func(ctx context.Context, f func(context.Context) error) error

// A peer is a library that runs a function up to three times. base is the wait
// before the first retry; 0: no waits.
type peer struct {
	name string
	make func(tb testing.TB, base time.Duration) doFunc
}

var peers = []peer{
	{ours, func(_ testing.TB, base time.Duration) doFunc {
		return (&retry.Policy{Base: orNone(base)}).Do
	}},
	{ours + ", budget", func(_ testing.TB, base time.Duration) doFunc {
		return (&retry.Policy{Base: orNone(base), Budget: retry.NewBudget(nil)}).Do
	}},
	{"retry-go v5.1.1", func(_ testing.TB, base time.Duration) doFunc {
		return func(ctx context.Context, f func(context.Context) error) error {
			return avast.New(avast.Context(ctx), avast.Attempts(3), avast.Delay(base), avast.MaxJitter(base+1), avast.LastErrorOnly(true)).
				Do(func() error { return f(ctx) })
		}
	}},
	{"cenkalti/backoff v5.0.3", func(_ testing.TB, base time.Duration) doFunc {
		return func(ctx context.Context, f func(context.Context) error) error {
			var b backoff.BackOff = &backoff.ZeroBackOff{}
			if base > 0 {
				e := backoff.NewExponentialBackOff()
				e.InitialInterval = base
				b = e
			}
			_, err := backoff.Retry(ctx, func() (struct{}, error) { return struct{}{}, f(ctx) }, backoff.WithMaxTries(3), backoff.WithBackOff(b))
			return err
		}
	}},
	{"failsafe-go v0.9.8", func(_ testing.TB, base time.Duration) doFunc {
		return failsafeDo(failsafeRetry(base).Build())
	}},
	{"failsafe-go v0.9.8, budget", func(_ testing.TB, base time.Duration) doFunc {
		return failsafeDo(failsafeRetry(base).WithBudget(budget.New()).Build())
	}},
	{"sethvargo/go-retry v0.5.0", func(_ testing.TB, base time.Duration) doFunc {
		return func(ctx context.Context, f func(context.Context) error) error {
			// It wants a nanosecond at least.
			return sethvargo.Do(ctx, sethvargo.WithMaxRetries(2, sethvargo.NewExponential(max(base, 1))), func(ctx context.Context) error {
				return sethvargo.RetryableError(f(ctx))
			})
		}
	}},
}

// breakers let all pass while nothing fails.
var breakers = []peer{
	{ours + ", breaker", func(testing.TB, time.Duration) doFunc {
		return (&retry.Policy{Breaker: retry.NewBreaker(nil)}).Do
	}},
	{ours + ", breaker alone", func(testing.TB, time.Duration) doFunc { return retry.NewBreaker(nil).Do }},
	{"sony/gobreaker v2.4.0", func(testing.TB, time.Duration) doFunc {
		b := gobreaker.NewCircuitBreaker[struct{}](gobreaker.Settings{
			Interval: 10 * time.Second, BucketPeriod: time.Second, Timeout: 5 * time.Second,
			ReadyToTrip: func(c gobreaker.Counts) bool { return c.Requests >= 20 && 2*c.TotalFailures >= c.Requests },
		})
		return func(ctx context.Context, f func(context.Context) error) error {
			_, err := b.Execute(func() (struct{}, error) { return struct{}{}, f(ctx) })
			return err
		}
	}},
	{"failsafe-go v0.9.8, breaker", func(testing.TB, time.Duration) doFunc {
		return failsafeDo(circuitbreaker.NewBuilder[any]().WithFailureRateThreshold(0.5, 20, 10*time.Second).WithDelay(5 * time.Second).Build())
	}},
}

// orNone is what our policies call no wait.
func orNone(base time.Duration) time.Duration {
	if base == 0 {
		return -1
	}
	return base
}

func failsafeRetry(base time.Duration) retrypolicy.Builder[any] {
	b := retrypolicy.NewBuilder[any]().WithMaxAttempts(3).ReturnLastFailure()
	if base > 0 {
		b = b.WithBackoff(base, 20*time.Second)
	}
	return b
}

func failsafeDo(policy failsafe.Policy[any]) doFunc {
	e := failsafe.With(policy)
	return func(ctx context.Context, f func(context.Context) error) error {
		return e.WithContext(ctx).RunWithExecution(func(x failsafe.Execution[any]) error { return f(x.Context()) })
	}
}

// What is compared does alike: three attempts, and the last one's error.
func TestPeersDoAlike(t *testing.T) {
	t.Parallel()
	for _, p := range peers {
		t.Run(p.name, func(t *testing.T) {
			t.Parallel()
			attempts := 0
			err := p.make(t, 0)(t.Context(), func(context.Context) error {
				attempts++
				return errDown
			})
			require.ErrorIs(t, err, errDown)
			require.Equal(t, 3, attempts)
		})
	}
	for _, p := range breakers {
		t.Run(p.name, func(t *testing.T) {
			t.Parallel()
			do, attempts := p.make(t, 0), 0
			for range 100 {
				_ = do(t.Context(), func(context.Context) error { // its error is the one above, or that of an open breaker
					attempts++
					return errDown
				})
			}
			require.InDelta(t, 20, attempts, 2)
		})
	}
}
