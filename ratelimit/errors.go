package ratelimit

import (
	"fmt"
	"net/http"
)

// The refusals that reach clients. Each has a method HTTPStatus() int that returns
// the status in parentheses. Functions of this package wrap them, so compare with
// [errors.Is].
var (
	// ErrLimited (429): the quota is exhausted.
	ErrLimited error = &refusal{"ratelimit: quota exhausted", http.StatusTooManyRequests}

	// ErrUnavailable (503): the store could not decide, and the limiter is
	// [FailClosed]; or the store could not carry out [Limiter.Reset].
	ErrUnavailable error = &refusal{"ratelimit: store unavailable", http.StatusServiceUnavailable}

	// ErrBusy (503): as many are in flight as a [Concurrency] lets.
	ErrBusy error = &refusal{"ratelimit: too many in flight", http.StatusServiceUnavailable}
)

// A refusal is a sentinel that knows its HTTP status.
type refusal struct {
	text   string
	status int
}

func (r *refusal) Error() string   { return r.text }
func (r *refusal) HTTPStatus() int { return r.status }

// A KeyError says that a key is empty or longer than 1024 bytes. Nothing was
// charged, and the request must not pass: whoever can make a limiter fail would
// otherwise have no limit. It does not say the key, which may be a secret. The
// middlewares know such keys and never meet it.
type KeyError struct {
	Limiter string // the name given to New or NewConcurrency
	Length  int    // bytes
}

func (e *KeyError) Error() string {
	if e.Length == 0 {
		return fmt.Sprintf("ratelimit: %s: empty key", e.Limiter)
	}
	return fmt.Sprintf("ratelimit: %s: key of %d bytes, want at most %d", e.Limiter, e.Length, maxRawKey)
}

// HTTPStatus returns 400.
func (e *KeyError) HTTPStatus() int { return http.StatusBadRequest }

// isKey reports whether key is one that can be charged.
func isKey(key string) bool { return key != "" && len(key) <= maxRawKey }
