package members_test

import (
	"context"
	"database/sql"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/rowhouse-go/rowhouse/internal/integration/server"
	"github.com/rowhouse-go/rowhouse/rbac"
	"github.com/rowhouse-go/rowhouse/rbac/members"
	"github.com/rowhouse-go/rowhouse/tenant/rls"
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
			policies, err := restrict(schema, login)
			if err == nil {
				_, err = db.ExecContext(ctx, policies)
			}
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

// restrict returns the grants and policies for the tables of a schema, as an
// application gets them: everything in the tenant's own organization, reading in
// the subject's own memberships.
func restrict(schema, login string) (string, error) {
	up, err := rls.Up(rls.Options{App: login, Column: "org", Type: rls.Text, Tables: []rls.Table{
		{Schema: schema, Name: "members", Kind: rls.Directory, Subject: "subject"},
		{Schema: schema, Name: "member_organizations", Kind: rls.Directory},
		{Schema: schema, Name: "member_invitations", Kind: rls.Directory},
	}})
	return strings.Join(up, "\n"), err
}

// A look-up that may not run, or would see nothing, is told at the start.
func testFinderIsChecked(t *testing.T, e *engine) {
	const function = "FUNCTION rowhouse.find_member_invitation(bytea, timestamptz)"
	o := e.offer(t)
	for _, c := range []struct{ sabotage, mend, want string }{
		{"REVOKE EXECUTE ON " + function + " FROM PUBLIC", "GRANT EXECUTE ON " + function + " TO PUBLIC", "lacks EXECUTE"},
		{"ALTER " + function + " SECURITY INVOKER", "ALTER " + function + " SECURITY DEFINER", "row level security hides rows"},
		{
			"CREATE ROLE members_other; ALTER " + function + " OWNER TO members_other; GRANT USAGE ON SCHEMA rowhouse TO members_other; GRANT SELECT ON rowhouse.member_invitations TO members_other",
			"ALTER " + function + " OWNER TO postgres; DROP OWNED BY members_other; DROP ROLE members_other", "row level security hides rows",
		},
		{
			"CREATE ROLE members_other; ALTER TABLE rowhouse.member_invitations OWNER TO members_other, FORCE ROW LEVEL SECURITY; GRANT USAGE ON SCHEMA rowhouse TO members_other; ALTER " + function + " OWNER TO members_other",
			"ALTER TABLE rowhouse.member_invitations OWNER TO postgres, NO FORCE ROW LEVEL SECURITY; ALTER " + function + " OWNER TO postgres; DROP OWNED BY members_other; DROP ROLE members_other", "row level security hides rows",
		},
	} {
		require.NoError(t, e.store.Check(t.Context(), e.reader))
		_, err := e.db.ExecContext(t.Context(), c.sabotage)
		require.NoError(t, err, c.sabotage)
		require.ErrorContains(t, e.store.Check(t.Context(), e.reader), c.want, c.sabotage)
		_, _, err = e.store.FindInvitation(t.Context(), e.reader, o.token)
		require.Error(t, err, c.sabotage)
		_, err = e.db.ExecContext(t.Context(), c.mend)
		require.NoError(t, err, c.mend)
	}
	require.NoError(t, e.store.Check(t.Context(), e.reader))
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

// In the context of one organization nothing of another one can be seen, taken or
// made, whatever the arguments say.
func testForeignTenant(t *testing.T, e *engine) {
	s, mine, theirs := e.store, e.offer(t), e.offer(t)
	within := func(tenant, subject string, do act) error {
		tx, err := e.app.BeginTx(t.Context(), nil)
		require.NoError(t, err)
		defer tx.Rollback() // the acts below are not to leave anything
		_, err = tx.ExecContext(t.Context(), "SELECT set_config('app.tenant_id', $1, true), set_config('app.subject', $2, true)", tenant, subject)
		require.NoError(t, err)
		return do(t.Context(), tx)
	}
	accepts := accept(s, theirs.org, theirs.token, "eve", members.TokenAlone())
	require.NoError(t, within(theirs.org, "", accepts))
	for _, tenant := range []string{mine.org, ""} {
		for name, do := range map[string]act{
			"accept": accepts,
			"token": func(ctx context.Context, tx members.Querier) error {
				_, err := s.Token(ctx, tx, theirs.org, theirs.id)
				return err
			},
			"invitation": func(ctx context.Context, tx members.Querier) error {
				_, err := s.Invitation(ctx, tx, theirs.org, theirs.id)
				return err
			},
		} {
			require.ErrorIs(t, within(tenant, "", do), members.ErrInvitation, name)
		}
		for name, do := range map[string]act{
			"invite": func(ctx context.Context, tx members.Querier) error {
				_, err := s.Invite(ctx, tx, theirs.org, "ada", "x@example.org", rbac.Member)
				return err
			},
			"revoke": func(ctx context.Context, tx members.Querier) error {
				return s.Revoke(ctx, tx, theirs.org, "ada", theirs.id)
			},
			"remove all": func(ctx context.Context, tx members.Querier) error { return s.RemoveAll(ctx, tx, theirs.org, "ada") },
			"role": func(ctx context.Context, tx members.Querier) error {
				_, err := s.Role(ctx, tx, theirs.org, "ada")
				return err
			},
		} {
			require.ErrorIs(t, within(tenant, "", do), rbac.ErrNotMember, name)
		}
		err := within(tenant, "", func(ctx context.Context, tx members.Querier) error { return s.Create(ctx, tx, theirs.org+"new", "eve") })
		require.Equal(t, "42501", postgresCode(err), "%v", err) // insufficient_privilege
		require.NoError(t, within(tenant, "", func(ctx context.Context, tx members.Querier) error {
			list, _, err := s.Invitations(ctx, tx, theirs.org, members.Page{})
			require.Empty(t, list)
			return err
		}))
	}

	// Before the tenant is known: the organization of a token, one's own roles, and
	// no more.
	require.NoError(t, within("", "ada", func(ctx context.Context, tx members.Querier) error {
		org, id, err := s.FindInvitation(ctx, tx, theirs.token)
		require.NoError(t, err)
		require.Equal(t, []string{theirs.org, theirs.id}, []string{org, id})
		role, err := s.Role(ctx, tx, theirs.org, "ada")
		require.NoError(t, err)
		require.Equal(t, rbac.Owner, role)
		_, err = s.Role(ctx, tx, theirs.org, "bob")
		require.ErrorIs(t, err, rbac.ErrNotMember)
		_, err = s.Invitation(ctx, tx, org, id)
		require.ErrorIs(t, err, members.ErrInvitation)
		return nil
	}))
	err := within("", "bob", func(ctx context.Context, tx members.Querier) error {
		return s.Remove(ctx, tx, theirs.org, "bob", "bob") // a subject only reads
	})
	require.ErrorIs(t, err, rbac.ErrNotMember)
}

// The one function with the owner's rights gives ids only, for a hash that is
// known, and takes no name from the caller's search path.
func testDefinerFunction(t *testing.T, e *engine) {
	var definer bool
	var config, result string
	require.NoError(t, e.db.QueryRowContext(t.Context(), `SELECT prosecdef, array_to_string(proconfig, ';'), pg_get_function_result(oid)
		FROM pg_proc WHERE pronamespace = 'rowhouse'::regnamespace`).Scan(&definer, &config, &result))
	require.True(t, definer)
	require.Equal(t, "search_path=pg_catalog, pg_temp", config)
	require.Equal(t, "TABLE(org text, id text)", result)

	o := e.offer(t)
	conn, err := e.app.Conn(t.Context())
	require.NoError(t, err)
	defer conn.Close()
	for _, text := range []string{
		"CREATE TEMP TABLE member_invitations AS SELECT 'theirs' AS org, 'id' AS id, ''::bytea AS hash, 'infinity'::timestamptz AS expires_at",
		"CREATE FUNCTION pg_temp.always(bytea, bytea) RETURNS boolean LANGUAGE sql AS 'SELECT true'",
		"CREATE OPERATOR pg_temp.= (LEFTARG = bytea, RIGHTARG = bytea, FUNCTION = pg_temp.always)",
		"SET search_path = pg_temp, rowhouse, pg_catalog",
	} {
		_, err := conn.ExecContext(t.Context(), text)
		require.NoError(t, err, text)
	}
	org, id, err := e.store.FindInvitation(t.Context(), conn, o.token)
	require.NoError(t, err)
	require.Equal(t, []string{o.org, o.id}, []string{org, id})
	_, _, err = e.store.FindInvitation(t.Context(), conn, strings.Repeat("A", 43))
	require.ErrorIs(t, err, members.ErrInvitation)

	var owned int
	require.NoError(t, conn.QueryRowContext(t.Context(), `SELECT count(*) FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace
		WHERE nspname = 'rowhouse' AND pg_get_userbyid(relowner) = current_user`).Scan(&owned))
	require.Zero(t, owned, "the login owns nothing")
}
