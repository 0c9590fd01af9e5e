package tenant

import (
	"database/sql"
	"errors"
)

// Rows is the result of [DB.Query], used as [sql.Rows] is. It owns the transaction
// of the statement: reading to the end or Close commits it, a failure rolls it
// back, and both Err and Close return the failure of either. It is not safe for
// concurrent use.
type Rows struct {
	rows *sql.Rows
	end  func(error) error // nil once it was called
	err  error             // how it ended
}

// Next prepares the next row for Scan. It returns false at the end and on failure,
// see Err.
func (r *Rows) Next() bool {
	if r.rows.Next() {
		return true
	}
	_ = r.finish(nil) // Err returns it
	return false
}

// Scan copies the columns of the row into dest. Its failure does not end the rows,
// and does not roll back.
func (r *Rows) Scan(dest ...any) error { return r.rows.Scan(dest...) }

// Columns returns the names of the columns.
func (r *Rows) Columns() ([]string, error) { return r.rows.Columns() }

// ColumnTypes returns the types of the columns.
func (r *Rows) ColumnTypes() ([]*sql.ColumnType, error) { return r.rows.ColumnTypes() }

// Err returns what ended the rows too early, or kept the transaction from being
// committed. Call it after Next returned false.
func (r *Rows) Err() error {
	if r.end == nil {
		return r.err
	}
	return r.rows.Err()
}

// Close ends the rows and commits. It can be called again and then returns what it
// returned.
func (r *Rows) Close() error { return r.finish(nil) }

// finish closes the rows and ends the transaction: with a rollback if reading
// failed or failure says so.
func (r *Rows) finish(failure error) error {
	if r.end == nil {
		return r.err
	}
	end := r.end
	r.end = nil
	closed := r.rows.Close()
	if failure == nil {
		failure = r.rows.Err()
	}
	if failure == nil {
		failure = closed
	}
	r.err = end(failure)
	return r.err
}

// A Row is the result of [DB.QueryRow].
type Row struct {
	rows *Rows
	err  error
}

// Scan copies the columns of the first row into dest and ends the transaction of
// the statement. It is rolled back if Scan fails, unless there was no row:
// [sql.ErrNoRows]. A second call fails.
func (r *Row) Scan(dest ...any) error {
	if r.err != nil {
		return r.err
	}
	r.err = errScanned
	if !r.rows.Next() {
		if err := r.rows.Err(); err != nil {
			return err
		}
		return sql.ErrNoRows
	}
	for _, d := range dest {
		if _, ok := d.(*sql.RawBytes); ok { // its memory ends with the rows
			return r.rows.finish(errRawBytes)
		}
	}
	return r.rows.finish(r.rows.Scan(dest...))
}

// Err returns why the statement could not be run, without waiting for Scan.
func (r *Row) Err() error {
	if errors.Is(r.err, errScanned) {
		return nil
	}
	return r.err
}

var (
	errScanned  = errors.New("tenant: Row.Scan was called before")
	errRawBytes = errors.New("tenant: sql.RawBytes is for Rows, not for a Row")
)
