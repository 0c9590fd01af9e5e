package retry

import (
	"errors"
	"math"
	"time"
)

// delay returns how long to wait after the n-th failed attempt, which returned err.
// ok is false where err asks for a longer wait than Max.
func (p *Policy) delay(n int, err error) (wait time.Duration, ok bool) {
	wait = p.Jitter.draw(p.bound(n))
	asked, found := errors.AsType[*after](err)
	switch {
	case !found || asked.wait <= 0:
		return wait, true
	case asked.wait > p.max():
		return 0, false
	case p.Jitter == NoJitter:
		return asked.wait, true
	}
	// Whoever was told the same time would return at the same time.
	return saturated(asked.wait, wait), true
}

// bound returns the longest wait after the n-th failed attempt: Base, doubled n-1
// times, and at most Max.
func (p *Policy) bound(n int) time.Duration {
	base, limit := p.base(), p.max()
	if shift := n - 1; shift < 63 && base <= limit>>shift {
		return base << shift
	}
	if base == 0 {
		return 0
	}
	return limit
}

// saturated is a+b, or the longest duration there is. Neither is negative.
func saturated(a, b time.Duration) time.Duration {
	if a > math.MaxInt64-b {
		return math.MaxInt64
	}
	return a + b
}
