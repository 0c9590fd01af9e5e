package retry

import (
	"math/rand/v2"
	"time"
)

// Jitter spreads waits, so that callers who failed together do not return together.
// The names and the comparison of the kinds are those of "Exponential Backoff And
// Jitter", AWS Architecture Blog, 2015.
type Jitter int

// How a wait is drawn from its bound.
const (
	FullJitter  Jitter = iota // anything from 0 to the bound
	EqualJitter               // anything from half the bound to the bound
	NoJitter                  // the bound
)

// draw returns a wait of at most bound.
func (j Jitter) draw(bound time.Duration) time.Duration {
	switch {
	case bound <= 0:
		return 0
	case j == NoJitter:
		return bound
	case j == EqualJitter:
		half := bound / 2
		return half + spread(bound-half)
	}
	return spread(bound)
}

// spread returns anything from 0 to d.
func spread(d time.Duration) time.Duration {
	return time.Duration(rand.Uint64N(uint64(d) + 1)) //nolint:gosec // spreads load, guards nothing
}
