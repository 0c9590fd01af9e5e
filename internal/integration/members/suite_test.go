package members_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rowhouse-go/rowhouse/rbac"
	"github.com/rowhouse-go/rowhouse/rbac/members"
)

// suite is what the store promises on any database.
func suite(t *testing.T, e *engine) {
	for name, test := range map[string]func(*testing.T, *engine){
		"create":         testCreate,
		"add":            testAdd,
		"change role":    testChangeRole,
		"remove":         testRemove,
		"transfer":       testTransfer,
		"remove all":     testRemoveAll,
		"judged alike":   testJudgedAlike,
		"other tenants":  testOtherOrganizations,
		"ids":            testIDs,
		"lists":          testLists,
		"times":          testTimes,
		"refused writes": testRefusalWritesNothing,
		"rollback":       testRollback,
		"cancelled":      testCancelled,
		"events":         testEvents,
		"check":          testCheck,
		"schema":         testSchema,
		"interleavings":  testInterleavings,
		"storm":          testStorm,
		"two founders":   testTwoFounders,
		"everybody":      testEverybodyLeaves,
	} {
		t.Run(name, func(t *testing.T) { test(t, e) })
	}
}

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

// The owner of one organization is nobody in the other.
func testOtherOrganizations(t *testing.T, e *engine) {
	mine := e.found(t, map[string]rbac.Role{"ada": rbac.Owner, "bob": rbac.Member})
	theirs := map[string]rbac.Role{"eve": rbac.Owner, "bob": rbac.Admin}
	other := e.found(t, theirs)
	for name, do := range map[string]act{
		"add": func(ctx context.Context, tx members.Querier) error {
			return e.store.Add(ctx, tx, other, "ada", "ada", rbac.Owner)
		},
		"change": func(ctx context.Context, tx members.Querier) error {
			return e.store.ChangeRole(ctx, tx, other, "ada", "bob", rbac.Member)
		},
		"remove": func(ctx context.Context, tx members.Querier) error {
			return e.store.Remove(ctx, tx, other, "ada", "bob")
		},
		"transfer": func(ctx context.Context, tx members.Querier) error {
			return e.store.Transfer(ctx, tx, other, "ada", "bob", rbac.Admin)
		},
		"all": func(ctx context.Context, tx members.Querier) error { return e.store.RemoveAll(ctx, tx, other, "ada") },
	} {
		require.ErrorIs(t, e.run(t.Context(), do), rbac.ErrNotMember, name)
	}
	require.Equal(t, theirs, e.roles(t, other))
	for org, want := range map[string]rbac.Role{mine: rbac.Member, other: rbac.Admin} {
		role, err := e.store.Role(t.Context(), e.db, org, "bob")
		require.NoError(t, err)
		require.Equal(t, want, role)
	}
	_, err := e.store.Role(t.Context(), e.db, other, "ada")
	require.ErrorIs(t, err, rbac.ErrNotMember)
	require.EqualError(t, err, "members: role: rbac: not a member")
}

// Ids are opaque bytes of UTF-8: quotes, wildcards and case mean nothing.
func testIDs(t *testing.T, e *engine) {
	base := e.found(t, nil)
	ids := []string{
		"a", "A", "a ", " a", "á", "a\u0301", "%", "_", "'; DROP TABLE x; --", `"`, "\\", "\n", "0", "1e1", "1.0", "$1", "?1",
		"https://issuer.example/|auth0|5f7", strings.Repeat("x", 1024), "日本語", "\U0010ffff",
	}
	for i, id := range ids {
		org := base + id
		if len(org) > 1024 {
			org = id
		}
		e.must(t, func(ctx context.Context, tx members.Querier) error {
			return errors.Join(e.store.Create(ctx, tx, org, id), e.store.Add(ctx, tx, org, id, ids[(i+1)%len(ids)], rbac.Member))
		})
		require.Equal(t, map[string]rbac.Role{id: rbac.Owner, ids[(i+1)%len(ids)]: rbac.Member}, e.roles(t, org))
	}
	for _, id := range ids {
		list, _, err := e.store.ListFor(t.Context(), e.db, id, members.Page{Limit: 200})
		require.NoError(t, err)
		n := 0
		for _, m := range list {
			require.Equal(t, id, m.Subject)
			if strings.HasPrefix(m.Org, base) || len(m.Org) == 1024 {
				n++
			}
		}
		require.Equal(t, 2, n, "%q is in its own organization and in its neighbour's", id)
	}
}

func testLists(t *testing.T, e *engine) {
	org := e.found(t, nil)
	clock := time.Date(2026, 1, 2, 3, 4, 5, 678901234, time.FixedZone("", 3600))
	store := newStore(t, e.dialect, &members.Options{Now: func() time.Time { return clock }})
	var want []string
	for i := range 23 { // four a time, so that pages end inside a tie
		subject := fmt.Sprintf("s%02d", 22-i)
		e.must(t, func(ctx context.Context, tx members.Querier) error {
			if i == 0 {
				return store.Create(ctx, tx, org, subject)
			}
			return store.Add(ctx, tx, org, "s22", subject, rbac.Member)
		})
		want = append(want, fmt.Sprintf("%d %s", clock.UnixMicro(), subject))
		if i%4 == 3 {
			clock = clock.Add(time.Microsecond)
		}
	}
	slices.Sort(want)
	for _, limit := range []int{1, 2, 3, 5, 22, 23, 24, 0, 1000} {
		var got []string
		pages := 0
		for page := (members.Page{Limit: limit}); ; pages++ {
			list, next, err := store.List(t.Context(), e.db, org, page)
			require.NoError(t, err)
			for _, m := range list {
				require.Equal(t, time.UTC, m.CreatedAt.Location())
				got = append(got, fmt.Sprintf("%d %s", m.CreatedAt.UnixMicro(), m.Subject))
			}
			if next == "" {
				break
			}
			require.Len(t, list, limit)
			page.After = next
		}
		require.Equal(t, want, got, "limit %d", limit)
		if limit > 0 && limit < 23 {
			require.Equal(t, (len(want)-1)/limit, pages)
		} else {
			require.Zero(t, pages)
		}
	}

	// Somebody removed or added while a listing is paged through moves nobody else.
	first, next, err := store.List(t.Context(), e.db, org, members.Page{Limit: 10})
	require.NoError(t, err)
	e.must(t, func(ctx context.Context, tx members.Querier) error {
		return errors.Join(store.Remove(ctx, tx, org, "s22", first[9].Subject), store.Add(ctx, tx, org, "s22", "z-late", rbac.Member))
	})
	rest, next, err := store.List(t.Context(), e.db, org, members.Page{Limit: 200, After: next})
	require.NoError(t, err)
	require.Empty(t, next)
	require.Len(t, rest, 14)
	require.Equal(t, "z-late", rest[13].Subject)

	for _, page := range []members.Page{{Limit: -1}, {After: "!"}, {After: "AAAA"}, {After: "AAAAAAAAAAA"}, {After: strings.Repeat("A", 5000)}} {
		_, _, err := store.List(t.Context(), e.db, org, page)
		require.ErrorIs(t, err, members.ErrInvalidPage)
		_, _, err = store.ListFor(t.Context(), e.db, "s22", page)
		require.ErrorIs(t, err, members.ErrInvalidPage)
	}
	none, next, err := store.List(t.Context(), e.db, "nowhere", members.Page{})
	require.NoError(t, err)
	require.Empty(t, next)
	require.Empty(t, none)
}

// One person's organizations, in pages, with times cut to the microsecond.
func testTimes(t *testing.T, e *engine) {
	subject := "person of " + e.found(t, nil)
	at := time.Date(2026, 11, 1, 0, 0, 0, 999_999_999, time.UTC)
	store := newStore(t, e.dialect, &members.Options{Now: func() time.Time { return at }})
	var want []members.Membership
	for range 5 {
		org := e.found(t, nil)
		e.must(t, func(ctx context.Context, tx members.Querier) error {
			return store.Create(ctx, &tapped{tx, func(_ string, args []any) {
				if sent, ok := args[3].(time.Time); ok { // some drivers send more digits than the column keeps, which then rounds
					require.Zero(t, sent.Nanosecond()%1000)
				}
			}}, org, subject)
		})
		want = append(want, members.Membership{Org: org, Subject: subject, Role: rbac.Owner, CreatedAt: at.Truncate(time.Microsecond)})
		at = at.Add(time.Hour)
	}
	first, next, err := store.ListFor(t.Context(), e.db, subject, members.Page{Limit: 3})
	require.NoError(t, err)
	second, end, err := store.ListFor(t.Context(), e.db, subject, members.Page{Limit: 3, After: next})
	require.NoError(t, err)
	require.Empty(t, end)
	require.Equal(t, want, slices.Concat(first, second))
}

func testRefusalWritesNothing(t *testing.T, e *engine) {
	start := map[string]rbac.Role{"ada": rbac.Owner, "bob": rbac.Admin}
	org := e.found(t, start)
	// The caller goes on and commits after a refusal.
	e.must(t, func(ctx context.Context, tx members.Querier) error {
		for _, err := range []error{
			e.store.Add(ctx, tx, org, "bob", "eve", rbac.Owner),
			e.store.Add(ctx, tx, org, "bob", "ada", rbac.Member),
			e.store.Remove(ctx, tx, org, "ada", "ada"),
			e.store.Transfer(ctx, tx, org, "ada", "bob", "root"),
			e.store.RemoveAll(ctx, tx, org, "bob"),
			e.store.Create(ctx, tx, org, "eve"),
			e.store.ChangeRole(ctx, tx, org, "ada", "", rbac.Admin),
		} {
			require.Error(t, err)
		}
		return nil
	})
	require.Equal(t, start, e.roles(t, org))
}

// A change is part of the caller's transaction, and sees what came before in it.
func testRollback(t *testing.T, e *engine) {
	org, discard := e.found(t, nil), errors.New("the audit entry failed")
	err := e.run(t.Context(), func(ctx context.Context, tx members.Querier) error {
		require.NoError(t, e.store.Create(ctx, tx, org, "ada"))
		require.NoError(t, e.store.Add(ctx, tx, org, "ada", "bob", rbac.Admin))
		require.NoError(t, e.store.Add(ctx, tx, org, "bob", "cid", rbac.Member))
		require.NoError(t, e.store.Transfer(ctx, tx, org, "ada", "bob", rbac.Member))
		require.ErrorIs(t, e.store.Add(ctx, tx, org, "ada", "dan", rbac.Member), rbac.ErrForbidden)
		role, err := e.store.Role(ctx, tx, org, "bob")
		require.NoError(t, err)
		require.Equal(t, rbac.Owner, role)
		return discard
	})
	require.ErrorIs(t, err, discard)
	require.Empty(t, e.roles(t, org))
}

func testCancelled(t *testing.T, e *engine) {
	org := e.found(t, map[string]rbac.Role{"ada": rbac.Owner})
	tx, err := e.db.BeginTx(t.Context(), &sql.TxOptions{Isolation: e.level})
	require.NoError(t, err)
	defer tx.Rollback()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.ErrorIs(t, e.store.Add(ctx, tx, org, "ada", "bob", rbac.Member), context.Canceled)
	require.ErrorIs(t, e.store.RemoveAll(ctx, tx, org, "ada"), context.Canceled)
	_, err = e.store.Role(ctx, e.db, org, "ada")
	require.ErrorIs(t, err, context.Canceled)
	require.NotErrorIs(t, err, rbac.ErrNotMember, "an outage is not a stranger")
	_, _, err = e.store.List(ctx, e.db, org, members.Page{})
	require.ErrorIs(t, err, context.Canceled)
	require.ErrorIs(t, e.store.Check(ctx, e.db), context.Canceled)
}

func testEvents(t *testing.T, e *engine) {
	var got []members.Event
	store := newStore(t, e.dialect, &members.Options{Observe: func(_ context.Context, ev members.Event) { got = append(got, ev) }})
	org := e.found(t, nil)
	require.NoError(t, e.once(t.Context(), func(ctx context.Context, tx members.Querier) error {
		require.NoError(t, store.Create(ctx, tx, org, "ada"))
		require.NoError(t, store.Add(ctx, tx, org, "ada", "bob", rbac.Admin))
		require.ErrorIs(t, store.Remove(ctx, tx, org, "bob", "ada"), rbac.ErrOutranked)
		require.ErrorIs(t, store.Add(ctx, tx, org, "", "ada", rbac.Admin), members.ErrInvalidID)
		require.NoError(t, store.RemoveAll(ctx, tx, org, "ada"))
		return nil
	}))
	ada := rbac.Person{ID: "ada", Role: rbac.Owner}
	for i, want := range []struct {
		change rbac.Change
		err    error
	}{
		{rbac.Change{Target: rbac.Person{ID: "ada"}, To: rbac.Owner}, nil},
		{rbac.Change{Actor: ada, Target: rbac.Person{ID: "bob"}, To: rbac.Admin, Via: rbac.PathAdd, OtherOwners: 1}, nil},
		{rbac.Change{Actor: rbac.Person{ID: "bob", Role: rbac.Admin}, Target: ada, Via: rbac.PathRemove}, rbac.ErrOutranked},
		{rbac.Change{Target: rbac.Person{ID: "ada"}, To: rbac.Admin, Via: rbac.PathAdd}, members.ErrInvalidID},
		{rbac.Change{Actor: ada}, nil},
	} {
		require.Equal(t, org, got[i].Org)
		require.Equal(t, want.change, got[i].Change, i)
		require.ErrorIs(t, got[i].Err, want.err)
		require.Equal(t, want.err == nil, got[i].Err == nil)
		require.WithinDuration(t, time.Now(), got[i].Start, time.Minute)
		require.GreaterOrEqual(t, got[i].Duration, time.Duration(0))
	}
	require.Len(t, got, 5)
}

func testCheck(t *testing.T, e *engine) {
	require.NoError(t, e.store.Check(t.Context(), e.db))
	missing := newStore(t, e.dialect, &members.Options{Schema: "nobody_made_this"})
	err := missing.Check(t.Context(), e.db)
	require.ErrorContains(t, err, "members: check nobody_made_this")
}

// Another schema, or prefix, next to the default one.
func testSchema(t *testing.T, e *engine) {
	if e.level > sql.LevelReadCommitted {
		return // the tables are made once, at the first level
	}
	require.NoError(t, apply(t.Context(), e.db, e.dialect, "acme_2"))
	other := newStore(t, e.dialect, &members.Options{Schema: "acme_2"})
	require.NoError(t, other.Check(t.Context(), e.db))
	org := e.found(t, map[string]rbac.Role{"ada": rbac.Owner})
	require.NoError(t, e.once(t.Context(), func(ctx context.Context, tx members.Querier) error {
		return errors.Join(
			other.Create(ctx, tx, org, "eve"),
			other.Add(ctx, tx, org, "eve", "bob", rbac.Admin),
			other.ChangeRole(ctx, tx, org, "eve", "bob", rbac.Owner),
			other.Transfer(ctx, tx, org, "eve", "bob", rbac.Member),
			other.Remove(ctx, tx, org, "bob", "eve"),
		)
	}))
	require.Equal(t, map[string]rbac.Role{"ada": rbac.Owner}, e.roles(t, org))
	list, _, err := other.ListFor(t.Context(), e.db, "bob", members.Page{})
	require.NoError(t, err)
	require.Len(t, list, 1)
	e.must(t, func(ctx context.Context, tx members.Querier) error { return other.RemoveAll(ctx, tx, org, "bob") })
	_, err = other.Role(t.Context(), e.db, org, "bob")
	require.ErrorIs(t, err, rbac.ErrNotMember)
}
