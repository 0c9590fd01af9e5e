package tenant

import (
	"context"
	"database/sql"
	"time"
)

// A Plain runs any SQL in a transaction made by [DB.Tx] or [DB.SubjectTx]. It has
// the methods that sqlc's DBTX and this module's packages ask for, and none that
// begins or ends a transaction. SQL that does so is not stopped: behind a COMMIT no
// tenant is set, and behind a ROLLBACK the call of Tx succeeds with nothing done.
// Its calls check their context as those of [Tx] do; in a SubjectTx there is no
// tenant to check. The zero Plain runs nothing: [ErrNoReason].
type Plain struct {
	tx     *sql.Tx
	tenant ID
}

// ExecContext runs a statement without rows.
func (p Plain) ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error) {
	if err := p.check(ctx); err != nil {
		return nil, err
	}
	return p.tx.ExecContext(ctx, query, args...)
}

// QueryContext runs a statement that returns rows. They have to be closed.
func (p Plain) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	if err := p.check(ctx); err != nil {
		return nil, err
	}
	return p.tx.QueryContext(ctx, query, args...)
}

// QueryRowContext runs a statement for its first row. Errors come from Scan.
func (p Plain) QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row {
	if err := p.check(ctx); err != nil {
		return failedRow(err)
	}
	return p.tx.QueryRowContext(ctx, query, args...)
}

// PrepareContext prepares a statement for the rest of the transaction. The calls
// of the statement check no context.
func (p Plain) PrepareContext(ctx context.Context, query string) (*sql.Stmt, error) {
	if err := p.check(ctx); err != nil {
		return nil, err
	}
	return p.tx.PrepareContext(ctx, query)
}

func (p Plain) check(ctx context.Context) error {
	switch {
	case p.tx == nil:
		return ErrNoReason
	case p.tenant.IsZero():
		return nil
	}
	return sameTenant(ctx, p.tenant)
}

// failedRow returns a row whose Scan returns err. database/sql has no other way to
// make one: a transaction asks its context before anything else.
func failedRow(err error) *sql.Row {
	return new(sql.Tx).QueryRowContext(ended{err}, "")
}

// ended is a context that ended with err before it began.
type ended struct{ err error }

func (ended) Deadline() (time.Time, bool) { return time.Time{}, false }
func (ended) Value(any) any               { return nil }
func (e ended) Err() error                { return e.err }

func (ended) Done() <-chan struct{} {
	done := make(chan struct{})
	close(done)
	return done
}
