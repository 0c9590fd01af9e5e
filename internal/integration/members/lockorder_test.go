package members_test

import (
	"context"
	"database/sql"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rowhouse-go/rowhouse/rbac"
	"github.com/rowhouse-go/rowhouse/rbac/members"
)

// Each change locks the rows of people in the order of their names and an
// invitation after them, whatever the order in which the table keeps them: or two
// changes could wait for each other. What a change that waits for one row has
// locked already is seen from a third transaction.
func testLockOrder(t *testing.T, e *engine) {
	s := e.store
	// In the order of the table: a scan that is not sorted meets mia, zoe, ada, bob.
	people := []struct {
		subject string
		role    rbac.Role
	}{{"mia", rbac.Owner}, {"zoe", rbac.Owner}, {"ada", rbac.Owner}, {"bob", rbac.Admin}}
	for name, change := range map[string]func(ctx context.Context, tx members.Querier, o offer) error{
		"add": func(ctx context.Context, tx members.Querier, o offer) error {
			return s.Add(ctx, tx, o.org, "zoe", "new", rbac.Member)
		},
		"change role": func(ctx context.Context, tx members.Querier, o offer) error {
			return s.ChangeRole(ctx, tx, o.org, "zoe", "bob", rbac.Member)
		},
		"remove": func(ctx context.Context, tx members.Querier, o offer) error {
			return s.Remove(ctx, tx, o.org, "bob", "bob")
		},
		"transfer": func(ctx context.Context, tx members.Querier, o offer) error {
			return s.Transfer(ctx, tx, o.org, "zoe", "ada", rbac.Member)
		},
		"remove all": func(ctx context.Context, tx members.Querier, o offer) error {
			return s.RemoveAll(ctx, tx, o.org, "zoe")
		},
		"invite": func(ctx context.Context, tx members.Querier, o offer) error {
			_, err := s.Invite(ctx, tx, o.org, "bob", "eve@example.org", rbac.Member)
			return err
		},
		"revoke": func(ctx context.Context, tx members.Querier, o offer) error {
			return s.Revoke(ctx, tx, o.org, "bob", o.id)
		},
		"accept": func(ctx context.Context, tx members.Querier, o offer) error {
			return accept(s, o.org, o.token, "new", members.TokenAlone())(ctx, tx)
		},
	} {
		t.Run(name, func(t *testing.T) {
			found := func() offer {
				org := e.found(t, nil)
				_, err := e.db.ExecContext(t.Context(), "INSERT INTO rowhouse.member_organizations VALUES ($1)", org)
				require.NoError(t, err)
				for _, p := range people {
					_, err := e.db.ExecContext(t.Context(), "INSERT INTO rowhouse.members VALUES ($1, $2, $3, now())", org, p.subject, p.role)
					require.NoError(t, err)
				}
				i, token := e.invite(t, s, org, "bob", "eve@example.org", rbac.Member)
				return offer{org, i.ID, token}
			}
			// It waits for mia: those before her are locked, those after her are not.
			o := found()
			member := "SELECT 1 FROM rowhouse.members WHERE org = $1 AND subject = '%s' FOR UPDATE"
			invitation := "SELECT 1 FROM rowhouse.member_invitations WHERE org = $1 FOR UPDATE"
			e.blocked(t, o, fmt.Sprintf(member, "mia"), change, func(locked func(string) bool) {
				require.True(t, locked(fmt.Sprintf(member, "ada")))
				require.False(t, locked(fmt.Sprintf(member, "zoe")))
				require.False(t, locked(invitation))
			})
			switch name {
			case "invite", "revoke", "accept", "remove all":
				o = found()
				e.blocked(t, o, invitation, change, func(locked func(string) bool) {
					for _, subject := range []string{"ada", "mia", "zoe"} {
						require.True(t, locked(fmt.Sprintf(member, subject)), subject)
					}
				})
			}
		})
	}
}

// blocked holds the lock of a statement on o, starts the change, which has to wait
// for it, looks, and lets the change end.
func (e *engine) blocked(t *testing.T, o offer, hold string, change func(context.Context, members.Querier, offer) error, look func(locked func(string) bool)) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	holder, err := e.db.BeginTx(ctx, nil)
	require.NoError(t, err)
	defer holder.Rollback() // does nothing after the one below
	_, err = holder.ExecContext(ctx, hold, o.org)
	require.NoError(t, err)

	result := make(chan error, 1)
	go func() {
		result <- e.run(ctx, func(ctx context.Context, tx members.Querier) error {
			// An index might give the right order by chance.
			_, err := tx.ExecContext(ctx, "SELECT set_config('enable_indexscan', 'off', true), set_config('enable_bitmapscan', 'off', true), set_config('enable_indexonlyscan', 'off', true)")
			if err != nil {
				return err
			}
			return change(ctx, tx, o)
		})
	}()
	require.Eventually(t, func() bool {
		ok, err := e.waits(ctx)
		return err == nil && ok || len(result) > 0
	}, 20*time.Second, 2*time.Millisecond)
	require.Empty(t, result, "the change waits")
	look(func(lock string) bool {
		third, err := e.db.BeginTx(ctx, &sql.TxOptions{})
		require.NoError(t, err)
		defer third.Rollback()
		_, err = third.ExecContext(ctx, lock+" NOWAIT", o.org)
		if postgresCode(err) == "55P03" { // lock_not_available
			return true
		}
		require.NoError(t, err)
		return false
	})
	require.NoError(t, holder.Rollback())
	require.NoError(t, <-result)
}
