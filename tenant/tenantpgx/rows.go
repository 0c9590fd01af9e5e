package tenantpgx

import (
	"errors"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgtype"
)

// rows is the result of a one-shot. It ends the shot once.
type rows struct {
	pgx.Rows
	end func(error) error // nil once it was called
	err error             // what it returned
}

func (r *rows) Next() bool {
	if r.Rows.Next() {
		return true
	}
	r.Close()
	return false
}

func (r *rows) Scan(dest ...any) error {
	err := r.Rows.Scan(dest...)
	if err != nil {
		r.Close() // as pgx's rows do
	}
	return err
}

func (r *rows) Values() ([]any, error) {
	values, err := r.Rows.Values()
	if err != nil {
		r.Close()
	}
	return values, err
}

func (r *rows) Close() {
	r.Rows.Close()
	if end := r.end; end != nil {
		r.end = nil
		r.err = end(r.Rows.Err())
	}
}

func (r *rows) Err() error {
	if r.err != nil {
		return r.err
	}
	return r.Rows.Err()
}

// Conn returns nil: SQL on the bare connection would belong to no tenant.
func (r *rows) Conn() *pgx.Conn { return nil }

// row is the result of a one-shot for one row. It ends the shot once.
type row struct {
	pgx.Row
	end func(error) error // nil once it was called
}

var errScanned = errors.New("tenantpgx: Row.Scan was called before")

func (r *row) Scan(dest ...any) (err error) {
	end := r.end
	if end == nil {
		return errScanned
	}
	r.end = nil
	returned := false
	defer func() { // also when a destination panics
		if !returned {
			_ = end(errNotReturned)
		}
	}()
	err = r.Row.Scan(dest...)
	returned = true
	if errors.Is(err, pgx.ErrNoRows) { // a row not found is a statement that went well
		if ended := end(nil); ended != nil {
			return ended
		}
		return err
	}
	return end(err)
}

// hidden is rows of a transaction, whose connection has to stay its own.
type hidden struct{ pgx.Rows }

func (hidden) Conn() *pgx.Conn { return nil }

// hiddenBatch is the results of a batch of a transaction.
type hiddenBatch struct{ pgx.BatchResults }

func (h hiddenBatch) Query() (pgx.Rows, error) {
	got, err := h.BatchResults.Query()
	return hidden{got}, err
}

// failed is the rows of a statement that was not sent or not answered.
type failed struct{ err error }

func (failed) Close()                                       {}
func (f failed) Err() error                                 { return f.err }
func (failed) CommandTag() pgconn.CommandTag                { return pgconn.CommandTag{} }
func (failed) FieldDescriptions() []pgconn.FieldDescription { return nil }
func (failed) Next() bool                                   { return false }
func (f failed) Scan(...any) error                          { return f.err }
func (f failed) Values() ([]any, error)                     { return nil, f.err }
func (failed) RawValues() [][]byte                          { return nil }
func (failed) Conn() *pgx.Conn                              { return nil }
func (failed) TypeMap() *pgtype.Map                         { return nil }

type failedRow struct{ err error }

func (f failedRow) Scan(...any) error { return f.err }
