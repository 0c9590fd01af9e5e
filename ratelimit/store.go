package ratelimit

import (
	"context"
	"time"
)

// A Store counts. [Memory] is one; the module ratelimit/redisstore has another that
// replicas share. Implementations are safe for concurrent use.
type Store interface {
	// Take charges n units to the bucket of name and key in every window of limits,
	// or in none if one of them refuses. n = 0 charges nothing and reports; n is
	// never negative. name tells limiters that share a store apart: equal keys of
	// different names are different buckets.
	//
	// Limits may differ from call to call, as when a plan changes. What was used still
	// counts if only quotas and bursts are others; if there are other windows, it may
	// be forgotten.
	//
	// A refusal is no error: the error says that the store could not decide. Take
	// does not change limits, which are valid, and returns them in the Decision.
	Take(ctx context.Context, name, key string, limits Limits, n int) (Decision, error)
}

// A Resetter is a [Store] that can forget the bucket of a name and key, for every
// set of limits.
type Resetter interface {
	Reset(ctx context.Context, name, key string) error
}

// A Decision is what a limiter says of one request.
type Decision struct {
	Allowed bool

	// Limits are the windows the request was judged by. Read only.
	Limits Limits
	// Tightest is the index in Limits of the window that binds: of a refusal, the one
	// that refuses longest; otherwise, and among equals, the one with the smallest
	// share of its burst remaining, in whole units; then the first.
	Tightest int
	// Refused has bit i set if Limits[i] refuses. Zero if the request is allowed.
	Refused uint8

	// Remaining is how many units the tightest window has left.
	Remaining int
	// RetryAfter is how long to wait until the same request passes, if nobody else
	// takes units meanwhile: 0 if it is allowed, [Never] if it asks for more than a
	// window ever holds. A refusal doesn't prolong it.
	RetryAfter time.Duration
	// ResetAfter is how long until the tightest window has its whole burst again.
	ResetAfter time.Duration

	// Degraded: the store could not decide, and [Options.OnOutage] did.
	Degraded bool
}

// Never is the RetryAfter of a request that no waiting helps.
const Never time.Duration = 1<<63 - 1
