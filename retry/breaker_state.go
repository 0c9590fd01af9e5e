package retry

import "time"

// A BreakerState is "closed" (calls pass), "open" (they are refused) or "half-open"
// (one probe is out or would be let through).
type BreakerState string

// The states of a [Breaker].
const (
	BreakerClosed   BreakerState = "closed"
	BreakerOpen     BreakerState = "open"
	BreakerHalfOpen BreakerState = "half-open"
)

// A BreakerChange is what [BreakerOptions.Observe] is told.
type BreakerChange struct {
	From, To BreakerState
	Err      error // the failure that opened it, nil otherwise
}

// State returns the state now; for metrics and health pages. It may have changed when
// the caller looks at it: to be let through, call Do.
func (b *Breaker) State() BreakerState {
	if b == nil {
		return BreakerClosed
	}
	g := gate(b.gate.Load())
	if g.kind() == open && b.now() >= g.time() {
		return BreakerHalfOpen
	}
	return g.kind().state()
}

// A gate is the state of a breaker and the time that belongs to it, in one word that
// changes atomically: no two states with the same word, so a call that passed one
// can tell whether it is still there. Its zero value is no state.
type gate uint64

// A kind is the lower two bits of a gate.
type kind uint64

const (
	closed   kind = iota + 1 // since the time
	open                     // until the time
	halfOpen                 // a probe is out, and keeps its place until the time
)

func closedSince(t time.Duration) gate   { return gate(t<<2) | gate(closed) }
func openUntil(t time.Duration) gate     { return gate(t<<2) | gate(open) }
func halfOpenUntil(t time.Duration) gate { return gate(t<<2) | gate(halfOpen) }

func (g gate) kind() kind          { return kind(g & 3) }
func (g gate) time() time.Duration { return time.Duration(g >> 2) }

func (k kind) state() BreakerState {
	switch k {
	case closed:
		return BreakerClosed
	case open:
		return BreakerOpen
	}
	return BreakerHalfOpen
}
