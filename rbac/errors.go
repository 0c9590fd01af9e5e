package rbac

import "net/http"

// The refusals. Each has a method HTTPStatus() int with the status given here.
// Functions of this package wrap them with the roles concerned, so compare with
// [errors.Is]; the text names no person.
var (
	// ErrNotMember (404): the person has no role in the organization. Strangers
	// get the status of an organization that does not exist.
	ErrNotMember error = &refusal{"rbac: not a member", http.StatusNotFound}

	// ErrAlreadyMember (409): the person has a role already.
	ErrAlreadyMember error = &refusal{"rbac: already a member", http.StatusConflict}

	// ErrForbidden (403): the role lacks the permission.
	ErrForbidden error = &refusal{"rbac: permission missing", http.StatusForbidden}

	// ErrEscalation (403): the role to be given exceeds the giver's.
	ErrEscalation error = &refusal{"rbac: role exceeds the giver's", http.StatusForbidden}

	// ErrOutranked (403): the target's role exceeds the actor's.
	ErrOutranked error = &refusal{"rbac: target outranks the actor", http.StatusForbidden}

	// ErrSelf (403): not a change to make to oneself.
	ErrSelf error = &refusal{"rbac: not allowed on oneself", http.StatusForbidden}

	// ErrLastOwner (409): the organization would be left without an owner.
	ErrLastOwner error = &refusal{"rbac: last owner stays", http.StatusConflict}

	// ErrUnknownRole (422): the policy has no such role.
	ErrUnknownRole error = &refusal{"rbac: unknown role", http.StatusUnprocessableEntity}

	// ErrBadChange (422): the change contradicts itself.
	ErrBadChange error = &refusal{"rbac: malformed change", http.StatusUnprocessableEntity}
)

// A refusal is a sentinel that knows its HTTP status.
type refusal struct {
	text   string
	status int
}

func (r *refusal) Error() string   { return r.text }
func (r *refusal) HTTPStatus() int { return r.status }

// A LookupError says that a role could not be found out: the [Lookup] failed, or
// returned a role the policy does not know. Nothing is known about the request's
// rights then, so it is neither allowed nor called forbidden.
type LookupError struct {
	Err error
}

func (e *LookupError) Error() string { return "rbac: role lookup: " + e.Err.Error() }

// Unwrap returns the error of the lookup.
func (e *LookupError) Unwrap() error { return e.Err }

// HTTPStatus returns 503.
func (e *LookupError) HTTPStatus() int { return http.StatusServiceUnavailable }
