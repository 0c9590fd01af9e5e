package retry

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"
)

// Why retrying ended without success. An [*Error] matches one of them with
// [errors.Is], and the last error of f too. Each has a method HTTPStatus() int that
// returns 503.
var (
	// ErrExhausted: as many attempts as the policy has, and all of them failed.
	ErrExhausted error = &refusal{"retry: attempts exhausted"}
	// ErrBudget: the shared budget has no retry left.
	ErrBudget error = &refusal{"retry: budget spent"}
	// ErrDeadline: the next wait would outlast the context's deadline or
	// Policy.MaxElapsed, or is asked for with [After] and longer than Policy.Max.
	ErrDeadline error = &refusal{"retry: no time left"}
	// ErrBreakerOpen: the breaker refused the attempt.
	ErrBreakerOpen error = &refusal{"retry: breaker open"}
)

// A refusal is a sentinel that knows its HTTP status.
type refusal struct{ text string }

func (r *refusal) Error() string   { return r.text }
func (r *refusal) HTTPStatus() int { return http.StatusServiceUnavailable }

// An Error says how a call with retries failed. It matches, for [errors.Is] and
// [errors.As], both Reason and Last.
type Error struct {
	Attempts int           // how often f ran
	Elapsed  time.Duration // since the first failure
	Last     error         // what f returned last, marks included; nil if it never ran
	Reason   error         // one of the sentinels above, or the context's cause
}

// Error returns one line.
func (e *Error) Error() string {
	var b strings.Builder
	reason := e.Reason.Error()
	if !strings.HasPrefix(reason, "retry: ") {
		b.WriteString("retry: ")
	}
	b.WriteString(reason)
	switch {
	case e.Attempts == 1:
		b.WriteString(" after 1 attempt")
	case e.Attempts > 1:
		fmt.Fprintf(&b, " after %d attempts", e.Attempts)
	}
	if e.Last != nil {
		b.WriteString(": ")
		b.WriteString(e.Last.Error())
	}
	return strings.ReplaceAll(b.String(), "\n", "; ") // errors.Join writes lines
}

// Unwrap returns the reason and, if f ran, its last error.
func (e *Error) Unwrap() []error {
	if e.Last == nil {
		return []error{e.Reason}
	}
	return []error{e.Reason, e.Last}
}

// HTTPStatus returns 503: what f depends on has failed.
func (e *Error) HTTPStatus() int { return http.StatusServiceUnavailable }

// Timeout reports whether time ran out, here or in f, so that an error which holds
// this one, as [net/url.Error] does, can tell.
func (e *Error) Timeout() bool {
	if errors.Is(e.Reason, ErrDeadline) {
		return true
	}
	t, ok := errors.AsType[timeouter](errors.Join(e.Unwrap()...)) // e itself is one
	return ok && t.Timeout()
}

// ended returns why ctx is done. It matches the cause, and ctx.Err() where the cause
// is one of the application's own: who asks for context.Canceled finds it.
func ended(ctx context.Context) error {
	cause, err := context.Cause(ctx), ctx.Err()
	if errors.Is(cause, err) {
		return cause
	}
	return fmt.Errorf("%w: %w", err, cause)
}
