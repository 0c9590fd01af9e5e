package retry

import (
	"context"
	"time"
)

// An Attempt is what [Policy.Observe] is told of a failed attempt.
type Attempt struct {
	Number   int           // 1 is the first
	Start    time.Time     // of the attempt
	Duration time.Duration // of the attempt
	Err      error
	Wait     time.Duration // before the next one
	Last     bool          // no other follows
}

// Do runs f until it succeeds or the policy has enough.
func (p *Policy) Do(ctx context.Context, f func(context.Context) error) error {
	return f(ctx)
}

// Value is [Policy.Do] for a function that returns a value.
func Value[T any](ctx context.Context, p *Policy, f func(context.Context) (T, error)) (v T, err error) {
	err = p.Do(ctx, func(ctx context.Context) error {
		v, err = f(ctx)
		return err
	})
	return v, err
}

// A permanent error is not retried.
type permanent struct{ error }

func (p permanent) Unwrap() error { return p.error }

// Permanent marks err as one that no retry helps.
func Permanent(err error) error { return permanent{err} }

// An after error says when to come back.
type after struct {
	error
	wait time.Duration
}

func (a after) Unwrap() error { return a.error }

// After marks err as one to be retried no sooner than d from now.
func After(d time.Duration, err error) error { return after{err, d} }
