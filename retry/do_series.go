package retry

import (
	"context"
	"errors"
	"time"

	avast "github.com/avast/retry-go/v5"
)

// A series is the attempts of a call that did not succeed at once.
type series struct {
	policy   *Policy
	ctx      context.Context //nolint:containedctx // it lives as long as the call
	f        func(context.Context) error
	rest     rester    // may be nil
	start    time.Time // of the call, if MaxElapsed asks for it
	attempts int
	first    time.Time // failure
	more     bool      // another attempt follows
	wait     time.Duration
	last     error // of f
	result   error // of the call, unless more
}

// A rester puts down what it holds of a failed attempt before the wait for the next.
type rester interface{ rest() }

// errAgain stands for f's error towards the driver, which must keep and interpret
// none: an avast.Unrecoverable in it is not for this layer.
var errAgain = errors.New("retry: again")

// again makes attempts 2 and later. The first one ended with err.
func (p *Policy) again(ctx context.Context, t trial, f func(context.Context) error, rest rester, err error) error {
	s := &series{policy: p, ctx: ctx, f: f, rest: rest, start: t.start}
	s.judge(t, err)
	if !s.more {
		return s.result
	}
	replay := true // the driver makes the first attempt itself: that one is over
	driver := avast.New(
		avast.UntilSucceeded(), // the policy counts
		avast.Context(ctx),
		avast.RetryIf(func(error) bool { return s.more }),
		avast.DelayType(func(uint, error, avast.DelayContext) time.Duration { return s.wait }),
	)
	err = driver.Do(func() error {
		if replay {
			replay = false
			return errAgain
		}
		return s.attempt()
	})
	switch {
	case err == nil:
		return nil
	case s.more: // ctx ended the wait
		return s.end(ended(ctx))
	}
	return s.result
}

// attempt makes an attempt and judges it.
func (s *series) attempt() error {
	// With a wait of zero the driver does not look at the context.
	if s.ctx.Err() != nil {
		s.more, s.result = false, s.end(ended(s.ctx))
		return errAgain
	}
	t, err := s.policy.try(s.ctx, s.f)
	if err == nil {
		s.policy.Budget.succeed()
		return nil
	}
	s.judge(t, err)
	return errAgain
}

// judge decides what follows a failed attempt, and tells the observer.
func (s *series) judge(t trial, err error) {
	if err == errRefused { //nolint:errorlint // made here, never wrapped, and f can't have it
		s.more, s.result = false, s.end(ErrBreakerOpen)
		return
	}
	now := time.Now()
	s.attempts++
	s.last = err
	if s.attempts == 1 {
		s.first = now
	}
	p := s.policy
	retryable := !isPermanent(err) && (p.Retryable == nil || p.Retryable(err))
	failed := retryable
	if p.failed != nil {
		failed = p.failed(err, retryable)
	}
	p.Breaker.settle(s.ctx, t.pass, err, failed || t.late)

	var reason error
	s.wait, reason = 0, nil
	if retryable {
		s.wait, reason = s.next(now)
	}
	s.more = retryable && reason == nil
	switch {
	case !retryable:
		s.result = err
	case reason != nil:
		s.result = s.end(reason)
	case s.rest != nil:
		s.rest.rest()
	}
	if p.Observe != nil {
		p.Observe(s.ctx, Attempt{
			Number: s.attempts, Start: t.start, Duration: now.Sub(t.start), Err: err,
			Last: !s.more, Wait: s.wait, Reason: reason,
		})
	}
}

// next returns the wait before the next attempt, or why there is none. What costs
// others, a token of the budget, is asked for last.
func (s *series) next(now time.Time) (wait time.Duration, reason error) {
	p := s.policy
	if s.ctx.Err() != nil {
		return 0, ended(s.ctx)
	}
	if s.attempts >= p.attempts() {
		return 0, ErrExhausted
	}
	wait, ok := p.delay(s.attempts, s.last)
	switch {
	case !ok || !s.fits(now, wait):
		return 0, ErrDeadline
	case p.Breaker.refusesFor(wait):
		return 0, ErrBreakerOpen
	case !p.Budget.take():
		return 0, ErrBudget
	}
	return wait, nil
}

// fits reports whether an attempt after wait would begin in time.
func (s *series) fits(now time.Time, wait time.Duration) bool {
	if deadline, ok := s.ctx.Deadline(); ok && wait >= deadline.Sub(now) {
		return false
	}
	limit := s.policy.MaxElapsed
	return limit == 0 || wait < limit-now.Sub(s.start)
}

// end returns the error of a call that ends for reason.
func (s *series) end(reason error) error {
	e := &Error{Attempts: s.attempts, Last: s.last, Reason: reason}
	if s.attempts > 0 {
		e.Elapsed = time.Since(s.first)
	}
	return e
}
