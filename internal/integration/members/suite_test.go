package members_test

import (
	"context"
	"database/sql"
	"errors"
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
		"late owner":     testLateOwner,
		"storm":          testStorm,
		"two founders":   testTwoFounders,
		"everybody":      testEverybodyLeaves,
		"invitation":     testInvitation,
		"invite":         testInvite,
		"limit":          testInvitationLimit,
		"reinvite":       testReinvite,
		"accept":         testAcceptRefusals,
		"revoke":         testRevoke,
		"all gone":       testRemoveAllInvitations,
		"pending":        testInvitationLists,
		"keys":           testKeyRotation,
		"offer events":   testInvitationEvents,
		"offers":         testOfferInterleavings,
		"offer storm":    testOfferStorm,
	} {
		t.Run(name, func(t *testing.T) { test(t, e) })
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
		role, err := e.store.Role(t.Context(), e.reader, org, "bob")
		require.NoError(t, err)
		require.Equal(t, want, role)
	}
	_, err := e.store.Role(t.Context(), e.reader, other, "ada")
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
		list, _, err := e.store.ListFor(t.Context(), e.reader, id, members.Page{Limit: 200})
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
	tx, err := e.app.BeginTx(t.Context(), &sql.TxOptions{Isolation: e.level})
	require.NoError(t, err)
	defer tx.Rollback()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.ErrorIs(t, e.store.Add(ctx, tx, org, "ada", "bob", rbac.Member), context.Canceled)
	require.ErrorIs(t, e.store.RemoveAll(ctx, tx, org, "ada"), context.Canceled)
	_, err = e.store.Role(ctx, e.reader, org, "ada")
	require.ErrorIs(t, err, context.Canceled)
	require.NotErrorIs(t, err, rbac.ErrNotMember, "an outage is not a stranger")
	_, _, err = e.store.List(ctx, e.reader, org, members.Page{})
	require.ErrorIs(t, err, context.Canceled)
	require.ErrorIs(t, e.store.Check(ctx, e.reader), context.Canceled)
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
	require.NoError(t, e.store.Check(t.Context(), e.reader))
	missing := newStore(t, e.dialect, &members.Options{Schema: "nobody_made_this"})
	err := missing.Check(t.Context(), e.reader)
	require.ErrorContains(t, err, "members: check nobody_made_this")
}

// Another schema, or prefix, next to the default one.
func testSchema(t *testing.T, e *engine) {
	if e.level > sql.LevelReadCommitted {
		return // the tables are made once, at the first level
	}
	require.NoError(t, e.prepare(t.Context(), "acme_2"))
	other := newStore(t, e.dialect, &members.Options{Schema: "acme_2"})
	require.NoError(t, other.Check(t.Context(), e.reader))
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
	list, _, err := other.ListFor(t.Context(), e.reader, "bob", members.Page{})
	require.NoError(t, err)
	require.Len(t, list, 1)
	e.must(t, func(ctx context.Context, tx members.Querier) error { return other.RemoveAll(ctx, tx, org, "bob") })
	_, err = other.Role(t.Context(), e.reader, org, "bob")
	require.ErrorIs(t, err, rbac.ErrNotMember)
}
