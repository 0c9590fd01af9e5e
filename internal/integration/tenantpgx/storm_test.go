package tenantpgx_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/rowhouse-go/rowhouse/internal/integration/server"
	"github.com/rowhouse-go/rowhouse/tenant"
	"github.com/rowhouse-go/rowhouse/tenant/tenantpgx"
)

const (
	stormers = 64 // goroutines, each a tenant
	acts     = 20 // of each
)

// 64 tenants share three connections, directly and behind PgBouncer, and lose
// patience at any moment. Nobody ever sees a row of another, and no session keeps
// a tenant.
func testStorm(t *testing.T, k kit) {
	for i := range stormers {
		_, err := k.owner.ExecContext(t.Context(), `INSERT INTO documents (tenant_id, id) SELECT $1, n FROM generate_series(1, 20) n`, stormer(i).String())
		require.NoError(t, err)
	}
	bouncer := server.PgBouncer(t, k.cluster, 3, k.app)
	for name, at := range map[string]struct {
		addr, mode string
		clients    int
	}{
		"direct, cache_statement":    {k.cluster.Addr, "cache_statement", 3},
		"direct, simple_protocol":    {k.cluster.Addr, "simple_protocol", 3},
		"pgbouncer, cache_describe":  {bouncer.Addr, "cache_describe", 12},
		"pgbouncer, exec":            {bouncer.Addr, "exec", 12},
		"pgbouncer, simple_protocol": {bouncer.Addr, "simple_protocol", 12},
		// Not a mode for PgBouncer: what fails fails, and nothing else happens.
		"pgbouncer, cache_statement": {bouncer.Addr, "cache_statement", 12},
	} {
		t.Run("pool "+name, func(t *testing.T) {
			pool := k.pool(t, at.addr, at.mode, at.clients)
			db, err := tenantpgx.New(pool, nil)
			require.NoError(t, err)
			var tolerated []string
			if at.mode == "cache_statement" && at.addr == bouncer.Addr {
				tolerated = []string{"26000", "42P05"} // no such prepared statement, and twice the same
			}
			storm(t, db, tolerated...)
			t.Log(pool.Stat().NewConnsCount(), "connections")
			require.Empty(t, tenantsLeft(t, pool, 3))
			// Some lost their patience in the middle of something: their connections
			// were given up.
			require.Greater(t, pool.Stat().NewConnsCount(), int64(at.clients))
		})
	}
	t.Run("stdlib pgbouncer", func(t *testing.T) {
		db, err := tenantpgx.Stdlib(k.std(t, bouncer.Addr, "cache_describe", 12), nil)
		require.NoError(t, err)
		storm(t, db)
		require.Empty(t, tenantsLeft(t, k.pool(t, bouncer.Addr, "exec", 3), 3))
	})
}

func stormer(i int) tenant.ID { return id(fmt.Sprintf("0197a3c0-0000-7000-8000-0000000001%02x", i)) }

func storm(t *testing.T, db *tenantpgx.DB, tolerated ...string) {
	t.Helper()
	var all sync.WaitGroup
	var done, impatient atomic.Int64
	var faults sync.Map
	for i := range stormers {
		all.Go(func() {
			r := rand.New(rand.NewPCG(uint64(i), 0))
			for range acts {
				ctx, cancel := in(t, stormer(i)), context.CancelFunc(func() {})
				if r.IntN(3) == 0 {
					ctx, cancel = context.WithTimeout(ctx, time.Duration(r.IntN(60_000))*time.Microsecond)
				}
				err := act(ctx, r, db, stormer(i))
				deadline, cut := ctx.Deadline()
				switch cancelled := cut && !time.Now().Before(deadline); { // also by the socket, whose clock is its own
				case err == nil:
					done.Add(1)
				case cancelled && !errors.Is(err, errForeign):
					impatient.Add(1)
				case slices.Contains(tolerated, state(err)):
				default:
					faults.Store(err.Error(), true)
				}
				cancel()
			}
		})
	}
	all.Wait()
	faults.Range(func(fault, _ any) bool { t.Error(fault); return true })
	t.Logf("%d done, %d cancelled", done.Load(), impatient.Load())
	require.Positive(t, done.Load())
	require.Positive(t, impatient.Load())
}

var errForeign = errors.New("a row of another tenant")

// state returns the SQLSTATE of an error, if it has one.
func state(err error) string {
	if pg, ok := errors.AsType[*pgconn.PgError](err); ok {
		return pg.Code
	}
	return ""
}

// act does one of the things that a DB can do. Its statements leave all the
// filtering to the policies, to see what the setting is.
func act(ctx context.Context, r *rand.Rand, db *tenantpgx.DB, own tenant.ID) error {
	check := func(rows pgx.Rows, limit int) error {
		defer rows.Close()
		n := 0
		for ; n < limit && rows.Next(); n++ {
			var owner string
			if err := rows.Scan(&owner); err != nil {
				return err
			}
			if owner != own.String() {
				return fmt.Errorf("%w: %s sees %s", errForeign, own, owner)
			}
		}
		rows.Close()
		if err := rows.Err(); err != nil {
			return err
		}
		if n == 0 {
			return fmt.Errorf("%w: not even its own", errForeign)
		}
		return nil
	}
	const all = `SELECT tenant_id::text FROM documents WHERE :tenant <> ''`
	switch r.IntN(6) {
	case 0:
		rows, _ := db.Query(ctx, all)
		return check(rows, 1000)
	case 1: // closed early
		rows, _ := db.Query(ctx, all)
		return check(rows, 1)
	case 2:
		tag, err := db.Exec(ctx, `UPDATE documents SET title = title || 'x' WHERE :tenant <> ''`)
		if err == nil && tag.RowsAffected() != 20 {
			err = fmt.Errorf("%w: %d rows changed", errForeign, tag.RowsAffected())
		}
		return err
	case 3: // fails
		err := db.QueryRow(ctx, `SELECT 1 / length('') WHERE :tenant <> ''`).Scan(new(int))
		if state(err) == "22012" {
			return nil
		}
		return err
	case 4: // rolled back
		back := errors.New("back")
		err := db.Tx(ctx, func(ctx context.Context, tx *tenantpgx.Tx) error {
			if _, err := tx.Exec(ctx, `DELETE FROM documents WHERE :tenant <> ''`); err != nil {
				return err
			}
			return back
		})
		if errors.Is(err, back) {
			return nil
		}
		return err
	default:
		return db.Tx(ctx, func(ctx context.Context, tx *tenantpgx.Tx) error {
			rows, err := tx.Query(ctx, all)
			if err != nil {
				return err
			}
			return check(rows, 1000)
		})
	}
}

// tenantsLeft returns the tenants that sessions have outside of a transaction of
// ours: it holds as many at the same time as there are.
func tenantsLeft(t *testing.T, pool *pgxpool.Pool, sessions int) []string {
	t.Helper()
	left := []string{}
	pids := map[int]bool{}
	for range sessions {
		tx, err := pool.Begin(t.Context())
		require.NoError(t, err)
		defer func() { require.NoError(t, tx.Rollback(t.Context())) }()
		var pid int
		var setting string
		require.NoError(t, tx.QueryRow(t.Context(), `SELECT pg_backend_pid(), coalesce(current_setting('app.tenant_id', true), '')`).Scan(&pid, &setting))
		pids[pid] = true
		if setting != "" {
			left = append(left, setting)
		}
	}
	require.Len(t, pids, sessions)
	return left
}

// A tenant set for the session would be seen: the storm can fail.
func testLeakIsSeen(t *testing.T, k kit) {
	bouncer := server.PgBouncer(t, k.cluster, 3, k.app)
	for _, addr := range []string{k.cluster.Addr, bouncer.Addr} {
		pool := k.pool(t, addr, "exec", 3)
		require.Empty(t, tenantsLeft(t, pool, 3))
		_, err := pool.Exec(t.Context(), `SELECT set_config('app.tenant_id', $1, false)`, acme.String())
		require.NoError(t, err)
		require.Equal(t, []string{acme.String()}, tenantsLeft(t, pool, 3))
	}
}
