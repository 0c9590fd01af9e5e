package main

import (
	"context"
	"database/sql"
	"errors"
	"net/url"
	"os"

	_ "modernc.org/sqlite" // the driver "sqlite"

	"github.com/rowhouse-go/rowhouse/tenant"
)

// readers is how many read at the same time.
const readers = 4

// openSQLite opens the file behind two pools, making it if need be, and brings its
// tables up to date; it returns which files that took. SQLite has one writer at a
// time: with a single connection, writers wait in Go, where a context ends the
// wait, instead of in the file's lock. The writer's transactions begin IMMEDIATE:
// they hold the lock before they read. The reader refuses to write, and each of its
// transactions sees one snapshot.
func openSQLite(ctx context.Context, path string) (d *database, applied []string, err error) {
	// The driver would make it readable to everybody; SQLite's side files follow.
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600) //nolint:gosec // G304: the operator names the file
	if err != nil {
		return nil, nil, err
	}
	if err := f.Close(); err != nil {
		return nil, nil, err
	}
	d = &database{dialect: tenant.SQLite}
	if d.writer, err = sql.Open("sqlite", dataSource(path, "_txlock=immediate")); err == nil {
		d.reader, err = sql.Open("sqlite", dataSource(path, "_pragma=query_only(1)"))
	}
	if err != nil {
		return nil, nil, errors.Join(err, d.close())
	}
	d.writer.SetMaxOpenConns(1)
	d.reader.SetMaxOpenConns(readers)
	d.reader.SetMaxIdleConns(readers)
	options := &tenant.DBOptions{Tables: tenantTables}
	if applied, err = applyMigrations(ctx, d.writer, tenant.SQLite); err == nil {
		d.changes, err = tenant.NewDB(d.writer, tenant.SQLite, options)
	}
	if err == nil {
		d.views, err = tenant.NewDB(d.reader, tenant.SQLite, options)
	}
	if err == nil {
		err = d.views.Check(ctx)
	}
	if err != nil {
		return nil, applied, errors.Join(err, d.close())
	}
	return d, applied, nil
}

// dataSource escapes path: a "?" in a file's name must not become an option. SQLite
// waits for another process's lock for a second, and no longer: the retries do the
// rest, with a budget and where others see it.
func dataSource(path, option string) string {
	u := url.URL{Scheme: "file", Opaque: (&url.URL{Path: path}).EscapedPath()}
	return u.String() + "?_pragma=busy_timeout(1000)&_pragma=journal_mode(WAL)&_pragma=foreign_keys(1)&" + option
}
