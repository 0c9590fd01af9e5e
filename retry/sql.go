package retry

import (
	"context"
	"database/sql"
)

// SQL makes what [Tx] runs transactions with from a pool, or from one connection. A
// transaction is begun with opts, nil for the default, committed if f returns nil, and
// rolled back if f returns an error, which is returned as it is, or panics. Errors are
// not wrapped.
func SQL(db interface {
	BeginTx(context.Context, *sql.TxOptions) (*sql.Tx, error)
}, opts *sql.TxOptions,
) func(context.Context, func(context.Context, *sql.Tx) error) error {
	return func(ctx context.Context, f func(context.Context, *sql.Tx) error) error {
		tx, err := db.BeginTx(ctx, opts)
		if err != nil {
			return err
		}
		// After Commit it does nothing. If it fails, the connection is lost and the
		// server rolls back by itself.
		defer func() { _ = tx.Rollback() }()
		if err := f(ctx, tx); err != nil {
			return err
		}
		return tx.Commit()
	}
}
