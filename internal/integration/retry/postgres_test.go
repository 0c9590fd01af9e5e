package retry_test

import (
	"context"
	"database/sql"
	"errors"
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"

	"github.com/rowhouse-go/rowhouse/internal/integration/server"
	"github.com/rowhouse-go/rowhouse/retry"
)

func TestPostgres(t *testing.T) {
	t.Parallel()
	c := server.Postgres(t)
	for name, test := range map[string]func(*testing.T, postgres){
		"serialization failure at a statement": testSerializationStatement,
		"serialization failure at the commit":  testSerializationCommit,
		"deadlock":                             testDeadlock,
		"cut at the commit":                    testCutAtCommit,
		"killed in the commit":                 testKilledInCommit,
		"canceled in the commit":               testCanceledInCommit,
		"refused commit":                       testRefusedCommit,
		"a failure that f hides":               testHiddenFailure,
		"killed before begin":                  testKilledBeforeBegin,
		"killed in f":                          testKilledInside,
		"too many connections":                 testTooManyConnections,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, newPostgres(t, c))
		})
	}
}

func sqlState(err error) string {
	if e, ok := errors.AsType[*pgconn.PgError](err); ok {
		return e.Code
	}
	return ""
}

// Another transaction changes the row between the reading and the writing.
func testSerializationStatement(t *testing.T, p postgres) {
	p.exec(t, `CREATE TABLE counter (n int NOT NULL); INSERT INTO counter VALUES (0)`)
	for name, tx := range p.engines(t, "postgres", p.Addr, sql.LevelSerializable) {
		var states []string
		runs := 0
		err := tx(t.Context(), watched(func(a retry.Attempt) { states = append(states, sqlState(a.Err)) }), func(ctx context.Context, do exec) error {
			runs++
			if err := do(ctx, `SELECT n FROM counter`); err != nil {
				return err
			}
			if runs == 1 {
				p.exec(t, `UPDATE counter SET n = n + 1`)
			}
			if err := do(ctx, insert, name); err != nil {
				return err
			}
			return do(ctx, `UPDATE counter SET n = n + 1`)
		})
		require.NoError(t, err, name)
		require.Equal(t, []string{"40001"}, states, name)
		require.Equal(t, 2, runs, name)
		require.Equal(t, 1, p.effects(t, name), name)
	}
	var n int
	require.NoError(t, p.admin.QueryRowContext(t.Context(), `SELECT n FROM counter`).Scan(&n))
	require.Equal(t, 6, n)
}

// Each of two transactions reads what the other one writes. The second one to commit
// is refused, at its commit.
func testSerializationCommit(t *testing.T, p postgres) {
	p.exec(t, `CREATE TABLE doctors (name text PRIMARY KEY, on_call boolean NOT NULL)`)
	for name, tx := range p.engines(t, "postgres", p.Addr, sql.LevelSerializable) {
		p.exec(t, `TRUNCATE doctors`)
		p.exec(t, `INSERT INTO doctors VALUES ('a', true), ('b', true)`)
		leave := func(ctx context.Context, do exec, doctor string) error {
			return do(ctx, `UPDATE doctors SET on_call = false WHERE name = $1 AND (SELECT count(*) FROM doctors WHERE on_call) > 1`, doctor)
		}
		var states []string
		runs := 0
		returned := true
		err := tx(t.Context(), watched(func(a retry.Attempt) {
			states = append(states, sqlState(a.Err))
			require.True(t, returned, "%s: not at the commit: %v", name, a.Err)
		}), func(ctx context.Context, do exec) error {
			runs++
			returned = false
			if err := leave(ctx, do, "a"); err != nil {
				return err
			}
			if runs == 1 {
				other, err := p.admin.BeginTx(t.Context(), &sql.TxOptions{Isolation: sql.LevelSerializable})
				require.NoError(t, err)
				require.NoError(t, leave(t.Context(), sqlExec(other), "b"))
				require.NoError(t, other.Commit())
			}
			returned = true
			return nil
		})
		require.NoError(t, err, name)
		require.Equal(t, []string{"40001"}, states, name)
		require.Equal(t, 2, runs)
		var left string
		require.NoError(t, p.admin.QueryRowContext(t.Context(), `SELECT string_agg(name, ',') FROM doctors WHERE on_call`).Scan(&left))
		require.Equal(t, "a", left, "%s: someone stays", name)
	}
}

// Two transactions lock two rows in opposite orders, both holding one before either
// asks for the other.
func testDeadlock(t *testing.T, p postgres) {
	p.exec(t, `ALTER DATABASE `+p.name+` SET deadlock_timeout = '50ms'`)
	p.exec(t, `CREATE TABLE accounts (id int PRIMARY KEY, n int NOT NULL); INSERT INTO accounts VALUES (1, 0), (2, 0)`)
	var mu sync.Mutex
	var states []string
	policy := watched(func(a retry.Attempt) {
		mu.Lock()
		defer mu.Unlock()
		states = append(states, sqlState(a.Err))
	})
	policy.Base, policy.Attempts = 0, -1 // the loser may lock its first row again before the winner has it
	var group, both sync.WaitGroup
	both.Add(2)
	engines := p.engines(t, "postgres", p.Addr, sql.LevelDefault)
	for name, order := range map[string][2]int{"sql": {1, 2}, "pgx": {2, 1}} {
		group.Go(func() {
			runs := 0
			err := engines[name](t.Context(), policy, func(ctx context.Context, do exec) error {
				runs++
				if err := do(ctx, `UPDATE accounts SET n = n + 1 WHERE id = $1`, order[0]); err != nil {
					return err
				}
				if runs == 1 {
					both.Done()
					both.Wait()
				}
				return do(ctx, `UPDATE accounts SET n = n + 1 WHERE id = $1`, order[1])
			})
			if err != nil {
				t.Errorf("%s: %v", name, err)
			}
		})
	}
	group.Wait()
	require.NotEmpty(t, states)
	require.Equal(t, []string{"40P01"}, slices.Compact(states))
	var total int
	require.NoError(t, p.admin.QueryRowContext(t.Context(), `SELECT sum(n) FROM accounts`).Scan(&total))
	require.Equal(t, 4, total)
}

// The client sees the same in both cases, and the database is in two states: a
// retry would be right in one and double the effect in the other.
func testCutAtCommit(t *testing.T, p postgres) {
	wire := newCable(t, p.Addr)
	for name, tx := range p.engines(t, "postgres", wire.addr, sql.LevelDefault) {
		for cut, rows := range map[int32]int{beforeCommit: 0, afterCommit: 1} {
			runs := 0
			p.exec(t, `TRUNCATE effects`)
			err := watched(nil).Do(t.Context(), func(ctx context.Context) error { // a layer above repeats it neither
				return tx(ctx, watched(nil), func(ctx context.Context, do exec) error {
					runs++
					wire.cut.Store(cut)
					return do(ctx, insert, name)
				})
			})
			require.ErrorIs(t, err, retry.ErrCommitUnknown, "%s, cut %d", name, cut)
			require.True(t, retry.TransientSQL(err), "%s: the driver's error is reachable: %v", name, err)
			require.Equal(t, 1, runs, name)
			require.Zero(t, wire.cut.Load(), "%s: it was cut at the commit", name)
			require.Equal(t, rows, p.effects(t, name), name)
		}
		// The pool recovers.
		require.NoError(t, tx(t.Context(), watched(nil), func(ctx context.Context, do exec) error { return do(ctx, insert, name) }))
	}
}

// slowCommit makes commits wait for the returned connection to let them go.
func (p postgres) slowCommit(t *testing.T) *sql.Conn {
	t.Helper()
	p.exec(t, `
		CREATE OR REPLACE FUNCTION wait() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_advisory_xact_lock(1); RETURN NULL; END $$;
		CREATE CONSTRAINT TRIGGER wait AFTER INSERT ON effects DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION wait()`)
	holder, err := p.admin.Conn(t.Context())
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, holder.Close()) })
	_, err = holder.ExecContext(t.Context(), `SELECT pg_advisory_lock(1)`)
	require.NoError(t, err)
	return holder
}

// waiting returns once a connection of the engine waits in its commit.
func (p postgres) waiting(t *testing.T, engine string) (pid int) {
	t.Helper()
	deadline := time.Now().Add(20 * time.Second)
	for {
		err := p.admin.QueryRowContext(t.Context(), `SELECT pid FROM pg_stat_activity
			WHERE application_name = $1 AND wait_event = 'advisory' AND lower(query) LIKE 'commit%'`, engine).Scan(&pid)
		if err == nil {
			return pid
		}
		if !errors.Is(err, sql.ErrNoRows) || time.Now().After(deadline) {
			t.Errorf("%s does not wait in its commit: %v", engine, err)
			return 0
		}
	}
}

func testKilledInCommit(t *testing.T, p postgres) {
	p.slowCommit(t)
	for name, tx := range p.engines(t, "postgres", p.Addr, sql.LevelDefault) {
		var killed sync.WaitGroup
		killed.Go(func() {
			_, err := p.admin.ExecContext(t.Context(), `SELECT pg_terminate_backend($1)`, p.waiting(t, name))
			if err != nil {
				t.Error(err)
			}
		})
		runs := 0
		err := tx(t.Context(), watched(nil), func(ctx context.Context, do exec) error {
			runs++
			return do(ctx, insert, name)
		})
		killed.Wait()
		require.ErrorIs(t, err, retry.ErrCommitUnknown, name)
		require.Equal(t, "57P01", sqlState(err), name)
		require.Equal(t, 1, runs, name)
	}
}

func testCanceledInCommit(t *testing.T, p postgres) {
	p.slowCommit(t)
	for name, tx := range p.engines(t, "postgres", p.Addr, sql.LevelDefault) {
		ctx, cancel := context.WithCancel(t.Context())
		var canceled sync.WaitGroup
		canceled.Go(func() {
			p.waiting(t, name)
			cancel()
		})
		runs := 0
		err := tx(ctx, watched(nil), func(ctx context.Context, do exec) error {
			runs++
			return do(ctx, insert, name)
		})
		canceled.Wait()
		require.ErrorIs(t, err, retry.ErrCommitUnknown, name)
		require.ErrorIs(t, err, context.Canceled, name)
		require.Equal(t, 1, runs, name)
	}
}

// A deferred constraint is checked at the commit, and its answer leaves no doubt.
func testRefusedCommit(t *testing.T, p postgres) {
	p.exec(t, `ALTER TABLE effects ADD UNIQUE (who) DEFERRABLE INITIALLY DEFERRED`)
	for name, tx := range p.engines(t, "postgres", p.Addr, sql.LevelDefault) {
		runs := 0
		err := tx(t.Context(), watched(nil), func(ctx context.Context, do exec) error {
			runs++
			return errors.Join(do(ctx, insert, name), do(ctx, insert, name))
		})
		require.Equal(t, "23505", sqlState(err), name)
		require.NotErrorIs(t, err, retry.ErrCommitUnknown, name)
		require.Equal(t, 1, runs, name)
		require.Zero(t, p.effects(t, name))
	}
}

// PostgreSQL turns the COMMIT of a transaction that failed into a ROLLBACK.
func testHiddenFailure(t *testing.T, p postgres) {
	for name, tx := range p.engines(t, "postgres", p.Addr, sql.LevelDefault) {
		runs := 0
		err := tx(t.Context(), watched(nil), func(ctx context.Context, do exec) error {
			runs++
			if err := do(ctx, insert, name); err != nil {
				return err
			}
			_ = do(ctx, `SELECT 1/0`)
			return nil
		})
		require.ErrorIs(t, err, pgx.ErrTxCommitRollback, name)
		require.NotErrorIs(t, err, retry.ErrCommitUnknown, name)
		require.Equal(t, 1, runs, name)
		require.Zero(t, p.effects(t, name))
	}
}

// A connection that died in the pool is found out at begin, before f.
func testKilledBeforeBegin(t *testing.T, p postgres) {
	for name, tx := range p.engines(t, "postgres", p.Addr, sql.LevelDefault) {
		write := func(ctx context.Context, do exec) error { return do(ctx, insert, name) }
		require.NoError(t, tx(t.Context(), watched(nil), write))
		p.exec(t, `SELECT pg_terminate_backend(pid, 20000) FROM pg_stat_activity WHERE application_name = $1`, name)
		failures := 0
		require.NoError(t, tx(t.Context(), watched(func(retry.Attempt) { failures++ }), write), name)
		require.LessOrEqual(t, failures, 1, "%s: a driver may find out by itself", name)
		require.Equal(t, 2, p.effects(t, name), name)
	}
}

// Nothing was committed, and still it is not repeated but on demand.
func testKilledInside(t *testing.T, p postgres) {
	for name, tx := range p.engines(t, "postgres", p.Addr, sql.LevelDefault) {
		runs := 0
		write := func(ctx context.Context, do exec) error {
			runs++
			if err := do(ctx, insert, name); err != nil {
				return err
			}
			if runs == 1 {
				return do(ctx, `SELECT pg_terminate_backend(pg_backend_pid())`)
			}
			return nil
		}
		err := tx(t.Context(), watched(nil), write)
		require.Equal(t, "57P01", sqlState(err), name)
		require.NotErrorIs(t, err, retry.ErrCommitUnknown, name)
		require.Equal(t, 1, runs, name)
		require.Zero(t, p.effects(t, name), name)

		runs = 0
		policy := watched(nil)
		policy.Retryable = retry.TransientSQL
		require.NoError(t, tx(t.Context(), policy, write), name)
		require.Equal(t, 2, runs, name)
		require.Equal(t, 1, p.effects(t, name), name)
	}
}

func testTooManyConnections(t *testing.T, p postgres) {
	login := p.Login(t, "CONNECTION LIMIT 1")
	p.exec(t, `GRANT ALL ON effects TO `+login)
	for name, tx := range p.engines(t, login, p.Addr, sql.LevelDefault) {
		// Whoever was before has left.
		require.Eventually(t, func() bool {
			var n int
			return p.admin.QueryRowContext(t.Context(), `SELECT count(pg_terminate_backend(pid, 20000)) FROM pg_stat_activity WHERE usename = $1`, login).Scan(&n) == nil && n == 0
		}, 20*time.Second, 10*time.Millisecond)
		holder, err := p.Open(t, login, p.name).Conn(t.Context())
		require.NoError(t, err)
		require.NoError(t, holder.PingContext(t.Context()))
		var states []string
		runs := 0
		err = tx(t.Context(), watched(func(a retry.Attempt) {
			states = append(states, sqlState(a.Err))
			_ = holder.Raw(func(any) error { return errors.New("bad") })
			p.exec(t, `SELECT pg_terminate_backend(pid, 20000) FROM pg_stat_activity WHERE usename = $1`, login)
		}), func(ctx context.Context, do exec) error {
			runs++
			return do(ctx, insert, name)
		})
		require.NoError(t, err, name)
		require.Equal(t, []string{"53300"}, states, name)
		require.Equal(t, 1, runs, name)
		_ = holder.Close()
	}
}

// A backend is killed outright: the server cuts all connections, refuses new ones
// while it recovers, and takes up its work again.
func TestPostgresCrash(t *testing.T) {
	t.Parallel()
	p := newPostgres(t, server.Postgres(t))
	for name, tx := range p.engines(t, "postgres", p.Addr, sql.LevelDefault) {
		write := func(ctx context.Context, do exec) error { return do(ctx, insert, name) }
		require.NoError(t, tx(t.Context(), nil, write), name)

		var victim, own int
		require.NoError(t, p.Open(t, "postgres", p.name).QueryRowContext(t.Context(),
			`SELECT pg_backend_pid(), pid FROM pg_stat_activity WHERE application_name = $1`, name).Scan(&victim, &own))
		require.NoError(t, syscall.Kill(victim, syscall.SIGKILL))
		require.Eventually(t, func() bool { return errors.Is(syscall.Kill(own, 0), syscall.ESRCH) },
			20*time.Second, 10*time.Millisecond, "the server ends the other connections")

		patient := &retry.Policy{Attempts: -1, MaxElapsed: time.Minute, Max: 200 * time.Millisecond}
		runs := 0
		require.NoError(t, tx(t.Context(), patient, func(ctx context.Context, do exec) error {
			runs++
			return write(ctx, do)
		}), name)
		require.Equal(t, 1, runs, name)
		var n int
		require.NoError(t, retry.Tx(t.Context(), patient, retry.SQL(p.admin, nil), func(ctx context.Context, tx *sql.Tx) error {
			return tx.QueryRowContext(ctx, `SELECT count(*) FROM effects WHERE who = $1`, name).Scan(&n)
		}))
		require.Equal(t, 2, n, name)
	}
}
