package retry_test

import (
	"context"
	"database/sql"
	"errors"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"modernc.org/sqlite"

	"github.com/rowhouse-go/rowhouse/retry"
)

// openSQLite opens a database file, without any waiting for locks.
func openSQLite(t *testing.T, path, params string) *sql.DB {
	t.Helper()
	db, err := sql.Open("sqlite", "file:"+path+"?"+params)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	return db
}

func sqliteCode(err error) int {
	if e, ok := errors.AsType[*sqlite.Error](err); ok {
		return e.Code()
	}
	return 0
}

func TestSQLiteBusy(t *testing.T) {
	t.Parallel()
	const (
		wal        = "_pragma=journal_mode(WAL)"
		walAtBegin = wal + "&_txlock=immediate"
		journal    = "_pragma=journal_mode(DELETE)"
	)
	for name, test := range map[string]struct {
		params string
		code   int
		hold   string // what makes the database busy, before or within the first run of f
		within bool
		runs   int
	}{
		"at a statement":  {wal, 5, "BEGIN IMMEDIATE", false, 2},
		"at begin":        {walAtBegin, 5, "BEGIN IMMEDIATE", false, 1},
		"by its snapshot": {wal, 517, "INSERT INTO effects VALUES ('other')", true, 2},
		"at the commit":   {journal, 5, "BEGIN; SELECT count(*) FROM effects", true, 2},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "test.db")
			other, err := openSQLite(t, path, test.params).Conn(t.Context())
			require.NoError(t, err)
			defer other.Close()
			do := func(statement string) {
				_, err := other.ExecContext(t.Context(), statement)
				require.NoError(t, err, statement)
			}
			do(`CREATE TABLE effects (who TEXT NOT NULL)`)
			if !test.within {
				do(test.hold)
			}
			var codes []int
			runs := 0
			policy := watched(func(a retry.Attempt) {
				codes = append(codes, sqliteCode(a.Err))
				if test.code == 5 {
					do(`ROLLBACK`)
				}
			})
			db := openSQLite(t, path, test.params)
			db.SetMaxOpenConns(1)
			err = onSQL(db, nil)(t.Context(), policy, func(ctx context.Context, in exec) error {
				runs++
				if err := in(ctx, `SELECT count(*) FROM effects`); err != nil {
					return err
				}
				if test.within && runs == 1 {
					do(test.hold)
				}
				return in(ctx, `INSERT INTO effects VALUES ('f')`)
			})
			require.NoError(t, err)
			require.Equal(t, []int{test.code}, codes)
			require.Equal(t, test.runs, runs)
			var n int
			require.NoError(t, db.QueryRowContext(t.Context(), `SELECT count(*) FROM effects WHERE who = 'f'`).Scan(&n))
			require.Equal(t, 1, n)
		})
	}
}

// SQLite keeps a transaction open whose commit a deferred constraint refuses; the
// driver rolls it back.
func TestSQLiteRefusedCommit(t *testing.T) {
	t.Parallel()
	db := openSQLite(t, filepath.Join(t.TempDir(), "test.db"), "_pragma=foreign_keys(1)")
	db.SetMaxOpenConns(1)
	_, err := db.ExecContext(t.Context(), `CREATE TABLE orgs (id INTEGER PRIMARY KEY);
		CREATE TABLE seats (org INTEGER NOT NULL REFERENCES orgs DEFERRABLE INITIALLY DEFERRED)`)
	require.NoError(t, err)
	runs := 0
	err = onSQL(db, nil)(t.Context(), watched(nil), func(ctx context.Context, do exec) error {
		runs++
		return do(ctx, `INSERT INTO seats VALUES (1)`)
	})
	require.Equal(t, 787, sqliteCode(err), "%v", err)
	require.NotErrorIs(t, err, retry.ErrCommitUnknown)
	require.Equal(t, 1, runs)
	var n int
	require.NoError(t, db.QueryRowContext(t.Context(), `SELECT count(*) FROM seats`).Scan(&n))
	require.Zero(t, n)
}
