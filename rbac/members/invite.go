package members

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"

	"github.com/rowhouse-go/rowhouse/rbac"
)

// Invite offers role in org to whoever reads the address email, by
// [rbac.PathInvite], and replaces the pending invitation of that address if there
// is one: its token is void then. The actor must be one who could have made the
// replaced invitation too, or an admin could take back what an owner offered.
//
// Whether the address belongs to a member already can't be known here; it comes
// out on acceptance. The token is not returned: see [Store.Token].
//
// Beside the refusals of [rbac.Policy.CheckChange]: [ErrInvalidEmail], [ErrNoKey],
// and [ErrTooManyInvitations] with [Options.MaxInvitations] of other addresses
// pending.
func (s *Store) Invite(ctx context.Context, tx Querier, org, actor, email string, role rbac.Role) (Invitation, error) {
	at := s.moment()
	i := Invitation{ID: newInvitationID(at), Org: org, Email: email, Role: role, Inviter: actor, CreatedAt: at, ExpiresAt: at.Add(s.expiry)}
	var keyErr error
	if len(s.keys) == 0 {
		keyErr = ErrNoKey
	}
	e := Event{Org: org, Change: s.offer(i, actor)}
	err := s.act(ctx, tx, "invite", e, func(e *Event) error {
		if err := s.lock(ctx, tx, org, &e.Change); err != nil {
			return err
		}
		if err := s.policy.CheckChange(e.Change); err != nil {
			return err
		}
		if _, err := s.exec(ctx, tx, s.sql.sweep, org, s.stamp(at)); err != nil {
			return err
		}
		var others int
		var replaced sql.Null[rbac.Role]
		if err := tx.QueryRowContext(ctx, s.sql.pending, org, address(email)).Scan(&others, &replaced); err != nil {
			return err
		}
		if replaced.Valid {
			if err := s.mayRevoke(e.Change, replaced.V); err != nil {
				return fmt.Errorf("replacing an invitation: %w", err)
			}
		}
		if others >= s.maxPending {
			return ErrTooManyInvitations
		}
		nonce := make([]byte, 16)
		rand.Read(nonce)
		return s.touch(ctx, tx, 1, s.sql.invite, org, i.ID, email, address(email), role, actor,
			s.stamp(i.CreatedAt), s.stamp(i.ExpiresAt), nonce, hash(s.keys[0](i.ID, nonce)))
	}, checkID("org", org), checkID("actor", actor), checkEmail(email), keyErr)
	if err != nil {
		return Invitation{}, err
	}
	return i, nil
}

// Revoke withdraws a pending invitation of org: its token is void then. Whoever may
// make such an invitation may revoke it; owners may revoke any. [ErrInvitation] if
// it is not pending.
func (s *Store) Revoke(ctx context.Context, tx Querier, org, actor, id string) error {
	if !isInvitationID(id) {
		id = "" // as text of a caller's it may be none that the database takes
	}
	e := Event{Org: org, Change: s.offer(Invitation{ID: id}, actor)}
	return s.act(ctx, tx, "revoke", e, func(e *Event) error {
		c := &e.Change
		if err := s.lock(ctx, tx, org, c); err != nil {
			return err
		}
		need, _ := s.policy.Needs(rbac.PathInvite)
		switch { // before the invitation is looked for: they learn nothing about it
		case c.Actor.Role == "":
			return fmt.Errorf("%w: actor of revoke", rbac.ErrNotMember)
		case !s.policy.Can(c.Actor.Role, need):
			return fmt.Errorf("%w: revoke needs %s, which %.64q lacks", rbac.ErrForbidden, need, c.Actor.Role)
		case id == "":
			return ErrInvitation
		}
		i, err := scanInvitation(tx.QueryRowContext(ctx, s.sql.invitation, org, id, s.stamp(s.moment())))
		if errors.Is(err, sql.ErrNoRows) {
			return ErrInvitation
		}
		if err != nil {
			return err
		}
		c.To = i.Role
		if err := s.mayRevoke(*c, i.Role); err != nil {
			return err
		}
		return s.touch(ctx, tx, 1, s.sql.withdraw, org, id)
	}, checkID("org", org), checkID("actor", actor))
}

// offer returns the change that an invitation offers. Nobody is changed by it yet,
// so the invitation's id stands for the target.
func (s *Store) offer(i Invitation, actor string) rbac.Change {
	return rbac.Change{Actor: rbac.Person{ID: actor}, Target: rbac.Person{ID: i.ID}, To: i.Role, Via: rbac.PathInvite}
}

// mayRevoke judges whether the actor of c could make an invitation to role. One to
// a role that the policy does not know any more is for owners to revoke.
func (s *Store) mayRevoke(c rbac.Change, role rbac.Role) error {
	c.To = role
	if _, err := s.policy.ParseRole(string(role)); err != nil {
		c.To = s.policy.Owner()
	}
	return s.policy.CheckChange(c)
}
