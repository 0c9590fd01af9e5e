package members_test

import (
	"context"
	"database/sql"
	"errors"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"

	"github.com/rowhouse-go/rowhouse/internal/integration/server"
	"github.com/rowhouse-go/rowhouse/rbac"
	"github.com/rowhouse-go/rowhouse/rbac/members"
)

func TestPostgres(t *testing.T) {
	t.Parallel()
	cluster := server.Postgres(t)
	for _, level := range []sql.IsolationLevel{sql.LevelReadCommitted, sql.LevelRepeatableRead, sql.LevelSerializable} {
		t.Run(level.String(), func(t *testing.T) {
			suite(t, openPostgres(t, cluster, level))
		})
		t.Run(level.String()+" under row level security", func(t *testing.T) {
			suite(t, openRestricted(t, cluster, level))
		})
	}
	t.Run("lock order", func(t *testing.T) { testLockOrder(t, openPostgres(t, cluster, sql.LevelDefault)) })
	t.Run("foreign tenant", func(t *testing.T) { testForeignTenant(t, openRestricted(t, cluster, sql.LevelDefault)) })
	t.Run("definer function", func(t *testing.T) { testDefinerFunction(t, openRestricted(t, cluster, sql.LevelDefault)) })
	t.Run("look-up", func(t *testing.T) { testFinderIsChecked(t, openRestricted(t, cluster, sql.LevelDefault)) })
	t.Run("plans", func(t *testing.T) { testPostgresPlans(t, openPostgres(t, cluster, sql.LevelDefault)) })
}

// openPostgres returns an engine on a database of its own, whose owner works on it.
func openPostgres(t *testing.T, cluster server.Cluster, level sql.IsolationLevel) *engine {
	t.Helper()
	db := cluster.Open(t, "postgres", cluster.Database(t))
	db.SetMaxOpenConns(16)
	prepare := func(ctx context.Context, schema string) error { return apply(ctx, db, members.Postgres, schema) }
	require.NoError(t, prepare(t.Context(), "rowhouse"))
	return &engine{
		dialect: members.Postgres, db: db, app: db, reader: db, prepare: prepare, store: newStore(t, members.Postgres, nil), level: level,
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
