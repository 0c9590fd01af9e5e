package members

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/rowhouse-go/rowhouse/rbac"
)

// An Invitation is a pending offer of a role to whoever reads an address.
type Invitation struct {
	ID        string // UUID of version 7, lower case; not secret
	Org       string
	Email     string // as it was given
	Role      rbac.Role
	Inviter   string    // subject
	CreatedAt time.Time // UTC, whole microseconds
	ExpiresAt time.Time // UTC, whole microseconds; not valid any more from then on
}

// FindInvitation returns the organization and the id of the pending invitation
// with the given token. It needs no tenant: in PostgreSQL a function of the
// migrations looks past row level security and gives these two ids only. The
// error is [ErrInvitation] or the database's.
func (s *Store) FindInvitation(ctx context.Context, q Querier, token string) (org, id string, err error) {
	err = sql.ErrNoRows
	if isToken(token) {
		err = q.QueryRowContext(ctx, s.sql.find, hash(token), s.stamp(s.moment())).Scan(&org, &id)
	}
	if errors.Is(err, sql.ErrNoRows) {
		err = ErrInvitation
	}
	if err != nil {
		return "", "", fmt.Errorf("members: find invitation: %w", err)
	}
	return org, id, nil
}

// Invitation returns a pending invitation of org. Whether the caller may see it is
// not asked here. The error is [ErrInvitation], also for an org or id that no row
// can have, or the database's.
func (s *Store) Invitation(ctx context.Context, q Querier, org, id string) (Invitation, error) {
	var i Invitation
	err := sql.ErrNoRows
	if checkID("org", org) == nil && isInvitationID(id) {
		i, err = scanInvitation(q.QueryRowContext(ctx, s.sql.invitation, org, id, s.stamp(s.moment())))
	}
	if errors.Is(err, sql.ErrNoRows) {
		err = ErrInvitation
	}
	if err != nil {
		return Invitation{}, fmt.Errorf("members: invitation: %w", err)
	}
	return i, nil
}

// Invitations is like [Store.List] for the pending invitations of org.
func (s *Store) Invitations(ctx context.Context, q Querier, org string, page Page) ([]Invitation, string, error) {
	list, next, err := s.invitations(ctx, q, org, page)
	if err != nil {
		return nil, "", fmt.Errorf("members: invitations: %w", err)
	}
	return list, next, nil
}

func (s *Store) invitations(ctx context.Context, q Querier, org string, page Page) ([]Invitation, string, error) {
	after, err := parseCursor(page.After)
	limit, limitErr := page.limit()
	if err := errors.Join(checkID("org", org), err, limitErr); err != nil {
		return nil, "", err
	}
	rows, err := q.QueryContext(ctx, s.sql.invitations, org, s.stamp(after.at), after.id, limit+1, s.stamp(s.moment()))
	if err != nil {
		return nil, "", err
	}
	defer rows.Close()
	var list []Invitation
	for rows.Next() {
		i, err := scanInvitation(rows)
		if err != nil {
			return nil, "", err
		}
		list = append(list, i)
	}
	if err := rows.Err(); err != nil || len(list) <= limit {
		return list, "", err
	}
	last := list[limit-1]
	return list[:limit], cursor{last.CreatedAt, last.ID}.String(), nil
}

func scanInvitation(row interface{ Scan(...any) error }) (Invitation, error) {
	var i Invitation
	err := row.Scan(&i.ID, &i.Org, &i.Email, &i.Role, &i.Inviter, (*stamp)(&i.CreatedAt), (*stamp)(&i.ExpiresAt))
	return i, err
}
