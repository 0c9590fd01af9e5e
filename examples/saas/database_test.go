package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rowhouse-go/rowhouse/tenant"
)

func openTestDatabase(t *testing.T, path string) *database {
	t.Helper()
	d, _, err := openSQLite(t.Context(), path)
	require.NoError(t, err)
	d.retries = newRetries(slog.New(slog.DiscardHandler))
	t.Cleanup(func() { _ = d.close() })
	return d
}

// inTenant returns the test's context with a new organization in it.
func inTenant(t *testing.T) context.Context {
	t.Helper()
	id, err := tenant.ParseID(newID())
	require.NoError(t, err)
	return tenant.NewContext(t.Context(), id)
}

func insertOrganization(ctx context.Context, tx *tenant.Tx) error {
	_, err := tx.Exec(ctx, `INSERT INTO organizations (id, name, created_at, updated_at) VALUES (:tenant, 'Acme', 1, 1)`)
	return err
}

// rows is every row of an SQLite database.
func (d *database) rows(t *testing.T) string {
	return contents(t, d.reader, "rowhouse_")
}

func TestDatabaseOpensAnyFileName(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"saas.db", "a b.db", "a?mode=memory", "a#b", "a%20b", "ä&c=d;e"} {
		path := filepath.Join(t.TempDir(), name)
		first := openTestDatabase(t, path)
		require.NoError(t, first.ping(t.Context()))
		require.NoError(t, first.write(inTenant(t), insertOrganization))
		require.NoError(t, first.close())
		info, err := os.Stat(path)
		require.NoError(t, err, name)
		require.Equal(t, os.FileMode(0o600), info.Mode().Perm())
		require.Greater(t, info.Size(), int64(4096))
		again := openTestDatabase(t, path) // the migrations are applied once
		require.Contains(t, again.rows(t), "Acme")
	}
}

func TestDatabaseSettings(t *testing.T) {
	t.Parallel()
	d := openTestDatabase(t, filepath.Join(t.TempDir(), "saas.db"))
	for pool, db := range map[string]*sql.DB{"writer": d.writer, "reader": d.reader} {
		for pragma, want := range map[string]string{"journal_mode": "wal", "foreign_keys": "1", "busy_timeout": "1000", "synchronous": "2"} {
			var got string
			require.NoError(t, db.QueryRowContext(t.Context(), "PRAGMA "+pragma).Scan(&got))
			require.Equal(t, want, got, "%s %s", pool, pragma)
		}
	}
	err := d.read(inTenant(t), insertOrganization)
	require.ErrorContains(t, err, "readonly", "the reader refuses to write")
}

// A transaction that fails, panics or loses its context leaves nothing behind, not
// even a lock.
func TestDatabaseRollsBack(t *testing.T) {
	t.Parallel()
	d := openTestDatabase(t, filepath.Join(t.TempDir(), "saas.db"))
	refused := errors.New("refused")
	require.ErrorIs(t, d.write(inTenant(t), func(ctx context.Context, tx *tenant.Tx) error {
		return errors.Join(insertOrganization(ctx, tx), refused)
	}), refused)
	require.Panics(t, func() {
		_ = d.write(inTenant(t), func(ctx context.Context, tx *tenant.Tx) error { panic(insertOrganization(ctx, tx)) })
	})
	ctx, cancel := context.WithCancel(inTenant(t))
	require.Error(t, d.write(ctx, func(ctx context.Context, tx *tenant.Tx) error {
		err := insertOrganization(ctx, tx)
		cancel()
		return err
	}))
	require.Empty(t, d.rows(t))
	require.NoError(t, d.write(inTenant(t), insertOrganization))
}

// Whoever waits for the writer stops waiting when his context ends.
func TestDatabaseWaitHeedsItsContext(t *testing.T) {
	t.Parallel()
	d := openTestDatabase(t, filepath.Join(t.TempDir(), "saas.db"))
	err := d.write(inTenant(t), func(context.Context, *tenant.Tx) error {
		ctx, cancel := context.WithTimeout(inTenant(t), 10*time.Millisecond)
		defer cancel()
		return d.write(ctx, func(context.Context, *tenant.Tx) error { return nil })
	})
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.Equal(t, http.StatusServiceUnavailable, problemOf(err).Status)
}

// A lock that another process holds is an outage, not a fault.
func TestLockedDatabaseIsAnOutage(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "saas.db")
	d := openTestDatabase(t, path)
	other, err := sql.Open("sqlite", "file:"+path+"?_txlock=immediate")
	require.NoError(t, err)
	defer other.Close()
	tx, err := other.BeginTx(t.Context(), nil)
	require.NoError(t, err)
	_, err = d.writer.ExecContext(t.Context(), "PRAGMA busy_timeout = 10")
	require.NoError(t, err)
	_, err = d.writer.ExecContext(t.Context(), "DELETE FROM organizations")
	require.Error(t, err)
	require.Equal(t, http.StatusServiceUnavailable, problemOf(fmt.Errorf("wrapped: %w", err)).Status)
	require.NoError(t, tx.Rollback())
	_, err = d.writer.ExecContext(t.Context(), "no SQL")
	require.Equal(t, http.StatusInternalServerError, problemOf(err).Status, "a fault of ours is one")
}

// Owners who demote each other at the same moment: one of them wins, and whatever
// the order, the organization has an owner.
func TestConcurrentChangesKeepAnOwner(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	ada, bob := s.person("ada"), s.person("bob")
	for range 20 {
		path := s.found(ada, "Acme")
		s.join(ada, path, bob, "owner")
		var both sync.WaitGroup
		status := make([]int, 2)
		both.Go(func() { status[0] = s.as(ada).do("PATCH", path+"/memberships/"+bob.id, roleJSON("member")).status })
		both.Go(func() { status[1] = s.as(bob).do("DELETE", path+"/memberships/"+ada.id, "").status })
		both.Wait()
		var owners []string
		for _, p := range []somebody{ada, bob} {
			if got := s.as(p).do("GET", path, ""); got.status == 200 && strings.Contains(got.body, `"role":"owner"`) {
				owners = append(owners, p.name)
			}
		}
		require.Len(t, owners, 1, "%v", status)
		require.NotEqual(t, status[0] == 200, status[1] == 204, "%v", status)
	}
}

// A rename that waited while its author lost his role is refused.
func TestRoleIsAskedAgainUnderTheLock(t *testing.T) {
	t.Parallel()
	s := start(t, map[string]string{"DATABASE_URL": sqliteURL(t), "WORKER_URL": "", "MIGRATE_URL": ""}) // its one writer can be waited for
	ada, bob := s.person("ada"), s.person("bob")
	path := s.found(ada, "Acme")
	s.join(ada, path, bob, "admin")
	renamed := make(chan response, 1)
	require.NoError(t, s.app.db.write(inTenant(t), func(ctx context.Context, tx *tenant.Tx) error {
		go func() { renamed <- s.as(bob).do("PATCH", path, `{"name":"Bob's"}`) }()
		waits := func() bool { return s.app.db.writer.Stats().WaitCount > 0 } // for the writer, past the guard
		require.Eventually(t, waits, 10*time.Second, time.Millisecond)
		_, err := tx.Unscoped("test").ExecContext(ctx, `UPDATE rowhouse_members SET role = 'member' WHERE subject LIKE '%3:bob'`)
		return err
	}))
	(<-renamed).wants(403)
	require.Equal(t, "Acme", s.as(ada).do("GET", path, "").wants(200).text("name"))
}
