package members

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"unicode/utf8"
)

// The errors of this package, beside those of package rbac. All but [ErrNoTx],
// [ErrNoKey] and [ErrNoProof], which are faults of the program, have a method
// HTTPStatus() int with the status given here.
var (
	// ErrInvalidID (422): an organization or subject that is empty, longer than
	// 1,024 bytes, not UTF-8, or has a NUL.
	ErrInvalidID error = &refusal{"invalid id", http.StatusUnprocessableEntity}

	// ErrInvalidPage (422): a cursor that no listing returned, or a negative limit.
	ErrInvalidPage error = &refusal{"invalid page", http.StatusUnprocessableEntity}

	// ErrNotEmpty (409): the organization to be founded has members.
	ErrNotEmpty error = &refusal{"organization has members", http.StatusConflict}

	// ErrInvalidEmail (422): the address to be invited is malformed.
	ErrInvalidEmail error = &refusal{"invalid email", http.StatusUnprocessableEntity}

	// ErrInvitation (404): there is no such invitation for this person: unknown,
	// used, expired, revoked, void or sent to another address, which the error
	// does not tell apart.
	ErrInvitation error = &refusal{"no such invitation", http.StatusNotFound}

	// ErrTooManyInvitations (409): the organization has as many pending
	// invitations as [Options.MaxInvitations] allows.
	ErrTooManyInvitations error = &refusal{"too many pending invitations", http.StatusConflict}

	// ErrNoKey: the token of an invitation was needed and [Options.InvitationKeys]
	// lacks the key.
	ErrNoKey = errors.New("no key for invitations")

	// ErrNoProof: the zero [Proof] was given.
	ErrNoProof = errors.New("no proof of the address")

	// ErrNoTx: a change was asked of a value that is no transaction.
	ErrNoTx = errors.New("not a transaction")
)

// A refusal is a sentinel that knows its HTTP status.
type refusal struct {
	text   string
	status int
}

func (r *refusal) Error() string   { return r.text }
func (r *refusal) HTTPStatus() int { return r.status }

const maxID = 1024

func checkID(name, id string) error {
	switch {
	case id == "":
		return fmt.Errorf("%w: %s is empty", ErrInvalidID, name)
	case len(id) > maxID:
		return fmt.Errorf("%w: %s is longer than %d bytes", ErrInvalidID, name, maxID)
	case strings.IndexByte(id, 0) >= 0 || !utf8.ValidString(id):
		return fmt.Errorf("%w: %s is not text", ErrInvalidID, name)
	}
	return nil
}
