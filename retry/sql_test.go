package retry_test

import (
	"context"
	"database/sql"
	sqldriver "database/sql/driver"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/rowhouse-go/rowhouse/retry"
)

// A scripted driver writes down what database/sql asks of it.
type scripted struct {
	log    []string
	begin  error
	commit error
}

func (s *scripted) Connect(context.Context) (sqldriver.Conn, error) { return s, nil }
func (s *scripted) Driver() sqldriver.Driver                        { return nil }
func (s *scripted) Prepare(string) (sqldriver.Stmt, error)          { return nil, errors.New("no statements") }
func (s *scripted) Close() error                                    { return nil }
func (s *scripted) Begin() (sqldriver.Tx, error)                    { return nil, errors.New("no options") }

func (s *scripted) Commit() error { s.log = append(s.log, "commit"); return s.commit }

func (s *scripted) Rollback() error { s.log = append(s.log, "rollback"); return nil }

func (s *scripted) BeginTx(_ context.Context, opts sqldriver.TxOptions) (sqldriver.Tx, error) {
	s.log = append(s.log, "begin "+sql.IsolationLevel(opts.Isolation).String())
	return s, s.begin
}

func TestSQL(t *testing.T) {
	t.Parallel()
	own := errors.New("own")
	serializable := &sql.TxOptions{Isolation: sql.LevelSerializable}
	for name, test := range map[string]struct {
		driver scripted
		opts   *sql.TxOptions
		f      error
		want   error
		log    []string
	}{
		"commits":          {scripted{}, serializable, nil, nil, []string{"begin Serializable", "commit"}},
		"rolls back":       {scripted{}, nil, own, own, []string{"begin Default", "rollback"}},
		"begin fails":      {scripted{begin: own}, nil, nil, own, []string{"begin Default"}},
		"commit fails":     {scripted{commit: pgError{"23505"}}, nil, nil, pgError{"23505"}, []string{"begin Default", "commit"}},
		"commit is silent": {scripted{commit: own}, nil, nil, retry.ErrCommitUnknown, []string{"begin Default", "commit"}},
		"conflicts": {
			scripted{commit: pgError{"40001"}},
			nil, nil, retry.ErrExhausted,
			[]string{"begin Default", "commit", "begin Default", "commit", "begin Default", "commit"},
		},
	} {
		db := sql.OpenDB(&test.driver)
		err := retry.Tx(t.Context(), eager, retry.SQL(db, test.opts), func(_ context.Context, tx *sql.Tx) error {
			require.NotNil(t, tx)
			return test.f
		})
		require.ErrorIs(t, err, test.want, name)
		require.Equal(t, test.log, test.driver.log, name)
		require.Zero(t, db.Stats().InUse, name)
		require.NoError(t, db.Close())
	}

	panics := new(scripted)
	db := sql.OpenDB(panics)
	require.Panics(t, func() {
		_ = retry.Tx(t.Context(), nil, retry.SQL(db, nil), func(context.Context, *sql.Tx) error { panic("f") })
	})
	require.Equal(t, []string{"begin Default", "rollback"}, panics.log)

	conn, err := db.Conn(t.Context())
	require.NoError(t, err)
	require.NoError(t, retry.Tx(t.Context(), nil, retry.SQL(conn, nil), func(context.Context, *sql.Tx) error { return nil }), "one connection will do")
	require.NoError(t, conn.Close())
	require.NoError(t, db.Close())
}
