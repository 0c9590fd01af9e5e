package tenant

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"sync"
	"time"
)

// Tx runs fn in a transaction of the tenant that ctx carries, and commits if fn
// returns nil. It rolls back when fn returns an error, which is returned as it is,
// or panics, and when ctx is done. A failure to begin or to commit is wrapped. The
// errors are also those of [FromContext]; nothing was sent then.
//
// With PostgreSQL the tenant is set for the transaction only, in a round trip
// after BEGIN. fn is given ctx. A call of Tx in fn begins a second transaction on
// a second connection, which commits by itself; with a pool of one connection it
// waits for ever.
func (d *DB) Tx(ctx context.Context, fn func(context.Context, *Tx) error) error {
	id, err := FromContext(ctx)
	if err != nil {
		return err
	}
	w := d.work(id)
	return d.run(ctx, w, func(tx *sql.Tx) error {
		return fn(ctx, &Tx{tx, id, d.statements, w})
	})
}

// SubjectTx runs fn as [DB.Tx] does, in a transaction that has a subject and no
// tenant, whatever ctx carries: policies show it the rows of that person in the
// directory tables, across tenants, and no row of a tenant table. It is for lists
// of a person's organizations and for the look-up of a membership before a tenant
// is known. An empty subject is [ErrNoSubject].
//
// SQLite has no policies: there the statements themselves have to ask for the
// subject.
func (d *DB) SubjectTx(ctx context.Context, subject string, fn func(context.Context, Plain) error) error {
	if subject == "" {
		return ErrNoSubject
	}
	w := d.work(ID{})
	w.subject = subject
	return d.run(ctx, w, func(tx *sql.Tx) error {
		return fn(ctx, Plain{tx: tx})
	})
}

// work is one transaction from before its beginning to after its end.
type work struct {
	db      *DB
	start   time.Time
	tenant  ID
	subject string

	mu       sync.Mutex
	unscoped []string
}

func (d *DB) work(id ID) *work { return &work{db: d, start: time.Now(), tenant: id} }

var errNotReturned = errors.New("tenant: the transaction's function did not return")

// run runs do in a transaction.
func (d *DB) run(ctx context.Context, w *work, do func(*sql.Tx) error) error {
	tx, err := d.begin(ctx, w)
	if err != nil {
		return err
	}
	returned := false
	defer func() {
		if !returned { // a panic or runtime.Goexit, which goes on
			_ = w.end(ctx, tx, errNotReturned)
		}
	}()
	err = do(tx)
	returned = true
	return w.end(ctx, tx, err)
}

// Both settings are set each time, one of them to nothing: what a session was left
// with never joins what a transaction asks for.
const setSettings = "SELECT pg_catalog.set_config($1, $2, true), pg_catalog.set_config('" + subjectSetting + "', $3, true)"

// begin begins the transaction and sets what its policies read.
func (d *DB) begin(ctx context.Context, w *work) (*sql.Tx, error) {
	tx, err := d.db.BeginTx(ctx, d.opts)
	if err != nil {
		err = fmt.Errorf("tenant: begin: %w", err)
		w.tell(ctx, err)
		return nil, err
	}
	if d.dialect == Postgres {
		if _, err := tx.ExecContext(ctx, setSettings, d.setting, w.tenant.s, w.subject); err != nil {
			return nil, w.end(ctx, tx, fmt.Errorf("tenant: set %s: %w", d.setting, err))
		}
	}
	return tx, nil
}

// end commits, or rolls back because of err, and returns what the caller is told.
func (w *work) end(ctx context.Context, tx *sql.Tx, err error) error {
	if err == nil {
		if err = tx.Commit(); err != nil {
			if errors.Is(err, sql.ErrTxDone) && ctx.Err() != nil {
				err = ctx.Err() // database/sql rolled back before Commit was called
			}
			err = fmt.Errorf("tenant: commit: %w", err)
		}
	} else if failed := tx.Rollback(); failed != nil && !errors.Is(failed, sql.ErrTxDone) {
		err = errors.Join(err, fmt.Errorf("tenant: rollback: %w", failed))
	}
	w.tell(ctx, err)
	return err
}

// tell tells the observer.
func (w *work) tell(ctx context.Context, err error) {
	if w.db.observe == nil {
		return
	}
	w.mu.Lock()
	unscoped := w.unscoped
	w.mu.Unlock()
	w.db.observe(ctx, Transaction{
		Start: w.start, Duration: time.Since(w.start), Tenant: w.tenant, Unscoped: unscoped, Err: err,
	})
}
