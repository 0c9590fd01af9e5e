package tenant

import (
	"database/sql"
	"errors"
	"fmt"
	"maps"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
)

// Statements turns SQL that says :tenant into what a driver takes. [DB] and the
// package tenantpgx share it; it runs nothing. It remembers what it has read, for
// up to 4,096 texts. It is safe for concurrent use. Make it with
// [NewStatements].
type Statements struct {
	dialect Dialect
	tables  tables

	known  atomic.Pointer[map[string]*statement] // never changed once it is stored
	mu     sync.Mutex
	all    map[string]*statement
	misses int // of known, since it was stored
}

const (
	maxStatements = 4096
	maxKept       = 64 << 10 // bytes of a text that is remembered
)

// A statement is a text as it was read.
type statement struct {
	sql     string
	params  int   // arguments of the caller
	inserts []int // numbers of those before each tenant, nil if the tenant comes last
}

// NewStatements returns the Statements of a dialect. Each mention of one of the
// named tables in a statement then needs a :tenant of its own. It reports every fault of
// its arguments at once.
func NewStatements(d Dialect, names ...string) (*Statements, error) {
	var faults []error
	if d != Postgres && d != SQLite {
		faults = append(faults, fmt.Errorf("tenant: unknown dialect %.64q", d))
	}
	s := &Statements{dialect: d, tables: tables{names: make(map[string]struct{}, len(names))}, all: map[string]*statement{}}
	for _, name := range names {
		if err := s.tables.add(name); err != nil {
			faults = append(faults, err)
		}
	}
	if len(faults) > 0 {
		return nil, errors.Join(faults...)
	}
	s.known.Store(&map[string]*statement{})
	return s, nil
}

// Bind returns the statement with a placeholder in each place of :tenant, and args
// with the tenant among them. Nothing else of the text is changed, but as said below. The statement
// may end in a semicolon.
//
// PostgreSQL: the tenant is the placeholder behind the highest one, of the type of
// what it is compared with. Where that is several types, casts tell them apart:
// (:tenant::uuid)::text. Strings are read with standard_conforming_strings on, and
// refused where off would make a difference.
//
// SQLite: the same if the placeholders are numbered, as ?1 or as $1, which becomes
// ?1, so that one text serves both databases; if they are bare, the tenant is
// inserted where :tenant stands. Named ones are refused. As SQLite takes
// a string for a table's name, one that reads as a listed name counts as a mention,
// except behind an operator: bind such a value.
//
// args has exactly one value for each placeholder and is not changed; named
// arguments are refused. Refused are also several statements in one text, quotes
// and comments that do not end, NUL, and text that is not UTF-8.
//
// The errors are [ErrNoTenant] for the zero ID, [ErrUnscoped] and [ErrStatement].
func (s *Statements) Bind(text string, id ID, args []any) (string, []any, error) {
	if id.IsZero() {
		return "", nil, ErrNoTenant
	}
	st := (*s.known.Load())[text]
	if st == nil {
		var err error
		if st, err = s.find(text); err != nil {
			return "", nil, fmt.Errorf("%w (%.60q)", err, text)
		}
	}
	if len(args) != st.params {
		return "", nil, fmt.Errorf("%w: %d arguments for %d placeholders (%.60q)", ErrStatement, len(args), st.params, text)
	}
	for _, arg := range args {
		if _, named := arg.(sql.NamedArg); named {
			return "", nil, fmt.Errorf("%w: a named argument (%.60q)", ErrStatement, text)
		}
	}
	bound := make([]any, len(args)+max(1, len(st.inserts)))
	if st.inserts == nil {
		bound[copy(bound, args)] = id.s
		return st.sql, bound, nil
	}
	tenant, to, from := any(id.s), 0, 0
	for _, before := range st.inserts {
		to += copy(bound[to:], args[from:before])
		bound[to] = tenant
		to, from = to+1, before
	}
	copy(bound[to:], args[from:])
	return st.sql, bound, nil
}

// find returns a statement that is not among the known ones. They are stored anew
// after as many misses as there are statements, so that storing costs no more than
// reading did.
func (s *Statements) find(text string) (*statement, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	st := s.all[text]
	if st == nil {
		var err error
		if st, err = s.read(text); err != nil || len(s.all) == maxStatements || len(text) > maxKept {
			return st, err
		}
		s.all[text] = st
	}
	if s.misses++; s.misses >= len(s.all) {
		known := maps.Clone(s.all)
		s.known.Store(&known)
		s.misses = 0
	}
	return st, nil
}

func (s *Statements) read(text string) (*statement, error) {
	l := lexer{text: text, tables: &s.tables}
	if err := l.read(s.dialect); err != nil {
		return nil, err
	}
	switch {
	case len(l.markers) == 0 && strings.Contains(text, marker):
		return nil, fmt.Errorf("%w: %s stands only in a string, a comment or a longer name", ErrUnscoped, marker)
	case len(l.markers) == 0:
		return nil, fmt.Errorf("%w: no %s", ErrUnscoped, marker)
	case len(l.markers) < l.mentions:
		return nil, fmt.Errorf("%w: tenant tables are named %d times, %s %d times", ErrUnscoped, l.mentions, marker, len(l.markers))
	case l.bare > 0 && l.highest > 0:
		return nil, fmt.Errorf("%w: placeholders with and without a number", ErrStatement)
	}
	st := &statement{params: max(l.highest, l.bare)}
	place := "?"
	switch {
	case l.bare > 0:
		st.inserts = make([]int, len(l.markers))
		for i, m := range l.markers {
			st.inserts[i] = m.before
		}
	case s.dialect == Postgres:
		place = "$" + strconv.Itoa(l.highest+1)
	default:
		place = "?" + strconv.Itoa(l.highest+1)
	}
	if len(l.dollars) > 0 {
		b := []byte(text)
		for _, at := range l.dollars {
			b[at] = '?'
		}
		text = string(b)
	}
	var b strings.Builder
	b.Grow(len(text))
	from := 0
	for _, m := range l.markers {
		b.WriteString(text[from:m.at])
		b.WriteString(place)
		from = m.at + len(marker)
	}
	b.WriteString(text[from:])
	st.sql = b.String()
	return st, nil
}
