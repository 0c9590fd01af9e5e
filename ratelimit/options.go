package ratelimit

import (
	"context"
	"fmt"
	"time"
)

// Options are the optional parts of [New]. The zero value, like a nil *Options,
// means the defaults.
type Options struct {
	// Store counts. nil: a [Memory] of this limiter's own.
	Store Store

	// OnOutage is what happens when Store fails. The zero value is [FallbackLocal].
	OnOutage Outage

	// Plan returns the limits of a key, as those of a tenant's plan, and nil for those
	// of the limiter. It is called for each decision, and must be fast and safe for
	// concurrent use: keep what [NewPlan] made, and read which one it is from ctx.
	// What a key has used stays used under another plan whose windows have the same
	// lengths and kinds in the same order: give all plans the same ones, or a change of
	// plan begins anew.
	Plan func(ctx context.Context, key string) *Plan

	// DryRun decides and tells Observe, and lets everything pass: no decision is a
	// refusal, no call returns an error, [Limiter.Wait] does not wait. Requests that
	// would have passed are charged, as otherwise; those that would not are not.
	DryRun bool

	// Observe, if not nil, is told of each decision, after it, outside of locks and on
	// the caller's goroutine. Without it no clock is read.
	Observe func(context.Context, Event)
}

// An Event is what [Options.Observe] is told.
type Event struct {
	Limiter  string // the name given to New
	Key      string // may be personal or secret: not for labels of metrics
	Units    int
	Decision Decision // of DryRun: what it would have been
	Start    time.Time
	Duration time.Duration
	// Err is why there is no decision, or, of one that is Degraded, what the store said.
	// A refusal has none.
	Err error
}

// An Outage says what a [Limiter] does when its store can't decide. That the caller's
// own context has ended is no outage.
type Outage int

// What to do without the store. In each case the store is asked again for the next
// decision: it has its own deadline and breaker, or none.
const (
	// FallbackLocal decides by a [Memory] of this process, which is empty when the
	// first outage begins: each replica grants the whole quota.
	FallbackLocal Outage = iota

	// FailOpen lets requests pass, with a decision that has no Limits.
	FailOpen

	// FailClosed refuses with [ErrUnavailable]: for logins and one-time passwords,
	// where a fallback would multiply the guesses by the number of replicas.
	FailClosed
)

func (o Outage) String() string {
	switch o {
	case FallbackLocal:
		return "FallbackLocal"
	case FailOpen:
		return "FailOpen"
	case FailClosed:
		return "FailClosed"
	}
	return fmt.Sprintf("Outage(%d)", int(o))
}

func (o *Options) validate() error {
	if o.OnOutage < FallbackLocal || o.OnOutage > FailClosed {
		return fmt.Errorf("ratelimit: Options.OnOutage: %v is none of FallbackLocal, FailOpen and FailClosed", o.OnOutage)
	}
	return nil
}
