package main

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"strings"

	"github.com/pressly/goose/v3"

	"github.com/rowhouse-go/rowhouse/rbac/members"
	"github.com/rowhouse-go/rowhouse/tenant"
)

//go:embed migrations
var migrations embed.FS

// A migrationSet is the files of whoever owns tables. Each set counts its versions
// in a table of its own.
type migrationSet struct {
	versions string
	files    fs.FS
}

// migrationSets returns our files, and those of the packages that keep tables.
func migrationSets(d tenant.Dialect) ([]migrationSet, error) {
	own, err := fs.Sub(migrations, "migrations/"+string(d))
	if err != nil {
		return nil, err
	}
	return []migrationSet{
		{"schema_versions", own},
		{"rowhouse_members_versions", members.Migrations(members.Dialect(d))},
	}, nil
}

// applyMigrations applies what is missing and returns the names of the files.
func applyMigrations(ctx context.Context, db *sql.DB, d tenant.Dialect) ([]string, error) {
	sets, err := migrationSets(d)
	if err != nil {
		return nil, err
	}
	dialect := goose.DialectPostgres
	if d == tenant.SQLite {
		dialect = goose.DialectSQLite3
	}
	var applied []string
	for _, set := range sets {
		p, err := goose.NewProvider(dialect, db, set.files, goose.WithTableName(set.versions))
		if err != nil {
			return applied, err
		}
		results, err := p.Up(ctx)
		for _, r := range results {
			applied = append(applied, set.versions+": "+path.Base(r.Source.Path))
		}
		if err != nil {
			return applied, err
		}
	}
	return applied, nil
}

// migrate brings the schema up to date, for the service to be started or to go on
// running: files are written so that the program before them still works.
func migrate(ctx context.Context, environ map[string]string, stdout, stderr io.Writer) int {
	c, err := loadMigrateConfig(environ)
	if err != nil {
		say(stderr, "saas: the configuration is not right:\n  %s\n", strings.ReplaceAll(err.Error(), "\n", "\n  "))
		return exitUsage
	}
	if err := migrateWith(ctx, c, stdout); err != nil {
		say(stderr, "saas: migrate: %v\n", err)
		return exitFailed
	}
	return exitDone
}

func migrateWith(ctx context.Context, c config, stdout io.Writer) (err error) {
	if c.onPostgres() {
		return migratePostgres(ctx, c, stdout)
	}
	path, _ := c.sqlitePath()
	d, applied, err := openSQLite(ctx, path)
	tellMigrated(stdout, applied, 0, err)
	if err != nil {
		return err
	}
	return d.close()
}

// migratePostgres applies the files as the owner, then whatever row level security
// lacks. A lock makes a second run wait for the first.
func migratePostgres(ctx context.Context, c config, stdout io.Writer) (err error) {
	c.DBPoolMaxConns = max(c.DBPoolMaxConns, 2) // the lock's, and that of the work
	db, err := openPool(c, c.MigrateURL)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	lock, err := db.Conn(ctx)
	if err != nil {
		return fmt.Errorf("MIGRATE_URL: %w", err)
	}
	defer func() { err = errors.Join(err, lock.Close()) }() // ends the session, and the lock with it
	if _, err := lock.ExecContext(ctx, `SELECT pg_advisory_lock(hashtext('saas migrate'))`); err != nil {
		return err
	}
	mended := 0
	applied, err := applyMigrations(ctx, db, tenant.Postgres)
	if err == nil {
		mended, err = secure(ctx, db, &c)
	}
	tellMigrated(stdout, applied, mended, err)
	return err
}

func tellMigrated(stdout io.Writer, applied []string, mended int, err error) {
	for _, name := range applied {
		say(stdout, "applied %s\n", name)
	}
	if mended > 0 {
		say(stdout, "row level security: %d statements\n", mended)
	}
	if len(applied)+mended == 0 && err == nil {
		say(stdout, "nothing to do: the schema is up to date\n")
	}
}
