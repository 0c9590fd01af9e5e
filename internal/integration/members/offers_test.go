package members_test

import (
	"context"
	"fmt"
	"maps"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/rowhouse-go/rowhouse/rbac"
	"github.com/rowhouse-go/rowhouse/rbac/members"
)

// An offer is an organization with two owners, an admin bob and bob's invitation
// of eve.
type offer struct{ org, id, token string }

var offerers = map[string]rbac.Role{"ada": rbac.Owner, "ann": rbac.Owner, "bob": rbac.Admin}

func (e *engine) offer(t *testing.T) offer {
	t.Helper()
	org := e.found(t, offerers)
	i, token := e.invite(t, e.store, org, "bob", "eve@example.org", rbac.Admin)
	return offer{org, i.ID, token}
}

// As in testInterleavings the second act begins while the first holds its locks,
// and waits for it; here around an invitation.
func testOfferInterleavings(t *testing.T, e *engine) {
	s := e.store
	few := newStore(t, e.dialect, &members.Options{InvitationKeys: [][]byte{key(1)}, MaxInvitations: 2})
	type on func(ctx context.Context, tx members.Querier, o offer) error
	accepts := func(subject string) on {
		return func(ctx context.Context, tx members.Querier, o offer) error {
			return accept(s, o.org, o.token, subject, members.TokenAlone())(ctx, tx)
		}
	}
	invites := func(s *members.Store, actor, email string, role rbac.Role) on {
		return func(ctx context.Context, tx members.Querier, o offer) error {
			_, err := s.Invite(ctx, tx, o.org, actor, email, role)
			return err
		}
	}
	revokes := func(actor string) on {
		return func(ctx context.Context, tx members.Querier, o offer) error {
			return s.Revoke(ctx, tx, o.org, actor, o.id)
		}
	}
	change := func(actor, subject string, role rbac.Role) on {
		return func(ctx context.Context, tx members.Querier, o offer) error {
			return s.ChangeRole(ctx, tx, o.org, actor, subject, role)
		}
	}
	remove := func(actor, subject string) on {
		return func(ctx context.Context, tx members.Querier, o offer) error {
			return s.Remove(ctx, tx, o.org, actor, subject)
		}
	}
	adds := func(subject string) on {
		return func(ctx context.Context, tx members.Querier, o offer) error {
			return s.Add(ctx, tx, o.org, "ada", subject, rbac.Member)
		}
	}
	removeAll := func(ctx context.Context, tx members.Querier, o offer) error {
		return s.RemoveAll(ctx, tx, o.org, "ada")
	}
	nobody := map[string]rbac.Role{"ada": "", "ann": "", "bob": ""}
	for name, c := range map[string]struct {
		first, second on
		want          error                // of second, after first was committed
		after         map[string]rbac.Role // what differs from offerers then; "" is gone
		pending       int                  // invitations then
	}{
		"the inviter is demoted": {
			change("ada", "bob", rbac.Member), accepts("eve"),
			members.ErrInvitation,
			map[string]rbac.Role{"bob": rbac.Member},
			1,
		},
		"the inviter is removed": {
			remove("ada", "bob"), accepts("eve"),
			members.ErrInvitation,
			map[string]rbac.Role{"bob": ""},
			1,
		},
		"the inviter leaves": {
			remove("bob", "bob"), accepts("eve"),
			members.ErrInvitation,
			map[string]rbac.Role{"bob": ""},
			1,
		},
		"the inviter is removed too late": {
			accepts("eve"), remove("ada", "bob"),
			nil,
			map[string]rbac.Role{"bob": "", "eve": rbac.Admin},
			0,
		},
		"two accept one token": {
			accepts("eve"), accepts("zoe"),
			members.ErrInvitation,
			map[string]rbac.Role{"eve": rbac.Admin},
			0,
		},
		"one accepts twice": {
			accepts("eve"), accepts("eve"),
			members.ErrInvitation,
			map[string]rbac.Role{"eve": rbac.Admin},
			0,
		},
		"revoked before": {
			revokes("ada"), accepts("eve"),
			members.ErrInvitation,
			nil,
			0,
		},
		"revoked after": {
			accepts("eve"), revokes("ada"),
			members.ErrInvitation,
			map[string]rbac.Role{"eve": rbac.Admin},
			0,
		},
		"revoked twice": {
			revokes("ada"), revokes("ann"),
			members.ErrInvitation,
			nil,
			0,
		},
		"a demoted admin revokes nothing": {
			change("ada", "bob", rbac.Member), revokes("bob"),
			rbac.ErrForbidden,
			map[string]rbac.Role{"bob": rbac.Member},
			1,
		},
		"replaced before": {
			invites(s, "ann", "EVE@example.org", rbac.Owner), accepts("eve"),
			members.ErrInvitation,
			nil,
			1,
		},
		"replaced after": {
			accepts("eve"), invites(s, "ann", "eve@example.org", rbac.Member),
			nil,
			map[string]rbac.Role{"eve": rbac.Admin},
			1,
		},
		"replaced by two": {
			invites(s, "bob", "eve@example.org", rbac.Member), invites(s, "ada", "eve@example.org", rbac.Member),
			nil,
			nil,
			1,
		},
		"replaced from above": {
			invites(s, "ada", "eve@example.org", rbac.Owner), invites(s, "bob", "eve@example.org", rbac.Member),
			rbac.ErrEscalation,
			nil,
			1,
		},
		"one place left for two": {
			invites(few, "bob", "x@example.org", rbac.Member), invites(few, "ada", "y@example.org", rbac.Member),
			members.ErrTooManyInvitations,
			nil,
			2,
		},
		"a demoted owner invites no owner": {
			change("ada", "ann", rbac.Admin), invites(s, "ann", "x@example.org", rbac.Owner),
			rbac.ErrEscalation,
			map[string]rbac.Role{"ann": rbac.Admin},
			1,
		},
		"a demoted admin invites nobody": {
			change("ada", "bob", rbac.Member), invites(s, "bob", "x@example.org", rbac.Member),
			rbac.ErrForbidden,
			map[string]rbac.Role{"bob": rbac.Member},
			1,
		},
		"added before": {
			adds("eve"), accepts("eve"),
			rbac.ErrAlreadyMember,
			map[string]rbac.Role{"eve": rbac.Member},
			1,
		},
		"added after": {
			accepts("eve"), adds("eve"),
			rbac.ErrAlreadyMember,
			map[string]rbac.Role{"eve": rbac.Admin},
			0,
		},
		"all removed before the acceptance": {removeAll, accepts("eve"), members.ErrInvitation, nobody, 0},
		"all removed after the acceptance":  {accepts("eve"), removeAll, nil, nobody, 0},
		"all removed before the offer":      {removeAll, invites(s, "bob", "x@example.org", rbac.Member), rbac.ErrNotMember, nobody, 0},
		"all removed after the offer":       {invites(s, "bob", "x@example.org", rbac.Member), removeAll, nil, nobody, 0},
	} {
		t.Run(name, func(t *testing.T) {
			bind := func(do on, o offer) act {
				return func(ctx context.Context, tx members.Querier) error { return do(ctx, tx, o) }
			}
			o := e.offer(t)
			err := e.behind(t, bind(c.first, o), bind(c.second, o), true)
			if c.want == nil {
				require.NoError(t, err)
			}
			require.ErrorIs(t, err, c.want)
			want := maps.Clone(offerers)
			maps.Copy(want, c.after)
			maps.DeleteFunc(want, func(_ string, role rbac.Role) bool { return role == "" })
			require.Equal(t, want, e.roles(t, o.org))
			require.Equal(t, c.pending, e.stored(t, o.org))

			o = e.offer(t)
			require.NoError(t, e.behind(t, bind(c.first, o), bind(c.second, o), false), "after a rollback of the first")
		})
	}
}

// Many people follow one link at once, while the inviter is demoted and the
// invitation revoked: at most one of them gets in, and only with the invitation
// used up.
func testOfferStorm(t *testing.T, e *engine) {
	for range 15 {
		o := e.offer(t)
		acts := map[string]act{
			"demote": func(ctx context.Context, tx members.Querier) error {
				return e.store.ChangeRole(ctx, tx, o.org, "ada", "bob", rbac.Member)
			},
			"revoke": func(ctx context.Context, tx members.Querier) error {
				return e.store.Revoke(ctx, tx, o.org, "ann", o.id)
			},
		}
		for n := range 4 {
			acts[fmt.Sprint("visitor ", n)] = accept(e.store, o.org, o.token, fmt.Sprint("visitor ", n), members.TokenAlone())
		}
		start, errs := make(chan struct{}), make(map[string]error, len(acts))
		var mu sync.Mutex
		var all sync.WaitGroup
		for name, do := range acts {
			all.Go(func() {
				<-start
				err := e.run(t.Context(), do)
				mu.Lock()
				defer mu.Unlock()
				errs[name] = err
			})
		}
		close(start)
		all.Wait()
		used := 0
		for name, err := range errs {
			switch {
			case name == "demote":
				require.NoError(t, err)
			case err == nil:
				used++
			default:
				require.ErrorIs(t, err, members.ErrInvitation, name)
			}
		}
		require.Equal(t, 1, used, "accepted by one or revoked: %v", errs)
		require.Zero(t, e.stored(t, o.org))
		require.Len(t, e.roles(t, o.org), len(offerers)+map[bool]int{true: 0, false: 1}[errs["revoke"] == nil])
	}
}
