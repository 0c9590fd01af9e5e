package retry

import (
	"context"
	"time"
)

// A Policy says what is retried, how often and how patiently. The zero Policy and a
// nil *Policy are the defaults. It is safe for concurrent use as long as nobody
// changes it.
type Policy struct {
	// Attempts is how often f runs at most, the first time included. 0 means 3;
	// negative: as often as MaxElapsed and the context let it.
	Attempts int
	// Base is the longest wait before the first retry; it doubles with each. 0 means
	// 50 ms; negative: no waits.
	Base time.Duration
	// Max bounds each wait, also those that a server asks for. 0 means 20 s.
	Max time.Duration
	// Jitter spreads the waits. The zero value is [FullJitter].
	Jitter Jitter
	// MaxElapsed ends retrying this long after the call began. 0: no bound but the
	// context's.
	MaxElapsed time.Duration
	// AttemptTimeout bounds each run of f. 0: no bound but the context's.
	AttemptTimeout time.Duration

	// Retryable judges errors. nil: everything is retried but what [Permanent] marks
	// and the end of ctx.
	Retryable func(error) bool
	// Budget bounds the retries of all that share it. nil: no bound.
	Budget *Budget
	// Breaker refuses attempts while what it guards is down. nil: none.
	Breaker *Breaker
	// Observe is told of each failed attempt.
	Observe func(context.Context, Attempt)
}
