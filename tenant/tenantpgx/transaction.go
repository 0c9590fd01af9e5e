package tenantpgx

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/rowhouse-go/rowhouse/tenant"
)

// Tx runs fn in a transaction of the tenant that ctx carries, and commits if fn
// returns nil. It rolls back when fn returns an error, which is returned as it is,
// or panics, and when ctx is done. A failure to begin or to commit is wrapped; that
// SQL in fn ended the transaction is one. The errors are also those of
// [tenant.FromContext]; nothing was sent then.
//
// fn is given ctx. A call of Tx in fn begins a second transaction on a second
// connection, which commits by itself; with a pool of one connection it waits
// until ctx is done.
func (d *DB) Tx(ctx context.Context, fn func(context.Context, *Tx) error) error {
	id, err := tenant.FromContext(ctx)
	if err != nil {
		return err
	}
	w := d.work(id, "")
	return d.run(ctx, w, func(tx pgx.Tx) error {
		return fn(ctx, &Tx{tx: tx, tenant: id, db: d, work: w})
	})
}

// SubjectTx runs fn as [DB.Tx] does, in a transaction that has a subject and no
// tenant, whatever ctx carries: policies show it the rows of that person in the
// directory tables, across tenants, and no row of a tenant table. It is for lists
// of a person's organizations and for the look-up of a membership before a tenant
// is known. An empty subject is [tenant.ErrNoSubject].
func (d *DB) SubjectTx(ctx context.Context, subject string, fn func(context.Context, Plain) error) error {
	if subject == "" {
		return tenant.ErrNoSubject
	}
	return d.run(ctx, d.work(tenant.ID{}, subject), func(tx pgx.Tx) error {
		return fn(ctx, Plain{tx: tx})
	})
}

var (
	errNotReturned = errors.New("tenantpgx: a function did not return")
	errEnded       = errors.New("SQL has ended the transaction")
)

// run runs do in a transaction.
func (d *DB) run(ctx context.Context, w *work, do func(pgx.Tx) error) (err error) {
	err = errNotReturned                // a panic or runtime.Goexit, which goes on
	defer func() { w.tell(ctx, err) }() // after the end of the transaction
	conn, release, failure := d.acquire(ctx)
	if failure != nil {
		err = fmt.Errorf("tenantpgx: begin: %w", failure)
		return err
	}
	defer release()

	var b pgx.Batch
	b.BeginTx(d.opts)
	b.Queue(d.set, w.tenant.String(), w.subject)
	results := conn.SendBatch(ctx, &b)
	failure = results.Close()
	tx := results.Tx()
	defer func() {
		ctx, cancel := lastly(ctx)
		defer cancel()
		// Nothing after a commit. Where it fails, pgx closes the connection, and
		// the server rolls back.
		_ = tx.Rollback(ctx)
	}()
	if failure != nil {
		err = fmt.Errorf("tenantpgx: begin: %w", failure)
		return err
	}
	if err = do(tx); err != nil {
		return err
	}
	if err = ctx.Err(); err == nil {
		if conn.PgConn().TxStatus() == idle {
			err = errEnded
		} else {
			err = tx.Commit(ctx)
		}
	}
	if err != nil {
		err = fmt.Errorf("tenantpgx: commit: %w", err)
	}
	return err
}

// work is one transaction from before its beginning to after its end.
type work struct {
	db      *DB
	start   time.Time
	tenant  tenant.ID
	subject string

	mu       sync.Mutex
	unscoped []string
}

func (d *DB) work(id tenant.ID, subject string) *work {
	return &work{db: d, start: time.Now(), tenant: id, subject: subject}
}

// tell tells the observer.
func (w *work) tell(ctx context.Context, err error) {
	if w.db.observe == nil {
		return
	}
	w.mu.Lock()
	unscoped := w.unscoped
	w.mu.Unlock()
	w.db.observe(ctx, tenant.Transaction{
		Start: w.start, Duration: time.Since(w.start), Tenant: w.tenant, Unscoped: unscoped, Err: err,
	})
}
