package main

import (
	"context"
	"database/sql"
	"errors"
	"io"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rowhouse-go/rowhouse/rbac"
	"github.com/rowhouse-go/rowhouse/rbac/members"
	"github.com/rowhouse-go/rowhouse/tenant"
	"github.com/rowhouse-go/rowhouse/tenant/rls"
)

// onPostgres returns the configuration of a new database and a pool of the
// superuser's there; false without PostgreSQL.
func onPostgres(t *testing.T) (config, *sql.DB, bool) {
	t.Helper()
	vars := postgresVariables(t)
	if vars == nil {
		return config{}, nil, false
	}
	c, err := loadMigrateConfig(vars)
	require.NoError(t, err)
	db := asSuperuser(t, c.DatabaseURL)
	t.Cleanup(func() { _ = db.Close() })
	return c, db, true
}

func tryOpen(t *testing.T, c config) error {
	t.Helper()
	d, err := openDatabase(t.Context(), &c, slog.New(slog.DiscardHandler))
	if err == nil {
		require.NoError(t, d.close())
	}
	return err
}

// Serve refuses whatever row level security would not hold, and migrate mends the
// tables.
func TestUnsafePostgresIsRefused(t *testing.T) {
	t.Parallel()
	c, super, ok := onPostgres(t)
	if !ok {
		return
	}
	require.NoError(t, tryOpen(t, c))
	for what, login := range map[string]string{"owner": c.MigrateURL, "worker": c.WorkerURL, "superuser": superuserURL()} {
		other := c
		other.DatabaseURL, other.MigrateURL, other.WorkerURL = login, "", ""
		require.Error(t, tryOpen(t, other), what)
	}
	for _, sabotage := range []string{
		`ALTER TABLE announcements NO FORCE ROW LEVEL SECURITY`,
		`ALTER TABLE announcements DISABLE ROW LEVEL SECURITY`,
		`DROP POLICY rowhouse_floor ON announcements`,
		`ALTER POLICY rowhouse_tenant ON rowhouse.members USING (true)`,
		`CREATE POLICY open ON organizations USING (true)`,
		`GRANT TRUNCATE ON announcements TO PUBLIC`,
		`GRANT DELETE ON organization_tombstones TO PUBLIC`,
	} {
		_, err := super.ExecContext(t.Context(), sabotage)
		require.NoError(t, err, sabotage)
		require.ErrorIs(t, tryOpen(t, c), rls.ErrUnsafe, sabotage)
		var told strings.Builder
		require.NoError(t, migrateWith(t.Context(), c, &told))
		require.Regexp(t, `^row level security: \d+ statements\n$`, told.String(), sabotage)
		require.NoError(t, tryOpen(t, c), sabotage)
	}
	_, err := super.ExecContext(t.Context(), `CREATE TABLE notes (tenant_id uuid); GRANT SELECT ON notes TO `+c.isolation().App)
	require.NoError(t, err)
	require.ErrorIs(t, tryOpen(t, c), rls.ErrUnsafe, "a table that isolation.go has not heard of")
}

// Where functions are not for PUBLIC, migrate gives serve the one it needs.
func TestMigrateGrantsTheLookUp(t *testing.T) {
	t.Parallel()
	c, super, ok := onPostgres(t)
	if !ok {
		return
	}
	_, err := super.ExecContext(t.Context(), `REVOKE EXECUTE ON ALL FUNCTIONS IN SCHEMA rowhouse FROM PUBLIC`)
	require.NoError(t, err)
	d, err := openDatabase(t.Context(), &c, slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	defer func() { require.NoError(t, d.close()) }()
	store, err := members.New(members.Postgres, rbac.DefaultPolicy(), nil)
	require.NoError(t, err)
	require.ErrorContains(t, store.Check(t.Context(), d.reader), "lacks EXECUTE", "serve asks this")
	var first, second strings.Builder
	require.NoError(t, migrateWith(t.Context(), c, &first))
	require.NoError(t, store.Check(t.Context(), d.reader))
	require.NoError(t, migrateWith(t.Context(), c, &second))
	require.Equal(t, "nothing to do: the schema is up to date\n", second.String())
}

func TestOldSchemaIsRefused(t *testing.T) {
	t.Parallel()
	c, super, ok := onPostgres(t)
	if !ok {
		return
	}
	_, err := super.ExecContext(t.Context(), `INSERT INTO schema_versions (version_id, is_applied) VALUES (9999, true)`)
	require.NoError(t, err)
	require.NoError(t, tryOpen(t, c), "the next program is being rolled out")
	_, err = super.ExecContext(t.Context(), `DELETE FROM rowhouse_members_versions WHERE version_id = 2`)
	require.NoError(t, err)
	err = tryOpen(t, c)
	require.ErrorIs(t, err, errOldSchema)
	require.ErrorContains(t, err, "run the command migrate first (rowhouse_members_versions lacks 0002")
	_, err = super.ExecContext(t.Context(), `DROP TABLE schema_versions`)
	require.NoError(t, err)
	require.ErrorIs(t, tryOpen(t, c), errOldSchema)
}

// Two programs that are deployed at once both migrate; one of them finds nothing
// to do.
func TestMigrateTwiceAtOnce(t *testing.T) {
	t.Parallel()
	c, super, ok := onPostgres(t)
	if !ok {
		return
	}
	_, err := super.ExecContext(t.Context(), `DROP SCHEMA rowhouse CASCADE; DROP TABLE announcements, organization_tombstones, organizations, schema_versions, rowhouse_members_versions`)
	require.NoError(t, err)
	c.DBPoolMaxConns = 1 // of serve's; migrate needs one more than its lock's
	var both sync.WaitGroup
	told, errs := make([]strings.Builder, 2), make([]error, 2)
	for i := range told {
		both.Go(func() { errs[i] = migrateWith(t.Context(), c, &told[i]) })
	}
	both.Wait()
	require.NoError(t, errors.Join(errs...))
	all := told[0].String() + told[1].String()
	require.Equal(t, 1, strings.Count(all, "applied schema_versions: 0001_organizations.sql\n"), all)
	require.Equal(t, 1, strings.Count(all, "nothing to do: the schema is up to date\n"), all)
	require.NoError(t, tryOpen(t, c))
}

// A run that waits for another's lock ends when it is told to.
func TestMigrateHeedsItsContext(t *testing.T) {
	t.Parallel()
	c, super, ok := onPostgres(t)
	if !ok {
		return
	}
	lock, err := super.Conn(t.Context())
	require.NoError(t, err)
	defer lock.Close()
	_, err = lock.ExecContext(t.Context(), `SELECT pg_advisory_lock(hashtext('saas migrate'))`)
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- migrateWith(ctx, c, io.Discard) }()
	require.Eventually(t, func() bool {
		var waiting bool
		err := super.QueryRowContext(t.Context(), `SELECT count(*) > 0 FROM pg_locks WHERE NOT granted AND locktype = 'advisory'`).Scan(&waiting)
		return err == nil && waiting
	}, 10*time.Second, time.Millisecond)
	cancel()
	require.Error(t, <-ended)
}

// A run that fails does not call the schema up to date.
func TestMigrateTellsOfFailureOnly(t *testing.T) {
	t.Parallel()
	c, super, ok := onPostgres(t)
	if !ok {
		return
	}
	_, err := super.ExecContext(t.Context(), `DROP TABLE announcements; DELETE FROM schema_versions WHERE version_id = 2`)
	require.NoError(t, err)
	var told strings.Builder
	require.Error(t, migrateWith(t.Context(), c, &told), "one of its tables is there")
	require.Empty(t, told.String())
}

// An organization that ends while something is being stored in it is not there, and
// no fault of the service.
func TestOrganizationEndsMeanwhile(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	if s.app.db.dialect != tenant.Postgres {
		return // SQLite has one writer
	}
	ada := s.person("ada")
	acme := s.found(ada, "Acme")
	super := asSuperuser(t, s.app.config.DatabaseURL)
	defer super.Close()
	tx, err := super.BeginTx(t.Context(), nil)
	require.NoError(t, err)
	_, err = tx.ExecContext(t.Context(), `DELETE FROM organizations`)
	require.NoError(t, err)
	posted := make(chan response, 1)
	go func() { posted <- s.as(ada).do("POST", acme+"/announcements", `{"text":"x"}`) }()
	require.Eventually(t, func() bool {
		var waiting bool
		err := super.QueryRowContext(t.Context(), `SELECT count(*) > 0 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`).Scan(&waiting)
		return err == nil && waiting
	}, 10*time.Second, time.Millisecond)
	require.NoError(t, tx.Commit())
	(<-posted).wants(404)
	require.Empty(t, s.log.lines(t, "request failed"))
}
