package tenantpgx

import (
	"context"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/rowhouse-go/rowhouse/tenant"
)

// text is the type of statements: only constants can be given where it is wanted,
// so no statement is built from what a client sent.
type text string

// Exec runs one statement in a transaction of its own, in one round trip. It holds
// :tenant, see [tenant.Statements.Bind]; args are values, not pgx's options or
// [pgx.NamedArgs]. The errors are also those of [tenant.FromContext]. The database's
// own are returned as pgx returns them.
func (d *DB) Exec(ctx context.Context, statement text, args ...any) (pgconn.CommandTag, error) {
	s, err := d.send(ctx, statement, args)
	if err != nil {
		return pgconn.CommandTag{}, err
	}
	tag, err := s.results.Exec()
	if err = s.end(err); err != nil {
		return pgconn.CommandTag{}, err
	}
	return tag, nil
}

// Query runs one statement that returns rows as [DB.Exec] does. The rows own the
// connection: they give it back when they are read to the end or closed, and their
// Err then says whether the statement was committed. An error is returned by the
// rows too, as pgx's own Query does. Their Conn is nil.
func (d *DB) Query(ctx context.Context, statement text, args ...any) (pgx.Rows, error) {
	s, err := d.send(ctx, statement, args)
	if err != nil {
		return failed{err}, err
	}
	got, err := s.results.Query()
	if err != nil {
		err = s.end(err)
		return failed{err}, err
	}
	return &rows{Rows: got, end: s.end}, nil
}

// QueryRow runs one statement as [DB.Query] does, for its first row. Scan has to be
// called: it gives the connection back. The server has committed by then, so a Scan
// that fails undoes nothing.
func (d *DB) QueryRow(ctx context.Context, statement text, args ...any) pgx.Row {
	s, err := d.send(ctx, statement, args)
	if err != nil {
		return failedRow{err}
	}
	return &row{Row: s.results.QueryRow(), end: s.end}
}

// A shot is a statement that was sent, up to its results.
type shot struct {
	results pgx.BatchResults
	end     func(error) error // called once, when the results are read
}

// send sends one statement and what comes before it, and reads the results up to
// the statement's own.
func (d *DB) send(ctx context.Context, statement text, args []any) (shot, error) {
	id, err := tenant.FromContext(ctx)
	if err != nil {
		return shot{}, err
	}
	bound, args, err := bind(d.statements, statement, id, args)
	if err != nil {
		return shot{}, err
	}
	w := d.work(id, "")
	conn, release, err := d.acquire(ctx)
	if err != nil {
		w.tell(ctx, err)
		return shot{}, err
	}
	var b pgx.Batch
	begun := d.opts != (pgx.TxOptions{}) // else the batch is a transaction by itself
	if begun {
		b.BeginTx(d.opts)
	}
	b.Queue(d.set, id.String(), "")
	before := b.Len()
	b.Queue(bound, args...)
	if begun {
		b.Queue(d.commit())
	}
	sent := false
	defer func() {
		if !sent { // an argument that panics while it is encoded: the connection is not usable
			release()
			w.tell(ctx, errNotReturned)
		}
	}()
	results := conn.SendBatch(ctx, &b)
	sent = true
	s := shot{results, func(err error) error {
		if closed := results.Close(); err == nil {
			err = closed
		}
		if status := conn.PgConn().TxStatus(); status != idle && !conn.IsClosed() {
			ctx, cancel := lastly(ctx)
			defer cancel()
			_, _ = conn.Exec(ctx, "rollback") // who fails here is closed on release
		}
		release()
		w.tell(ctx, err)
		return err
	}}
	for range before {
		if _, err := results.Exec(); err != nil {
			return shot{}, s.end(err)
		}
	}
	return s, nil
}

// commit returns the statement that ends a transaction begun with the options.
func (d *DB) commit() string {
	if d.opts.CommitQuery != "" {
		return d.opts.CommitQuery
	}
	return "commit"
}
