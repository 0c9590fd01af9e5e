package rbac_test

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/rowhouse-go/rowhouse/rbac"
)

// A rule says what must never happen. The rules are written from the documented
// ones, over a small model of an organization, and know nothing of the code.
type rule struct {
	err    error
	broken func(tab table, c rbac.Change) bool
}

// rules stand in the order in which CheckChange promises to report them. A change
// is allowed exactly when it breaks none.
var rules = []rule{
	{rbac.ErrBadChange, func(tab table, c rbac.Change) bool {
		samePerson := c.Actor.ID == c.Target.ID
		gives := c.Via != rbac.PathRemove && c.Via != rbac.PathLeave
		return !slices.Contains(rbac.Paths(), c.Via) ||
			c.Actor.ID == "" || c.Target.ID == "" || c.OtherOwners < 0 ||
			samePerson && c.Actor.Role != c.Target.Role ||
			!samePerson && c.Via == rbac.PathLeave ||
			gives != (c.To != "") ||
			c.Via == rbac.PathTransfer && c.To != tab.owner
	}},
	{rbac.ErrUnknownRole, func(tab table, c rbac.Change) bool {
		return c.To != "" && !slices.Contains(tab.roles, c.To)
	}},
	{rbac.ErrNotMember, func(_ table, c rbac.Change) bool { return c.Actor.Role == "" }},
	{rbac.ErrForbidden, func(tab table, c rbac.Change) bool {
		need := tab.need(c.Via)
		return need != "" && !slices.Contains(tab.holds[c.Actor.Role], need)
	}},
	{rbac.ErrSelf, func(tab table, c rbac.Change) bool {
		if c.Actor.ID != c.Target.ID {
			return false
		}
		if c.Via != rbac.PathLeave && c.Via != rbac.PathChangeRole {
			return true
		}
		raised := tab.gains(c.Actor.Role, c.To) || c.To == tab.owner && c.Actor.Role != tab.owner
		return raised
	}},
	{rbac.ErrAlreadyMember, func(_ table, c rbac.Change) bool {
		return c.Target.Role != "" && slices.Contains([]rbac.Path{
			rbac.PathAdd, rbac.PathInvite, rbac.PathAccept, rbac.PathImport, rbac.PathAPIKey,
		}, c.Via)
	}},
	{rbac.ErrNotMember, func(_ table, c rbac.Change) bool {
		return c.Target.Role == "" && slices.Contains([]rbac.Path{
			rbac.PathChangeRole, rbac.PathRemove, rbac.PathTransfer, rbac.PathLeave,
		}, c.Via)
	}},
	{rbac.ErrOutranked, func(tab table, c rbac.Change) bool {
		if c.Actor.ID == c.Target.ID || c.Actor.Role == tab.owner || c.Target.Role == "" {
			return false
		}
		unknown := !slices.Contains(tab.roles, c.Target.Role)
		return c.Target.Role == tab.owner || unknown || tab.gains(c.Actor.Role, c.Target.Role)
	}},
	{rbac.ErrEscalation, func(tab table, c rbac.Change) bool {
		return c.To != "" && c.Actor.ID != c.Target.ID &&
			(tab.gains(c.Actor.Role, c.To) || c.To == tab.owner && c.Actor.Role != tab.owner)
	}},
	{rbac.ErrLastOwner, func(tab table, c rbac.Change) bool {
		owners := c.OtherOwners
		if c.Target.Role == tab.owner {
			owners++
		}
		before := owners
		if c.Target.Role == tab.owner && c.To != tab.owner {
			owners--
		}
		return before > 0 && owners == 0
	}},
}

// need is the permission a path needs, by the table in the documentation.
func (tab table) need(path rbac.Path) rbac.Permission {
	if perm, ok := tab.needs[path]; ok {
		return perm
	}
	return map[rbac.Path]rbac.Permission{
		"add": "member:add", "invite": "member:add", "accept": "member:add", "import": "member:add",
		"api-key": "api-key:create", "change-role": "member:change-role", "remove": "member:remove",
		"transfer": "organization:transfer",
	}[path]
}

// gains reports whether somebody who goes from one role to the other can do a
// thing that was not possible before.
func (tab table) gains(from, to rbac.Role) bool {
	return slices.ContainsFunc(tab.holds[to], func(p rbac.Permission) bool { return !slices.Contains(tab.holds[from], p) })
}

// Every combination of actor's role, target's role, role given, path, same or
// other person and number of other owners, on three policies: more than 100,000
// changes.
func TestCheckChangeIsTheRules(t *testing.T) {
	t.Parallel()
	for name, tab := range tables() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := tab.policy(t)
			roles := slices.Concat(tab.roles, []rbac.Role{"", "retired"})
			seen := map[error]int{}
			for c := range changes(roles) {
				want := verdict(tab, c)
				seen[want]++
				got := p.CheckChange(c)
				if want == nil && got != nil || !errors.Is(got, want) {
					t.Fatalf("%+v: got %v, want %v", c, got, want)
				}
			}
			for _, r := range rules {
				require.NotZero(t, seen[r.err], "no change breaks the rule of %v", r.err)
			}
			require.NotZero(t, seen[nil])
		})
	}
}

func verdict(tab table, c rbac.Change) error {
	for _, r := range rules {
		if r.broken(tab, c) {
			return r.err
		}
	}
	return nil
}

func changes(roles []rbac.Role) func(func(rbac.Change) bool) {
	paths := slices.Concat(rbac.Paths(), []rbac.Path{"", "scim", "Add"})
	return func(yield func(rbac.Change) bool) {
		for _, actor := range roles {
			for _, target := range roles {
				for _, to := range roles {
					for _, path := range paths {
						for _, ids := range [][2]string{{"a", "b"}, {"a", "a"}, {"", "b"}, {"a", ""}, {"", ""}} {
							for _, others := range []int{math.MinInt, -1, 0, 1, 2} {
								c := rbac.Change{
									Actor: rbac.Person{ID: ids[0], Role: actor}, Target: rbac.Person{ID: ids[1], Role: target},
									To: to, Via: path, OtherOwners: others,
								}
								if !yield(c) {
									return
								}
							}
						}
					}
				}
			}
		}
	}
}

// Whatever people who are not owners do together, in any order and over any path,
// none of them ends up with a permission that none of them had, and the owner
// stays the owner.
func TestConspiratorsGainNothing(t *testing.T) {
	t.Parallel()
	for name, tab := range tables() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := tab.policy(t)
			answers := map[attempt]bool{} // the walks meet the same attempts over and over
			allowed := func(a attempt) bool {
				answer, ok := answers[a]
				if !ok {
					c := rbac.Change{
						Actor: rbac.Person{ID: "a", Role: a.actor}, Target: rbac.Person{ID: "b", Role: a.target},
						To: a.to, Via: a.path, OtherOwners: 5,
					}
					if a.self {
						c.Target.ID = c.Actor.ID
					}
					answer = p.CheckChange(c) == nil
					answers[a] = answer
				}
				return answer
			}
			starts := slices.Concat(tab.roles[1:], []rbac.Role{""})
			for i, a := range starts {
				for _, b := range starts[i:] {
					conspire(t, tab, allowed, [3]rbac.Role{a, b, ""})
				}
			}
		})
	}
}

type attempt struct {
	actor, target, to rbac.Role
	path              rbac.Path
	self              bool
}

func conspire(t *testing.T, tab table, allowed func(attempt) bool, start [3]rbac.Role) {
	t.Helper()
	had := slices.Concat(tab.holds[start[0]], tab.holds[start[1]])
	seen := map[[3]rbac.Role]bool{start: true}
	for open := [][3]rbac.Role{start}; len(open) > 0; {
		state := open[0]
		open = open[1:]
		for actor := range state {
			for target := range len(state) + 1 { // the last one is the owner
				for _, to := range slices.Concat(tab.roles, []rbac.Role{""}) {
					for _, path := range rbac.Paths() {
						role := tab.owner
						if target < len(state) {
							role = state[target]
						}
						if !allowed(attempt{state[actor], role, to, path, actor == target}) {
							continue
						}
						if target == len(state) {
							t.Fatalf("%v: %d changes the owner by %s", state, actor, path)
						}
						next := state
						next[target] = to
						gained := slices.ContainsFunc(tab.holds[to], func(perm rbac.Permission) bool { return !slices.Contains(had, perm) })
						if gained || to == tab.owner {
							t.Fatalf("%v: %d makes %v by %s", state, actor, next, path)
						}
						if !seen[next] {
							seen[next] = true
							open = append(open, next)
						}
					}
				}
			}
		}
	}
}

// An organization in which people try everything, owners too, always has an owner.
func TestNoSequenceOrphans(t *testing.T) {
	t.Parallel()
	for name, tab := range tables() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := tab.policy(t)
			start := [3]rbac.Role{tab.owner, tab.owner, ""}
			seen := map[[3]rbac.Role]bool{start: true}
			for open := [][3]rbac.Role{start}; len(open) > 0; {
				state := open[0]
				open = open[1:]
				for actor := range state {
					for target := range state {
						for _, to := range slices.Concat(tab.roles, []rbac.Role{""}) {
							for _, path := range rbac.Paths() {
								c := rbac.Change{
									Actor:  rbac.Person{ID: fmt.Sprint(actor), Role: state[actor]},
									Target: rbac.Person{ID: fmt.Sprint(target), Role: state[target]}, To: to, Via: path,
								}
								for i, role := range state {
									if role == tab.owner && i != target {
										c.OtherOwners++
									}
								}
								if p.CheckChange(c) != nil {
									continue
								}
								next := state
								next[target] = to
								require.Contains(t, next[:], tab.owner, "%v by %+v", state, c)
								if !seen[next] {
									seen[next] = true
									open = append(open, next)
								}
							}
						}
					}
				}
			}
			require.Greater(t, len(seen), len(tab.roles), "the walk went somewhere")
		})
	}
}

// The two holes of role tables that look only at the actor's role.
func TestHolesOfPlainRoleTables(t *testing.T) {
	t.Parallel()
	p := rbac.DefaultPolicy()
	admin, owner := rbac.Person{ID: "admin", Role: rbac.Admin}, rbac.Person{ID: "owner", Role: rbac.Owner}
	for _, path := range []rbac.Path{rbac.PathAdd, rbac.PathInvite, rbac.PathAccept, rbac.PathImport, rbac.PathAPIKey} {
		require.ErrorIs(t, p.CheckChange(rbac.Change{Actor: admin, Target: rbac.Person{ID: "friend"}, To: rbac.Owner, Via: path, OtherOwners: 1}), rbac.ErrEscalation)
		require.NoError(t, p.CheckChange(rbac.Change{Actor: owner, Target: rbac.Person{ID: "friend"}, To: rbac.Owner, Via: path, OtherOwners: 1}))
	}
	require.ErrorIs(t, p.CheckChange(rbac.Change{Actor: admin, Target: owner, Via: rbac.PathRemove, OtherOwners: 1}), rbac.ErrOutranked)
	require.ErrorIs(t, p.CheckChange(rbac.Change{Actor: owner, Target: owner, Via: rbac.PathLeave}), rbac.ErrLastOwner)
	require.ErrorIs(t, p.CheckChange(rbac.Change{Actor: owner, Target: owner, To: rbac.Admin, Via: rbac.PathChangeRole}), rbac.ErrLastOwner)
}

func TestZeroChangeIsRefused(t *testing.T) {
	t.Parallel()
	require.ErrorIs(t, rbac.DefaultPolicy().CheckChange(rbac.Change{}), rbac.ErrBadChange)
}

func TestRefusalTextNamesNobody(t *testing.T) {
	t.Parallel()
	tab := tables()["own"]
	p := tab.policy(t)
	const secret = "ada@example.org"
	long := rbac.Role(strings.Repeat("long", 1000))
	for _, actor := range append(slices.Clone(tab.roles), "", long) {
		for _, target := range append(slices.Clone(tab.roles), "", long) {
			for _, to := range append(slices.Clone(tab.roles), "", long) {
				for _, path := range append(rbac.Paths(), rbac.Path(long)) {
					err := p.CheckChange(rbac.Change{
						Actor: rbac.Person{ID: secret, Role: actor}, Target: rbac.Person{ID: "x" + secret, Role: target}, To: to, Via: path,
					})
					if err != nil {
						require.NotContains(t, err.Error(), secret)
						require.Less(t, len(err.Error()), 250)
					}
				}
			}
		}
	}
}

func TestHTTPStatus(t *testing.T) {
	t.Parallel()
	for err, want := range map[error]int{
		rbac.ErrNotMember: 404, rbac.ErrAlreadyMember: 409, rbac.ErrForbidden: 403, rbac.ErrEscalation: 403,
		rbac.ErrOutranked: 403, rbac.ErrSelf: 403, rbac.ErrLastOwner: 409, rbac.ErrUnknownRole: 422,
		rbac.ErrBadChange: 422, &rbac.LookupError{Err: rbac.ErrForbidden}: 503,
	} {
		got, ok := errors.AsType[interface {
			error
			HTTPStatus() int
		}](fmt.Errorf("handler: %w", err))
		require.True(t, ok, err)
		require.Equal(t, want, got.HTTPStatus(), err)
	}
}
