package tenantpgx

import (
	"context"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/rowhouse-go/rowhouse/tenant"
)

// A Tx is a transaction of one tenant, made by [DB.Tx]. Repositories take a *Tx: a
// pool or a transaction without a tenant does not compile in its place.
//
// Its statements are constants that hold :tenant wherever the tenant's id belongs,
// and its arguments are values, as at [DB.Exec]. The context of each call carries
// the tenant of the transaction; it fails with [tenant.ErrOtherTenant],
// [tenant.ErrNoTenant] or [tenant.ErrConflict] otherwise, and nothing is sent. After
// the end of the transaction each call fails with [pgx.ErrTxClosed]. A Tx is one
// connection and not safe for concurrent use.
type Tx struct {
	tx     pgx.Tx
	tenant tenant.ID
	db     *DB
	work   *work
	copies int // by CopyIn
}

// Exec runs a statement without rows.
func (t *Tx) Exec(ctx context.Context, statement text, args ...any) (pgconn.CommandTag, error) {
	bound, args, err := t.bind(ctx, statement, args)
	if err != nil {
		return pgconn.CommandTag{}, err
	}
	return t.tx.Exec(ctx, bound, args...)
}

// Query runs a statement that returns rows. They have to be read to the end or
// closed before the next call. An error is returned by the rows too. Their Conn is
// nil.
func (t *Tx) Query(ctx context.Context, statement text, args ...any) (pgx.Rows, error) {
	bound, args, err := t.bind(ctx, statement, args)
	if err != nil {
		return failed{err}, err
	}
	got, err := t.tx.Query(ctx, bound, args...)
	return hidden{got}, err
}

// QueryRow runs a statement for its first row. Errors come from Scan, which has to
// be called before the next call.
func (t *Tx) QueryRow(ctx context.Context, statement text, args ...any) pgx.Row {
	bound, args, err := t.bind(ctx, statement, args)
	if err != nil {
		return failedRow{err}
	}
	return t.tx.QueryRow(ctx, bound, args...)
}

// Unscoped returns the transaction for SQL that says no :tenant: that of generators
// such as sqlc, and SQL built at run time. The policies guard it. The reason is one
// for a reader of the code and goes to [tenant.DBOptions.Observe]; without one, all
// calls fail with [tenant.ErrNoReason].
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
	return bind(t.db.statements, statement, t.tenant, args)
}
