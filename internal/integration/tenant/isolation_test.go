package tenant_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rowhouse-go/rowhouse/internal/integration/server"
	"github.com/rowhouse-go/rowhouse/tenant"
)

func testIsolation(t *testing.T, p postgres) {
	bouncer := server.PgBouncer(t, p.cluster, 3, p.login)
	for name, url := range map[string]string{
		"directly":                      p.cluster.URL(p.login, p.database),
		"through PgBouncer":             bouncer.URL(p.login, p.database) + "?default_query_exec_mode=cache_describe",
		"through PgBouncer, unprepared": bouncer.URL(p.login, p.database) + "?default_query_exec_mode=exec",
	} {
		t.Run(name, func(t *testing.T) {
			pool, err := sql.Open("pgx", url)
			require.NoError(t, err)
			t.Cleanup(func() { require.NoError(t, pool.Close()) })
			pool.SetMaxOpenConns(5)
			storm(t, p, pool)
		})
	}
}

// storm has 64 tenants share the pool's few connections, each in a goroutine that
// does all kinds of calls, some of them cut off at any moment. Nobody ever sees a
// row of another tenant, and the connections keep nothing of anybody.
func storm(t *testing.T, p postgres, pool *sql.DB) {
	const tenants, rounds = 64, 25
	p.clear(t)
	db := newDB(t, pool, tenant.Postgres, nil)
	var wg sync.WaitGroup
	faults := make([]error, tenants)
	for n := range tenants {
		ctx := in(t, n)
		wg.Go(func() {
			random := rand.New(rand.NewPCG(1, uint64(n)))
			for range rounds {
				faults[n] = errors.Join(faults[n], visitAndLeave(ctx, db, pool, random))
			}
		})
	}
	wg.Wait()
	require.NoError(t, errors.Join(faults...))

	rows, err := p.owner(t).QueryContext(t.Context(), `SELECT tenant_id, title FROM orders`)
	require.NoError(t, err)
	defer rows.Close()
	n := 0
	for ; rows.Next(); n++ {
		var owner, title string
		require.NoError(t, rows.Scan(&owner, &title))
		require.Equal(t, owner, title, "who wrote the row")
	}
	require.NoError(t, rows.Err())
	require.Greater(t, n, tenants)
}

// visitAndLeave does one thing, perhaps in no time, and looks at what it left.
func visitAndLeave(ctx context.Context, db *tenant.DB, pool *sql.DB, random *rand.Rand) error {
	own, err := tenant.FromContext(ctx)
	if err != nil {
		return err
	}
	visitCtx, cancel := ctx, context.CancelFunc(func() {})
	if random.IntN(3) == 0 {
		visitCtx, cancel = context.WithTimeout(ctx, time.Duration(random.IntN(3000))*time.Microsecond)
	}
	defer cancel()
	var foreign error
	err = visit(visitCtx, db, random.IntN(5), func(owner string) {
		if owner != own.String() {
			foreign = fmt.Errorf("%s sees a row of %s", own, owner)
		}
	})
	if deadline, ok := visitCtx.Deadline(); ok && !time.Now().Before(deadline) {
		err = nil // it was cut off, perhaps by the socket, whose clock is its own
	}
	var left string
	leftErr := pool.QueryRowContext(ctx,
		`SELECT coalesce(current_setting('app.tenant_id', true), '') || coalesce(current_setting('app.subject', true), '')`).Scan(&left)
	if left != "" {
		leftErr = fmt.Errorf("%q is left", left)
	}
	return errors.Join(foreign, err, leftErr)
}

var errGivenUp = errors.New("given up")

// visit does one of several things, and tells seen of the owner of each row.
func visit(ctx context.Context, db *tenant.DB, what int, seen func(owner string)) error {
	switch what {
	case 0: // as Unscoped, where only the policies are in the way
		return db.Tx(ctx, func(ctx context.Context, tx *tenant.Tx) error {
			rows, err := tx.Unscoped("test").QueryContext(ctx, `SELECT tenant_id FROM orders`)
			if err != nil {
				return err
			}
			defer rows.Close()
			for rows.Next() {
				var owner string
				if err := rows.Scan(&owner); err != nil {
					return err
				}
				seen(owner)
			}
			return rows.Err()
		})
	case 1:
		_, err := db.Exec(ctx, `INSERT INTO orders (title) VALUES (:tenant::text)`)
		return err
	case 2:
		rows, err := db.Query(ctx, `SELECT tenant_id FROM orders WHERE :tenant::text <> '' LIMIT 100`)
		if err != nil {
			return err
		}
		for rows.Next() {
			var owner string
			if err := rows.Scan(&owner); err != nil {
				return errors.Join(err, rows.Close())
			}
			seen(owner)
		}
		return rows.Err()
	case 3:
		return db.SubjectTx(ctx, "alice", func(ctx context.Context, q tenant.Plain) error {
			var n int
			if err := q.QueryRowContext(ctx, `SELECT count(*) FROM orders`).Scan(&n); err != nil {
				return err
			}
			if n > 0 {
				seen("a subject's")
			}
			return nil
		})
	}
	err := db.Tx(ctx, func(ctx context.Context, tx *tenant.Tx) error {
		var owner string
		err := tx.QueryRow(ctx, `INSERT INTO orders (tenant_id, title) VALUES (:tenant, 'given up') RETURNING tenant_id`).Scan(&owner)
		if err != nil {
			return err
		}
		seen(owner)
		return errGivenUp
	})
	if errors.Is(err, errGivenUp) {
		return nil
	}
	return err
}
