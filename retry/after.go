package retry

import "time"

// An after error says when to come back.
type after struct {
	error
	wait time.Duration
}

func (a *after) Unwrap() error { return a.error }

// After marks err as one to be retried no sooner than d from now, as a server asks
// with Retry-After. It does not make err retryable. The policy's jitter comes on top
// of d ([NoJitter]: nothing). Where d is longer than Policy.Max, the call ends at
// once with [ErrDeadline]: its own caller is better served by an answer. d ≤ 0 asks
// for nothing.
//
// The mark has err's text, and [errors.Is] and [errors.As] look through it; it works
// anywhere in an error's tree, and stays on what [Policy.Do] returns. After(d, nil)
// is nil.
func After(d time.Duration, err error) error {
	if err == nil {
		return nil
	}
	return &after{err, d}
}
