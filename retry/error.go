package retry

import (
	"errors"
	"fmt"
	"time"
)

// Why retrying ended without success. An [*Error] matches one of them with
// [errors.Is], and the last error of f too.
var (
	// ErrExhausted: as many attempts as the policy has, and all of them failed.
	ErrExhausted = errors.New("retry: attempts exhausted")
	// ErrBudget: the shared budget has no retry left.
	ErrBudget = errors.New("retry: budget spent")
	// ErrDeadline: the next wait would outlast the context's deadline or
	// Policy.MaxElapsed.
	ErrDeadline = errors.New("retry: no time left")
	// ErrBreakerOpen: the breaker refused the attempt.
	ErrBreakerOpen = errors.New("retry: breaker open")
)

// An Error says how a call with retries failed.
type Error struct {
	Attempts int           // how often f ran
	Elapsed  time.Duration // since the first failure
	Last     error         // what f returned last; nil if it never ran
	Reason   error         // one of the sentinels above, or the context's cause
}

func (e *Error) Error() string {
	return fmt.Sprintf("%v after %d attempts: %v", e.Reason, e.Attempts, e.Last)
}

// Unwrap returns the reason and the last error.
func (e *Error) Unwrap() []error { return []error{e.Reason, e.Last} }
