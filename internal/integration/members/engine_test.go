// Package members_test runs the store of rbac/members on real databases: SQLite
// files and a PostgreSQL server, the same tests on both.
package members_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rowhouse-go/rowhouse/rbac"
	"github.com/rowhouse-go/rowhouse/rbac/members"
)

// An engine is a database the tests run on, in one of its ways to isolate
// transactions.
type engine struct {
	dialect  members.Dialect
	db       *sql.DB                                        // what is prepared and looked at by hand
	app      *sql.DB                                        // what the store works on
	tenant   func(members.Querier) members.Querier          // puts statements in a tenant's context; nil if there is none
	reader   members.Querier                                // what is not part of a change is read by it
	prepare  func(ctx context.Context, schema string) error // makes the tables
	store    *members.Store
	level    sql.IsolationLevel
	begins   bool                                    // BEGIN alone takes the write lock
	conflict func(error) bool                        // the transaction is to be repeated whole
	waits    func(ctx context.Context) (bool, error) // a transaction waits for a lock; nil if that can't be seen
}

var orgs atomic.Int64

// found makes an organization of its own with the given people, who get their
// roles by hand: what the rules let in is not what is tested here.
func (e *engine) found(t *testing.T, people map[string]rbac.Role) string {
	t.Helper()
	return e.foundMany(t, 1, people)[0]
}

func (e *engine) foundMany(t *testing.T, n int, people map[string]rbac.Role) []string {
	t.Helper()
	at, text := any(time.Now().UnixMicro()), "INSERT INTO %s (org, subject, role, created_at) VALUES (?, ?, ?, ?)"
	if e.dialect == members.Postgres {
		at, text = time.Now(), "INSERT INTO %s (org, subject, role, created_at) VALUES ($1, $2, $3, $4)"
	}
	tx, err := e.db.BeginTx(t.Context(), nil)
	require.NoError(t, err)
	defer tx.Rollback() // does nothing after Commit
	insert, err := tx.PrepareContext(t.Context(), fmt.Sprintf(text, e.store.Tables()[0]))
	require.NoError(t, err)
	var made []string
	for range n {
		org := fmt.Sprintf("org-%d.", orgs.Add(1)) // the point: no name and a digit make another name
		made = append(made, org)
		if len(people) > 0 {
			_, err := tx.ExecContext(t.Context(), fmt.Sprintf("INSERT INTO %s (org) VALUES ('%s')", e.store.Tables()[1], org))
			require.NoError(t, err)
		}
		for subject, role := range people {
			_, err := insert.ExecContext(t.Context(), org, subject, role, at)
			require.NoError(t, err)
		}
	}
	require.NoError(t, tx.Commit())
	return made
}

// roles returns who is in org.
func (e *engine) roles(t *testing.T, org string) map[string]rbac.Role {
	t.Helper()
	list, next, err := e.store.List(t.Context(), e.reader, org, members.Page{Limit: 200})
	require.NoError(t, err)
	require.Empty(t, next)
	roles := map[string]rbac.Role{}
	for _, m := range list {
		require.Equal(t, org, m.Org)
		roles[m.Subject] = m.Role
	}
	require.Len(t, roles, len(list))
	return roles
}

// owners returns the number of owners of each organization that has one.
func (e *engine) owners(t *testing.T) map[string]int {
	t.Helper()
	rows, err := e.db.QueryContext(t.Context(), fmt.Sprintf("SELECT org, count(*) FROM %s WHERE role = 'owner' GROUP BY org", e.store.Tables()[0]))
	require.NoError(t, err)
	defer rows.Close()
	owners := map[string]int{}
	for rows.Next() {
		var org string
		var n int
		require.NoError(t, rows.Scan(&org, &n))
		owners[org] = n
	}
	require.NoError(t, rows.Err())
	return owners
}

// An act is one change in a transaction.
type act func(ctx context.Context, tx members.Querier) error

// run runs do in a transaction of its own, again as long as the database asks
// for that.
func (e *engine) run(ctx context.Context, do act) error {
	for {
		err := e.once(ctx, do)
		if err == nil || !e.conflict(err) {
			return err
		}
	}
}

func (e *engine) once(ctx context.Context, do act) error {
	tx, err := e.app.BeginTx(ctx, &sql.TxOptions{Isolation: e.level})
	if err != nil {
		return err
	}
	defer tx.Rollback() // does nothing after Commit
	q := e.in(tx)
	err = do(ctx, q)
	if s, ok := q.(*scoped); ok && err != nil {
		err = errors.Join(err, s.err)
	}
	if err != nil {
		return err
	}
	return tx.Commit()
}

// in returns tx in a tenant's context, if the engine has one.
func (e *engine) in(tx members.Querier) members.Querier {
	if e.tenant == nil {
		return tx
	}
	return e.tenant(tx)
}

// must runs do and expects it to succeed.
func (e *engine) must(t *testing.T, do act) {
	t.Helper()
	require.NoError(t, e.run(t.Context(), do))
}

// behind runs first, and before it is committed starts second, which has to wait
// for first. It returns what became of second after commit or rollback of first.
func (e *engine) behind(t *testing.T, first, second act, commit bool) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	tx, err := e.app.BeginTx(ctx, &sql.TxOptions{Isolation: e.level})
	require.NoError(t, err)
	defer tx.Rollback() // does nothing after Commit
	require.NoError(t, first(ctx, e.in(tx)))

	started, result := make(chan struct{}), make(chan error, 1)
	go func() {
		var once sync.Once
		if e.begins {
			once.Do(func() { close(started) })
		}
		result <- e.run(ctx, func(ctx context.Context, tx members.Querier) error {
			return second(ctx, &tapped{tx, func(string, []any) { once.Do(func() { close(started) }) }})
		})
	}()
	<-started
	if e.waits != nil {
		require.Eventually(t, func() bool {
			ok, err := e.waits(ctx)
			return err == nil && ok || len(result) > 0
		}, 20*time.Second, 2*time.Millisecond, "the second change waits for the first")
	}
	select {
	case err := <-result:
		require.Fail(t, "the second change did not wait", "%v", err)
	default:
	}
	if commit {
		require.NoError(t, tx.Commit())
	} else {
		require.NoError(t, tx.Rollback())
	}
	return <-result
}

// tapped tells of each statement before it runs.
type tapped struct {
	members.Querier
	tap func(text string, args []any)
}

func (q *tapped) ExecContext(ctx context.Context, text string, args ...any) (sql.Result, error) {
	q.tap(text, args)
	return q.Querier.ExecContext(ctx, text, args...)
}

func (q *tapped) QueryContext(ctx context.Context, text string, args ...any) (*sql.Rows, error) {
	q.tap(text, args)
	return q.Querier.QueryContext(ctx, text, args...)
}

func (q *tapped) QueryRowContext(ctx context.Context, text string, args ...any) *sql.Row {
	q.tap(text, args)
	return q.Querier.QueryRowContext(ctx, text, args...)
}

// apply runs the migrations of a dialect, with the schema's name replaced.
func apply(ctx context.Context, db *sql.DB, d members.Dialect, schema string) error {
	files := members.Migrations(d)
	names, err := fs.Glob(files, "*.sql")
	if err != nil || len(names) == 0 {
		return errors.Join(err, errors.New("no migrations"))
	}
	for _, name := range names {
		text, err := fs.ReadFile(files, name)
		if err != nil {
			return err
		}
		if _, err := db.ExecContext(ctx, strings.ReplaceAll(string(text), "rowhouse", schema)); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return nil
}

func newStore(t *testing.T, d members.Dialect, o *members.Options) *members.Store {
	t.Helper()
	if o == nil {
		o = &members.Options{InvitationKeys: [][]byte{key(1)}}
	}
	s, err := members.New(d, rbac.DefaultPolicy(), o)
	require.NoError(t, err)
	return s
}
