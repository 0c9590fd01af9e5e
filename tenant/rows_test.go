package tenant_test

import (
	"context"
	"database/sql"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rowhouse-go/rowhouse/tenant"
)

const (
	selectN = "SELECT $1 " + acme
	plainN  = "SELECT ?1 " + acme
)

func TestOneShotExec(t *testing.T) {
	t.Parallel()
	failure := errors.New("failure")
	for _, test := range []struct {
		dialect tenant.Dialect
		fails   map[string]error
		sent    []string
	}{
		{pg, nil, []string{"BEGIN", setAcme, selectN, commit}},
		{pg, map[string]error{selectN: failure}, []string{"BEGIN", setAcme, selectN, rollback}},
		{pg, map[string]error{commit: failure}, []string{"BEGIN", setAcme, selectN, commit}},
		{lite, nil, []string{plainN}},
		{lite, map[string]error{plainN: failure}, []string{plainN}},
	} {
		r := &recorder{fails: test.fails}
		result, err := newDB(t, r, test.dialect, nil).Exec(inAcme(t), `SELECT :tenant`)
		require.Equal(t, test.sent, r.took())
		if test.fails == nil {
			require.NoError(t, err)
			n, err := result.RowsAffected()
			require.NoError(t, err)
			require.EqualValues(t, 1, n)
		} else {
			require.ErrorIs(t, err, failure)
			require.Nil(t, result)
		}
	}
}

func TestOneShotQuery(t *testing.T) {
	t.Parallel()
	failure := errors.New("failure")
	for name, test := range map[string]struct {
		fails map[string]error
		read  int // rows before Close
		last  string
		is    error
	}{
		"read to the end":        {nil, 3, commit, nil},
		"closed early":           {nil, 1, commit, nil},
		"never read":             {nil, 0, commit, nil},
		"the query fails":        {map[string]error{selectN: failure}, 0, rollback, failure},
		"reading fails":          {map[string]error{"next": failure}, 3, rollback, failure},
		"closing fails":          {map[string]error{"close": failure}, 1, rollback, failure},
		"commit fails":           {map[string]error{commit: failure}, 3, commit, failure},
		"commit on Close fails":  {map[string]error{commit: failure}, 1, commit, failure},
		"the transaction fails":  {map[string]error{"BEGIN": failure}, 0, "BEGIN", failure},
		"setting a tenant fails": {map[string]error{setAcme: failure}, 0, rollback, failure},
	} {
		r := &recorder{fails: test.fails, rows: 2}
		seen := 0
		var observed error
		db := newDB(t, r, pg, &tenant.DBOptions{Observe: func(_ context.Context, x tenant.Transaction) { seen++; observed = x.Err }})
		rows, err := db.Query(inAcme(t), `SELECT :tenant`)
		if err == nil {
			require.NoError(t, rows.Err(), name)
			for i := range test.read {
				require.Equal(t, i < 2, rows.Next(), name)
				if i < 2 {
					require.Error(t, rows.Scan(new(time.Time)), "a failed Scan ends nothing")
					var n int
					require.NoError(t, rows.Scan(&n))
					require.Equal(t, 1-i, n)
				}
			}
			if test.read == 3 { // Next said that it is over
				require.Equal(t, test.last, r.took()[3], name)
				r.sent = []string{test.last}
			}
			err = rows.Close()
			require.Equal(t, err, rows.Err(), name)
			require.Equal(t, err, rows.Close(), name)
			require.False(t, rows.Next())
			require.Error(t, rows.Scan(new(int)))
		}
		require.ErrorIs(t, err, test.is, name)
		sent := r.took()
		require.Equal(t, test.last, sent[len(sent)-1], name)
		require.Equal(t, 1, seen, name)
		require.Equal(t, err, observed, name)
	}
}

func TestOneShotQueryOfSQLite(t *testing.T) {
	t.Parallel()
	failure := errors.New("failure")
	for _, fails := range []map[string]error{nil, {plainN: failure}, {"next": failure}} {
		r := &recorder{fails: fails, rows: 1}
		var seen []error
		db := newDB(t, r, lite, &tenant.DBOptions{
			Tables:  []string{"orders"},
			Observe: func(_ context.Context, x tenant.Transaction) { seen = append(seen, x.Err) },
		})
		rows, err := db.Query(inAcme(t), `SELECT :tenant`)
		if err == nil {
			columns, err := rows.Columns()
			require.NoError(t, err)
			require.Equal(t, []string{"n"}, columns)
			types, err := rows.ColumnTypes()
			require.NoError(t, err)
			require.Len(t, types, 1)
			for rows.Next() {
			}
			require.Equal(t, fails["next"], rows.Err())
		} else {
			require.Equal(t, failure, err)
		}
		require.Equal(t, []string{plainN}, r.took())
		require.Len(t, seen, 1)
		require.Equal(t, fails == nil, seen[0] == nil)
	}
}

func TestOneShotQueryRow(t *testing.T) {
	t.Parallel()
	failure := errors.New("failure")
	var n int
	for name, test := range map[string]struct {
		rows  int
		dest  any
		fails map[string]error
		last  string
		is    error
	}{
		"a row":             {2, &n, nil, commit, nil},
		"no row":            {0, &n, nil, commit, sql.ErrNoRows},
		"of another type":   {1, new(time.Time), nil, rollback, errAny},
		"not a destination": {1, n, nil, rollback, errAny},
		"raw bytes":         {1, new(sql.RawBytes), nil, rollback, errAny},
		"reading fails":     {0, &n, map[string]error{"next": failure}, rollback, failure},
		"commit fails":      {1, &n, map[string]error{commit: failure}, commit, failure},
	} {
		r := &recorder{fails: test.fails, rows: test.rows}
		row := newDB(t, r, pg, nil).QueryRow(inAcme(t), `SELECT :tenant`)
		require.NoError(t, row.Err())
		err := row.Scan(test.dest)
		if test.is == errAny { //nolint:errorlint // it stands for any error
			require.Error(t, err, name)
		} else {
			require.ErrorIs(t, err, test.is, name)
		}
		require.Equal(t, []string{"BEGIN", setAcme, selectN, test.last}, r.took(), name)
		require.ErrorContains(t, row.Scan(&n), "called before")
		require.NoError(t, row.Err())
	}
}

var errAny = errors.New("any error")

func TestWith(t *testing.T) {
	t.Parallel()
	for _, d := range []tenant.Dialect{pg, lite} {
		r := &recorder{rows: 1}
		db := newDB(t, r, d, nil)
		readOnly := db.With(&sql.TxOptions{ReadOnly: true})
		_, err := readOnly.Exec(inAcme(t), `SELECT :tenant`)
		require.NoError(t, err)
		require.Equal(t, "BEGIN READ ONLY", r.took()[0])
		require.NoError(t, readOnly.QueryRow(inAcme(t), `SELECT :tenant`).Scan(new(int)))
		require.Equal(t, "BEGIN READ ONLY", r.took()[0])
		_, err = db.Exec(inAcme(t), `SELECT :tenant`)
		require.NoError(t, err)
		require.NotContains(t, r.took(), "BEGIN READ ONLY", "With changes a copy")
	}
}
