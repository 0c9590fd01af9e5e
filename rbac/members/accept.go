package members

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/rowhouse-go/rowhouse/rbac"
)

// A Proof says why the one who accepts an invitation is the one invited. There is
// no default: the zero Proof is refused. Make one with [VerifiedEmail] or
// [TokenAlone].
type Proof struct {
	by    proof
	email string
}

type proof int

const (
	byEmail proof = iota + 1
	byToken
)

// VerifiedEmail is the proof by an identity provider: email is an address of the
// accepting subject, and the provider vouches for it (email_verified is true). The
// provider must be an authority for that address; one that lets its users write
// any address proves nothing. Addresses compare by bytes, with A to Z and a to z
// alike.
func VerifiedEmail(email string) Proof { return Proof{byEmail, email} }

// TokenAlone is the proof by possession: the token was sent to the invited address
// only, so whoever has it reads that mailbox. Anybody to whom the message is
// forwarded can accept.
func TokenAlone() Proof { return Proof{by: byToken} }

// Accept makes subject a member of org with the role of the pending invitation
// that has the token, by [rbac.PathAccept], and uses the invitation up. It is
// judged again as a change by the inviter with the inviter's present role: one
// that the inviter could not make now is void, and valid again should the inviter
// get the rights back.
//
// [ErrInvitation] is the one answer to a token that is malformed or unknown or of
// another organization, to an invitation that is used up, expired, revoked,
// replaced or void, and to a proof for another address. A subject who is a member
// already gets [rbac.ErrAlreadyMember], and the invitation stays. [ErrNoProof] for
// the zero Proof.
func (s *Store) Accept(ctx context.Context, tx Querier, org, token, subject string, p Proof) (Invitation, error) {
	var i Invitation
	e := Event{Org: org, Change: rbac.Change{Target: rbac.Person{ID: subject}, Via: rbac.PathAccept}}
	var proofErr error
	if p.by == 0 {
		proofErr = ErrNoProof
	}
	err := s.act(ctx, tx, "accept", e, func(e *Event) error {
		if !isToken(token) {
			return ErrInvitation
		}
		var err error
		if i, err = s.open(ctx, tx, org, hash(token), &e.Change); err != nil {
			return err
		}
		at, c := s.moment(), e.Change
		if !at.Before(i.ExpiresAt) || p.by == byEmail && address(p.email) != address(i.Email) {
			return ErrInvitation
		}
		if c.Target.Role != "" {
			return fmt.Errorf("%w: target of %s", rbac.ErrAlreadyMember, c.Via)
		}
		if s.policy.CheckChange(c) != nil {
			return ErrInvitation // why is the inviter's affair
		}
		n, err := s.exec(ctx, tx, s.sql.add, s.addArgs(org, i.Inviter, subject, i.Role)...)
		if err == nil && n == 0 {
			err = rbac.ErrAlreadyMember // added by another transaction in the meantime
		}
		if err != nil {
			return err
		}
		return s.touch(ctx, tx, 1, s.sql.withdraw, org, i.ID)
	}, checkID("org", org), checkID("subject", subject), proofErr)
	if err != nil {
		return Invitation{}, err
	}
	return i, nil
}

// open locks the owners, the inviter, the subject and then the invitation, in the
// order in which the other changes lock, and completes c. Who the inviter is must
// be read before the lock; whether the invitation is still there, after it.
func (s *Store) open(ctx context.Context, tx Querier, org string, hash []byte, c *rbac.Change) (Invitation, error) {
	err := tx.QueryRowContext(ctx, s.sql.peek, org, hash).Scan(&c.Actor.ID)
	if err == nil {
		err = s.lock(ctx, tx, org, c)
	}
	var i Invitation
	if err == nil {
		i, err = scanInvitation(tx.QueryRowContext(ctx, s.sql.open, org, hash))
	}
	if errors.Is(err, sql.ErrNoRows) {
		err = ErrInvitation
	}
	c.To = i.Role
	return i, err
}
