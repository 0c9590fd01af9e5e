package members

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math"
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

	// InvitationKeys are the secrets from which the tokens of invitations are
	// derived, each of 32 bytes or more, random, and used for nothing else. The
	// first makes new tokens. To change the key put the new one first and keep the
	// old one behind it for as long as invitations made with it are pending: they
	// can be accepted without it, since only a hash is stored, but Token needs it.
	// Without a key [Store.Invite] and [Store.Token] fail with [ErrNoKey]; all else
	// works.
	InvitationKeys [][]byte

	// InvitationExpiry is the time from Invite until an invitation is void: one
	// minute to 90 days. Zero means 7 days.
	InvitationExpiry time.Duration

	// MaxInvitations bounds the pending invitations of one organization: zero means
	// 1,000, a negative number that there is no bound.
	MaxInvitations int

	// Now tells the time for what is stored and for what has expired. Nil means
	// time.Now.
	Now func() time.Time

	// Observe, if not nil, is called after each change and each refused change,
	// in the caller's transaction and before its commit.
	Observe func(context.Context, Event)
}

// An Event is what [Options.Observe] is told.
type Event struct {
	Start    time.Time
	Duration time.Duration // with the wait for the lock
	Act      string        // "create", "add", "change role", "remove", "transfer", "remove all", "invite", "revoke" or "accept"
	Org      string

	// Change is what was judged. Via is empty for Create and RemoveAll. Of an
	// invitation made or revoked the target is its id, and To the role it offers.
	Change rbac.Change

	Err error // nil if the change was written
}

// A Store reads and changes memberships by the rules of a policy. It holds no
// connection, needs no Close and is safe for concurrent use. Make one with [New];
// the zero Store is not usable.
type Store struct {
	policy     *rbac.Policy
	dialect    Dialect
	prefix     string // of the tables' names
	sql        statements
	keys       []key
	expiry     time.Duration
	maxPending int
	now        func() time.Time
	observe    func(context.Context, Event)
}

// New returns a store. It reports every fault of its arguments at once.
func New(d Dialect, p *rbac.Policy, o *Options) (*Store, error) {
	if o == nil {
		o = &Options{}
	}
	s := &Store{policy: p, dialect: d, now: o.Now, observe: o.Observe, expiry: o.InvitationExpiry, maxPending: o.MaxInvitations}
	if s.now == nil {
		s.now = time.Now
	}
	if s.expiry == 0 {
		s.expiry = 7 * 24 * time.Hour
	}
	switch {
	case s.maxPending == 0:
		s.maxPending = 1000
	case s.maxPending < 0:
		s.maxPending = math.MaxInt
	}
	var faults []error
	fault := func(format string, args ...any) { faults = append(faults, fmt.Errorf("members: "+format, args...)) }
	schema := cmp.Or(o.Schema, "rowhouse")
	if !isName(schema) {
		fault("Options.Schema: %.64q is not a lower-case SQL name of at most 40 bytes", schema)
	}
	for i, secret := range o.InvitationKeys {
		if len(secret) < 32 {
			fault("Options.InvitationKeys[%d]: %d bytes, fewer than 32", i, len(secret))
		}
		s.keys = append(s.keys, newKey(secret))
	}
	if s.expiry < time.Minute || s.expiry > 90*24*time.Hour {
		fault("Options.InvitationExpiry: %v is not within 1 minute and 90 days", s.expiry)
	}
	switch d {
	case Postgres:
		s.prefix = schema + "."
	case SQLite:
		s.prefix = schema + "_"
	default:
		fault("unknown dialect %.64q", d)
	}
	if p == nil {
		fault("nil Policy")
	}
	if len(faults) > 0 {
		return nil, errors.Join(faults...)
	}
	s.sql = write(d, s.prefix)
	return s, nil
}

// Tables returns the names of the tables, as they are written in SQL.
func (s *Store) Tables() []string {
	return []string{s.prefix + "members", s.prefix + "member_organizations", s.prefix + "member_invitations"}
}

// Check reports whether the tables are there with the columns this version uses,
// and in PostgreSQL whether [Store.FindInvitation] may look into every
// organization: one that sees nothing would call every token unknown. Call it when
// the program starts.
func (s *Store) Check(ctx context.Context, q Querier) error {
	rows, err := q.QueryContext(ctx, s.sql.check)
	if err == nil {
		err = errors.Join(rows.Err(), rows.Close())
	}
	if err == nil && s.sql.finder != "" {
		err = s.checkFinder(ctx, q)
	}
	if err != nil {
		return fmt.Errorf("members: check %smembers: %w", s.prefix, err)
	}
	return nil
}

func (s *Store) checkFinder(ctx context.Context, q Querier) error {
	var runs, sees bool
	table := s.prefix + "member_invitations"
	function := s.prefix + "find_member_invitation(bytea,timestamptz)"
	err := q.QueryRowContext(ctx, s.sql.finder, function, table).Scan(&runs, &sees)
	switch {
	case err != nil:
		return err
	case !runs:
		return fmt.Errorf("the login lacks EXECUTE on %s", function)
	case !sees:
		return fmt.Errorf("row level security hides rows from %s: it must run with the rights of an owner of %s, which must not FORCE it", function, table)
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
