package members_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"github.com/rowhouse-go/rowhouse/rbac"
	"github.com/rowhouse-go/rowhouse/rbac/members"
)

func TestSQLite(t *testing.T) {
	t.Parallel()
	for _, mode := range [][2]string{{"immediate", "WAL"}, {"deferred", "WAL"}, {"deferred", "DELETE"}} {
		t.Run(mode[0]+"/"+mode[1], func(t *testing.T) {
			t.Parallel()
			suite(t, openSQLite(t, mode[0], mode[1]))
		})
	}
}

func openSQLite(t *testing.T, lock, journal string) *engine {
	t.Helper()
	q := url.Values{"_txlock": {lock}, "_pragma": {"busy_timeout(20000)", fmt.Sprintf("journal_mode(%s)", journal), "synchronous(OFF)"}}
	db, err := sql.Open("sqlite", "file:"+filepath.Join(t.TempDir(), "test.db")+"?"+q.Encode())
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	db.SetMaxOpenConns(16)
	prepare := func(ctx context.Context, schema string) error { return apply(ctx, db, members.SQLite, schema) }
	require.NoError(t, prepare(t.Context(), "rowhouse"))
	return &engine{
		dialect: members.SQLite, db: db, app: db, reader: db, prepare: prepare, store: newStore(t, members.SQLite, nil),
		begins:   lock == "immediate",
		conflict: func(error) bool { return false }, // the lock comes first: nothing ever has to be repeated
	}
}

func sqliteCode(err error) int {
	if e, ok := errors.AsType[*sqlite.Error](err); ok {
		return e.Code()
	}
	return 0
}

// A transaction that has read before the change, and that another writer
// overtook, can't go on. The driver's error says so, nothing was written, and the
// transaction repeated from its start succeeds.
func TestSQLiteStaleSnapshot(t *testing.T) {
	t.Parallel()
	e := openSQLite(t, "deferred", "WAL")
	org := e.found(t, map[string]rbac.Role{"ada": rbac.Owner, "bob": rbac.Admin})
	tries := 0
	readsFirst := func(ctx context.Context, tx members.Querier) error {
		tries++
		if _, err := e.store.Role(ctx, tx, org, "bob"); err != nil {
			return err
		}
		if tries == 1 {
			e.must(t, func(ctx context.Context, tx members.Querier) error {
				return e.store.ChangeRole(ctx, tx, org, "ada", "bob", rbac.Member)
			})
		}
		return e.store.Add(ctx, tx, org, "bob", "eve", rbac.Member)
	}
	err := e.once(t.Context(), readsFirst)
	require.Equal(t, sqlite3.SQLITE_BUSY_SNAPSHOT, sqliteCode(err), "%v", err)
	require.ErrorContains(t, err, "members: add: ")
	require.Equal(t, map[string]rbac.Role{"ada": rbac.Owner, "bob": rbac.Member}, e.roles(t, org))
	require.ErrorIs(t, e.once(t.Context(), readsFirst), rbac.ErrForbidden, "judged by what the other one left")
}

// A writer that does not come through within busy_timeout gets SQLITE_BUSY.
func TestSQLiteBusy(t *testing.T) {
	t.Parallel()
	e := openSQLite(t, "deferred", "WAL")
	org := e.found(t, map[string]rbac.Role{"ada": rbac.Owner})
	conn, err := e.db.Conn(t.Context())
	require.NoError(t, err)
	defer conn.Close()
	_, err = conn.ExecContext(t.Context(), "BEGIN IMMEDIATE")
	require.NoError(t, err)

	impatient, err := e.db.BeginTx(t.Context(), nil)
	require.NoError(t, err)
	defer impatient.Rollback()
	_, err = impatient.ExecContext(t.Context(), "PRAGMA busy_timeout = 1")
	require.NoError(t, err)
	err = e.store.Add(t.Context(), impatient, org, "ada", "bob", rbac.Member)
	require.Equal(t, sqlite3.SQLITE_BUSY, sqliteCode(err), "%v", err)
	_, err = conn.ExecContext(t.Context(), "ROLLBACK")
	require.NoError(t, err)
}

// Every statement finds its rows by an index, and the lock does not walk through
// all members of a large organization.
func TestSQLitePlans(t *testing.T) {
	t.Parallel()
	e := openSQLite(t, "immediate", "WAL")
	texts := map[string][]any{}
	org := e.found(t, map[string]rbac.Role{"ada": rbac.Owner, "bob": rbac.Member})
	e.must(t, func(ctx context.Context, tx members.Querier) error {
		q := &tapped{tx, func(text string, args []any) { texts[text] = args }}
		i, inviteErr := e.store.Invite(ctx, q, org, "ada", "eve@example.org", rbac.Member)
		token, tokenErr := e.store.Token(ctx, q, org, i.ID)
		_, _, findErr := e.store.FindInvitation(ctx, q, token)
		_, _, pendingErr := e.store.Invitations(ctx, q, org, members.Page{})
		_, acceptErr := e.store.Accept(ctx, q, org, token, "zoe", members.TokenAlone())
		_, roleErr := e.store.Role(ctx, q, org, "ada")
		_, _, listErr := e.store.List(ctx, q, org, members.Page{})
		_, _, listForErr := e.store.ListFor(ctx, q, "ada", members.Page{})
		return errors.Join(
			inviteErr, tokenErr, findErr, pendingErr, acceptErr, roleErr, listErr, listForErr,
			e.store.Create(ctx, q, org+"-new", "ada"),
			e.store.Add(ctx, q, org, "ada", "eve", rbac.Member),
			e.store.ChangeRole(ctx, q, org, "ada", "eve", rbac.Admin),
			e.store.Remove(ctx, q, org, "ada", "eve"),
			e.store.Transfer(ctx, q, org, "ada", "bob", rbac.Admin),
			e.store.RemoveAll(ctx, q, org, "bob"),
			func() error {
				_, err := e.store.Invitation(ctx, q, org, i.ID)
				require.ErrorIs(t, err, members.ErrInvitation)
				return nil
			}(),
		)
	})
	require.Len(t, texts, 24, "every statement but Check's was seen")
	for text, args := range texts {
		rows, err := e.db.QueryContext(t.Context(), "EXPLAIN QUERY PLAN "+text, args...)
		require.NoError(t, err, text)
		var plan []string
		for rows.Next() {
			var id, parent, unused int
			var detail string
			require.NoError(t, rows.Scan(&id, &parent, &unused, &detail))
			plan = append(plan, detail)
		}
		require.NoError(t, rows.Err())
		require.NoError(t, rows.Close())
		steps := strings.Join(plan, "; ")
		t.Logf("%s\n\t%s", text, steps)
		require.NotContains(t, steps, "SCAN rowhouse_member", text)
		require.NotContains(t, steps, "TEMP B-TREE", text)
		if strings.Contains(text, " OR ") {
			require.Contains(t, steps, "MULTI-INDEX OR", text)
			require.Contains(t, steps, "(org=? AND role=?)", text)
			require.Contains(t, steps, "(org=? AND subject=?)", text)
		}
	}
}
