package tenant

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"
)

// DBOptions holds what [NewDB] does not take as an argument. The zero value, like
// a nil *DBOptions, means the defaults.
type DBOptions struct {
	// Setting is the PostgreSQL setting that the policies read the tenant from:
	// two lower-case names with a point between them. Empty means
	// "app.tenant_id". It is set for the transaction only.
	Setting string

	// Tables lists the tables whose rows belong to tenants, and the views over
	// them, without schema. A statement needs a :tenant for each mention of one.
	// SQLite requires it, having no policies; with PostgreSQL it is a second
	// guard.
	Tables []string

	// Column is the column that says whose a row is, for [DB.Check]. Empty means
	// "tenant_id".
	Column string

	// Observe, if not nil, is called after each transaction and each one-shot.
	Observe func(context.Context, Transaction)
}

// A Transaction is what [DBOptions.Observe] is told.
type Transaction struct {
	Start    time.Time
	Duration time.Duration
	Tenant   ID       // zero for SubjectTx
	Unscoped []string // the reasons given to [Tx.Unscoped], in order
	Err      error    // nil if the transaction was committed
}

// The settings that the policies of package rls read.
const (
	defaultSetting = "app.tenant_id"
	subjectSetting = "app.subject"
)

// A DB runs SQL for the tenant that the context carries. It wraps a pool that
// stays the caller's, needs no Close and is safe for concurrent use. Make one with
// [NewDB]; the zero DB is not usable.
type DB struct {
	db         *sql.DB
	dialect    Dialect
	setting    string
	column     string
	tables     []string
	statements *Statements
	opts       *sql.TxOptions
	observe    func(context.Context, Transaction)
}

// NewDB returns a DB on db, whose driver has to be one for the dialect. It reports
// every fault of its arguments at once, and connects to nothing.
func NewDB(db *sql.DB, d Dialect, o *DBOptions) (*DB, error) {
	if o == nil {
		o = &DBOptions{}
	}
	n := &DB{db: db, dialect: d, setting: o.Setting, column: o.Column, observe: o.Observe}
	if n.setting == "" {
		n.setting = defaultSetting
	}
	if n.column == "" {
		n.column = "tenant_id"
	}
	n.tables = append(n.tables, o.Tables...)

	var faults []error
	if db == nil {
		faults = append(faults, errors.New("tenant: nil *sql.DB"))
	}
	if !isSetting(n.setting) {
		faults = append(faults, fmt.Errorf("tenant: DBOptions.Setting: %.64q is not two lower-case names with a point between", n.setting))
	}
	if n.setting == subjectSetting {
		faults = append(faults, fmt.Errorf("tenant: DBOptions.Setting: %s is the subject's", subjectSetting))
	}
	if d == SQLite && len(o.Tables) == 0 {
		faults = append(faults, errors.New("tenant: DBOptions.Tables: SQLite has no row level security, list the tenant tables"))
	}
	var err error
	if n.statements, err = NewStatements(d, o.Tables...); err != nil {
		faults = append(faults, err)
	}
	if len(faults) > 0 {
		return nil, errors.Join(faults...)
	}
	return n, nil
}

// With returns a DB whose transactions are begun with opts, nil for the default.
func (d *DB) With(opts *sql.TxOptions) *DB {
	with := *d
	with.opts = opts
	return &with
}

// text is the type of statements: only constants can be given where it is wanted,
// so no statement is built from what a client sent.
type text string

// Exec runs one statement in a transaction of its own; with SQLite, and without
// options from [DB.With], the statement is the transaction. It holds :tenant, see
// [Statements.Bind]. With PostgreSQL it costs four round trips: several statements
// cost less in one [DB.Tx].
func (d *DB) Exec(ctx context.Context, statement text, args ...any) (sql.Result, error) {
	w, bound, args, err := d.prepare(ctx, string(statement), args)
	if err != nil {
		return nil, err
	}
	var result sql.Result
	if d.plain() {
		result, err = d.db.ExecContext(ctx, bound, args...)
		w.tell(ctx, err)
		return result, err
	}
	err = d.run(ctx, w, func(tx *sql.Tx) (err error) {
		result, err = tx.ExecContext(ctx, bound, args...)
		return err
	})
	if err != nil {
		return nil, err
	}
	return result, nil
}

// Query runs one statement that returns rows as [DB.Exec] does. The rows own the
// transaction: it is committed when they are read to the end or closed, and rolled
// back when reading them fails. Rows that are never closed keep their connection
// until ctx is done.
func (d *DB) Query(ctx context.Context, statement text, args ...any) (*Rows, error) {
	w, bound, args, err := d.prepare(ctx, string(statement), args)
	if err != nil {
		return nil, err
	}
	if d.plain() {
		rows, err := d.db.QueryContext(ctx, bound, args...) //nolint:rowserrcheck // Rows.Err is for the caller
		if err != nil {
			w.tell(ctx, err)
			return nil, err
		}
		return &Rows{rows: rows, end: func(err error) error { w.tell(ctx, err); return err }}, nil
	}
	tx, err := d.begin(ctx, w)
	if err != nil {
		return nil, err
	}
	rows, err := tx.QueryContext(ctx, bound, args...) //nolint:rowserrcheck // Rows.Err is for the caller
	if err != nil {
		return nil, w.end(ctx, tx, err)
	}
	return &Rows{rows: rows, end: func(err error) error { return w.end(ctx, tx, err) }}, nil
}

// QueryRow runs one statement as [DB.Query] does, for its first row. Scan has to
// be called.
func (d *DB) QueryRow(ctx context.Context, statement text, args ...any) *Row {
	rows, err := d.Query(ctx, statement, args...)
	return &Row{rows, err}
}

// plain reports whether a one-shot needs no transaction around it.
func (d *DB) plain() bool { return d.dialect == SQLite && d.opts == nil }

// prepare returns what a one-shot runs with.
func (d *DB) prepare(ctx context.Context, statement string, args []any) (*work, string, []any, error) {
	id, err := FromContext(ctx)
	if err != nil {
		return nil, "", nil, err
	}
	bound, args, err := d.statements.Bind(statement, id, args)
	if err != nil {
		return nil, "", nil, err
	}
	return d.work(id), bound, args, nil
}

// isSetting reports whether s can be the name of a PostgreSQL setting of ours.
func isSetting(s string) bool {
	class, name, ok := strings.Cut(s, ".")
	return ok && len(s) <= maxName && isPlainName(class) && isPlainName(name)
}

// isPlainName reports whether s is a lower-case SQL name that needs no quotes.
func isPlainName(s string) bool {
	for i := range len(s) {
		if c := s[i]; c != '_' && (c < 'a' || c > 'z') && (i == 0 || c < '0' || c > '9') {
			return false
		}
	}
	return s != ""
}
