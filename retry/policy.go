package retry

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"
)

// What zero fields of a [Policy] mean.
const (
	defaultAttempts = 3
	defaultBase     = 50 * time.Millisecond
	defaultMax      = 20 * time.Second
)

// A Policy says what is retried, how often and how patiently. The zero Policy and a
// nil *Policy are the defaults. It is safe for concurrent use as long as nobody
// changes it.
type Policy struct {
	// Attempts is how often f runs at most, the first time included. 0 means 3.
	// Negative means as often as MaxElapsed, the context, Budget and Retryable let
	// it: where none of them ends it, nothing does.
	Attempts int
	// Base bounds the wait before the first retry; the bound doubles with each. 0
	// means 50 ms; negative: no waits but those that [After] asks for.
	Base time.Duration
	// Max bounds the bound, and what [After] may ask for: a call told to wait longer
	// ends at once. 0 means 20 s; negative: no limit.
	Max time.Duration
	// Jitter spreads the waits. The zero value is [FullJitter].
	Jitter Jitter
	// MaxElapsed ends retrying this long after the call began. It does not cut a
	// running attempt short. 0: no limit but the context's deadline.
	MaxElapsed time.Duration
	// AttemptTimeout gives each attempt a context of its own that ends after this
	// time, or when f returns: what f hands out must not need it. An attempt that
	// fails so is retried if Retryable says so. 0: none.
	AttemptTimeout time.Duration

	// Retryable judges each error of f, once, except those marked with [Permanent].
	// It should say yes to what it knows to be transient and safe to repeat. nil:
	// everything is retried.
	Retryable func(error) bool
	// Budget bounds the retries of all calls that share it. nil: no bound.
	Budget *Budget
	// Breaker refuses attempts while what it guards fails. nil: none.
	Breaker *Breaker
	// Observe is told of each failed attempt, and never of a success at the first.
	// It is called by the goroutine of the call, before the wait. Where it is set, an
	// attempt costs a reading of the clock. nil: nobody.
	Observe func(context.Context, Attempt)

	// failed tells which errors speak against what Breaker guards, unless that has a
	// Failure of its own. nil: those that are retried.
	failed func(err error, retryable bool) bool
}

// standard is what a nil *Policy means.
var standard = new(Policy)

// Validate returns every fault of the policy, its Budget and its Breaker, naming the
// fields: a negative MaxElapsed or AttemptTimeout, a Base longer than Max, a Jitter
// that is none. nil is valid. Functions that take a policy check it too and run
// nothing under a faulty one.
func (p *Policy) Validate() error {
	if p == nil || p.spaced() && p.MaxElapsed >= 0 && p.AttemptTimeout >= 0 && p.Breaker.fault() == nil {
		return nil
	}
	var faults []error
	fault := func(format string, args ...any) {
		faults = append(faults, fmt.Errorf("retry: Policy."+format, args...))
	}
	if p.Base > p.max() {
		fault("Base: %v is longer than Max, %v", p.Base, p.max())
	}
	if p.Jitter < FullJitter || p.Jitter > NoJitter {
		fault("Jitter: %d is none", p.Jitter)
	}
	if p.MaxElapsed < 0 {
		fault("MaxElapsed: %v is negative", p.MaxElapsed)
	}
	if p.AttemptTimeout < 0 {
		fault("AttemptTimeout: %v is negative", p.AttemptTimeout)
	}
	if err := p.Breaker.fault(); err != nil {
		fault("Breaker: %w", err)
	}
	return errors.Join(faults...)
}

// spaced reports whether the fields that make the waits are valid.
func (p *Policy) spaced() bool {
	return uint(p.Jitter) <= uint(NoJitter) && (p.Base <= 0 || p.Base <= p.max())
}

func (p *Policy) attempts() int {
	switch {
	case p.Attempts == 0:
		return defaultAttempts
	case p.Attempts < 0:
		return math.MaxInt
	}
	return p.Attempts
}

func (p *Policy) base() time.Duration {
	if p.Base == 0 {
		return min(defaultBase, p.max())
	}
	return max(p.Base, 0)
}

func (p *Policy) max() time.Duration {
	switch {
	case p.Max == 0:
		return defaultMax
	case p.Max < 0:
		return math.MaxInt64
	}
	return p.Max
}
