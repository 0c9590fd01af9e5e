package ratelimit

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"time"
)

// A Limiter decides by key. It is safe for concurrent use; make one with [New].
type Limiter struct {
	name    string
	options Options
	salt    uint64 // of name
	store   Store
	memory  *Memory // store, if it is one
	local   Store   // decides in an outage; nil unless FallbackLocal
	plan    atomic.Pointer[Plan]
	waiting queues
}

// New returns a limiter. name is 1 to 32 letters, digits, "_" and "-"; it is part of
// every key, so limiters of different names can share a store. The limiter keeps a copy
// of limits. The error names every fault of name, limits and o at once.
func New(name string, limits Limits, o *Options) (*Limiter, error) {
	if o == nil {
		o = &Options{}
	}
	plan, err := NewPlan(limits)
	if err := errors.Join(checkName(name), err, o.validate()); err != nil {
		return nil, err
	}
	l := &Limiter{name: name, salt: saltOf(name), options: *o, store: o.Store}
	if l.store == nil {
		l.store = NewMemory(nil) // which never fails: no local is needed
	} else if o.OnOutage == FallbackLocal {
		l.local = NewMemory(nil)
	}
	l.memory, _ = l.store.(*Memory)
	l.plan.Store(plan)
	return l, nil
}

func checkName(name string) error {
	if !isName(name) {
		return fmt.Errorf("ratelimit: name %s must be 1 to %d letters, digits, _ and -", excerpt(name), maxName)
	}
	return nil
}

// Limits returns a copy of the limits of keys that have no [Plan] of their own.
func (l *Limiter) Limits() Limits { return slices.Clone(l.plan.Load().limits) }

// SetLimits replaces the limits of keys that have no [Plan] of their own, of which it
// keeps a copy, for every decision that begins after it returns. What keys have used
// stays used if the windows have the lengths and kinds they had, in the same order:
// quotas and bursts may change in place. Who has used more than a smaller burst waits
// until the excess has come back, too. The error is that of [Limits.Validate]; the old
// limits stay then.
func (l *Limiter) SetLimits(limits Limits) error {
	plan, err := NewPlan(limits)
	if err != nil {
		return err
	}
	l.plan.Store(plan)
	return nil
}

// Allow is AllowN of one unit.
func (l *Limiter) Allow(ctx context.Context, key string) (Decision, error) {
	return l.AllowN(ctx, key, 1)
}

// AllowN charges n units of key in every window, or in none if one of them refuses.
// n = 0 charges nothing and reports.
//
// A refusal is no error. With an error the request must not pass, and the decision
// says so: the error is a [*KeyError]; or n is negative; or the store could not
// decide, where it matches ctx.Err() if the caller's ctx has ended, and otherwise, of
// a [FailClosed] limiter, [ErrUnavailable] and what the store said.
func (l *Limiter) AllowN(ctx context.Context, key string, n int) (d Decision, err error) {
	if observe := l.options.Observe; observe == nil {
		err = l.decide(ctx, &d, key, n)
	} else {
		start := time.Now()
		err = l.decide(ctx, &d, key, n)
		observe(ctx, Event{
			Limiter: l.name, Key: key, Units: n,
			Decision: d, Start: start, Duration: time.Since(start), Err: err,
		})
	}
	if l.options.DryRun {
		d.Allowed, d.Refused, d.RetryAfter = true, 0, 0
		err = nil
	}
	if d.Degraded {
		err = nil
	}
	return d, err
}

// decide sets d, which is zero, since each copy of a decision costs nanoseconds. It
// returns an error beside a decision only if that is Degraded.
func (l *Limiter) decide(ctx context.Context, d *Decision, key string, n int) (err error) {
	if !isKey(key) {
		return &KeyError{Limiter: l.name, Length: len(key)}
	}
	if n < 0 {
		return fmt.Errorf("ratelimit: %s: %d units", l.name, n)
	}
	plan := l.planOf(ctx, key)
	if l.memory != nil {
		l.memory.take(d, l.memory.now(), l.salt, key, plan.limits, &plan.rules, int64(n))
		return nil
	}
	if *d, err = l.store.Take(ctx, l.name, key, plan.limits, n); err != nil {
		*d, err = l.outage(ctx, key, plan.limits, n, err)
	}
	return err
}

func (l *Limiter) planOf(ctx context.Context, key string) *Plan {
	if l.options.Plan != nil {
		if p := l.options.Plan(ctx, key); p != nil && p.limits != nil {
			return p
		}
	}
	return l.plan.Load()
}

// Reset forgets what key has used, here and in the store. Those who wait for it notice
// at their turn. The error is a [*KeyError]; or matches [errors.ErrUnsupported] if the
// store is no [Resetter]; or ctx.Err() if ctx has ended; or [ErrUnavailable].
func (l *Limiter) Reset(ctx context.Context, key string) error {
	if !isKey(key) {
		return &KeyError{Limiter: l.name, Length: len(key)}
	}
	for _, s := range []Store{l.local, l.store} {
		if s == nil {
			continue
		}
		r, ok := s.(Resetter)
		if !ok {
			return fmt.Errorf("ratelimit: %s: reset: %w by %T", l.name, errors.ErrUnsupported, s)
		}
		if err := r.Reset(ctx, l.name, key); err != nil {
			return l.failed(ctx, err)
		}
	}
	return nil
}
