package ratelimit

import (
	"context"
	"fmt"
	"time"
)

// Wait is WaitN of one unit.
func (l *Limiter) Wait(ctx context.Context, key string) error { return l.WaitN(ctx, key, 1) }

// WaitN charges n units of key as soon as every window has them, and returns nil then.
//
// Those of this process who wait for one key are served in the order they came; other
// replicas, and callers of [Limiter.AllowN], may come between. Only the first of
// them asks the store, when its turn should have come by the pace of the tightest
// window: about once per waiter, however many there are. [Options.Observe] is told each
// time.
//
// The error is at once a [*LimitedError] if n is more than a window ever holds; at once
// one that matches [context.DeadlineExceeded] too if the turn comes after ctx's
// deadline by what is known; ctx.Err() when ctx ends, which gives the place to the next;
// or that of AllowN. Nothing was charged then, unless ctx ended while a remote store was
// charging.
func (l *Limiter) WaitN(ctx context.Context, key string, n int) error {
	if l.options.DryRun {
		_, err := l.AllowN(ctx, key, n)
		return err
	}
	if err := ctx.Err(); err != nil {
		return l.ended(err)
	}
	// Those who find nobody waiting try at once, and in parallel. What AllowN refuses
	// for good waits for nobody either.
	var refused *Decision
	if n <= 0 || !l.waiting.has(key) || !l.planOf(ctx, key).limits.hold(n) {
		d, err := l.AllowN(ctx, key, n)
		if err != nil || d.Allowed {
			return err
		}
		if d.RetryAfter == Never {
			return &LimitedError{Limiter: l.name, Decision: d}
		}
		refused = &d
	}
	t, late := l.waiting.join(ctx, key, n, refused)
	if late != nil {
		return l.late(*late)
	}
	var granted *Decision
	defer func() { l.waiting.leave(key, t, granted) }() // whatever a Store or an Observe does
	var err error
	granted, err = l.take(ctx, key, t)
	return err
}

// take waits until t is at the front, and then until the store grants what it asks for.
func (l *Limiter) take(ctx context.Context, key string, t *turn) (granted *Decision, err error) {
	select {
	case <-t.front:
	case <-ctx.Done():
		return nil, l.ended(ctx.Err())
	}
	for {
		if late := l.waiting.late(ctx, key, t); late != nil {
			return nil, l.late(*late)
		}
		if err := sleep(ctx, time.Until(t.at)); err != nil {
			return nil, l.ended(err)
		}
		d, err := l.AllowN(ctx, key, t.units)
		switch {
		case err != nil:
			return nil, err
		case d.Allowed:
			return &d, nil
		case d.RetryAfter == Never: // the limits have changed
			return nil, &LimitedError{Limiter: l.name, Decision: d}
		}
		l.waiting.again(key, t, d)
	}
}

func (l *Limiter) late(d Decision) error {
	return fmt.Errorf("%w; the deadline is earlier: %w", &LimitedError{Limiter: l.name, Decision: d}, context.DeadlineExceeded)
}

// hold reports whether n units can ever pass at once.
func (ls Limits) hold(n int) bool {
	for i := range ls {
		if n > ls[i].burst() {
			return false
		}
	}
	return true
}

func sleep(ctx context.Context, d time.Duration) error {
	if err := ctx.Err(); err != nil || d <= 0 {
		return err
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
