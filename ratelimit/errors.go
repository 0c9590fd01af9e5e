package ratelimit

import "net/http"

// The refusals that reach clients. Each has a method HTTPStatus() int that returns
// the status in parentheses. Functions of this package wrap them, so compare with
// [errors.Is].
var (
	// ErrLimited (429): the quota is exhausted.
	ErrLimited error = &refusal{"ratelimit: quota exhausted", http.StatusTooManyRequests}

	// ErrUnavailable (503): the store could not decide, and the limiter is
	// [FailClosed].
	ErrUnavailable error = &refusal{"ratelimit: store unavailable", http.StatusServiceUnavailable}
)

// A refusal is a sentinel that knows its HTTP status.
type refusal struct {
	text   string
	status int
}

func (r *refusal) Error() string   { return r.text }
func (r *refusal) HTTPStatus() int { return r.status }
