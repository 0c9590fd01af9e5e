package tenant

import (
	"context"
	"database/sql"
	"strings"
)

// A Tx is a transaction of one tenant, made by [DB.Tx]. Repositories take a *Tx: a
// pool or a transaction without a tenant does not compile in its place.
//
// Its statements are constants that hold :tenant wherever the tenant's id belongs,
// as described at [Statements.Bind]:
//
//	tx.Exec(ctx, `UPDATE orders SET paid = true WHERE tenant_id = :tenant AND id = $1`, id)
//
// The context of each call carries the tenant of the transaction; it fails with
// [ErrOtherTenant], [ErrNoTenant] or [ErrConflict] otherwise, and nothing is sent.
// After the end of the transaction each call fails with [sql.ErrTxDone]. A Tx is
// safe for concurrent use as far as the driver's transactions are.
type Tx struct {
	tx         *sql.Tx
	tenant     ID
	statements *Statements
	work       *work
}

// Exec runs a statement without rows.
func (t *Tx) Exec(ctx context.Context, statement text, args ...any) (sql.Result, error) {
	bound, args, err := t.bind(ctx, statement, args)
	if err != nil {
		return nil, err
	}
	return t.tx.ExecContext(ctx, bound, args...)
}

// Query runs a statement that returns rows. They have to be closed.
func (t *Tx) Query(ctx context.Context, statement text, args ...any) (*sql.Rows, error) {
	bound, args, err := t.bind(ctx, statement, args)
	if err != nil {
		return nil, err
	}
	return t.tx.QueryContext(ctx, bound, args...)
}

// QueryRow runs a statement for its first row. Errors come from Scan.
func (t *Tx) QueryRow(ctx context.Context, statement text, args ...any) *sql.Row {
	bound, args, err := t.bind(ctx, statement, args)
	if err != nil {
		return failedRow(err)
	}
	return t.tx.QueryRowContext(ctx, bound, args...)
}

// Unscoped returns the transaction for SQL that says no :tenant: that of packages
// and generators that want ExecContext, and SQL built at run time. With PostgreSQL
// the policies guard it; with SQLite nothing does. The reason is one for a reader
// of the code and goes to [DBOptions.Observe]; without one, all calls fail with
// [ErrNoReason].
func (t *Tx) Unscoped(reason string) Plain {
	if strings.TrimSpace(reason) == "" {
		return Plain{}
	}
	t.work.mu.Lock()
	t.work.unscoped = append(t.work.unscoped, reason)
	t.work.mu.Unlock()
	return Plain{t.tx, t.tenant}
}

func (t *Tx) bind(ctx context.Context, statement text, args []any) (string, []any, error) {
	if err := sameTenant(ctx, t.tenant); err != nil {
		return "", nil, err
	}
	return t.statements.Bind(string(statement), t.tenant, args)
}

// sameTenant returns nil if ctx carries id.
func sameTenant(ctx context.Context, id ID) error {
	got, err := FromContext(ctx)
	if err == nil && got != id {
		err = ErrOtherTenant
	}
	return err
}
