package ratelimit

import (
	"context"
	"fmt"
)

// outage decides after the store failed with cause. Of FallbackLocal and FailOpen it
// returns cause beside the decision.
func (l *Limiter) outage(ctx context.Context, key string, limits Limits, n int, cause error) (Decision, error) {
	// Whoever cancels a request must not pass by it where a limiter fails open, nor
	// count as an outage: an attacker could bring one about.
	if ctx.Err() != nil {
		return Decision{}, l.failed(ctx, cause)
	}
	switch l.options.OnOutage {
	case FallbackLocal:
		if l.local != nil {
			if d, err := l.local.Take(ctx, l.name, key, limits, n); err == nil {
				d.Degraded = true
				return d, cause
			}
		}
	case FailOpen:
		return Decision{Allowed: true, Degraded: true}, cause
	case FailClosed:
	}
	return Decision{}, l.failed(ctx, cause)
}

// failed wraps an error of the store.
func (l *Limiter) failed(ctx context.Context, cause error) error {
	if err := ctx.Err(); err != nil {
		return l.ended(err)
	}
	return fmt.Errorf("%w: %s: %w", ErrUnavailable, l.name, cause)
}

// ended wraps the error of the caller's context.
func (l *Limiter) ended(err error) error { return fmt.Errorf("ratelimit: %s: %w", l.name, err) }
