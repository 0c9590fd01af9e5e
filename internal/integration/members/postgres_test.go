package members_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
	_ "github.com/jackc/pgx/v5/stdlib" // the driver "pgx"
	"github.com/stretchr/testify/require"

	"github.com/rowhouse-go/rowhouse/internal/integration/server"
	"github.com/rowhouse-go/rowhouse/rbac"
	"github.com/rowhouse-go/rowhouse/rbac/members"
)

func TestPostgres(t *testing.T) {
	t.Parallel()
	addr := startPostgres(t)
	for _, level := range []sql.IsolationLevel{sql.LevelReadCommitted, sql.LevelRepeatableRead, sql.LevelSerializable} {
		t.Run(level.String(), func(t *testing.T) {
			suite(t, openPostgres(t, addr, level))
		})
	}
	t.Run("plans", func(t *testing.T) { testPostgresPlans(t, openPostgres(t, addr, sql.LevelDefault)) })
}

// startPostgres starts a server of its own for the test and returns its address.
func startPostgres(t *testing.T) string {
	t.Helper()
	bin := postgresBin()
	server.Require(t, "postgresql", bin != "", "apt-get install postgresql-15")
	s := server.Start(t, server.Spec{
		Path:    "/bin/sh", // the data folder is made by the account that serves it
		Account: "postgres",
		Reads:   []string{filepath.Join(bin, "postgres")},
		Args: func(port int, dir string) []string {
			return []string{
				"-c", `"$1/initdb" -D "$2/data" -A trust -U postgres -N --no-locale -E UTF8 && exec "$1/postgres" -D "$2/data" \
				-p "$3" -c listen_addresses=127.0.0.1 -c unix_socket_directories= -c fsync=off -c max_connections=100`,
				"sh", bin, dir, fmt.Sprint(port),
			}
		},
		Ready: func(ctx context.Context, addr string) error {
			db, err := sql.Open("pgx", "postgres://postgres@"+addr+"/postgres")
			if err != nil {
				return err
			}
			return errors.Join(db.PingContext(ctx), db.Close())
		},
	})
	return s.Addr
}

// postgresBin returns the folder of initdb and postgres, empty if there is none.
func postgresBin() string {
	dirs, _ := filepath.Glob("/usr/lib/postgresql/*/bin") // Debian keeps them out of PATH
	for _, dir := range dirs {
		if _, err := os.Stat(filepath.Join(dir, "initdb")); err == nil {
			return dir
		}
	}
	path, err := exec.LookPath("initdb")
	if err != nil {
		return ""
	}
	return filepath.Dir(path)
}

// openPostgres returns an engine on a database of its own.
func openPostgres(t *testing.T, addr string, level sql.IsolationLevel) *engine {
	t.Helper()
	name := fmt.Sprintf("members_%d", orgs.Add(1))
	admin, err := sql.Open("pgx", "postgres://postgres@"+addr+"/postgres")
	require.NoError(t, err)
	_, err = admin.ExecContext(t.Context(), "CREATE DATABASE "+name)
	require.NoError(t, errors.Join(err, admin.Close()))
	db, err := sql.Open("pgx", "postgres://postgres@"+addr+"/"+name)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	db.SetMaxOpenConns(16)
	require.NoError(t, apply(t.Context(), db, members.Postgres, "rowhouse"))
	return &engine{
		dialect: members.Postgres, db: db, store: newStore(t, members.Postgres, nil), level: level,
		conflict: func(err error) bool { return postgresCode(err) == "40001" }, // and no deadlock, 40P01
		waits: func(ctx context.Context) (waiting bool, err error) {
			err = db.QueryRowContext(ctx, "SELECT count(*) > 0 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'").Scan(&waiting)
			return waiting, err
		},
	}
}

func postgresCode(err error) string {
	if e, ok := errors.AsType[*pgconn.PgError](err); ok {
		return e.Code
	}
	return ""
}

// With a large organization among others, the lock reads the rows it needs by
// index.
func testPostgresPlans(t *testing.T, e *engine) {
	_, err := e.db.ExecContext(t.Context(), `INSERT INTO rowhouse.members (org, subject, role, created_at)
		SELECT 'big', 's' || n, 'member', now() FROM generate_series(1, 20000) n
		UNION ALL SELECT 'o' || n, 's' || n, 'owner', now() FROM generate_series(1, 20000) n`)
	require.NoError(t, err)
	_, err = e.db.ExecContext(t.Context(), `INSERT INTO rowhouse.members VALUES ('big', 'ada', 'owner', now())`)
	require.NoError(t, err)
	_, err = e.db.ExecContext(t.Context(), "ANALYZE rowhouse.members")
	require.NoError(t, err)

	seen := 0
	e.must(t, func(ctx context.Context, tx members.Querier) error {
		q := &tapped{tx, func(text string, args []any) {
			if !strings.Contains(text, " OR ") {
				return
			}
			seen++
			rows, err := tx.QueryContext(ctx, "EXPLAIN "+text, args...)
			require.NoError(t, err)
			var plan strings.Builder
			for rows.Next() {
				var line string
				require.NoError(t, rows.Scan(&line))
				plan.WriteString(line + "\n")
			}
			require.NoError(t, errors.Join(rows.Err(), rows.Close()))
			t.Log(plan.String())
			require.NotContains(t, plan.String(), "Seq Scan")
			require.Contains(t, plan.String(), "members_role")
			require.Contains(t, plan.String(), "members_pkey")
		}}
		return e.store.ChangeRole(ctx, q, "big", "ada", "s7", rbac.Admin)
	})
	require.Equal(t, 1, seen)
}
