package members_test

import (
	"context"
	"errors"
	"maps"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/rowhouse-go/rowhouse/rbac"
	"github.com/rowhouse-go/rowhouse/rbac/members"
)

func testCreate(t *testing.T, e *engine) {
	org := e.found(t, nil)
	e.must(t, func(ctx context.Context, tx members.Querier) error { return e.store.Create(ctx, tx, org, "ada") })
	require.Equal(t, map[string]rbac.Role{"ada": rbac.Owner}, e.roles(t, org))
	for _, subject := range []string{"ada", "eve"} {
		err := e.run(t.Context(), func(ctx context.Context, tx members.Querier) error { return e.store.Create(ctx, tx, org, subject) })
		require.ErrorIs(t, err, members.ErrNotEmpty)
	}
	require.Equal(t, map[string]rbac.Role{"ada": rbac.Owner}, e.roles(t, org))

	e.must(t, func(ctx context.Context, tx members.Querier) error { return e.store.RemoveAll(ctx, tx, org, "ada") })
	require.Empty(t, e.roles(t, org))
	e.must(t, func(ctx context.Context, tx members.Querier) error { return e.store.Create(ctx, tx, org, "eve") })
	require.Equal(t, map[string]rbac.Role{"eve": rbac.Owner}, e.roles(t, org))
}

func testAdd(t *testing.T, e *engine) {
	start := map[string]rbac.Role{"ada": rbac.Owner, "bob": rbac.Admin, "cid": rbac.Member}
	for _, c := range []struct {
		actor, subject string
		role           rbac.Role
		want           error
	}{
		{"ada", "eve", rbac.Owner, nil},
		{"ada", "eve", rbac.Member, nil},
		{"bob", "eve", rbac.Admin, nil},
		{"bob", "eve", rbac.Owner, rbac.ErrEscalation},
		{"cid", "eve", rbac.Member, rbac.ErrForbidden},
		{"eve", "eve", rbac.Member, rbac.ErrNotMember},
		{"eve", "eva", rbac.Owner, rbac.ErrNotMember},
		{"bob", "cid", rbac.Member, rbac.ErrAlreadyMember},
		{"bob", "ada", rbac.Member, rbac.ErrAlreadyMember},
		{"bob", "bob", rbac.Member, rbac.ErrSelf},
		{"ada", "eve", "root", rbac.ErrUnknownRole},
		{"ada", "eve", "", rbac.ErrBadChange},
	} {
		org := e.found(t, start)
		err := e.run(t.Context(), func(ctx context.Context, tx members.Querier) error {
			return e.store.Add(ctx, tx, org, c.actor, c.subject, c.role)
		})
		want := maps.Clone(start)
		if c.want == nil {
			require.NoError(t, err, "%+v", c)
			want[c.subject] = c.role
		}
		require.ErrorIs(t, err, c.want, "%+v", c)
		require.Equal(t, want, e.roles(t, org), "%+v", c)
	}
}

func testChangeRole(t *testing.T, e *engine) {
	start := map[string]rbac.Role{"ada": rbac.Owner, "ann": rbac.Owner, "bob": rbac.Admin, "cid": rbac.Member}
	for _, c := range []struct {
		actor, subject string
		role           rbac.Role
		want           error
	}{
		{"ada", "cid", rbac.Admin, nil},
		{"ada", "bob", rbac.Owner, nil},
		{"ada", "ann", rbac.Member, nil},
		{"ada", "ada", rbac.Member, nil},
		{"ada", "cid", rbac.Member, nil}, // nothing changes
		{"bob", "cid", rbac.Member, rbac.ErrForbidden},
		{"bob", "bob", rbac.Owner, rbac.ErrForbidden},
		{"eve", "cid", rbac.Member, rbac.ErrNotMember},
		{"ada", "eve", rbac.Member, rbac.ErrNotMember},
		{"bob", "eve", rbac.Member, rbac.ErrForbidden}, // learns nothing about eve
		{"ada", "cid", "root", rbac.ErrUnknownRole},
		{"ada", "cid", "", rbac.ErrBadChange},
	} {
		org := e.found(t, start)
		err := e.run(t.Context(), func(ctx context.Context, tx members.Querier) error {
			return e.store.ChangeRole(ctx, tx, org, c.actor, c.subject, c.role)
		})
		want := maps.Clone(start)
		if c.want == nil {
			require.NoError(t, err, "%+v", c)
			want[c.subject] = c.role
		}
		require.ErrorIs(t, err, c.want, "%+v", c)
		require.Equal(t, want, e.roles(t, org), "%+v", c)
	}
	lone := e.found(t, map[string]rbac.Role{"ada": rbac.Owner, "bob": rbac.Admin})
	err := e.run(t.Context(), func(ctx context.Context, tx members.Querier) error {
		return e.store.ChangeRole(ctx, tx, lone, "ada", "ada", rbac.Admin)
	})
	require.ErrorIs(t, err, rbac.ErrLastOwner)
}

func testRemove(t *testing.T, e *engine) {
	start := map[string]rbac.Role{"ada": rbac.Owner, "bob": rbac.Admin, "ben": rbac.Admin, "cid": rbac.Member}
	for _, c := range []struct {
		actor, subject string
		want           error
	}{
		{"ada", "bob", nil},
		{"bob", "cid", nil},
		{"bob", "ben", nil},
		{"bob", "bob", nil}, // leaves
		{"cid", "cid", nil}, // leaves
		{"bob", "ada", rbac.ErrOutranked},
		{"cid", "bob", rbac.ErrForbidden},
		{"ada", "ada", rbac.ErrLastOwner},
		{"eve", "cid", rbac.ErrNotMember},
		{"eve", "eve", rbac.ErrNotMember},
		{"bob", "eve", rbac.ErrNotMember},
	} {
		org := e.found(t, start)
		err := e.run(t.Context(), func(ctx context.Context, tx members.Querier) error {
			return e.store.Remove(ctx, tx, org, c.actor, c.subject)
		})
		want := maps.Clone(start)
		if c.want == nil {
			require.NoError(t, err, "%+v", c)
			delete(want, c.subject)
		}
		require.ErrorIs(t, err, c.want, "%+v", c)
		require.Equal(t, want, e.roles(t, org), "%+v", c)
	}
}

func testTransfer(t *testing.T, e *engine) {
	start := map[string]rbac.Role{"ada": rbac.Owner, "bob": rbac.Admin, "cid": rbac.Member}
	for _, c := range []struct {
		actor, subject string
		then           rbac.Role
		want           error
	}{
		{"ada", "bob", rbac.Admin, nil},
		{"ada", "cid", rbac.Member, nil},
		{"ada", "bob", rbac.Owner, rbac.ErrBadChange},
		{"ada", "bob", "root", rbac.ErrUnknownRole},
		{"ada", "bob", "", rbac.ErrUnknownRole},
		{"ada", "ada", rbac.Admin, rbac.ErrSelf},
		{"ada", "eve", rbac.Admin, rbac.ErrNotMember},
		{"bob", "cid", rbac.Member, rbac.ErrForbidden},
		{"eve", "bob", rbac.Member, rbac.ErrNotMember},
	} {
		org := e.found(t, start)
		err := e.run(t.Context(), func(ctx context.Context, tx members.Querier) error {
			return e.store.Transfer(ctx, tx, org, c.actor, c.subject, c.then)
		})
		want := maps.Clone(start)
		if c.want == nil {
			require.NoError(t, err, "%+v", c)
			want[c.subject], want[c.actor] = rbac.Owner, c.then
		}
		require.ErrorIs(t, err, c.want, "%+v", c)
		require.Equal(t, want, e.roles(t, org), "%+v", c)
	}
}

func testRemoveAll(t *testing.T, e *engine) {
	start := map[string]rbac.Role{"ada": rbac.Owner, "ann": rbac.Owner, "bob": rbac.Admin, "cid": rbac.Member}
	for actor, want := range map[string]error{"ann": nil, "bob": rbac.ErrForbidden, "cid": rbac.ErrForbidden, "eve": rbac.ErrNotMember} {
		org, other := e.found(t, start), e.found(t, start)
		err := e.run(t.Context(), func(ctx context.Context, tx members.Querier) error { return e.store.RemoveAll(ctx, tx, org, actor) })
		require.ErrorIs(t, err, want)
		require.Equal(t, start, e.roles(t, other))
		if want == nil {
			require.NoError(t, err)
			require.Empty(t, e.roles(t, org))
		} else {
			require.Equal(t, start, e.roles(t, org))
		}
	}
	err := e.run(t.Context(), func(ctx context.Context, tx members.Querier) error {
		return e.store.RemoveAll(ctx, tx, "nowhere", "ada")
	})
	require.ErrorIs(t, err, rbac.ErrNotMember)
}

// Every pair of people and every role, through the store and through CheckChange
// with the facts written out by hand: the answers are the same.
func testJudgedAlike(t *testing.T, e *engine) {
	p := rbac.DefaultPolicy()
	for _, people := range []map[string]rbac.Role{
		{"1": rbac.Owner, "2": rbac.Admin, "3": rbac.Member, "4": ""},
		{"1": rbac.Owner, "2": rbac.Owner, "3": rbac.Admin, "4": "retired"},
	} {
		start := maps.Clone(people)
		maps.DeleteFunc(start, func(_ string, role rbac.Role) bool { return role == "" })
		org := e.found(t, start)
		for actor := range people {
			for target := range people {
				others := 0
				for id, role := range people {
					if role == rbac.Owner && id != target {
						others++
					}
				}
				for _, to := range []rbac.Role{rbac.Owner, rbac.Admin, rbac.Member, ""} {
					for _, path := range []rbac.Path{rbac.PathAdd, rbac.PathChangeRole, rbac.PathRemove} {
						if (path == rbac.PathRemove) != (to == "") {
							continue
						}
						c := rbac.Change{
							Actor: rbac.Person{ID: actor, Role: people[actor]}, Target: rbac.Person{ID: target, Role: people[target]},
							To: to, Via: path, OtherOwners: others,
						}
						if path == rbac.PathRemove && actor == target {
							c.Via = rbac.PathLeave
						}
						want, discard := p.CheckChange(c), errors.New("discard")
						got := e.run(t.Context(), func(ctx context.Context, tx members.Querier) error {
							var err error
							switch path {
							case rbac.PathAdd:
								err = e.store.Add(ctx, tx, org, actor, target, to)
							case rbac.PathChangeRole:
								err = e.store.ChangeRole(ctx, tx, org, actor, target, to)
							case rbac.PathRemove:
								err = e.store.Remove(ctx, tx, org, actor, target)
							}
							if err == nil {
								return discard
							}
							return err
						})
						if want == nil {
							require.ErrorIs(t, got, discard, "%+v", c)
						} else {
							require.ErrorContains(t, got, want.Error(), "%+v", c)
						}
					}
				}
			}
		}
		require.Equal(t, start, e.roles(t, org))
	}
}
