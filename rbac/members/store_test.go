package members_test

import (
	"bytes"
	"context"
	"database/sql"
	"database/sql/driver"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rowhouse-go/rowhouse/rbac"
	"github.com/rowhouse-go/rowhouse/rbac/members"
)

// What the store does with real databases is tested in internal/integration,
// where drivers may be imported. Here is what it does before it asks one.

var errReached = errors.New("the database was asked")

// A stub answers every statement with errReached and keeps what it was sent.
type stub struct {
	texts []string
	args  [][]any
}

func (s *stub) ExecContext(_ context.Context, text string, args ...any) (sql.Result, error) {
	s.texts, s.args = append(s.texts, text), append(s.args, args)
	return nil, errReached
}

func (s *stub) QueryContext(_ context.Context, text string, args ...any) (*sql.Rows, error) {
	s.texts, s.args = append(s.texts, text), append(s.args, args)
	return nil, errReached
}

func (s *stub) QueryRowContext(_ context.Context, text string, args ...any) *sql.Row {
	s.texts, s.args = append(s.texts, text), append(s.args, args)
	panic(errReached)
}

func newStore(t testing.TB, d members.Dialect, o *members.Options) *members.Store {
	t.Helper()
	if o == nil {
		o = &members.Options{InvitationKeys: [][]byte{bytes.Repeat([]byte("k"), 32)}}
	}
	s, err := members.New(d, rbac.DefaultPolicy(), o)
	require.NoError(t, err)
	return s
}

func TestNew(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		d      members.Dialect
		schema string
		table  string
	}{
		{members.Postgres, "", "rowhouse.members"},
		{members.SQLite, "", "rowhouse_members"},
		{members.Postgres, "acme_2", "acme_2.members"},
		{members.SQLite, "_x", "_x_members"},
		{members.SQLite, strings.Repeat("a", 40), strings.Repeat("a", 40) + "_members"},
	} {
		require.Equal(t, []string{c.table, strings.TrimSuffix(c.table, "s") + "_organizations", strings.TrimSuffix(c.table, "s") + "_invitations"}, newStore(t, c.d, &members.Options{Schema: c.schema}).Tables())
	}
	for _, schema := range []string{"1a", "Acme", "a-b", "a.b", `a"; DROP`, "a b", "ä", "a\x00", strings.Repeat("a", 41)} {
		_, err := members.New(members.SQLite, rbac.DefaultPolicy(), &members.Options{Schema: schema})
		require.ErrorContains(t, err, "members: Options.Schema: ", schema)
	}
	_, err := members.New("mysql", nil, &members.Options{Schema: "no way"})
	require.EqualError(t, err, `members: Options.Schema: "no way" is not a lower-case SQL name of at most 40 bytes`+"\n"+
		`members: unknown dialect "mysql"`+"\n"+`members: nil Policy`)
	_, err = members.New("", rbac.DefaultPolicy(), nil)
	require.EqualError(t, err, `members: unknown dialect ""`)

	_, err = members.New(members.SQLite, rbac.DefaultPolicy(), &members.Options{
		InvitationKeys: [][]byte{make([]byte, 32), []byte("a short secret"), nil}, InvitationExpiry: time.Minute - 1,
	})
	require.EqualError(t, err, "members: Options.InvitationKeys[1]: 14 bytes, fewer than 32\n"+
		"members: Options.InvitationKeys[2]: 0 bytes, fewer than 32\n"+
		"members: Options.InvitationExpiry: 59.999999999s is not within 1 minute and 90 days")
	for expiry, ok := range map[time.Duration]bool{
		0: true, time.Minute: true, 90 * 24 * time.Hour: true, 90*24*time.Hour + 1: false, -1: false,
	} {
		_, err := members.New(members.SQLite, rbac.DefaultPolicy(), &members.Options{InvitationExpiry: expiry})
		require.Equal(t, ok, err == nil, expiry)
	}
}

// changes are all functions that write, with the ids they take.
func changes(s *members.Store) map[string]func(ctx context.Context, tx members.Querier, org, actor, subject string) error {
	return map[string]func(ctx context.Context, tx members.Querier, org, actor, subject string) error{
		"create": func(ctx context.Context, tx members.Querier, org, _, subject string) error {
			return s.Create(ctx, tx, org, subject)
		},
		"add": func(ctx context.Context, tx members.Querier, org, actor, subject string) error {
			return s.Add(ctx, tx, org, actor, subject, rbac.Member)
		},
		"change role": func(ctx context.Context, tx members.Querier, org, actor, subject string) error {
			return s.ChangeRole(ctx, tx, org, actor, subject, rbac.Member)
		},
		"remove": s.Remove,
		"transfer": func(ctx context.Context, tx members.Querier, org, actor, subject string) error {
			return s.Transfer(ctx, tx, org, actor, subject, rbac.Member)
		},
		"remove all": func(ctx context.Context, tx members.Querier, org, actor, _ string) error {
			return s.RemoveAll(ctx, tx, org, actor)
		},
		"invite": func(ctx context.Context, tx members.Querier, org, actor, _ string) error {
			_, err := s.Invite(ctx, tx, org, actor, "eve@example.org", rbac.Member)
			return err
		},
		"revoke": func(ctx context.Context, tx members.Querier, org, actor, _ string) error {
			return s.Revoke(ctx, tx, org, actor, "01900000-0000-7000-8000-000000000000")
		},
	}
}

// A lock taken outside a transaction ends with its statement, so what is no
// transaction is refused before anything is sent to it.
func TestChangesNeedATransaction(t *testing.T) {
	t.Parallel()
	connected := 0
	db := sql.OpenDB(connector(func() { connected++ }))
	defer db.Close()
	type wrapper struct{ *sql.DB } // as sqlx.DB has it
	s := newStore(t, members.SQLite, nil)
	for name, change := range changes(s) {
		for _, q := range []members.Querier{db, &sql.Conn{}, wrapper{db}} {
			err := change(t.Context(), q, "org", "ada", "bob")
			require.ErrorIs(t, err, members.ErrNoTx, name)
			require.EqualError(t, err, fmt.Sprintf("members: %s: not a transaction: %T", name, q))
		}
		require.ErrorIs(t, change(t.Context(), &stub{}, "org", "ada", "bob"), errReached)
	}
	require.Zero(t, connected)
}

type connector func()

func (c connector) Connect(context.Context) (driver.Conn, error) { c(); return nil, errReached }
func (c connector) Driver() driver.Driver                        { return nil }

func TestIDs(t *testing.T) {
	t.Parallel()
	bad := []string{"", strings.Repeat("x", 1025), "a\x00", "\x00", "\xff", "caf\xe9", "a\xc0\x80"}
	good := []string{"x", strings.Repeat("x", 1024), "issuer|auth0|7", " ", "\n", "ö"}
	for _, d := range []members.Dialect{members.Postgres, members.SQLite} {
		s := newStore(t, d, nil)
		for name, change := range changes(s) {
			for _, id := range good {
				require.ErrorIs(t, change(t.Context(), &stub{}, id, id, id+"x"[:min(1, 1024-len(id))]), errReached, "%s %q", name, id)
			}
			for _, id := range bad {
				q := &stub{}
				require.ErrorIs(t, change(t.Context(), q, id, "a", "b"), members.ErrInvalidID, "%s %q", name, id)
				if name != "create" {
					require.ErrorIs(t, change(t.Context(), q, "org", id, "b"), members.ErrInvalidID, "%s %q", name, id)
				}
				if name != "remove all" && name != "invite" && name != "revoke" {
					err := change(t.Context(), q, "org", "a", id)
					require.ErrorIs(t, err, members.ErrInvalidID, "%s %q", name, id)
					require.Less(t, len(err.Error()), 100)
				}
				require.Empty(t, q.texts, "the database is not asked")
			}
		}
		for _, id := range bad {
			q := &stub{}
			_, err := s.Role(t.Context(), q, id, "ada")
			require.ErrorIs(t, err, rbac.ErrNotMember)
			_, err = s.Role(t.Context(), q, "org", id)
			require.ErrorIs(t, err, rbac.ErrNotMember)
			_, _, err = s.List(t.Context(), q, id, members.Page{})
			require.ErrorIs(t, err, members.ErrInvalidID)
			_, _, err = s.ListFor(t.Context(), q, id, members.Page{})
			require.ErrorIs(t, err, members.ErrInvalidID)
			require.Empty(t, q.texts)
		}
	}
	// Every fault of a call is in its error.
	err := newStore(t, members.SQLite, nil).Add(t.Context(), &stub{}, "", "a", "\x00", rbac.Member)
	require.EqualError(t, err, "members: add: invalid id: org is empty\ninvalid id: subject is not text")
}

func TestDatabaseErrorsAreWrappedOnce(t *testing.T) {
	t.Parallel()
	s := newStore(t, members.Postgres, nil)
	for name, change := range changes(s) {
		require.EqualError(t, change(t.Context(), &stub{}, "org", "ada", "bob"), "members: "+name+": the database was asked")
	}
	_, _, err := s.List(t.Context(), &stub{}, "org", members.Page{})
	require.EqualError(t, err, "members: list: the database was asked")
	_, _, err = s.ListFor(t.Context(), &stub{}, "ada", members.Page{})
	require.EqualError(t, err, "members: list for: the database was asked")
	require.EqualError(t, s.Check(t.Context(), &stub{}), "members: check rowhouse.members: the database was asked")
}

func TestRefusalsAreObserved(t *testing.T) {
	t.Parallel()
	var got []members.Event
	s := newStore(t, members.SQLite, &members.Options{Observe: func(_ context.Context, e members.Event) { got = append(got, e) }})
	err := s.Add(t.Context(), &stub{}, "org", "ada", "bob", rbac.Admin)
	require.Len(t, got, 1)
	require.Equal(t, err, got[0].Err)
	require.Equal(t, "org", got[0].Org)
	require.Equal(t, "add", got[0].Act)
	require.Equal(t, rbac.Change{Actor: rbac.Person{ID: "ada"}, Target: rbac.Person{ID: "bob"}, To: rbac.Admin, Via: rbac.PathAdd}, got[0].Change)
}

func TestHTTPStatus(t *testing.T) {
	t.Parallel()
	for err, want := range map[error]int{
		members.ErrInvalidID: 422, members.ErrInvalidPage: 422, members.ErrNotEmpty: 409,
		members.ErrInvalidEmail: 422, members.ErrInvitation: 404, members.ErrTooManyInvitations: 409,
	} {
		got, ok := errors.AsType[interface {
			error
			HTTPStatus() int
		}](fmt.Errorf("handler: %w", err))
		require.True(t, ok)
		require.Equal(t, want, got.HTTPStatus())
	}
}

func TestPageLimit(t *testing.T) {
	t.Parallel()
	s := newStore(t, members.SQLite, nil)
	for limit, want := range map[int]int{0: 51, 1: 2, 199: 200, 200: 201, 201: 201, 1 << 62: 201} {
		q := &stub{}
		_, _, err := s.List(t.Context(), q, "org", members.Page{Limit: limit})
		require.ErrorIs(t, err, errReached)
		require.Equal(t, want, q.args[0][3], "one more than the page holds")
	}
	q := &stub{}
	_, _, err := s.List(t.Context(), q, "org", members.Page{Limit: -1})
	require.ErrorIs(t, err, members.ErrInvalidPage)
	require.Empty(t, q.texts)
}

// A cursor is refused, or it is the one spelling of a place in the listing: the
// organization asked for stays the caller's.
func FuzzCursor(f *testing.F) {
	place := base64.RawURLEncoding.EncodeToString([]byte("\x00\x06\x10\xa2\x4c\x5d\x00\x00ada"))
	beyond := base64.RawURLEncoding.EncodeToString([]byte("\x7f\xff\xff\xff\xff\xff\xff\xffada")) // year 294247
	for _, s := range []string{"", "A", beyond, "AAAAAAAAAAA", place, place + "\n", place + "=", place[:len(place)-1], "!", "_____________w", strings.Repeat("A", 2000)} {
		f.Add(s)
	}
	store := newStore(f, members.SQLite, nil)
	f.Fuzz(func(t *testing.T, s string) {
		q := &stub{}
		_, _, err := store.List(t.Context(), q, "org", members.Page{After: s})
		if errors.Is(err, members.ErrInvalidPage) {
			require.Empty(t, q.texts)
			require.NotEmpty(t, s)
			return
		}
		require.ErrorIs(t, err, errReached)
		require.Equal(t, "org", q.args[0][0])
		at, id := q.args[0][1].(int64), q.args[0][2].(string)
		require.True(t, time.UnixMicro(at).UTC().Year() >= 1 && time.UnixMicro(at).UTC().Year() <= 9999)
		if s == "" {
			require.Equal(t, time.Time{}.UnixMicro(), at)
			require.Empty(t, id)
			return
		}
		require.NotEmpty(t, id)
		require.LessOrEqual(t, len(id), 1024)
		raw := []byte{}
		for i := range 8 {
			raw = append(raw, byte(uint64(at)>>(56-8*i)))
		}
		require.Equal(t, s, base64.RawURLEncoding.EncodeToString(append(raw, id...)))
	})
}
