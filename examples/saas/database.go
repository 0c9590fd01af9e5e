package main

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"

	"github.com/pressly/goose/v3"
	_ "modernc.org/sqlite" // the driver "sqlite"

	"github.com/rowhouse-go/rowhouse/rbac/members"
)

//go:embed migrations
var migrations embed.FS

// A database is one SQLite file behind two pools. SQLite has one writer at a
// time: with a single connection, writers wait in Go, where a context ends the
// wait, instead of in the file's lock.
type database struct {
	writer *sql.DB // transactions begin IMMEDIATE: they hold the lock before they read
	reader *sql.DB // refuses to write; each transaction sees one snapshot
}

const readers = 4

// openDatabase opens the file, making it if need be, and brings its tables up to
// date.
func openDatabase(ctx context.Context, path string) (*database, error) {
	// The driver would make it readable to everybody; SQLite's side files follow.
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600) //nolint:gosec // G304: the operator names the file
	if err != nil {
		return nil, fmt.Errorf("database: %w", err)
	}
	if err := f.Close(); err != nil {
		return nil, fmt.Errorf("database: %w", err)
	}
	d := &database{}
	if d.writer, err = sql.Open("sqlite", dataSource(path, "_txlock=immediate")); err == nil {
		d.reader, err = sql.Open("sqlite", dataSource(path, "_pragma=query_only(1)"))
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("database: %w", err), d.close())
	}
	d.writer.SetMaxOpenConns(1)
	d.reader.SetMaxOpenConns(readers)
	d.reader.SetMaxIdleConns(readers)
	if err := d.migrate(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("database: %w", err), d.close())
	}
	return d, nil
}

// dataSource escapes path: a "?" in a file's name must not become an option.
func dataSource(path, option string) string {
	u := url.URL{Scheme: "file", Opaque: (&url.URL{Path: path}).EscapedPath()}
	return u.String() + "?_pragma=busy_timeout(5000)&_pragma=journal_mode(WAL)&_pragma=foreign_keys(1)&" + option
}

// migrate applies what is missing of our files and of those of the packages that
// keep tables. Each set counts its versions in a table of its own.
func (d *database) migrate(ctx context.Context) error {
	own, err := fs.Sub(migrations, "migrations/sqlite")
	if err != nil {
		return err
	}
	for _, set := range []struct {
		table string
		files fs.FS
	}{
		{"schema_versions", own},
		{"rowhouse_members_versions", members.Migrations(members.SQLite)},
	} {
		p, err := goose.NewProvider(goose.DialectSQLite3, d.writer, set.files, goose.WithTableName(set.table))
		if err != nil {
			return err
		}
		if _, err := p.Up(ctx); err != nil {
			return err
		}
	}
	return nil
}

// write runs do in a transaction that is committed if do returns nil.
func (d *database) write(ctx context.Context, do func(context.Context, *sql.Tx) error) error {
	return within(ctx, d.writer, do)
}

// read runs do in a transaction that sees the database as it is at its first
// statement.
func (d *database) read(ctx context.Context, do func(context.Context, *sql.Tx) error) error {
	return within(ctx, d.reader, do)
}

// errNoDatabase means that the database did not do what it is there for, whatever
// it was asked.
var errNoDatabase = errors.New("database unavailable")

func within(ctx context.Context, pool *sql.DB, do func(context.Context, *sql.Tx) error) error {
	tx, err := pool.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("%w: begin: %w", errNoDatabase, err)
	}
	defer func() { _ = tx.Rollback() }() // also when do panics; nothing after a commit
	if err := do(ctx, tx); err != nil {
		return err
	}
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("%w: commit: %w", errNoDatabase, err)
	}
	return nil
}

// ping asks both pools for an answer.
func (d *database) ping(ctx context.Context) error {
	for _, pool := range []*sql.DB{d.reader, d.writer} {
		var one int
		if err := pool.QueryRowContext(ctx, "SELECT 1").Scan(&one); err != nil {
			return err
		}
	}
	return nil
}

func (d *database) close() error {
	var errs []error
	for _, pool := range []*sql.DB{d.reader, d.writer} { // the last to close removes the side files
		if pool != nil {
			errs = append(errs, pool.Close())
		}
	}
	return errors.Join(errs...)
}
