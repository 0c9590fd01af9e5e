package main

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"io"
	"path/filepath"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"
	sqlite3 "modernc.org/sqlite/lib"

	"github.com/rowhouse-go/rowhouse/tenant"
)

// Whatever is done in a transaction is done again as if it were the first time: with
// every commit refused once, all answers are what they are without.
func TestEveryTransactionMayRunTwice(t *testing.T) {
	t.Parallel()
	var refused atomic.Int64
	s := startStuttering(t, func(commit int64, tx driver.Tx) error {
		if commit%2 == 0 {
			return tx.Commit()
		}
		refused.Add(1)
		return errors.Join(tx.Rollback(), errBusy{})
	})
	journey(t, s)
	ada, bob := s.person("ada"), s.person("bob")
	acme := s.found(ada, "Acme")
	for _, text := range []string{"one", "two"} {
		s.as(ada).do("POST", acme+"/announcements", `{"text":"`+text+`"}`).wants(201)
	}
	s.invite(ada, acme, "eve@example.com", "member")
	token := s.invite(ada, acme, "bob@example.com", "admin").text("token")
	require.Len(t, s.as(ada).do("GET", acme+"/invitations", "").wants(200).items("email"), 2)
	s.as(bob).do("POST", "/invitations/accept", acceptJSON(token)).wants(200)
	require.Equal(t, []string{"two", "one"}, s.as(bob).do("GET", acme+"/announcements", "").wants(200).items("text"))
	require.Equal(t, []string{"Acme"}, s.as(bob).do("GET", "/organizations", "").wants(200).items("name"))
	require.Len(t, s.as(bob).do("GET", acme+"/memberships", "").wants(200).items("id"), 2)
	require.Len(t, s.log.lines(t, "transaction repeated"), int(refused.Load()))
	require.Greater(t, refused.Load(), int64(40))
	for _, line := range s.log.lines(t, "transaction repeated") {
		require.NotEmpty(t, line["request_id"])
	}
}

// A commit that nothing is known of is not repeated, and the answer invites nobody to
// do so. What only read is read again.
func TestCommitOfUnknownOutcome(t *testing.T) {
	t.Parallel()
	var lose atomic.Bool
	s := startStuttering(t, func(_ int64, tx driver.Tx) error {
		err := tx.Commit()
		if lose.Swap(false) {
			return io.ErrUnexpectedEOF
		}
		return err
	})
	ada := s.person("ada")
	lose.Store(true)
	got := s.as(ada).do("POST", "/organizations", `{"name":"Acme"}`).wants(503)
	require.Equal(t, unknownEnd, got.problem().Type)
	require.Empty(t, got.header.Get("Retry-After"))
	require.Len(t, s.log.lines(t, "request failed"), 1)
	lose.Store(true)
	require.Equal(t, []string{"Acme"}, s.as(ada).do("GET", "/organizations", "").wants(200).items("name"), "made once")
	require.False(t, lose.Load())
}

// A change whose session the server ended is begun again. What may have crashed the server
// is not: it would crash it again.
func TestWhatIsDoneAgain(t *testing.T) {
	t.Parallel()
	d := openTestDatabase(t, filepath.Join(t.TempDir(), "saas.db"))
	d.retries.change.Base, d.retries.read.Base = -1, -1
	done := func(run func(context.Context, func(context.Context, *tenant.Tx) error) error, fails error) (times int) {
		err := run(inTenant(t), func(context.Context, *tenant.Tx) error {
			if times++; times == 1 {
				return fails
			}
			return nil
		})
		require.Equal(t, times == 1, err != nil)
		return times
	}
	ended, crashed := &pgconn.PgError{Code: "57P01"}, &pgconn.PgError{Code: "57P02"}
	require.Equal(t, 2, done(d.write, ended))
	require.Equal(t, 2, done(d.write, errBusy{}))
	require.Equal(t, 1, done(d.write, crashed))
	require.Equal(t, 1, done(d.write, io.ErrUnexpectedEOF))
	require.Equal(t, 1, done(d.write, errors.New("a fault")))
	require.Equal(t, 2, done(d.read, crashed))
	require.Equal(t, 2, done(d.read, io.ErrUnexpectedEOF))
	require.Equal(t, 1, done(d.read, errors.New("a fault")))
}

// A database that is down is asked twenty times more, by all changes and readers together.
func TestRetriesHaveOneBudget(t *testing.T) {
	t.Parallel()
	d := openTestDatabase(t, filepath.Join(t.TempDir(), "saas.db"))
	d.retries.change.Base, d.retries.read.Base = -1, -1
	asked := 0
	down := func(context.Context, *tenant.Tx) error {
		asked++
		return errBusy{}
	}
	for range 5 {
		require.Error(t, d.write(inTenant(t), down))
		require.Error(t, d.read(inTenant(t), down))
	}
	require.Equal(t, 10+20, asked)
}

// startStuttering runs the service on SQLite, with every commit made by commit, which
// is told its number.
func startStuttering(t *testing.T, commit func(int64, driver.Tx) error) *running {
	t.Helper()
	vars := map[string]string{"DATABASE_URL": sqliteURL(t), "WORKER_URL": "", "MIGRATE_URL": ""}
	return startWith(t, vars, func(a *app) {
		path, _ := a.config.sqlitePath()
		opened, err := sql.Open("sqlite", path) // for its driver
		require.NoError(t, err)
		pool := sql.OpenDB(&stutterer{opened.Driver(), dataSource(path, "_txlock=immediate"), commit, new(atomic.Int64)})
		pool.SetMaxOpenConns(1)
		require.NoError(t, errors.Join(opened.Close(), a.db.close()))
		a.db.writer, a.db.reader = pool, pool
		a.db.changes, err = tenant.NewDB(pool, tenant.SQLite, &tenant.DBOptions{Tables: tenantTables})
		require.NoError(t, err)
		a.db.views = a.db.changes
		a.db.retries.change.Base, a.db.retries.change.Budget = -1, nil // a refusal each time is no outage
		a.db.retries.read.Base, a.db.retries.read.Budget = -1, nil
	})
}

// errBusy is what SQLite says of a lock.
type errBusy struct{}

func (errBusy) Error() string { return "busy" }
func (errBusy) Code() int     { return sqlite3.SQLITE_BUSY }

type stutterer struct {
	driver  driver.Driver
	dsn     string
	commit  func(int64, driver.Tx) error
	commits *atomic.Int64
}

func (s *stutterer) Driver() driver.Driver { return s.driver }

func (s *stutterer) Connect(context.Context) (driver.Conn, error) {
	conn, err := s.driver.Open(s.dsn)
	if err != nil {
		return nil, err
	}
	return &stutteringConn{conn.(sqliteConn), s}, nil
}

// sqliteConn is as much of the driver's connection as is used.
type sqliteConn interface {
	driver.Conn
	driver.ConnBeginTx
	driver.ExecerContext
	driver.QueryerContext
}

type stutteringConn struct {
	sqliteConn
	s *stutterer
}

func (c *stutteringConn) BeginTx(ctx context.Context, o driver.TxOptions) (driver.Tx, error) {
	tx, err := c.sqliteConn.BeginTx(ctx, o)
	return &stutteringTx{tx, c.s}, err
}

type stutteringTx struct {
	driver.Tx
	s *stutterer
}

func (t *stutteringTx) Commit() error { return t.s.commit(t.s.commits.Add(1), t.Tx) }
