package members

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/rowhouse-go/rowhouse/rbac"
)

// A Membership is one person's place in one organization.
type Membership struct {
	Org       string
	Subject   string
	Role      rbac.Role
	CreatedAt time.Time // UTC, whole microseconds
}

// Role returns the role of subject in org as stored, or [rbac.ErrNotMember], also
// for an org or subject that no row can have. Its shape suits [rbac.Lookup].
func (s *Store) Role(ctx context.Context, q Querier, org, subject string) (rbac.Role, error) {
	var role rbac.Role
	err := errors.Join(checkID("org", org), checkID("subject", subject))
	if err == nil {
		err = q.QueryRowContext(ctx, s.sql.role, org, subject).Scan(&role)
	}
	if errors.Is(err, sql.ErrNoRows) || errors.Is(err, ErrInvalidID) {
		err = rbac.ErrNotMember
	}
	if err != nil {
		return "", fmt.Errorf("members: role: %w", err)
	}
	return role, nil
}

// List returns a page of the members of org, oldest first, and the cursor of the
// next page, empty after the last. Whether the caller may see them is not asked
// here. The errors are [ErrInvalidID], [ErrInvalidPage] and the database's.
func (s *Store) List(ctx context.Context, q Querier, org string, page Page) ([]Membership, string, error) {
	return s.page(ctx, q, "list", s.sql.list, org, page, func(m Membership) string { return m.Subject })
}

// ListFor is like [Store.List] for the memberships of one subject in all
// organizations.
func (s *Store) ListFor(ctx context.Context, q Querier, subject string, page Page) ([]Membership, string, error) {
	return s.page(ctx, q, "list for", s.sql.listFor, subject, page, func(m Membership) string { return m.Org })
}

func (s *Store) page(ctx context.Context, q Querier, act, text, id string, page Page, key func(Membership) string) ([]Membership, string, error) {
	after, err := parseCursor(page.After)
	limit, limitErr := page.limit()
	if err := errors.Join(checkID("id", id), err, limitErr); err != nil {
		return nil, "", fmt.Errorf("members: %s: %w", act, err)
	}
	list, err := s.scan(q.QueryContext(ctx, text, id, s.stamp(after.at), after.id, limit+1)) // one more tells whether a page follows
	if err != nil {
		return nil, "", fmt.Errorf("members: %s: %w", act, err)
	}
	if len(list) <= limit {
		return list, "", nil
	}
	last := list[limit-1]
	return list[:limit], cursor{last.CreatedAt, key(last)}.String(), nil
}

func (s *Store) scan(rows *sql.Rows, err error) ([]Membership, error) {
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var list []Membership
	for rows.Next() {
		var m Membership
		if err := rows.Scan(&m.Org, &m.Subject, &m.Role, (*stamp)(&m.CreatedAt)); err != nil {
			return nil, err
		}
		list = append(list, m)
	}
	return list, rows.Err()
}

// stamp returns t as the dialect stores it.
func (s *Store) stamp(t time.Time) any {
	if s.dialect == SQLite {
		return t.UnixMicro()
	}
	return t
}

// A stamp scans a stored time of either dialect.
type stamp time.Time

func (t *stamp) Scan(src any) error {
	switch v := src.(type) {
	case int64:
		*t = stamp(time.UnixMicro(v).UTC())
	case time.Time:
		*t = stamp(v.UTC())
	default:
		return fmt.Errorf("created_at is a %T", src)
	}
	return nil
}
