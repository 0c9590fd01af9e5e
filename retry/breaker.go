package retry

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"
)

// What zero fields of [BreakerOptions] mean.
const (
	defaultWindow   = 10 * time.Second
	defaultRequests = 20
	defaultFailures = 0.5
	defaultOpenFor  = 5 * time.Second
)

// BreakerOptions are the optional parts of [NewBreaker].
type BreakerOptions struct {
	// Window is how long an outcome is counted; it slides in tenths. 0 means 10 s.
	Window time.Duration
	// Requests is how many outcomes Window must hold before the breaker may open. 0
	// means 20; negative: one is enough; more than 32,768 are not asked for.
	Requests int
	// Failures is the share of failures that opens it, at most 1. 0 means 0.5.
	Failures float64
	// OpenFor is how long all is refused before a probe may pass, and how long a probe
	// may take before another one may pass in its stead. 0 means 5 s, and more than
	// 36 years are as many.
	OpenFor time.Duration

	// Failure tells which errors count as failures. The others count as successes:
	// what refuses a request is up. nil: all but those marked with [Permanent], and
	// under a [Policy] only those it retries, but all after a deadline, ctx's or its
	// attempt's. [Tx] adds what [TransientSQL] reports, and [NewTransport] has a rule
	// of its own. No failure is a conflict, as listed first at Tx: a database that
	// finds one is up.
	Failure func(error) bool
	// Observe is told of each change of state by the goroutine whose call brought it
	// about, after the act. Two changes at almost the same time may be told in either
	// order.
	Observe func(context.Context, BreakerChange)
}

// A Breaker refuses calls to what fails too often, for a while: a dependency that is
// down is not helped by more requests, nor are callers by waiting for it. It opens
// when a window of recent outcomes holds enough of them and too large a share of
// failures. After OpenFor it lets one probe through; its success closes the breaker,
// its failure opens it again. (Nygard, "Release It!", 2007.)
//
// A call that fails after its ctx was canceled says nothing about the dependency and is
// not counted, nor is one that panics. One that fails after ctx's deadline is a
// failure: that is how a dependency that hangs shows. Where clients choose deadlines,
// bound them from below, or have Failure tell: short ones open it for everybody.
//
// Use one breaker per dependency, or per host, and in one layer: what a probe calls is
// refused by the same breaker, which would never close again. Make one with
// [NewBreaker]; the zero Breaker refuses every call with an error that says so, a nil
// *Breaker refuses none. It is safe for concurrent use, takes no locks, and has no
// goroutine.
type Breaker struct {
	gate     atomic.Uint64 // what passes: see gate
	tally    tally
	requests int
	failures float64
	openFor  time.Duration
	failure  func(error) bool
	observe  func(context.Context, BreakerChange)
	made     time.Time
	err      error // of the options
}

// NewBreaker makes a closed breaker. nil options are the defaults. Options out of
// range (a negative Window, Failures or OpenFor, a Window below 10 ms, Failures above
// 1) make a breaker that refuses every call with an error that names them all;
// [Policy.Validate] finds it.
func NewBreaker(o *BreakerOptions) *Breaker {
	if o == nil {
		o = new(BreakerOptions)
	}
	b := &Breaker{
		requests: min(max(o.Requests, 1), 1<<15), // a bucket keeps as many
		failures: o.Failures,
		openFor:  min(o.OpenFor, 1<<60), // a gate has 62 bits for the time
		failure:  o.Failure,
		observe:  o.Observe,
		made:     time.Now(),
	}
	window := o.Window
	if window == 0 {
		window = defaultWindow
	}
	if o.Requests == 0 {
		b.requests = defaultRequests
	}
	if o.Failures == 0 {
		b.failures = defaultFailures
	}
	if o.OpenFor == 0 {
		b.openFor = defaultOpenFor
	}
	b.tally.width = window / buckets

	var faults []error
	if b.tally.width < time.Millisecond {
		faults = append(faults, fmt.Errorf("retry: BreakerOptions.Window: %v is too short", o.Window))
	}
	if !(b.failures > 0 && b.failures <= 1) { // not a number included
		faults = append(faults, fmt.Errorf("retry: BreakerOptions.Failures: %v is no share above 0 and up to 1", o.Failures))
	}
	if b.openFor < 0 {
		faults = append(faults, fmt.Errorf("retry: BreakerOptions.OpenFor: %v is negative", o.OpenFor))
	}
	if b.err = errors.Join(faults...); b.err == nil {
		b.gate.Store(uint64(closedSince(0)))
	}
	return b
}

// Do calls f, or refuses with [ErrBreakerOpen]. It returns f's error as it is.
func (b *Breaker) Do(ctx context.Context, f func(context.Context) error) error {
	if ctx.Err() != nil {
		return ended(ctx)
	}
	if err := b.fault(); err != nil {
		return err
	}
	pass, ok := b.allow()
	if !ok {
		return ErrBreakerOpen
	}
	err := f(ctx)
	if err != nil {
		b.settle(ctx, pass, err, !isPermanent(err))
		return err
	}
	b.succeed(ctx, pass)
	return nil
}

var errNotMade = errors.New("retry: Breaker not made by NewBreaker")

// fault returns what is wrong with the breaker itself.
func (b *Breaker) fault() error {
	if b == nil || b.gate.Load() != 0 {
		return nil
	}
	if b.err != nil {
		return b.err
	}
	return errNotMade
}

// now is the time since the breaker was made: a reading of the monotonic clock.
func (b *Breaker) now() time.Duration { return time.Since(b.made) }

// allow lets a call pass, or does not. A call that passes must settle or succeed.
func (b *Breaker) allow() (pass gate, ok bool) {
	if b == nil {
		return 0, true
	}
	if g := gate(b.gate.Load()); g.kind() == closed {
		return g, true
	}
	return b.probe()
}

// probe lets one call pass when it is time to see whether the dependency is back.
func (b *Breaker) probe() (pass gate, ok bool) {
	for {
		g := gate(b.gate.Load())
		if g.kind() == closed {
			return g, true
		}
		now := b.now()
		if now < g.time() {
			return 0, false
		}
		// The time of the probe before, if there was one, is over.
		if probe := halfOpenUntil(now + b.openFor); b.gate.CompareAndSwap(uint64(g), uint64(probe)) {
			return probe, true
		}
	}
}

// refusesFor reports whether calls will still be refused after wait.
func (b *Breaker) refusesFor(wait time.Duration) bool {
	if b == nil {
		return false
	}
	g := gate(b.gate.Load())
	return g.kind() == open && g.time()-b.now() > wait
}

// settle counts a call that passed and returned err. failed is what it is taken for
// where no option says otherwise.
func (b *Breaker) settle(ctx context.Context, pass gate, err error, failed bool) {
	switch {
	case b == nil:
	case errors.Is(ctx.Err(), context.Canceled):
		b.forget(pass)
	case b.failure != nil && b.failure(err), b.failure == nil && (failed || ctx.Err() != nil) && !conflict(err):
		b.fail(ctx, pass, err)
	default:
		b.succeed(ctx, pass)
	}
}

// succeed counts a success of a call that passed.
func (b *Breaker) succeed(ctx context.Context, pass gate) {
	switch {
	case b == nil || b.gate.Load() != uint64(pass):
		// It speaks of a time before the breaker opened, or a probe took too long.
	case pass.kind() == closed:
		b.tally.add(b.now(), 0)
	default:
		b.tally.reset()
		b.change(ctx, pass, closedSince(b.now()), nil)
	}
}

// fail counts a failure of a call that passed.
func (b *Breaker) fail(ctx context.Context, pass gate, err error) {
	if b.gate.Load() != uint64(pass) {
		return
	}
	now := b.now()
	if pass.kind() == closed {
		b.tally.add(now, 1)
		if total, failures := b.tally.sum(now); total < b.requests || float64(failures) < b.failures*float64(total) {
			return
		}
	}
	b.change(ctx, pass, openUntil(now+b.openFor), err)
}

// forget gives the place of a probe back.
func (b *Breaker) forget(pass gate) {
	if pass.kind() == halfOpen {
		b.gate.CompareAndSwap(uint64(pass), uint64(openUntil(b.now())))
	}
}

func (b *Breaker) change(ctx context.Context, from, to gate, err error) {
	if b.gate.CompareAndSwap(uint64(from), uint64(to)) && b.observe != nil {
		b.observe(ctx, BreakerChange{From: from.kind().state(), To: to.kind().state(), Err: err})
	}
}
