package tenant_test

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// A recorder is a database that writes down what it is sent, and fails where it is
// told to.
type recorder struct {
	mu    sync.Mutex
	sent  []string
	fails map[string]error // by what is sent; "next" and "close" for rows
	rows  int              // that each query returns
}

func (r *recorder) open(t testing.TB) *sql.DB {
	db := sql.OpenDB(r)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	return db
}

func (r *recorder) send(text string, args []driver.NamedValue) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, arg := range args {
		text += fmt.Sprintf(" %v", arg.Value)
	}
	r.sent = append(r.sent, text)
	return r.fails[text]
}

// took returns what was sent since the last call.
func (r *recorder) took() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	sent := r.sent
	r.sent = nil
	return sent
}

func (r *recorder) Connect(context.Context) (driver.Conn, error) { return recorded{r}, nil }
func (r *recorder) Driver() driver.Driver                        { return nil }

type recorded struct{ *recorder }

func (c recorded) Close() error                        { return nil }
func (c recorded) Begin() (driver.Tx, error)           { return nil, errors.New("unused") }
func (c recorded) Prepare(string) (driver.Stmt, error) { return nil, errors.New("unused") }
func (c recorded) Commit() error                       { return c.send("COMMIT", nil) }
func (c recorded) Rollback() error                     { return c.send("ROLLBACK", nil) }

func (c recorded) BeginTx(_ context.Context, o driver.TxOptions) (driver.Tx, error) {
	text := "BEGIN"
	if o.ReadOnly {
		text += " READ ONLY"
	}
	return c, c.send(text, nil)
}

func (c recorded) ExecContext(_ context.Context, text string, args []driver.NamedValue) (driver.Result, error) {
	return driver.RowsAffected(1), c.send(text, args)
}

func (c recorded) QueryContext(_ context.Context, text string, args []driver.NamedValue) (driver.Rows, error) {
	if err := c.send(text, args); err != nil {
		return nil, err
	}
	return &recordedRows{recorder: c.recorder, left: c.rows}, nil
}

func (c recorded) PrepareContext(_ context.Context, text string) (driver.Stmt, error) {
	return recordedStmt{c}, c.send("PREPARE "+text, nil)
}

type recordedStmt struct{ recorded }

func (s recordedStmt) NumInput() int { return -1 }
func (s recordedStmt) Exec([]driver.Value) (driver.Result, error) {
	return driver.RowsAffected(1), s.send("PREPARED", nil)
}

func (s recordedStmt) Query([]driver.Value) (driver.Rows, error) { return nil, errors.New("unused") }

type recordedRows struct {
	*recorder
	left int
}

func (r *recordedRows) Columns() []string { return []string{"n"} }
func (r *recordedRows) Close() error      { return r.fails["close"] }

func (r *recordedRows) Next(dest []driver.Value) error {
	if r.left == 0 {
		if err := r.fails["next"]; err != nil {
			return err
		}
		return io.EOF
	}
	r.left--
	dest[0] = int64(r.left)
	return nil
}
