package retry

import (
	"context"
	"errors"
	"time"
)

// An Attempt is what [Policy.Observe] is told of a failed attempt. A context that ends
// during Wait, and a breaker that refuses the attempt after it, have none of their own.
type Attempt struct {
	Number   int           // 1 is the first
	Start    time.Time     // of the attempt
	Duration time.Duration // of the attempt
	Err      error         // what f returned
	Last     bool          // no other is to follow
	Wait     time.Duration // before the next one; 0 if there is none
	Reason   error         // what the [Error] says if Last; nil if Err is not retryable
}

// Do runs f until it succeeds or the policy has enough. It runs f in its own
// goroutine, with ctx or, under AttemptTimeout, a context derived from it.
//
// It returns
//   - nil when f did;
//   - what f returned, as it is, when that is not retryable: marked with [Permanent],
//     or refused by Retryable;
//   - an [*Error] when a retryable error was the last: attempts, budget or time are
//     spent, the breaker refuses, or ctx ended;
//   - ctx's cause, without running f, when ctx was done before;
//   - the policy's faults, without running f, when it has any: see [Policy.Validate].
//
// No attempt begins after ctx ended, and no wait is begun that the deadline would cut
// short. A panic of f is the caller's.
func (p *Policy) Do(ctx context.Context, f func(context.Context) error) error {
	if p == nil {
		p = standard
	}
	if !p.plain() || ctx.Err() != nil {
		return p.guarded(ctx, f, nil)
	}
	if err := f(ctx); err != nil {
		return p.again(ctx, trial{}, f, nil, err)
	}
	p.Budget.succeed()
	return nil
}

// guarded is Do where an attempt is more than a call of f, or forbidden. Apart from
// Do, it costs nothing where it isn't called.
func (p *Policy) guarded(ctx context.Context, f func(context.Context) error, rest rester) error {
	if err := p.enter(ctx); err != nil {
		return err
	}
	t, err := p.try(ctx, f)
	if err != nil {
		return p.again(ctx, t, f, rest, err)
	}
	p.Budget.succeed()
	return nil
}

// plain reports whether an attempt is no more than a call of f.
func (p *Policy) plain() bool {
	return p.MaxElapsed|p.AttemptTimeout == 0 && p.Breaker == nil && p.Observe == nil && p.spaced()
}

// enter returns what forbids the first attempt.
func (p *Policy) enter(ctx context.Context) error {
	if err := p.Validate(); err != nil {
		return err
	}
	if ctx.Err() != nil {
		return ended(ctx)
	}
	return nil
}

// A trial is what is to be remembered of an attempt until it is judged.
type trial struct {
	pass  gate
	start time.Time // if Observe or MaxElapsed asks for it
	late  bool      // AttemptTimeout was over when f returned
}

// errRefused is what try returns when the breaker did not let it run f.
var errRefused = errors.New("retry: refused")

// try makes an attempt. A success it settles with the breaker, a failure is left to
// the judge.
func (p *Policy) try(ctx context.Context, f func(context.Context) error) (t trial, err error) {
	pass, ok := p.Breaker.allow()
	if !ok {
		return t, errRefused
	}
	t.pass = pass
	if p.Observe != nil || p.MaxElapsed > 0 {
		t.start = time.Now()
	}
	if p.AttemptTimeout > 0 {
		t.late, err = timed(ctx, p.AttemptTimeout, f)
	} else {
		err = f(ctx)
	}
	if err == nil {
		p.Breaker.succeed(ctx, t.pass)
	}
	return t, err
}

// timed calls f within limit, and tells whether that was over when f returned.
func timed(ctx context.Context, limit time.Duration, f func(context.Context) error) (late bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	err = f(ctx)
	return errors.Is(ctx.Err(), context.DeadlineExceeded), err
}
