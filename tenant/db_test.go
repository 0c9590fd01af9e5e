package tenant_test

import (
	"context"
	"database/sql"
	"errors"
	"maps"
	"runtime"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/rowhouse-go/rowhouse/tenant"
)

const (
	setAcme   = "SELECT pg_catalog.set_config($1, $2, true), pg_catalog.set_config('app.subject', $3, true) app.tenant_id " + acme + " "
	commit    = "COMMIT"
	rollback  = "ROLLBACK"
	otherSlug = "other"
)

func newDB(t testing.TB, r *recorder, d tenant.Dialect, o *tenant.DBOptions) *tenant.DB {
	t.Helper()
	if o == nil && d == lite {
		o = &tenant.DBOptions{Tables: []string{"orders"}}
	}
	db, err := tenant.NewDB(r.open(t), d, o)
	require.NoError(t, err)
	return db
}

func inAcme(t testing.TB) context.Context {
	t.Helper()
	return tenant.NewContext(t.Context(), acmeID(t))
}

// elsewhere returns contexts that are none of acme's, with the error they earn.
func elsewhere(t testing.TB) map[error]context.Context {
	t.Helper()
	other, err := tenant.ParseSlug(otherSlug)
	require.NoError(t, err)
	return map[error]context.Context{
		tenant.ErrOtherTenant: tenant.NewContext(t.Context(), other),
		tenant.ErrNoTenant:    t.Context(),
		tenant.ErrConflict:    tenant.NewContext(inAcme(t), other),
	}
}

func TestNewDBRefuses(t *testing.T) {
	t.Parallel()
	_, err := tenant.NewDB(nil, "mysql", &tenant.DBOptions{Setting: "tenant", Tables: []string{"a", "A", ""}})
	for _, fault := range []string{"nil *sql.DB", "DBOptions.Setting", `dialect "mysql"`, `"A" is listed twice`, `"" is not a table`} {
		require.ErrorContains(t, err, fault)
	}
	pool := (&recorder{}).open(t)
	for _, setting := range []string{"app.Tenant", "app.", ".a", "a.b.c", "app.tenant id", "app.1", "app.subject", "a.b'"} {
		_, err := tenant.NewDB(pool, pg, &tenant.DBOptions{Setting: setting})
		require.ErrorContains(t, err, "DBOptions.Setting", setting)
	}
	for _, o := range []*tenant.DBOptions{nil, {}, {Tables: []string{}}} {
		_, err := tenant.NewDB(pool, lite, o)
		require.ErrorContains(t, err, "DBOptions.Tables")
	}
}

func TestTx(t *testing.T) {
	t.Parallel()
	failure := errors.New("failure")
	fn := func(err error) func(context.Context, *tenant.Tx) error {
		return func(ctx context.Context, tx *tenant.Tx) error {
			if _, err := tx.Exec(ctx, `UPDATE x SET a = $1 WHERE b = :tenant`, 7); err != nil {
				return err
			}
			return err
		}
	}
	const update = "UPDATE x SET a = $1 WHERE b = $2 7 " + acme
	for name, test := range map[string]struct {
		err   error
		fails map[string]error
		sent  []string
		says  string
	}{
		"commits":                     {nil, nil, []string{"BEGIN", setAcme, update, commit}, ""},
		"fn fails":                    {failure, nil, []string{"BEGIN", setAcme, update, rollback}, "failure"},
		"begin fails":                 {nil, map[string]error{"BEGIN": failure}, []string{"BEGIN"}, "tenant: begin: failure"},
		"set_config fails":            {nil, map[string]error{setAcme: failure}, []string{"BEGIN", setAcme, rollback}, "tenant: set app.tenant_id: failure"},
		"commit fails":                {nil, map[string]error{commit: failure}, []string{"BEGIN", setAcme, update, commit}, "tenant: commit: failure"},
		"fn fails and rollback fails": {failure, map[string]error{rollback: errors.New("gone")}, []string{"BEGIN", setAcme, update, rollback}, "failure\ntenant: rollback: gone"},
	} {
		r := &recorder{fails: test.fails}
		var seen []tenant.Transaction
		db := newDB(t, r, pg, &tenant.DBOptions{Observe: func(_ context.Context, x tenant.Transaction) { seen = append(seen, x) }})
		err := db.Tx(inAcme(t), fn(test.err))
		require.Equal(t, test.sent, r.took(), name)
		if test.says == "" {
			require.NoError(t, err, name)
		} else {
			require.ErrorIs(t, err, failure, name)
			require.EqualError(t, err, test.says)
		}
		require.Len(t, seen, 1, name)
		require.Equal(t, err, seen[0].Err)
		require.Equal(t, acme, seen[0].Tenant.String())
		require.False(t, seen[0].Start.IsZero())
	}
}

func TestTxOfSQLite(t *testing.T) {
	t.Parallel()
	r := &recorder{}
	require.NoError(t, newDB(t, r, lite, nil).Tx(inAcme(t), func(ctx context.Context, tx *tenant.Tx) error {
		_, err := tx.Exec(ctx, `UPDATE orders SET a = ? WHERE b = :tenant AND c = ?`, 7, 8)
		return err
	}))
	require.Equal(t, []string{"BEGIN", "UPDATE orders SET a = ? WHERE b = ? AND c = ? 7 " + acme + " 8", commit}, r.took())
}

func TestTxRollsBackWithoutReturn(t *testing.T) {
	t.Parallel()
	r := &recorder{}
	var seen []tenant.Transaction
	db := newDB(t, r, pg, &tenant.DBOptions{Observe: func(_ context.Context, x tenant.Transaction) { seen = append(seen, x) }})
	require.PanicsWithValue(t, "the panic", func() {
		_ = db.Tx(inAcme(t), func(context.Context, *tenant.Tx) error { panic("the panic") })
	})
	require.Equal(t, []string{"BEGIN", setAcme, rollback}, r.took())

	var wg sync.WaitGroup
	wg.Go(func() {
		_ = db.Tx(inAcme(t), func(context.Context, *tenant.Tx) error { runtime.Goexit(); return nil })
	})
	wg.Wait()
	require.Equal(t, []string{"BEGIN", setAcme, rollback}, r.took())
	require.Len(t, seen, 2)
	for _, x := range seen {
		require.ErrorContains(t, x.Err, "did not return")
	}
}

func TestTxNeedsATenant(t *testing.T) {
	t.Parallel()
	r := &recorder{}
	db := newDB(t, r, pg, nil)
	for is, ctx := range elsewhere(t) {
		if errors.Is(is, tenant.ErrOtherTenant) {
			continue
		}
		err := db.Tx(ctx, func(context.Context, *tenant.Tx) error { return errors.New("called") })
		require.ErrorIs(t, err, is)
		_, err = db.Exec(ctx, `SELECT :tenant`)
		require.ErrorIs(t, err, is)
		_, err = db.Query(ctx, `SELECT :tenant`)
		require.ErrorIs(t, err, is)
		row := db.QueryRow(ctx, `SELECT :tenant`)
		require.ErrorIs(t, row.Err(), is)
		require.ErrorIs(t, row.Scan(), is)
	}
	require.Empty(t, r.took())
}

// calls are the ways to send a statement in a transaction of acme's.
func calls(ctx context.Context, tx *tenant.Tx, p tenant.Plain) map[string]error {
	errs := map[string]error{}
	_, errs["Tx.Exec"] = tx.Exec(ctx, `SELECT :tenant`)
	rows, err := tx.Query(ctx, `SELECT :tenant`)
	errs["Tx.Query"] = ended(rows, err)
	errs["Tx.QueryRow"] = tx.QueryRow(ctx, `SELECT :tenant`).Scan(new(int))
	maps.Copy(errs, plainCalls(ctx, p))
	return errs
}

func plainCalls(ctx context.Context, p tenant.Plain) map[string]error {
	errs := map[string]error{}
	_, errs["Plain.ExecContext"] = p.ExecContext(ctx, `SELECT 1`)
	rows, err := p.QueryContext(ctx, `SELECT 1`)
	errs["Plain.QueryContext"] = ended(rows, err)
	errs["Plain.QueryRowContext"] = p.QueryRowContext(ctx, `SELECT 1`).Scan(new(int))
	stmt, err := p.PrepareContext(ctx, `SELECT 1`)
	errs["Plain.PrepareContext"] = err
	if err == nil {
		errs["Stmt.Close"] = stmt.Close()
	}
	return errs
}

func ended(rows *sql.Rows, err error) error {
	if err != nil {
		return err
	}
	return errors.Join(rows.Close(), rows.Err())
}

func TestCallsCheckTheirContext(t *testing.T) {
	t.Parallel()
	r := &recorder{rows: 1}
	db := newDB(t, r, pg, nil)
	var kept *tenant.Tx
	var keptPlain tenant.Plain
	require.NoError(t, db.Tx(inAcme(t), func(ctx context.Context, tx *tenant.Tx) error {
		plain := tx.Unscoped("test")
		kept, keptPlain = tx, plain
		r.took()
		for is, ctx := range elsewhere(t) {
			for name, err := range calls(ctx, tx, plain) {
				require.ErrorIs(t, err, is, name)
			}
		}
		for _, reason := range []string{"", " \t\n"} {
			for name, err := range plainCalls(ctx, tx.Unscoped(reason)) {
				require.ErrorIs(t, err, tenant.ErrNoReason, name)
			}
		}
		for name, err := range plainCalls(ctx, tenant.Plain{}) {
			require.ErrorIs(t, err, tenant.ErrNoReason, name)
		}
		_, err := tx.Exec(ctx, `SELECT 1`)
		require.ErrorIs(t, err, tenant.ErrUnscoped)
		_, err = tx.Query(ctx, `SELECT 1`) //nolint:rowserrcheck // there are no rows
		require.ErrorIs(t, err, tenant.ErrUnscoped)
		require.ErrorIs(t, tx.QueryRow(ctx, `SELECT 1`).Scan(), tenant.ErrUnscoped)
		require.Empty(t, r.took(), "nothing was sent")

		for name, err := range calls(ctx, tx, plain) {
			require.NoError(t, err, name)
		}
		require.Len(t, r.took(), 7)
		return nil
	}))
	r.took()
	for name, err := range calls(inAcme(t), kept, keptPlain) {
		require.ErrorIs(t, err, sql.ErrTxDone, name)
	}
	require.Empty(t, r.took())
}

func TestObserveUnscoped(t *testing.T) {
	t.Parallel()
	var seen []tenant.Transaction
	db := newDB(t, &recorder{}, pg, &tenant.DBOptions{Observe: func(_ context.Context, x tenant.Transaction) { seen = append(seen, x) }})
	require.NoError(t, db.Tx(inAcme(t), func(_ context.Context, tx *tenant.Tx) error {
		tx.Unscoped("first")
		tx.Unscoped("")
		tx.Unscoped("second")
		return nil
	}))
	require.Len(t, seen, 1)
	require.Equal(t, []string{"first", "second"}, seen[0].Unscoped)
}

func TestSubjectTx(t *testing.T) {
	t.Parallel()
	r := &recorder{rows: 1}
	db := newDB(t, r, pg, &tenant.DBOptions{Setting: "acme.org"})
	require.ErrorIs(t, db.SubjectTx(t.Context(), "", nil), tenant.ErrNoSubject)
	require.Empty(t, r.took())
	for _, ctx := range append([]context.Context{inAcme(t)}, values(elsewhere(t))...) {
		require.NoError(t, db.SubjectTx(ctx, "alice", func(ctx context.Context, p tenant.Plain) error {
			for name, err := range plainCalls(ctx, p) {
				require.NoError(t, err, name)
			}
			return nil
		}))
		sent := r.took()
		require.Equal(t, "BEGIN", sent[0])
		require.Equal(t, "SELECT pg_catalog.set_config($1, $2, true), pg_catalog.set_config('app.subject', $3, true) acme.org  alice", sent[1],
			"a subject and no tenant")
		require.Equal(t, commit, sent[len(sent)-1])
	}
	failure := errors.New("failure")
	require.ErrorIs(t, db.SubjectTx(t.Context(), "alice", func(context.Context, tenant.Plain) error { return failure }), failure)
	sent := r.took()
	require.Equal(t, rollback, sent[len(sent)-1])
}

func values(m map[error]context.Context) (list []context.Context) {
	for _, ctx := range m {
		list = append(list, ctx)
	}
	return list
}

func TestCanceledTx(t *testing.T) {
	t.Parallel()
	r := &recorder{}
	db := newDB(t, r, pg, nil)
	ctx, cancel := context.WithCancel(inAcme(t))
	err := db.Tx(ctx, func(context.Context, *tenant.Tx) error {
		cancel()
		return nil
	})
	require.ErrorIs(t, err, context.Canceled)
	require.NotContains(t, r.took(), commit)
	require.ErrorIs(t, db.Tx(ctx, nil), context.Canceled)
}
