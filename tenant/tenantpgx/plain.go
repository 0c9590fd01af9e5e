package tenantpgx

import (
	"context"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/rowhouse-go/rowhouse/tenant"
)

// A Plain runs any SQL in a transaction made by [DB.Tx] or [DB.SubjectTx]. It has
// the methods that sqlc's DBTX for pgx asks for. Its calls check their context as
// those of [Tx] do; in a SubjectTx there is no tenant to check. SQL that ends the
// transaction is not stopped: no tenant is set behind it, and the call of Tx fails.
// The zero Plain runs nothing: [tenant.ErrNoReason].
type Plain struct {
	tx     pgx.Tx
	tenant tenant.ID
}

// Exec runs a statement without rows.
func (p Plain) Exec(ctx context.Context, query string, args ...any) (pgconn.CommandTag, error) {
	if err := p.check(ctx); err != nil {
		return pgconn.CommandTag{}, err
	}
	return p.tx.Exec(ctx, query, args...)
}

// Query runs a statement that returns rows. They have to be read to the end or
// closed before the next call. Their Conn is nil.
func (p Plain) Query(ctx context.Context, query string, args ...any) (pgx.Rows, error) {
	if err := p.check(ctx); err != nil {
		return failed{err}, err
	}
	got, err := p.tx.Query(ctx, query, args...)
	return hidden{got}, err
}

// QueryRow runs a statement for its first row. Errors come from Scan.
func (p Plain) QueryRow(ctx context.Context, query string, args ...any) pgx.Row {
	if err := p.check(ctx); err != nil {
		return failedRow{err}
	}
	return p.tx.QueryRow(ctx, query, args...)
}

// SendBatch runs several statements in one round trip. The Conn of their rows is
// nil.
func (p Plain) SendBatch(ctx context.Context, b *pgx.Batch) pgx.BatchResults {
	if err := p.check(ctx); err != nil {
		return pgx.FailedBatchResults(b, err)
	}
	for _, q := range b.QueuedQueries {
		if fn := q.Fn; fn != nil {
			q.Fn = func(results pgx.BatchResults) error { return fn(hiddenBatch{results}) }
		}
	}
	return hiddenBatch{p.tx.SendBatch(ctx, b)}
}

// CopyFrom copies rows into a table without row level security: PostgreSQL refuses
// COPY FROM on one that has it, for which there is [Tx.CopyIn].
func (p Plain) CopyFrom(ctx context.Context, table pgx.Identifier, columns []string, src pgx.CopyFromSource) (int64, error) {
	if err := p.check(ctx); err != nil {
		return 0, err
	}
	return p.tx.CopyFrom(ctx, table, columns, src)
}

func (p Plain) check(ctx context.Context) error {
	switch {
	case p.tx == nil:
		return tenant.ErrNoReason
	case p.tenant.IsZero():
		return nil
	}
	return sameTenant(ctx, p.tenant)
}
