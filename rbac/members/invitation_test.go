package members_test

import (
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"net/mail"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/rowhouse-go/rowhouse/rbac"
	"github.com/rowhouse-go/rowhouse/rbac/members"
)

const someToken = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"

// asked reports whether do asked the database for a row.
func asked(do func()) (yes bool) {
	defer func() {
		if r := recover(); r != nil {
			yes = r == any(errReached)
		}
	}()
	do()
	return false
}

func TestAcceptBeforeTheDatabase(t *testing.T) {
	t.Parallel()
	s := newStore(t, members.Postgres, nil)
	for _, c := range []struct {
		org, token, subject string
		proof               members.Proof
		want                error
	}{
		{"org", someToken, "eve", members.Proof{}, members.ErrNoProof},
		{"", someToken, "eve", members.TokenAlone(), members.ErrInvalidID},
		{"org", someToken, "\x00", members.TokenAlone(), members.ErrInvalidID},
		{"org", "", "eve", members.TokenAlone(), members.ErrInvitation},
		{"org", someToken + "A", "eve", members.VerifiedEmail("eve@example.org"), members.ErrInvitation},
		{"org", someToken[:42] + "B", "eve", members.VerifiedEmail("eve@example.org"), members.ErrInvitation}, // another spelling
	} {
		q := &stub{}
		_, err := s.Accept(t.Context(), q, c.org, c.token, c.subject, c.proof)
		require.ErrorIs(t, err, c.want)
		require.ErrorContains(t, err, "members: accept: ")
		require.Empty(t, q.texts, "the database is not asked")
	}
	require.True(t, asked(func() { _, _ = s.Accept(t.Context(), &stub{}, "org", someToken, "eve", members.TokenAlone()) }))
}

func TestKeys(t *testing.T) {
	t.Parallel()
	keyless := newStore(t, members.SQLite, &members.Options{})
	q := &stub{}
	_, err := keyless.Invite(t.Context(), q, "org", "ada", "eve@example.org", rbac.Member)
	require.ErrorIs(t, err, members.ErrNoKey)
	_, err = keyless.Token(t.Context(), q, "org", "01900000-0000-7000-8000-000000000000")
	require.ErrorIs(t, err, members.ErrNoKey)
	require.EqualError(t, err, "members: token: no key for invitations")
	require.Empty(t, q.texts)
}

func TestInvitationIDs(t *testing.T) {
	t.Parallel()
	s := newStore(t, members.SQLite, nil)
	for _, id := range []string{
		"", "0", "01900000-0000-7000-8000-00000000000", "01900000-0000-7000-8000-0000000000000", "01900000-0000-7000-8000-00000000000A",
		"01900000_0000-7000-8000-000000000000", "0190000000000-7000-8000-00000000000", "01900000-0000-7000-8000-00000000000\x00",
	} {
		_, err := s.Token(t.Context(), &stub{}, "org", id)
		require.ErrorIs(t, err, members.ErrInvitation, id)
		_, err = s.Invitation(t.Context(), &stub{}, "org", id)
		require.ErrorIs(t, err, members.ErrInvitation, id)
	}
	_, err := s.Invitation(t.Context(), &stub{}, "", "01900000-0000-7000-8000-000000000000")
	require.ErrorIs(t, err, members.ErrInvitation)
	_, err = s.Token(t.Context(), &stub{}, "", "01900000-0000-7000-8000-000000000000")
	require.ErrorIs(t, err, members.ErrInvalidID)
	_, _, err = s.Invitations(t.Context(), &stub{}, "", members.Page{Limit: -1, After: "!"})
	require.EqualError(t, err, "members: invitations: invalid id: org is empty\ninvalid page: cursor\ninvalid page: negative limit")
	_, _, err = s.Invitations(t.Context(), &stub{}, "org", members.Page{})
	require.EqualError(t, err, "members: invitations: the database was asked")
}

func TestEmail(t *testing.T) {
	t.Parallel()
	s := newStore(t, members.SQLite, nil)
	for email, want := range map[string]string{
		"a@b":                       "",
		"eve@example.org":           "",
		"EVE+tag@EXAMPLE.org":       "",
		"o'neil.x_y=z@sub.ex-am.co": "",
		"\u00e9ve@ex\u00e4mple.org": "",
		strings.Repeat("e", 64) + "@" + strings.Repeat("d", 189): "",
		strings.Repeat("e", 64) + "@" + strings.Repeat("d", 190): "is longer than 254 bytes",
		strings.Repeat("e", 65) + "@d":                           "has a local part of less than 1 or more than 64 bytes",
		"":                                                       "is empty",
		"eve":                                                    `does not have exactly one "@"`,
		"eve@x@y":                                                `does not have exactly one "@"`,
		"@example.org":                                           "has a local part of less than 1 or more than 64 bytes",
		"eve@":                                                   "has a malformed domain",
		"eve@.org":                                               "has a malformed domain",
		"eve@example..org":                                       "has a malformed domain",
		"eve@example.org.":                                       "has a malformed domain",
		"eve@[127.0.0.1]":                                        "has a malformed domain",
		"eve@example.org>":                                       "has a malformed domain",
		"eve@example.org\r\nBcc: x":                              "has a malformed domain",
		"eve@example.org, x":                                     "has a malformed domain",
		".eve@example.org":                                       "has a malformed local part",
		"e..ve@example.org":                                      "has a malformed local part",
		"Eve <eve@example.org>":                                  "has a malformed local part",
		`"eve"@example.org`:                                      "has a malformed local part",
		"eve @example.org":                                       "has a malformed local part",
		"e\x00ve@example.org":                                    "has a malformed local part",
		"e\u202eve@example.org":                                  "has a malformed local part", // turns the reading direction
		"e\u200bve@example.org":                                  "has a malformed local part", // can't be seen
		"e\u00a0ve@example.org":                                  "has a malformed local part", // a space
		"e\xffve@example.org":                                    "is not text",
	} {
		q := &stub{}
		_, err := s.Invite(t.Context(), q, "org", "ada", email, rbac.Member)
		if want == "" {
			require.ErrorIs(t, err, errReached, "%q", email)
			continue
		}
		require.ErrorIs(t, err, members.ErrInvalidEmail, "%q", email)
		require.EqualError(t, err, "members: invite: invalid email: email "+want, "%q", email)
		require.Empty(t, q.texts, "the database is not asked")
	}
}

// What is taken for an address is one to net/mail too, with nothing around it.
func FuzzEmail(f *testing.F) {
	for _, s := range []string{"eve@example.org", "a@b", "Eve <eve@example.org>", `"e@e"@x`, "e@x, f@y", "e@[::1]", "e@x\r\nBcc: f@y", "\u00e9@\u00e4", "e(c)@x", ".@.", "\uff20@x"} {
		f.Add(s)
	}
	store := newStore(f, members.SQLite, nil)
	f.Fuzz(func(t *testing.T, email string) {
		q := &stub{}
		_, err := store.Invite(t.Context(), q, "org", "ada", email, rbac.Member)
		if errors.Is(err, members.ErrInvalidEmail) {
			require.Empty(t, q.texts)
			require.Less(t, len(err.Error()), 120)
			return
		}
		require.ErrorIs(t, err, errReached)
		require.LessOrEqual(t, len(email), 254)
		require.True(t, utf8.ValidString(email))
		require.Equal(t, 1, strings.Count(email, "@"))
		require.False(t, strings.ContainsAny(email, "<>()[],;:\\\" \t\r\n\x00"))
		require.Equal(t, -1, strings.IndexFunc(email, func(c rune) bool { return unicode.IsControl(c) || unicode.IsSpace(c) || unicode.Is(unicode.Cf, c) }))
		parsed, err := mail.ParseAddress(email)
		require.NoError(t, err)
		require.Equal(t, mail.Address{Address: email}, *parsed)
	})
}

// A token is refused unasked, or it is the one spelling of 32 bytes and the
// database is asked for its hash.
func FuzzToken(f *testing.F) {
	for _, s := range []string{"", someToken, someToken[:42], someToken + "A", someToken + "=", someToken[:42] + "B", someToken[:42] + "\n", strings.Repeat("-", 43), strings.Repeat("/", 43), strings.Repeat("_", 44)} {
		f.Add(s)
	}
	store := newStore(f, members.Postgres, nil)
	f.Fuzz(func(t *testing.T, token string) {
		q := &stub{}
		var err error
		if !asked(func() { _, _, err = store.FindInvitation(t.Context(), q, token) }) {
			require.EqualError(t, err, "members: find invitation: no such invitation")
			require.Empty(t, q.texts)
			return
		}
		raw, err := base64.RawURLEncoding.DecodeString(token)
		require.NoError(t, err)
		require.Len(t, raw, 32)
		require.Equal(t, token, base64.RawURLEncoding.EncodeToString(raw))
		sum := sha256.Sum256([]byte(token))
		require.Equal(t, sum[:], q.args[0][0])
		require.NotContains(t, q.texts[0], token)
	})
}
