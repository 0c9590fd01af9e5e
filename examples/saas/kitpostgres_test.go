package main

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"io"
	"net/url"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
)

// SAAS_TEST_POSTGRES is the URL of a superuser of a PostgreSQL server. With it set,
// every test that starts the service does so on a database of its own there, with
// the three logins. Without it the tests use SQLite.
func superuserURL() string { return os.Getenv("SAAS_TEST_POSTGRES") }

// A template is a migrated database to copy, and the logins that go with it.
type template struct{ database, app, worker, owner string }

func TestMain(m *testing.M) {
	status := m.Run()
	if superuserURL() != "" {
		if made, err := postgresTemplate(); errors.Join(err, made.drop()) != nil {
			status = 1
		}
	}
	os.Exit(status)
}

// drop drops what postgresTemplate made.
func (m template) drop() error {
	errs := []error{administer(context.Background(), "DROP DATABASE "+m.database)}
	for _, role := range []string{m.app, m.worker, m.owner} {
		errs = append(errs, administer(context.Background(), "DROP ROLE "+role))
	}
	return errors.Join(errs...)
}

// postgresTemplate is made once for all tests of the process.
var postgresTemplate = sync.OnceValues(func() (made template, err error) {
	suffix := strings.ToLower(rand.Text())
	made = template{"saas_template_" + suffix, "saas_app_" + suffix, "saas_worker_" + suffix, "saas_owner_" + suffix}
	for _, text := range []string{
		"CREATE ROLE " + made.app + " LOGIN", "CREATE ROLE " + made.worker + " LOGIN", "CREATE ROLE " + made.owner + " LOGIN",
		"CREATE DATABASE " + made.database + " OWNER " + made.owner,
	} {
		if err := administer(context.Background(), text); err != nil {
			return made, err
		}
	}
	c, err := loadMigrateConfig(made.variables(made.database))
	if err != nil {
		return made, err
	}
	return made, migrateWith(context.Background(), c, io.Discard)
})

func (m template) variables(database string) map[string]string {
	login := func(name string) string {
		u, _ := url.Parse(superuserURL())
		u.User, u.Path = url.User(name), "/"+database
		return u.String()
	}
	return map[string]string{"DATABASE_URL": login(m.app), "WORKER_URL": login(m.worker), "MIGRATE_URL": login(m.owner)}
}

// administer runs one statement as the superuser.
func administer(ctx context.Context, text string) error {
	db, err := sql.Open("pgx", superuserURL())
	if err != nil {
		return err
	}
	defer db.Close()
	_, err = db.ExecContext(ctx, text)
	return err
}

// copying lets one copy be made at a time: the server refuses to copy a database
// that somebody is connected to, and copying connects.
var copying sync.Mutex

// postgresVariables returns the variables of a new database, none without
// PostgreSQL.
func postgresVariables(t *testing.T) map[string]string {
	t.Helper()
	if superuserURL() == "" {
		return nil
	}
	made, err := postgresTemplate()
	require.NoError(t, err)
	name := "saas_" + strings.ToLower(rand.Text())
	copying.Lock()
	defer copying.Unlock()
	require.NoError(t, administer(t.Context(), "CREATE DATABASE "+name+" OWNER "+made.owner+" TEMPLATE "+made.database))
	t.Cleanup(func() {
		require.NoError(t, administer(context.WithoutCancel(t.Context()), "DROP DATABASE "+name+" WITH (FORCE)"))
	})
	return made.variables(name)
}

// asSuperuser returns a pool for the database of a URL that sees every row, to be closed.
func asSuperuser(t *testing.T, database string) *sql.DB {
	t.Helper()
	login, err := pgx.ParseConfig(database)
	require.NoError(t, err)
	u, err := url.Parse(superuserURL())
	require.NoError(t, err)
	u.Path = "/" + login.Database
	db, err := sql.Open("pgx", u.String())
	require.NoError(t, err)
	return db
}
