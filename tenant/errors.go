package tenant

import (
	"errors"
	"net/http"
)

// The refusals. Those with a status in parentheses have a method HTTPStatus() int
// that returns it. Functions of this package wrap them, so compare with
// [errors.Is]. No text holds a tenant's id as a client wrote it.
var (
	// ErrNoTenant (400): nothing says which tenant it is about.
	ErrNoTenant error = &refusal{"tenant: no tenant", http.StatusBadRequest}

	// ErrConflict (400): two sources, or two values of one, name different
	// tenants.
	ErrConflict error = &refusal{"tenant: conflicting tenants", http.StatusBadRequest}

	// ErrInvalidID (404): not an id of the form asked for. Clients get the status
	// of a tenant that does not exist.
	ErrInvalidID error = &refusal{"tenant: invalid id", http.StatusNotFound}

	// ErrNotMember (404): there is no such tenant, or the person has no part in
	// it; nobody is told which.
	ErrNotMember error = &refusal{"tenant: not a member", http.StatusNotFound}

	// ErrInvalidKey (400): [Key] was given no part or an empty one, or they are
	// too long.
	ErrInvalidKey error = &refusal{"tenant: invalid key", http.StatusBadRequest}
)

// The faults of a program, found before anything is done.
var (
	// ErrNoReason: a crossing or SQL without :tenant has to say why, and does not.
	ErrNoReason = errors.New("tenant: no reason given")

	// ErrUnscoped: a statement without :tenant, or with fewer than it names tenant
	// tables.
	ErrUnscoped = errors.New("tenant: unscoped statement")

	// ErrStatement: a statement that can't be read for sure, several in one text,
	// or arguments that do not fit it.
	ErrStatement = errors.New("tenant: refused statement")

	// ErrOtherTenant: the context of a call carries another tenant than its
	// transaction.
	ErrOtherTenant = errors.New("tenant: context of another tenant than the transaction")

	// ErrNoSubject: [DB.SubjectTx] was given no subject.
	ErrNoSubject = errors.New("tenant: no subject")
)

// A refusal is a sentinel that knows its HTTP status.
type refusal struct {
	text   string
	status int
}

func (r *refusal) Error() string   { return r.text }
func (r *refusal) HTTPStatus() int { return r.status }

// A LookupError says that the tenant of a request could not be found out: a
// [Resolver] or the [Membership] failed, or broke its contract. Nothing is known
// about the request's rights then, so it is neither allowed nor called forbidden.
type LookupError struct {
	Err error
}

func (e *LookupError) Error() string { return "tenant: look-up: " + e.Err.Error() }

// Unwrap returns the error of the look-up.
func (e *LookupError) Unwrap() error { return e.Err }

// HTTPStatus returns 503.
func (e *LookupError) HTTPStatus() int { return http.StatusServiceUnavailable }
