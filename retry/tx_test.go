package retry_test

import (
	"context"
	"database/sql"
	sqldriver "database/sql/driver"
	"errors"
	"fmt"
	"io"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rowhouse-go/rowhouse/retry"
)

// A fakeDB fails where it is told to, once each time.
type fakeDB struct {
	begin, commit         []error // of the n-th transaction; nil and beyond: fine
	begun, ended, commits int
}

func nth(errs []error, n int) error {
	if n <= len(errs) {
		return errs[n-1]
	}
	return nil
}

// Tx has the shape of tenant.DB's.
func (d *fakeDB) Tx(ctx context.Context, f func(context.Context, *fakeDB) error) error {
	d.begun++
	n := d.begun
	if err := nth(d.begin, n); err != nil {
		return fmt.Errorf("begin: %w", err)
	}
	defer func() { d.ended++ }()
	if err := f(ctx, d); err != nil {
		return err
	}
	if err := nth(d.commit, n); err != nil {
		return fmt.Errorf("commit: %w", err)
	}
	d.commits++
	return nil
}

func TestTxPhases(t *testing.T) {
	t.Parallel()
	const (
		begin = 1 << iota
		inside
		commit
	)
	errRolledBack := errors.New("commit unexpectedly resulted in rollback")
	for _, test := range []struct {
		err     error
		retried int // where
		unknown bool
	}{
		{pgError{"40001"}, begin | inside | commit, false},
		{pgError{"40P01"}, begin | inside | commit, false},
		{sqliteError{5}, begin | inside | commit, false},
		{sqliteError{517}, begin | inside | commit, false},
		{sqliteError{6}, begin | inside | commit, false},

		{pgError{"08006"}, begin, true},
		{pgError{"08P01"}, begin, true},
		{pgError{"57P01"}, begin, true},
		{pgError{"57P02"}, begin, true},
		{pgError{"57P03"}, begin, true},
		{pgError{"53300"}, begin, true},
		{sqldriver.ErrBadConn, begin, true},
		{io.ErrUnexpectedEOF, begin, true},
		{io.EOF, begin, true},
		{op("read", syscall.ECONNRESET), begin, true},
		{context.DeadlineExceeded, begin, true}, // of an attempt
		{unsentError{true}, begin, true},        // pgx says it of a commit whose answer was lost
		{unsentError{false}, 0, true},

		{context.Canceled, 0, true},
		{sql.ErrConnDone, 0, true},
		{errors.New("anything"), 0, true},
		{pgError{"40003"}, 0, true},
		{pgError{"57014"}, 0, true}, // a wait for a standby that was canceled has committed
		{pgError{"58030"}, 0, true},
		{pgError{"53100"}, 0, true},
		{pgError{"XX000"}, 0, true},
		{sqliteError{10}, 0, true}, // IOERR

		{pgError{"23505"}, 0, false}, // a deferred constraint
		{pgError{"P0001"}, 0, false}, // a deferred trigger
		{pgError{"40002"}, 0, false},
		{sqliteError{787}, 0, false}, // CONSTRAINT_FOREIGNKEY
		{sqliteError{13}, 0, false},  // FULL
		{errRolledBack, 0, false},
		{sql.ErrTxDone, 0, false},
	} {
		for phase, db := range map[int]*fakeDB{
			begin:  {begin: []error{test.err, test.err}},
			inside: {},
			commit: {commit: []error{test.err, test.err}},
		} {
			runs := 0
			err := retry.Tx(t.Context(), eager, db.Tx, func(context.Context, *fakeDB) error {
				runs++
				if phase == inside && runs <= 2 {
					return fmt.Errorf("update: %w", test.err)
				}
				return nil
			})
			name := fmt.Sprintf("phase %d, %v", phase, test.err)
			unknown := phase == commit && test.unknown && test.retried&commit == 0
			require.Equal(t, unknown, errors.Is(err, retry.ErrCommitUnknown), name)
			if test.retried&phase != 0 {
				require.NoError(t, err, name)
				require.Equal(t, 3, db.begun, name)
				require.Equal(t, 1, db.commits, name)
			} else {
				require.ErrorIs(t, err, test.err, name)
				require.Equal(t, 1, db.begun, name)
				require.Zero(t, db.commits, name)
				_, wrapped := errors.AsType[*retry.Error](err)
				require.False(t, wrapped, name)
			}
			if phase != begin {
				require.Equal(t, db.begun, runs, name)
				require.Equal(t, db.begun, db.ended, name)
			}
		}
	}
}

func TestTxReturnsErrorsAsTheyAre(t *testing.T) {
	t.Parallel()
	own := errors.New("no such order")
	db := new(fakeDB)
	require.Same(t, own, retry.Tx(t.Context(), nil, db.Tx, func(context.Context, *fakeDB) error { return own }))
	require.Equal(t, 1, db.begun)

	permanent := retry.Permanent(pgError{"40001"})
	require.Same(t, permanent, retry.Tx(t.Context(), nil, db.Tx, func(context.Context, *fakeDB) error { return permanent }))
	require.Equal(t, 2, db.begun, "f may forbid it")

	err := retry.Tx(t.Context(), eager, db.Tx, func(context.Context, *fakeDB) error { return pgError{"40001"} })
	require.ErrorIs(t, err, retry.ErrExhausted)
	require.ErrorIs(t, err, pgError{"40001"})
	require.Equal(t, 5, db.begun)

	// What f hides is not seen: PostgreSQL rolls back, and its drivers say so.
	db = &fakeDB{commit: []error{errors.New("commit unexpectedly resulted in rollback")}}
	err = retry.Tx(t.Context(), nil, db.Tx, func(context.Context, *fakeDB) error { return nil })
	require.EqualError(t, err, "commit: commit unexpectedly resulted in rollback")
}

func TestTxRetryable(t *testing.T) {
	t.Parallel()
	odd := errors.New("ORA-08177: can't serialize access")
	policy := &retry.Policy{Base: -1, Retryable: func(err error) bool { return errors.Is(err, odd) || retry.TransientSQL(err) }}
	for name, test := range map[string]struct {
		db   fakeDB
		f    error
		want int
	}{
		"at begin":                    {fakeDB{begin: []error{odd}}, nil, 2},
		"in f":                        {fakeDB{}, odd, 2},
		"a lost connection, if asked": {fakeDB{}, io.ErrUnexpectedEOF, 2},
		"not at an unknown commit":    {fakeDB{commit: []error{odd}}, nil, 1},
		"nor a lost one":              {fakeDB{commit: []error{io.ErrUnexpectedEOF}}, nil, 1},
		"a conflict, without asking":  {fakeDB{}, pgError{"40001"}, 2},
	} {
		runs := 0
		err := retry.Tx(t.Context(), policy, test.db.Tx, func(context.Context, *fakeDB) error {
			if runs++; runs == 1 {
				return test.f
			}
			return nil
		})
		require.Equal(t, test.want, test.db.begun, name)
		require.Equal(t, test.want == 1, errors.Is(err, retry.ErrCommitUnknown), name)
	}
}

func TestTxContext(t *testing.T) {
	t.Parallel()
	// What is done when f returns is not committed.
	ctx, cancel := context.WithCancel(t.Context())
	db := new(fakeDB)
	err := retry.Tx(ctx, nil, db.Tx, func(context.Context, *fakeDB) error { cancel(); return nil })
	require.ErrorIs(t, err, context.Canceled)
	require.NotErrorIs(t, err, retry.ErrCommitUnknown)
	require.Equal(t, []int{1, 1, 0}, []int{db.begun, db.ended, db.commits})

	// And what is done before is not begun.
	err = retry.Tx(ctx, nil, db.Tx, func(context.Context, *fakeDB) error { return nil })
	require.ErrorIs(t, err, context.Canceled)
	require.Equal(t, 1, db.begun)

	synctest.Test(t, func(t *testing.T) {
		db := new(fakeDB)
		hang := func(ctx context.Context, _ *fakeDB) error { <-ctx.Done(); return ctx.Err() }
		start := time.Now()
		err := retry.Tx(t.Context(), &retry.Policy{Base: -1, AttemptTimeout: time.Second}, db.Tx, hang)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.Equal(t, time.Second, time.Since(start), "a statement that hangs is not repeated")
		require.Equal(t, 1, db.begun)
	})
}

// No layer above repeats a transaction that may have been committed: not with a
// policy that repeats all, nor as part of another transaction.
func TestTxCommitUnknownEndsAllLayers(t *testing.T) {
	t.Parallel()
	for name, p := range map[string]*retry.Policy{"all": eager, "transient": {Base: -1, Retryable: retry.TransientSQL}} {
		lost := pgError{"57P01"}
		inner := &fakeDB{commit: []error{lost, lost, lost}}
		transaction := func(ctx context.Context) error {
			return retry.Tx(ctx, p, inner.Tx, func(context.Context, *fakeDB) error { return nil })
		}
		err := p.Do(t.Context(), transaction)
		require.ErrorIs(t, err, retry.ErrCommitUnknown, name)
		require.ErrorIs(t, err, lost, name)
		require.Equal(t, 1, inner.begun, name)

		outer := new(fakeDB)
		err = retry.Tx(t.Context(), p, outer.Tx, func(ctx context.Context, _ *fakeDB) error { return transaction(ctx) })
		require.ErrorIs(t, err, retry.ErrCommitUnknown, name)
		require.Equal(t, []int{2, 1, 0}, []int{inner.begun, outer.begun, outer.commits}, name)
	}
}

// What a breaker takes for a failure is a database that is down or hangs, and not one
// that says no, whether or not the transaction is repeated.
func TestTxBreaker(t *testing.T) {
	t.Parallel()
	own, odd := errors.New("no such order"), errors.New("odd")
	lost := pgError{"57P01"}
	hang := func(ctx context.Context, _ *fakeDB) error { <-ctx.Done(); return ctx.Err() }
	fails := func(err error) func(context.Context, *fakeDB) error {
		return func(context.Context, *fakeDB) error { return err }
	}
	always := func(err error) []error { return []error{err, err, err, err} }
	for name, test := range map[string]struct {
		db    fakeDB
		f     func(context.Context, *fakeDB) error
		opens bool
	}{
		"conflicts":              {fakeDB{}, fails(pgError{"40001"}), false},
		"conflicts at commit":    {fakeDB{commit: always(pgError{"40P01"})}, fails(nil), false},
		"busy":                   {fakeDB{begin: always(sqliteError{5})}, fails(nil), false},
		"an answer":              {fakeDB{}, fails(pgError{"23505"}), false},
		"f says no":              {fakeDB{}, fails(own), false},
		"refused":                {fakeDB{begin: always(errRefused)}, fails(nil), true},
		"lost in f":              {fakeDB{}, fails(lost), true},
		"lost at commit":         {fakeDB{commit: always(lost)}, fails(nil), true},
		"hangs":                  {fakeDB{}, hang, true},
		"what Retryable repeats": {fakeDB{}, fails(odd), true},
	} {
		synctest.Test(t, func(t *testing.T) {
			b := retry.NewBreaker(&retry.BreakerOptions{Requests: 4})
			p := &retry.Policy{
				Attempts: 1, AttemptTimeout: time.Second, Breaker: b,
				Retryable: func(err error) bool { return errors.Is(err, odd) },
			}
			for range 4 {
				require.NotErrorIs(t, retry.Tx(t.Context(), p, test.db.Tx, test.f), retry.ErrBreakerOpen)
			}
			require.Equal(t, test.opens, b.State() == retry.BreakerOpen, name)
		})
	}
}

func TestTxCommitUnknownStatus(t *testing.T) {
	t.Parallel()
	db := &fakeDB{commit: []error{io.ErrUnexpectedEOF}}
	err := retry.Tx(t.Context(), nil, db.Tx, func(context.Context, *fakeDB) error { return nil })
	require.EqualError(t, err, "retry: commit may have taken effect: commit: unexpected EOF")
	status, ok := errors.AsType[interface {
		error
		HTTPStatus() int
	}](err)
	require.True(t, ok)
	require.Equal(t, 503, status.HTTPStatus())
}

func TestTxPanics(t *testing.T) {
	t.Parallel()
	db := new(fakeDB)
	require.PanicsWithValue(t, "f", func() {
		_ = retry.Tx(t.Context(), nil, db.Tx, func(context.Context, *fakeDB) error { panic("f") })
	})
	require.Equal(t, []int{1, 1, 0}, []int{db.begun, db.ended, db.commits})
}

func TestTxPolicy(t *testing.T) {
	t.Parallel()
	db := new(fakeDB)
	var told []retry.Attempt
	policy := &retry.Policy{Base: -1, Attempts: 2, Observe: func(_ context.Context, a retry.Attempt) { told = append(told, a) }}
	err := retry.Tx(t.Context(), policy, db.Tx, func(context.Context, *fakeDB) error { return pgError{"40P01"} })
	require.ErrorIs(t, err, retry.ErrExhausted)
	require.Len(t, told, 2)
	require.Nil(t, policy.Retryable, "the policy is not changed")

	err = retry.Tx(t.Context(), &retry.Policy{Jitter: 7}, db.Tx, func(context.Context, *fakeDB) error { return nil })
	require.ErrorContains(t, err, "Policy.Jitter")
	require.Equal(t, 2, db.begun)
}
