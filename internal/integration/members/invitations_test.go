package members_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rowhouse-go/rowhouse/rbac"
	"github.com/rowhouse-go/rowhouse/rbac/members"
)

// key is a secret of 32 bytes.
func key(fill byte) []byte { return bytes.Repeat([]byte{fill}, 32) }

// invite makes an invitation and returns it with its token.
func (e *engine) invite(t *testing.T, s *members.Store, org, actor, email string, role rbac.Role) (members.Invitation, string) {
	t.Helper()
	var i members.Invitation
	e.must(t, func(ctx context.Context, tx members.Querier) (err error) {
		i, err = s.Invite(ctx, tx, org, actor, email, role)
		return err
	})
	token, err := s.Token(t.Context(), e.reader, org, i.ID)
	require.NoError(t, err)
	return i, token
}

func accept(s *members.Store, org, token, subject string, p members.Proof) act {
	return func(ctx context.Context, tx members.Querier) error {
		_, err := s.Accept(ctx, tx, org, token, subject, p)
		return err
	}
}

// From the offer to the membership, in the steps of an application.
func testInvitation(t *testing.T, e *engine) {
	at := time.Date(2026, 11, 1, 0, 0, 0, 999_999_999, time.UTC)
	s := newStore(t, e.dialect, &members.Options{InvitationKeys: [][]byte{key(1)}, Now: func() time.Time { return at }})
	start := map[string]rbac.Role{"ada": rbac.Owner, "bob": rbac.Admin}
	org := e.found(t, start)
	i, token := e.invite(t, s, org, "bob", "Eve@Example.org", rbac.Member)
	require.Regexp(t, `^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`, i.ID)
	created := at.Truncate(time.Microsecond)
	require.Equal(t, members.Invitation{
		ID: i.ID, Org: org, Email: "Eve@Example.org", Role: rbac.Member, Inviter: "bob",
		CreatedAt: created, ExpiresAt: created.Add(7 * 24 * time.Hour),
	}, i)
	require.Len(t, token, 43)
	require.Equal(t, start, e.roles(t, org), "nobody is changed by an offer")

	foundOrg, id, err := s.FindInvitation(t.Context(), e.reader, token)
	require.NoError(t, err)
	require.Equal(t, []string{org, i.ID}, []string{foundOrg, id})
	stored, err := s.Invitation(t.Context(), e.reader, org, id)
	require.NoError(t, err)
	require.Equal(t, i, stored)
	list, next, err := s.Invitations(t.Context(), e.reader, org, members.Page{})
	require.NoError(t, err)
	require.Empty(t, next)
	require.Equal(t, []members.Invitation{i}, list)

	e.must(t, func(ctx context.Context, tx members.Querier) error {
		got, err := s.Accept(ctx, tx, org, token, "eve", members.VerifiedEmail("eve@example.ORG"))
		require.Equal(t, i, got)
		return err
	})
	require.Equal(t, map[string]rbac.Role{"ada": rbac.Owner, "bob": rbac.Admin, "eve": rbac.Member}, e.roles(t, org))
	list, _, err = s.Invitations(t.Context(), e.reader, org, members.Page{})
	require.NoError(t, err)
	require.Empty(t, list)
	_, _, err = s.FindInvitation(t.Context(), e.reader, token)
	require.ErrorIs(t, err, members.ErrInvitation)
	_, err = s.Invitation(t.Context(), e.reader, org, id)
	require.ErrorIs(t, err, members.ErrInvitation)
	_, err = s.Token(t.Context(), e.reader, org, id)
	require.ErrorIs(t, err, members.ErrInvitation)
	require.Zero(t, e.stored(t, org))
}

// stored returns the number of rows that are invitations of org, expired or not.
func (e *engine) stored(t *testing.T, org string) (n int) {
	t.Helper()
	text := fmt.Sprintf("SELECT count(*) FROM %s WHERE org = '%s'", e.store.Tables()[2], org)
	require.NoError(t, e.db.QueryRowContext(t.Context(), text).Scan(&n))
	return n
}

// Who may invite whom as what. A refused offer is not stored.
func testInvite(t *testing.T, e *engine) {
	start := map[string]rbac.Role{"ada": rbac.Owner, "bob": rbac.Admin, "cid": rbac.Member, "old": "retired"}
	for _, c := range []struct {
		actor, email string
		role         rbac.Role
		want         error
	}{
		{"ada", "eve@example.org", rbac.Owner, nil},
		{"ada", "eve@example.org", rbac.Member, nil},
		{"bob", "eve@example.org", rbac.Admin, nil},
		{"bob", "eve@example.org", rbac.Owner, rbac.ErrEscalation},
		{"cid", "eve@example.org", rbac.Member, rbac.ErrForbidden},
		{"old", "eve@example.org", rbac.Member, rbac.ErrForbidden},
		{"eve", "eve@example.org", rbac.Owner, rbac.ErrNotMember},
		{"ada", "eve@example.org", "retired", rbac.ErrUnknownRole},
		{"ada", "eve@example.org", "", rbac.ErrBadChange},
		{"ada", "eve", rbac.Member, members.ErrInvalidEmail},
		{"ada", strings.Repeat("e", 64) + "@" + strings.Repeat("d", 189), rbac.Member, nil},
		{"ada", "\u00e9ve@ex\u00e4mple.org", rbac.Member, nil},
	} {
		org := e.found(t, start)
		err := e.run(t.Context(), func(ctx context.Context, tx members.Querier) error {
			_, err := e.store.Invite(ctx, tx, org, c.actor, c.email, c.role)
			return err
		})
		if c.want == nil {
			require.NoError(t, err, "%+v", c)
			require.Equal(t, 1, e.stored(t, org))
		} else {
			require.ErrorIs(t, err, c.want, "%+v", c)
			require.Zero(t, e.stored(t, org))
		}
		require.Equal(t, start, e.roles(t, org))
	}
	org := e.found(t, start)
	keyless := newStore(t, e.dialect, &members.Options{})
	err := e.run(t.Context(), func(ctx context.Context, tx members.Querier) error {
		_, err := keyless.Invite(ctx, tx, org, "ada", "eve@example.org", rbac.Member)
		return err
	})
	require.ErrorIs(t, err, members.ErrNoKey)
}

// The offers to other addresses are counted as long as they are pending.
func testInvitationLimit(t *testing.T, e *engine) {
	at := time.Now()
	s := newStore(t, e.dialect, &members.Options{InvitationKeys: [][]byte{key(1)}, MaxInvitations: 2, Now: func() time.Time { return at }})
	org := e.found(t, map[string]rbac.Role{"ada": rbac.Owner})
	third := func(ctx context.Context, tx members.Querier) error {
		_, err := s.Invite(ctx, tx, org, "ada", "3@example.org", rbac.Member)
		return err
	}
	e.invite(t, s, org, "ada", "1@example.org", rbac.Member)
	second, _ := e.invite(t, s, org, "ada", "2@example.org", rbac.Member)
	require.ErrorIs(t, e.run(t.Context(), third), members.ErrTooManyInvitations)
	e.invite(t, s, org, "ada", "1@EXAMPLE.org", rbac.Member) // replaces
	at = second.ExpiresAt.Add(-time.Microsecond)
	require.ErrorIs(t, e.run(t.Context(), third), members.ErrTooManyInvitations)
	at = second.ExpiresAt
	e.must(t, third)
	require.Equal(t, 1, e.stored(t, org), "what has expired is swept")

	unbounded := newStore(t, e.dialect, &members.Options{InvitationKeys: [][]byte{key(1)}, MaxInvitations: -1, Now: func() time.Time { return at }})
	for _, name := range "abcd" {
		e.invite(t, unbounded, org, "ada", string(name)+"@example.org", rbac.Member)
	}
	require.Equal(t, 5, e.stored(t, org))
}

// One pending offer for an address: the newest. Nobody replaces an offer that is
// above him.
func testReinvite(t *testing.T, e *engine) {
	s := e.store
	org := e.found(t, map[string]rbac.Role{"ada": rbac.Owner, "bob": rbac.Admin})
	_, first := e.invite(t, s, org, "bob", "eve@example.org", rbac.Member)
	_, again := e.invite(t, s, org, "bob", "EVE@example.org", rbac.Member)
	require.NotEqual(t, first, again)
	require.ErrorIs(t, e.run(t.Context(), accept(s, org, first, "eve", members.TokenAlone())), members.ErrInvitation)
	_, owners := e.invite(t, s, org, "ada", "eve@example.org", rbac.Owner)
	for _, role := range []rbac.Role{rbac.Member, rbac.Owner} {
		err := e.run(t.Context(), func(ctx context.Context, tx members.Querier) error {
			_, err := s.Invite(ctx, tx, org, "bob", "eve@example.org", role)
			return err
		})
		require.ErrorIs(t, err, rbac.ErrEscalation, role)
	}
	require.Equal(t, 1, e.stored(t, org))

	// Folding more than ASCII would make one of these two.
	e.invite(t, s, org, "bob", "ev\u212a@example.org", rbac.Member) // the Kelvin sign
	e.invite(t, s, org, "bob", "evk@example.org", rbac.Member)
	require.Equal(t, 3, e.stored(t, org))

	e.must(t, accept(s, org, owners, "eve", members.VerifiedEmail("Eve@Example.org")))
	require.Equal(t, map[string]rbac.Role{"ada": rbac.Owner, "bob": rbac.Admin, "eve": rbac.Owner}, e.roles(t, org))
}

// Whatever is wrong with an invitation, the answer is one and the same, nobody
// becomes a member and the invitation stays as it is.
func testAcceptRefusals(t *testing.T, e *engine) {
	at := time.Now()
	s := newStore(t, e.dialect, &members.Options{InvitationKeys: [][]byte{key(1)}, Now: func() time.Time { return at }})
	org, other := e.found(t, map[string]rbac.Role{"ada": rbac.Owner, "bob": rbac.Admin, "cid": rbac.Owner}), e.found(t, map[string]rbac.Role{"ada": rbac.Owner})
	verified := members.VerifiedEmail("eve@example.org")
	change := func(actor, subject string, role rbac.Role) act {
		return func(ctx context.Context, tx members.Querier) error {
			return s.ChangeRole(ctx, tx, org, actor, subject, role)
		}
	}
	var texts []string
	refused := func(why, org, token string, p members.Proof) {
		t.Helper()
		before, stored := e.roles(t, org), e.stored(t, org)
		// The caller commits all the same.
		e.must(t, func(ctx context.Context, tx members.Querier) error {
			i, err := s.Accept(ctx, tx, org, token, "eve", p)
			if err != nil && e.conflict(err) {
				return err
			}
			require.ErrorIs(t, err, members.ErrInvitation, why)
			require.Zero(t, i)
			texts = append(texts, err.Error())
			return nil
		})
		require.Equal(t, before, e.roles(t, org), why)
		require.Equal(t, stored, e.stored(t, org), why)
	}
	refused("unknown", org, strings.Repeat("A", 43), members.TokenAlone())
	refused("malformed", org, "A", members.TokenAlone())
	refused("empty", org, "", members.TokenAlone())

	i, token := e.invite(t, s, org, "bob", "eve@example.org", rbac.Admin)
	for _, p := range []members.Proof{verified, members.TokenAlone()} {
		refused("another organization", other, token, p)
		refused("a token with a line end", org, token+"\n", p)
		at = i.ExpiresAt
		refused("expired", org, token, p)
		at = i.CreatedAt
		e.must(t, change("ada", "bob", rbac.Member))
		refused("demoted inviter", org, token, p)
		e.must(t, change("ada", "bob", rbac.Admin))
	}
	for _, email := range []string{"", "eva@example.org", "eve@example.org ", " eve@example.org", "eve@example.org.", "eve@example.org\x00", "\u0435ve@example.org", "eve@\u212axample.org"} {
		refused("another address", org, token, members.VerifiedEmail(email))
	}
	_, unreadable := e.invite(t, s, org, "bob", "ev\ufffd@example.org", rbac.Member)
	refused("bytes that are no text", org, unreadable, members.VerifiedEmail("ev\xff@example.org"))
	_, kelvin := e.invite(t, s, org, "bob", "evk@example.org", rbac.Member)
	refused("Unicode folding", org, kelvin, members.VerifiedEmail("ev\u212a@example.org"))
	_, owners := e.invite(t, s, org, "cid", "own@example.org", rbac.Owner)
	e.must(t, change("ada", "cid", rbac.Admin))
	refused("the inviter is no owner any more", org, owners, members.TokenAlone())
	e.must(t, change("ada", "cid", rbac.Owner))
	e.must(t, func(ctx context.Context, tx members.Querier) error { return s.Remove(ctx, tx, org, "ada", "cid") })
	refused("removed inviter", org, owners, members.TokenAlone())

	// The inviter's own second account, and people who are members already.
	for _, subject := range []string{"bob", "ada"} {
		require.ErrorIs(t, e.run(t.Context(), accept(s, org, token, subject, verified)), rbac.ErrAlreadyMember)
	}
	require.ErrorIs(t, e.run(t.Context(), accept(s, org, token, "eve", members.Proof{})), members.ErrNoProof)
	require.ErrorIs(t, e.run(t.Context(), accept(s, org, token, "", verified)), members.ErrInvalidID)

	discard := errors.New("the audit entry failed")
	require.ErrorIs(t, e.run(t.Context(), func(ctx context.Context, tx members.Querier) error {
		return errors.Join(accept(s, org, token, "eve", verified)(ctx, tx), discard)
	}), discard)
	at = i.ExpiresAt.Add(-time.Microsecond) // the last moment
	e.must(t, accept(s, org, token, "eve", verified))
	refused("used", org, token, verified)
	for _, text := range texts {
		require.Equal(t, "members: accept: no such invitation", text)
	}

	i, token = e.invite(t, s, org, "bob", "zoe@example.org", rbac.Member)
	e.must(t, func(ctx context.Context, tx members.Querier) error { return s.Revoke(ctx, tx, org, "ada", i.ID) })
	refused("revoked", org, token, members.TokenAlone())
}

// Who may make an invitation may revoke it.
func testRevoke(t *testing.T, e *engine) {
	start := map[string]rbac.Role{"ada": rbac.Owner, "bob": rbac.Admin, "cid": rbac.Member, "old": "retired"}
	org, other := e.found(t, start), e.found(t, start)
	of := map[rbac.Role]string{}
	for _, role := range []rbac.Role{rbac.Owner, rbac.Admin, rbac.Member} {
		i, _ := e.invite(t, e.store, org, "ada", string(role)+"@example.org", role)
		of[role] = i.ID
	}
	unknown := "01900000-0000-7000-8000-000000000000"
	for _, c := range []struct {
		org, actor, id string
		want           error
	}{
		{org, "bob", of[rbac.Owner], rbac.ErrEscalation},
		{org, "cid", of[rbac.Member], rbac.ErrForbidden},
		{org, "cid", unknown, rbac.ErrForbidden}, // learns nothing about it
		{org, "old", of[rbac.Member], rbac.ErrForbidden},
		{org, "eve", of[rbac.Member], rbac.ErrNotMember},
		{org, "eve", unknown, rbac.ErrNotMember},
		{org, "ada", unknown, members.ErrInvitation},
		{org, "ada", strings.ToUpper(of[rbac.Member]), members.ErrInvitation},
		{org, "ada", "", members.ErrInvitation},
		{org, "ada", "\x00", members.ErrInvitation},
		{org, "ada", "\xff", members.ErrInvitation},
		{org, "eve", "\x00", rbac.ErrNotMember},
		{other, "ada", of[rbac.Member], members.ErrInvitation},
		{org, "bob", of[rbac.Admin], nil},
		{org, "bob", of[rbac.Admin], members.ErrInvitation}, // twice
		{org, "bob", of[rbac.Member], nil},
		{org, "ada", of[rbac.Owner], nil},
	} {
		before := e.stored(t, org)
		err := e.run(t.Context(), func(ctx context.Context, tx members.Querier) error {
			return e.store.Revoke(ctx, tx, c.org, c.actor, c.id)
		})
		if c.want == nil {
			require.NoError(t, err, "%+v", c)
			before--
		}
		require.ErrorIs(t, err, c.want, "%+v", c)
		require.Equal(t, before, e.stored(t, org), "%+v", c)
	}

	// A role that the policy has no more: owners mend it.
	i, token := e.invite(t, e.store, org, "ada", "eve@example.org", rbac.Member)
	_, err := e.db.ExecContext(t.Context(), fmt.Sprintf("UPDATE %s SET role = 'retired' WHERE id = '%s'", e.store.Tables()[2], i.ID))
	require.NoError(t, err)
	require.ErrorIs(t, e.run(t.Context(), accept(e.store, org, token, "eve", members.TokenAlone())), members.ErrInvitation)
	revoke := func(actor string) error {
		return e.run(t.Context(), func(ctx context.Context, tx members.Querier) error { return e.store.Revoke(ctx, tx, org, actor, i.ID) })
	}
	require.ErrorIs(t, revoke("bob"), rbac.ErrEscalation)
	require.NoError(t, revoke("ada"))
}

// With the organization go its invitations, and no others.
func testRemoveAllInvitations(t *testing.T, e *engine) {
	start := map[string]rbac.Role{"ada": rbac.Owner}
	org, other := e.found(t, start), e.found(t, start)
	_, token := e.invite(t, e.store, org, "ada", "eve@example.org", rbac.Member)
	_, stays := e.invite(t, e.store, other, "ada", "eve@example.org", rbac.Member)
	e.must(t, func(ctx context.Context, tx members.Querier) error { return e.store.RemoveAll(ctx, tx, org, "ada") })
	require.Zero(t, e.stored(t, org))
	e.must(t, func(ctx context.Context, tx members.Querier) error { return e.store.Create(ctx, tx, org, "ada") })
	require.ErrorIs(t, e.run(t.Context(), accept(e.store, org, token, "eve", members.TokenAlone())), members.ErrInvitation)
	e.must(t, accept(e.store, other, stays, "eve", members.TokenAlone()))
}

func testInvitationLists(t *testing.T, e *engine) {
	clock := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	s := newStore(t, e.dialect, &members.Options{InvitationKeys: [][]byte{key(1)}, InvitationExpiry: time.Hour, Now: func() time.Time { return clock }})
	org := e.found(t, map[string]rbac.Role{"ada": rbac.Owner})
	e.invite(t, s, org, "ada", "expired@example.org", rbac.Member)
	clock = clock.Add(time.Hour - time.Minute)
	var want []members.Invitation
	for n := range 11 {
		i, _ := e.invite(t, s, org, "ada", fmt.Sprintf("%d@example.org", n), rbac.Member)
		want = append(want, i)
		if n%4 == 3 {
			clock = clock.Add(time.Microsecond)
		}
	}
	clock = clock.Add(time.Minute)
	slices.SortFunc(want, func(a, b members.Invitation) int {
		if c := a.CreatedAt.Compare(b.CreatedAt); c != 0 {
			return c
		}
		return strings.Compare(a.ID, b.ID)
	})
	require.Equal(t, 12, e.stored(t, org), "nothing is swept by reading")
	for _, limit := range []int{1, 2, 3, 10, 11, 12, 0} {
		var got []members.Invitation
		for page := (members.Page{Limit: limit}); ; {
			list, next, err := s.Invitations(t.Context(), e.reader, org, page)
			require.NoError(t, err)
			got = append(got, list...)
			if next == "" {
				break
			}
			require.Len(t, list, limit)
			page.After = next
		}
		require.Equal(t, want, got, "limit %d", limit)
	}
	none, next, err := s.Invitations(t.Context(), e.reader, "nowhere", members.Page{})
	require.NoError(t, err)
	require.Empty(t, next)
	require.Empty(t, none)
}

// An invitation outlives the key that made it; its token does with the key at hand.
func testKeyRotation(t *testing.T, e *engine) {
	stores := map[string]*members.Store{}
	for name, keys := range map[string][][]byte{"old": {key(1)}, "both": {key(2), key(1)}, "new": {key(2)}, "none": nil} {
		stores[name] = newStore(t, e.dialect, &members.Options{InvitationKeys: keys})
		for _, secret := range keys {
			clear(secret) // the store has a copy
		}
	}
	org := e.found(t, map[string]rbac.Role{"ada": rbac.Owner})
	before, token := e.invite(t, stores["old"], org, "ada", "eve@example.org", rbac.Member)
	after, _ := e.invite(t, stores["both"], org, "ada", "zoe@example.org", rbac.Member)
	for _, c := range []struct {
		store, id string
		want      error
	}{
		{"old", before.ID, nil},
		{"both", before.ID, nil},
		{"new", before.ID, members.ErrNoKey},
		{"none", before.ID, members.ErrNoKey},
		{"old", after.ID, members.ErrNoKey},
		{"both", after.ID, nil},
		{"new", after.ID, nil},
		{"new", "01900000-0000-7000-8000-000000000000", members.ErrInvitation},
		{"new", "'", members.ErrInvitation},
	} {
		got, err := stores[c.store].Token(t.Context(), e.reader, org, c.id)
		require.ErrorIs(t, err, c.want, "%+v", c)
		if c.want == nil && c.id == before.ID {
			require.Equal(t, token, got)
		}
	}
	_, _, err := stores["none"].FindInvitation(t.Context(), e.reader, token)
	require.NoError(t, err)
	e.must(t, accept(stores["none"], org, token, "eve", members.TokenAlone()))
}

// Events name invitations by id, never an address or a token.
func testInvitationEvents(t *testing.T, e *engine) {
	var got []members.Event
	s := newStore(t, e.dialect, &members.Options{InvitationKeys: [][]byte{key(1)}, Observe: func(_ context.Context, ev members.Event) { got = append(got, ev) }})
	org := e.found(t, map[string]rbac.Role{"ada": rbac.Owner})
	var i members.Invitation
	require.NoError(t, e.once(t.Context(), func(ctx context.Context, tx members.Querier) (err error) {
		i, err = s.Invite(ctx, tx, org, "ada", "eve@example.org", rbac.Admin)
		return err
	}))
	token, err := s.Token(t.Context(), e.reader, org, i.ID)
	require.NoError(t, err)
	require.NoError(t, e.once(t.Context(), func(ctx context.Context, tx members.Querier) error {
		require.ErrorIs(t, accept(s, org, token, "eve", members.VerifiedEmail("x@example.org"))(ctx, tx), members.ErrInvitation)
		return accept(s, org, token, "eve", members.TokenAlone())(ctx, tx)
	}))
	require.ErrorIs(t, e.once(t.Context(), func(ctx context.Context, tx members.Querier) error { return s.Revoke(ctx, tx, org, "ada", i.ID) }), members.ErrInvitation)
	ada, eve := rbac.Person{ID: "ada", Role: rbac.Owner}, rbac.Person{ID: "eve"}
	for n, want := range []struct {
		act    string
		change rbac.Change
		err    error
	}{
		{"invite", rbac.Change{Actor: ada, Target: rbac.Person{ID: i.ID}, To: rbac.Admin, Via: rbac.PathInvite, OtherOwners: 1}, nil},
		{"accept", rbac.Change{Actor: ada, Target: eve, To: rbac.Admin, Via: rbac.PathAccept, OtherOwners: 1}, members.ErrInvitation},
		{"accept", rbac.Change{Actor: ada, Target: eve, To: rbac.Admin, Via: rbac.PathAccept, OtherOwners: 1}, nil},
		{"revoke", rbac.Change{Actor: ada, Target: rbac.Person{ID: i.ID}, Via: rbac.PathInvite, OtherOwners: 1}, members.ErrInvitation},
	} {
		require.Equal(t, want.act, got[n].Act)
		require.Equal(t, want.change, got[n].Change, n)
		require.ErrorIs(t, got[n].Err, want.err)
		text := fmt.Sprintf("%+v", got[n])
		require.NotContains(t, text, token)
		require.NotContains(t, text, "@")
	}
	require.Len(t, got, 4)
	require.NotContains(t, fmt.Sprintf("%+v %#v", s, s), "1 1 1 1 1", "the key")
	require.Equal(t, map[string]rbac.Role{"ada": rbac.Owner, "eve": rbac.Admin}, e.roles(t, org))
}
