package ratelimit

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"
)

// An Outage says what a [Limiter] does when its store can't decide.
type Outage int

// What to do without the store.
const (
	// FallbackLocal decides by this process's memory: each replica grants the whole
	// quota.
	FallbackLocal Outage = iota
	// FailOpen lets requests pass.
	FailOpen
	// FailClosed refuses with [ErrUnavailable]: for logins and one-time passwords,
	// where a fallback would multiply the guesses by the number of replicas.
	FailClosed
)

// Options are the optional parts of [New]. The zero value, like a nil *Options,
// means the defaults.
type Options struct {
	// Store counts. nil: a [Memory] of this limiter's own.
	Store Store
	// OnOutage is what happens when Store fails. The zero value is [FallbackLocal].
	OnOutage Outage
	// Plan returns the limits of a key, as of a tenant's plan, and false for those of
	// [New]. It must be fast: it is called for each decision.
	Plan func(ctx context.Context, key string) (Limits, bool)
	// DryRun counts and observes, and lets everything pass.
	DryRun bool
	// Observe is told of each decision, after it and outside of locks.
	Observe func(context.Context, Event)
}

// An Event is what [Options.Observe] is told.
type Event struct {
	Limiter  string // the name given to New
	Key      string
	Units    int
	Decision Decision // of DryRun: what it would have been
	Start    time.Time
	Duration time.Duration
	Err      error
}

// A Limiter decides by key. It is safe for concurrent use; make one with [New].
type Limiter struct {
	name    string
	options Options
	limits  atomic.Pointer[Limits]
}

// New makes a limiter. name prefixes every key, so limiters can share a store.
func New(name string, limits Limits, o *Options) (*Limiter, error) {
	if o == nil {
		o = &Options{}
	}
	l := &Limiter{name: name, options: *o}
	if l.options.Store == nil {
		l.options.Store = NewMemory(nil)
	}
	l.limits.Store(&limits)
	return l, nil
}

// Allow is AllowN of one unit.
func (l *Limiter) Allow(ctx context.Context, key string) (Decision, error) {
	return l.AllowN(ctx, key, 1)
}

// AllowN charges n units of key in every window, or in none.
func (l *Limiter) AllowN(ctx context.Context, key string, n int) (Decision, error) {
	d, err := l.options.Store.Take(ctx, l.name, key, *l.limits.Load(), n)
	if err != nil {
		return Decision{}, fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	return d, nil
}
