package retry

import "errors"

// A permanent error is not retried.
type permanent struct{ error }

func (p *permanent) Unwrap() error { return p.error }

// Permanent marks err as one that no retry helps. [Policy.Do] returns it, mark
// included, without asking Retryable; so do the layers of retries above it, if there
// are any. The mark has err's text, and [errors.Is] and [errors.As] look through it;
// it works anywhere in an error's tree. Permanent(nil) is nil.
func Permanent(err error) error {
	if err == nil {
		return nil
	}
	return &permanent{err}
}

func isPermanent(err error) bool {
	_, found := errors.AsType[*permanent](err)
	return found
}
