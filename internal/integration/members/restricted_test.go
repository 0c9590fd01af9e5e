package members_test

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/rowhouse-go/rowhouse/internal/integration/server"
	"github.com/rowhouse-go/rowhouse/rbac/members"
)

// openRestricted returns an engine whose store works as a login that owns nothing
// and sees by row level security the rows of one organization, or of one subject.
func openRestricted(t *testing.T, cluster server.Cluster, level sql.IsolationLevel) *engine {
	t.Helper()
	database, login := cluster.Database(t), cluster.Login(t, "")
	db := cluster.Open(t, "postgres", database)
	app := cluster.Open(t, login, database)
	app.SetMaxOpenConns(16)
	reads := cluster.Open(t, login, database)
	reads.SetMaxOpenConns(1) // a setting and the statement after it meet on one connection
	e := &engine{
		dialect: members.Postgres, db: db, app: app, level: level,
		tenant: func(q members.Querier) members.Querier { return &scoped{Querier: q, local: true} },
		reader: &scoped{Querier: reads},
		prepare: func(ctx context.Context, schema string) error {
			if err := apply(ctx, db, members.Postgres, schema); err != nil {
				return err
			}
			_, err := db.ExecContext(ctx, restrict(schema, login))
			return err
		},
		store:    newStore(t, members.Postgres, nil),
		conflict: func(err error) bool { return postgresCode(err) == "40001" },
		waits: func(ctx context.Context) (waiting bool, err error) {
			err = db.QueryRowContext(ctx, "SELECT count(*) > 0 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'").Scan(&waiting)
			return waiting, err
		},
	}
	require.NoError(t, e.prepare(t.Context(), "rowhouse"))
	return e
}

// restrict returns the grants and policies for the tables of a schema: everything
// in the tenant's own organization, reading in the subject's own memberships.
func restrict(schema, login string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "GRANT USAGE ON SCHEMA %s TO %s;", schema, login)
	for _, table := range []string{"members", "member_organizations", "member_invitations"} {
		fmt.Fprintf(&b, `GRANT SELECT, INSERT, UPDATE, DELETE ON %[1]s.%[2]s TO %[3]s;
			ALTER TABLE %[1]s.%[2]s ENABLE ROW LEVEL SECURITY;
			CREATE POLICY tenant ON %[1]s.%[2]s TO %[3]s USING (org = (SELECT nullif(current_setting('app.tenant_id', true), '')));`, schema, table, login)
	}
	fmt.Fprintf(&b, "CREATE POLICY subject ON %s.members FOR SELECT TO %s USING (subject = (SELECT nullif(current_setting('app.subject', true), '')));", schema, login)
	return b.String()
}

// scoped sets, before each statement, the tenant or the subject that its first
// argument names; neither for the look-up of a token.
type scoped struct {
	members.Querier
	local bool // for the transaction only
	mu    sync.Mutex
	err   error // the first of a setting that failed
}

func (q *scoped) set(ctx context.Context, text string, args []any) error {
	var tenant, subject any = "", ""
	switch {
	case strings.Contains(text, "WHERE subject = $1"):
		subject = args[0]
	case len(args) > 0 && !strings.Contains(text, "find_member_invitation"):
		tenant = args[0]
	}
	_, err := q.Querier.ExecContext(ctx, "SELECT set_config('app.tenant_id', $1, $3), set_config('app.subject', $2, $3)", tenant, subject, q.local)
	if q.err == nil {
		q.err = err
	}
	return err
}

func (q *scoped) ExecContext(ctx context.Context, text string, args ...any) (sql.Result, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if err := q.set(ctx, text, args); err != nil {
		return nil, err
	}
	return q.Querier.ExecContext(ctx, text, args...)
}

func (q *scoped) QueryContext(ctx context.Context, text string, args ...any) (*sql.Rows, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if err := q.set(ctx, text, args); err != nil {
		return nil, err
	}
	return q.Querier.QueryContext(ctx, text, args...)
}

// QueryRowContext can't make a row of an error. If the setting failed, so does the
// statement, with an error of its own.
func (q *scoped) QueryRowContext(ctx context.Context, text string, args ...any) *sql.Row {
	q.mu.Lock()
	defer q.mu.Unlock()
	if err := q.set(ctx, text, args); err != nil {
		var cancel context.CancelCauseFunc
		ctx, cancel = context.WithCancelCause(ctx)
		cancel(err)
	}
	return q.Querier.QueryRowContext(ctx, text, args...)
}
