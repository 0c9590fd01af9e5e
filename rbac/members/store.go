package members

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/rowhouse-go/rowhouse/rbac"
)

// A Querier runs SQL. *sql.DB, *sql.Conn and *sql.Tx are Queriers. Changes need
// one that stands for an open transaction.
type Querier interface {
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

// Options holds what [New] does not take as an argument. The zero value, like a
// nil *Options, means the defaults.
type Options struct {
	// Schema is the PostgreSQL schema, or the SQLite table prefix without its
	// underscore: a letter or "_", then letters, digits and "_", lower case, at
	// most 40 bytes. Empty means "rowhouse".
	Schema string

	// Now tells the time for Membership.CreatedAt. Nil means time.Now.
	Now func() time.Time

	// Observe, if not nil, is called after each change and each refused change,
	// in the caller's transaction and before its commit.
	Observe func(context.Context, Event)
}

// An Event is what [Options.Observe] is told.
type Event struct {
	Start    time.Time
	Duration time.Duration // with the wait for the lock
	Org      string
	Change   rbac.Change // as judged; Via is empty for Create and RemoveAll
	Err      error       // nil if the change was written
}

// A Store reads and changes memberships by the rules of a policy. It holds no
// connection, needs no Close and is safe for concurrent use. Make one with [New];
// the zero Store is not usable.
type Store struct {
	policy  *rbac.Policy
	dialect Dialect
	table   string
	founded string // table of the organizations that have members
	sql     statements
	now     func() time.Time
	observe func(context.Context, Event)
}

// New returns a store. It reports every fault of its arguments at once.
func New(d Dialect, p *rbac.Policy, o *Options) (*Store, error) {
	if o == nil {
		o = &Options{}
	}
	s := &Store{policy: p, dialect: d, now: o.Now, observe: o.Observe}
	if s.now == nil {
		s.now = time.Now
	}
	var faults []error
	schema := o.Schema
	if schema == "" {
		schema = "rowhouse"
	}
	if !isName(schema) {
		faults = append(faults, fmt.Errorf("members: Options.Schema: %.64q is not a lower-case SQL name of at most 40 bytes", schema))
	}
	switch d {
	case Postgres:
		s.table, s.founded = schema+".members", schema+".member_organizations"
	case SQLite:
		s.table, s.founded = schema+"_members", schema+"_member_organizations"
	default:
		faults = append(faults, fmt.Errorf("members: unknown dialect %.64q", d))
	}
	if p == nil {
		faults = append(faults, errors.New("members: nil Policy"))
	}
	if len(faults) > 0 {
		return nil, errors.Join(faults...)
	}
	s.sql = write(d, s.table, s.founded)
	return s, nil
}

// Tables returns the names of the tables, as they are written in SQL.
func (s *Store) Tables() []string { return []string{s.table, s.founded} }

// Check reports whether the tables are there with the columns this version uses.
// Call it when the program starts.
func (s *Store) Check(ctx context.Context, q Querier) error {
	rows, err := q.QueryContext(ctx, s.sql.check)
	if err == nil {
		err = errors.Join(rows.Err(), rows.Close())
	}
	if err != nil {
		return fmt.Errorf("members: check %s: %w", s.table, err)
	}
	return nil
}

func isName(s string) bool {
	if s == "" || len(s) > 40 || s[0] >= '0' && s[0] <= '9' {
		return false
	}
	for i := range len(s) {
		c := s[i]
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '_' {
			return false
		}
	}
	return true
}
