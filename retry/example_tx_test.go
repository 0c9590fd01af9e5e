package retry_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"

	"github.com/rowhouse-go/rowhouse/retry"
)

// A ledger stands for a database: it has the Tx method that tenant.DB has.
type ledger struct{ conflicts int }

type entry struct{ conflict bool }

func (l *ledger) Tx(ctx context.Context, f func(context.Context, *entry) error) error {
	l.conflicts--
	return f(ctx, &entry{conflict: l.conflicts >= 0})
}

func (e *entry) add(context.Context, int) error {
	if e.conflict {
		return serializationFailure{}
	}
	return nil
}

// serializationFailure is what a driver returns, pgx's *pgconn.PgError for example.
type serializationFailure struct{}

func (serializationFailure) Error() string    { return "could not serialize access (SQLSTATE 40001)" }
func (serializationFailure) SQLState() string { return "40001" }

// The method of a database value is all that is needed: with a tenant.DB,
//
//	err := retry.Tx(ctx, policy, db.Tx, func(ctx context.Context, tx *tenant.Tx) error {
//		_, err := tx.Exec(ctx, `UPDATE accounts SET n = n - 1 WHERE tenant_id = :tenant AND id = $1`, id)
//		return err
//	})
//
// and with pgx, run is
//
//	func(ctx context.Context, f func(context.Context, pgx.Tx) error) error {
//		return pgx.BeginFunc(ctx, pool, func(tx pgx.Tx) error { return f(ctx, tx) })
//	}
func ExampleTx() {
	db := &ledger{conflicts: 2}
	runs := 0
	err := retry.Tx(context.Background(), nil, db.Tx, func(ctx context.Context, e *entry) error {
		runs++
		return e.add(ctx, 12)
	})
	fmt.Println(err, "after", runs, "runs")
	// Output: <nil> after 3 runs
}

// A commit whose answer was lost may have taken effect: only the application can
// tell, by looking for what it wrote.
func ExampleTx_commitUnknown() {
	cut := func(ctx context.Context, f func(context.Context, *entry) error) error {
		if err := f(ctx, new(entry)); err != nil {
			return err
		}
		return fmt.Errorf("commit: %w", io.ErrUnexpectedEOF)
	}
	err := retry.Tx(context.Background(), nil, cut, func(ctx context.Context, e *entry) error { return e.add(ctx, 12) })
	if errors.Is(err, retry.ErrCommitUnknown) {
		fmt.Println("look for the entry before adding it again:", err)
	}
	// Output: look for the entry before adding it again: retry: commit may have taken effect: commit: unexpected EOF
}

// With database/sql, at an isolation level that needs retries.
func ExampleSQL() {
	var ctx context.Context
	var db *sql.DB // of any driver
	serializable := &sql.TxOptions{Isolation: sql.LevelSerializable}
	err := retry.Tx(ctx, nil, retry.SQL(db, serializable), func(ctx context.Context, tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `UPDATE counter SET n = n + 1`)
		return err
	})
	if err != nil {
		fmt.Println(err)
	}
}

// Outside a transaction, for what may be repeated: reading.
func ExampleTransientSQL() {
	policy := &retry.Policy{Retryable: retry.TransientSQL}
	attempts := 0
	err := policy.Do(context.Background(), func(context.Context) error {
		if attempts++; attempts == 1 {
			return fmt.Errorf("orders: %w", io.ErrUnexpectedEOF) // the connection is lost
		}
		return sql.ErrNoRows
	})
	fmt.Println(attempts, err)
	// Output: 2 sql: no rows in result set
}
