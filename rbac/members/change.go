package members

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/rowhouse-go/rowhouse/rbac"
)

// Create makes subject the first owner of org, in the transaction that creates
// the organization. No policy is asked: whoever may create an organization owns
// it. [ErrNotEmpty] if org has members, also when two transactions try at once and
// when the founder has left it to others since.
func (s *Store) Create(ctx context.Context, tx Querier, org, subject string) error {
	e := Event{Org: org, Change: rbac.Change{Target: rbac.Person{ID: subject}, To: s.policy.Owner()}}
	return s.act(ctx, tx, "create", e, func(*Event) error {
		n, err := s.exec(ctx, tx, s.sql.found, org)
		if err == nil && n == 0 {
			err = ErrNotEmpty
		}
		if err == nil {
			err = s.touch(ctx, tx, 1, s.sql.create, org, subject, s.policy.Owner(), s.stamp(s.moment()))
		}
		return err
	}, checkID("org", org), checkID("subject", subject))
}

// Add makes subject a member of org with the given role, by [rbac.PathAdd].
func (s *Store) Add(ctx context.Context, tx Querier, org, actor, subject string, role rbac.Role) error {
	return s.change(ctx, tx, "add", org, rbac.PathAdd, actor, subject, role, func() error {
		n, err := s.exec(ctx, tx, s.sql.add, s.addArgs(org, actor, subject, role)...)
		if err == nil && n == 0 {
			err = rbac.ErrAlreadyMember // added by another transaction in the meantime
		}
		return err
	})
}

// ChangeRole gives subject another role in org, by [rbac.PathChangeRole]. Giving
// the present role again is judged like any change and changes nothing.
func (s *Store) ChangeRole(ctx context.Context, tx Querier, org, actor, subject string, role rbac.Role) error {
	return s.change(ctx, tx, "change role", org, rbac.PathChangeRole, actor, subject, role, func() error {
		return s.touch(ctx, tx, 1, s.sql.changeRole, org, subject, role)
	})
}

// Remove ends the membership of subject in org, by [rbac.PathLeave] if actor is
// subject and by [rbac.PathRemove] otherwise.
func (s *Store) Remove(ctx context.Context, tx Querier, org, actor, subject string) error {
	via := rbac.PathRemove
	if actor == subject {
		via = rbac.PathLeave
	}
	return s.change(ctx, tx, "remove", org, via, actor, subject, "", func() error {
		return s.touch(ctx, tx, 1, s.sql.remove, org, subject)
	})
}

// Transfer makes subject, a member of org, its owner and gives actor, an owner
// until then, the role then, by [rbac.PathTransfer]. Then must be a role of the
// policy other than the owner role.
func (s *Store) Transfer(ctx context.Context, tx Querier, org, actor, subject string, then rbac.Role) error {
	return s.change(ctx, tx, "transfer", org, rbac.PathTransfer, actor, subject, s.policy.Owner(), func() error {
		if _, err := s.policy.ParseRole(string(then)); err != nil {
			return err
		}
		if then == s.policy.Owner() {
			return fmt.Errorf("%w: who hands over ownership keeps none", rbac.ErrBadChange)
		}
		return s.touch(ctx, tx, 2, s.sql.swap, org, actor, subject, then, s.policy.Owner())
	})
}

// RemoveAll ends all memberships and invitations in org, in the transaction that
// deletes the organization. The actor must be an owner: [rbac.ErrForbidden],
// [rbac.ErrNotMember].
func (s *Store) RemoveAll(ctx context.Context, tx Querier, org, actor string) error {
	e := Event{Org: org, Change: rbac.Change{Actor: rbac.Person{ID: actor}}}
	return s.act(ctx, tx, "remove all", e, func(e *Event) error {
		roles, err := s.locked(tx.QueryContext(ctx, s.sql.lockAll, org))
		if err != nil {
			return err
		}
		e.Change.Actor.Role = roles[actor]
		switch e.Change.Actor.Role {
		case s.policy.Owner():
			_, err = s.exec(ctx, tx, s.sql.removeAll, org)
			if err == nil {
				err = s.touch(ctx, tx, 1, s.sql.dissolve, org)
			}
			if err == nil {
				_, err = s.exec(ctx, tx, s.sql.withdrawAll, org)
			}
			return err
		case "":
			return rbac.ErrNotMember
		}
		return fmt.Errorf("%w: only an owner removes all", rbac.ErrForbidden)
	}, checkID("org", org), checkID("actor", actor))
}

// change locks, judges and writes one role change.
func (s *Store) change(ctx context.Context, tx Querier, name, org string, via rbac.Path, actor, subject string, to rbac.Role, write func() error) error {
	e := Event{Org: org, Change: rbac.Change{
		Actor: rbac.Person{ID: actor}, Target: rbac.Person{ID: subject}, To: to, Via: via,
	}}
	return s.act(ctx, tx, name, e, func(e *Event) error {
		if err := s.lock(ctx, tx, org, &e.Change); err != nil {
			return err
		}
		if err := s.policy.CheckChange(e.Change); err != nil {
			return err
		}
		return write()
	}, checkID("org", org), checkID("actor", actor), checkID("subject", subject))
}

// lock locks the rows of the owners and of the two people of c, and completes c
// with the roles it read.
func (s *Store) lock(ctx context.Context, tx Querier, org string, c *rbac.Change) error {
	roles, err := s.locked(tx.QueryContext(ctx, s.sql.lock, org, s.policy.Owner(), c.Actor.ID, c.Target.ID))
	if err != nil {
		return err
	}
	c.Actor.Role, c.Target.Role = roles[c.Actor.ID], roles[c.Target.ID]
	for id, role := range roles {
		if role == s.policy.Owner() && id != c.Target.ID {
			c.OtherOwners++
		}
	}
	return nil
}

// act runs do unless a fault was found before it, wraps the error and tells the
// observer.
func (s *Store) act(ctx context.Context, tx Querier, name string, e Event, do func(*Event) error, faults ...error) error {
	e.Start, e.Act = time.Now(), name
	if _, ok := tx.(interface {
		BeginTx(context.Context, *sql.TxOptions) (*sql.Tx, error)
	}); ok {
		faults = append(faults, fmt.Errorf("%w: %T", ErrNoTx, tx)) // what can begin one is none
	}
	err := errors.Join(faults...)
	if err == nil {
		err = do(&e)
	}
	if err != nil {
		err = fmt.Errorf("members: %s: %w", name, err)
	}
	if s.observe != nil {
		e.Duration, e.Err = time.Since(e.Start), err
		s.observe(ctx, e)
	}
	return err
}

// locked reads the roles that a lock statement returns, by subject.
func (s *Store) locked(rows *sql.Rows, err error) (map[string]rbac.Role, error) {
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	roles := make(map[string]rbac.Role)
	for rows.Next() {
		var subject string
		var role rbac.Role
		if err := rows.Scan(&subject, &role); err != nil {
			return nil, err
		}
		roles[subject] = role
	}
	return roles, rows.Err()
}

// exec runs a statement and returns the number of rows it wrote.
func (s *Store) exec(ctx context.Context, tx Querier, text string, args ...any) (int64, error) {
	res, err := tx.ExecContext(ctx, text, args...)
	if err != nil {
		return 0, err
	}
	return res.RowsAffected()
}

// touch runs a statement that must write exactly want rows. The lock has just
// seen them, so another number means that the lock did not hold.
func (s *Store) touch(ctx context.Context, tx Querier, want int64, text string, args ...any) error {
	n, err := s.exec(ctx, tx, text, args...)
	if err == nil && n != want {
		err = fmt.Errorf("%d rows written instead of %d", n, want)
	}
	return err
}

// moment returns the present time as it is stored.
func (s *Store) moment() time.Time { return s.now().UTC().Truncate(time.Microsecond) }

func (s *Store) addArgs(org, actor, subject string, role rbac.Role) []any {
	args := []any{org, subject, role, s.stamp(s.moment())}
	if s.dialect == Postgres {
		args = append(args, actor)
	}
	return args
}
