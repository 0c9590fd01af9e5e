package members_test

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"maps"
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

var _ = []any{sql.ErrNoRows, errors.New, maps.Clone[map[string]rbac.Role], strings.Repeat}
