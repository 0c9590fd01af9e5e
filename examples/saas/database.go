package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/rowhouse-go/rowhouse/rbac/members"
	"github.com/rowhouse-go/rowhouse/retry"
	"github.com/rowhouse-go/rowhouse/tenant"
)

// A database is where the service keeps its rows: one SQLite file, or PostgreSQL
// with row level security. Everything an organization owns is reached through
// write and read, inside the organization of the context; what a person sees
// across organizations through readAs.
type database struct {
	dialect        tenant.Dialect
	writer, reader *sql.DB // one pool in PostgreSQL
	changes, views *tenant.DB
	retries        *retries
}

func openDatabase(ctx context.Context, c *config, log *slog.Logger) (*database, error) {
	var d *database
	var err error
	if c.onPostgres() {
		d, err = openPostgres(ctx, c)
	} else {
		path, _ := c.sqlitePath()
		d, _, err = openSQLite(ctx, path)
	}
	if err != nil {
		return nil, fmt.Errorf("database: %w", err)
	}
	d.retries = newRetries(log)
	return d, nil
}

// write runs do in a transaction of the context's organization. It is committed if
// do returns nil. If it lost against others, all of do is run again: see retries. A
// commit whose answer was lost is retry.ErrCommitUnknown.
func (d *database) write(ctx context.Context, do func(context.Context, *tenant.Tx) error) error {
	return retry.Tx(ctx, d.retries.change, inTransaction(d.changes.Tx), do)
}

// read is write for transactions that change nothing, which may be repeated however
// they ended.
func (d *database) read(ctx context.Context, do func(context.Context, *tenant.Tx) error) error {
	return d.retries.read.Do(ctx, func(ctx context.Context) error {
		return inTransaction(d.views.Tx)(ctx, do)
	})
}

// readAs runs do in a transaction that sees what concerns one person: their
// memberships, and the names of those organizations. It is repeated as read is.
func (d *database) readAs(ctx context.Context, subject string, do func(context.Context, members.Querier) error) error {
	asSubject := func(ctx context.Context, do func(context.Context, tenant.Plain) error) error {
		return d.views.SubjectTx(ctx, subject, do)
	}
	return d.retries.read.Do(ctx, func(ctx context.Context) error {
		return inTransaction(asSubject)(ctx, func(ctx context.Context, q tenant.Plain) error { return do(ctx, q) })
	})
}

// errNoDatabase means that the database did not do what it is there for, whatever
// it was asked.
var errNoDatabase = errors.New("database unavailable")

// outage tells the failure of a transaction, which begins and ends with the
// database's help alone, from that of what was done in it.
func outage(err, done error) error {
	if err == nil || done != nil || errors.Is(err, tenant.ErrNoTenant) || errors.Is(err, tenant.ErrConflict) {
		return err
	}
	return fmt.Errorf("%w: %w", errNoDatabase, err)
}

// ping asks each pool for an answer.
func (d *database) ping(ctx context.Context) error {
	for _, pool := range d.pools() {
		var one int
		if err := pool.QueryRowContext(ctx, "SELECT 1").Scan(&one); err != nil {
			return err
		}
	}
	return nil
}

func (d *database) close() error {
	var errs []error
	for _, pool := range d.pools() {
		errs = append(errs, pool.Close())
	}
	return errors.Join(errs...)
}

// pools returns those that are open, each once. In SQLite the last to close removes
// the file's side files.
func (d *database) pools() []*sql.DB {
	var pools []*sql.DB
	if d.reader != nil && d.reader != d.writer {
		pools = append(pools, d.reader)
	}
	if d.writer != nil {
		pools = append(pools, d.writer)
	}
	return pools
}

// moment returns t as it is stored: whole microseconds, in PostgreSQL as
// timestamptz and in SQLite as their number since 1970.
func (d *database) moment(t time.Time) any {
	if d.dialect == tenant.SQLite {
		return t.UnixMicro()
	}
	return t.UTC().Truncate(time.Microsecond)
}

// A stamp scans what moment stored.
type stamp time.Time

func (s *stamp) Scan(src any) error {
	switch v := src.(type) {
	case int64:
		*s = stamp(time.UnixMicro(v).UTC())
	case time.Time:
		*s = stamp(v.UTC())
	default:
		return fmt.Errorf("a time is stored as %T", src)
	}
	return nil
}
