package retry

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
)

// ErrCommitUnknown is the error of a commit that failed in a way that does not say
// whether it took effect, for example by a connection that was lost before the
// answer. [Tx] does not retry then, and marks the error with [Permanent], so that no
// layer above repeats the transaction either. The caller may look for what it should
// have written. It has a method HTTPStatus() int that returns 503.
var ErrCommitUnknown error = &refusal{"retry: commit may have taken effect"}

// Tx runs f in a transaction made by run, and all of it again when that is safe and
// may help. run begins a transaction, calls its function once, commits if that
// returns nil and rolls back otherwise: [SQL] makes one for [sql.Tx], and the method
// Tx of a tenant.DB is one.
//
// f may run several times, each time in a new transaction: it starts from the same
// state each time, keeps results in variables that it sets and never adds to, and
// leaves effects outside the database to the code after Tx. The transaction is
// retried:
//
//   - on a serialization failure, a deadlock (SQLSTATE 40001, 40P01) or SQLite's BUSY
//     or LOCKED, whether a statement or the commit fails, as long as f returns the
//     error or one that wraps it;
//   - on all that [TransientSQL] reports, if f was not entered: the connection was
//     refused, or lost at begin;
//   - on what p.Retryable reports, which is asked about the other errors. Without it
//     they are not retried.
//
// A connection lost in f is not retried unless p.Retryable says so, even though
// nothing was committed: a statement that crashes the server would crash it as often
// as the policy has attempts. Nor is an attempt that its AttemptTimeout ended in f.
//
// If f returned nil and the commit failed in a way that does not prove a rollback,
// the error matches [ErrCommitUnknown] and the driver's error, is not retried, and
// p.Retryable is not asked. A context that is done when f returns rolls back. Errors
// that are not retried are returned as run returned them; when retries end, it is an
// [*Error] that wraps the last one.
func Tx[Q any](
	ctx context.Context, p *Policy,
	run func(context.Context, func(context.Context, Q) error) error,
	f func(context.Context, Q) error,
) error {
	var policy Policy
	if p != nil {
		policy = *p
	}
	var entered, agreed bool // f was, and its last word was nil
	judge := policy.Retryable
	policy.Retryable = func(err error) bool {
		return conflict(err) || !entered && TransientSQL(err) || judge != nil && judge(err)
	}
	// A connection that is lost speaks against the database, whether or not the
	// transaction may be repeated.
	policy.failed = func(err error, retryable bool) bool { return retryable || TransientSQL(err) }
	return policy.Do(ctx, func(ctx context.Context) error {
		entered, agreed = false, false
		err := run(ctx, func(ctx context.Context, q Q) error {
			entered = true
			err := f(ctx, q)
			if err == nil && ctx.Err() != nil {
				err = ended(ctx)
			}
			agreed = err == nil
			return err
		})
		if err != nil && agreed && !rolledBack(err) && !errors.Is(err, sql.ErrTxDone) {
			return Permanent(fmt.Errorf("%w: %w", ErrCommitUnknown, err))
		}
		return err
	})
}
