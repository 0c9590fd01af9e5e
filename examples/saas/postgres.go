package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5/stdlib"

	"github.com/rowhouse-go/rowhouse/tenant"
	"github.com/rowhouse-go/rowhouse/tenant/rls"
)

// openPool returns a pool of connections to PostgreSQL. It connects to nothing yet.
func openPool(c config, url string) (*sql.DB, error) {
	login, ok := postgresLogin(url)
	if !ok { // loadConfig has judged it
		return nil, errors.New("database: no PostgreSQL URL")
	}
	if _, named := login.RuntimeParams["application_name"]; !named {
		login.RuntimeParams["application_name"] = c.AppName
	}
	db := stdlib.OpenDB(*login)
	db.SetMaxOpenConns(c.DBPoolMaxConns)
	db.SetMaxIdleConns(c.DBPoolMaxConns)
	db.SetConnMaxLifetime(c.DBPoolMaxLifetime)
	return db, nil
}

// openPostgres connects as the login that serves. It refuses one that row level
// security does not hold: a superuser, an owner, one with a way around it.
func openPostgres(ctx context.Context, c *config) (*database, error) {
	pool, err := openPool(*c, c.DatabaseURL)
	if err != nil {
		return nil, err
	}
	d := &database{dialect: tenant.Postgres, writer: pool, reader: pool}
	if err = checkSchema(ctx, pool); err == nil {
		err = rls.Check(ctx, pool, c.isolation())
	}
	if err == nil {
		d.changes, err = tenant.NewDB(pool, tenant.Postgres, &tenant.DBOptions{Tables: tenantTables})
	}
	if err != nil {
		return nil, errors.Join(err, d.close())
	}
	// One snapshot for all statements of a transaction, as with SQLite: nothing ends
	// between a list of ids and their rows.
	d.views = d.changes.With(&sql.TxOptions{ReadOnly: true, Isolation: sql.LevelRepeatableRead})
	return d, nil
}

// errOldSchema is the answer of serve to tables that are not there. It makes none:
// the login that serves owns nothing.
var errOldSchema = errors.New("the schema is older than this program: run the command migrate first")

// checkSchema compares the versions in the database with the files of this
// program. A newer schema is fine: the next program is being rolled out.
func checkSchema(ctx context.Context, db *sql.DB) error {
	sets, err := migrationSets(tenant.Postgres)
	if err != nil {
		return err
	}
	for _, set := range sets {
		var there bool
		if err := db.QueryRowContext(ctx, `SELECT to_regclass($1) IS NOT NULL`, set.versions).Scan(&there); err != nil {
			return err
		}
		if !there {
			return errOldSchema
		}
		applied, err := appliedVersions(ctx, db, set.versions)
		if err != nil {
			return err
		}
		files, err := fs.Glob(set.files, "*.sql")
		if err != nil {
			return err
		}
		for _, file := range files {
			digits, _, _ := strings.Cut(path.Base(file), "_")
			version, err := strconv.ParseInt(digits, 10, 64)
			if err != nil {
				return err
			}
			if !slices.Contains(applied, version) {
				return fmt.Errorf("%w (%s lacks %s)", errOldSchema, set.versions, file)
			}
		}
	}
	return nil
}

func appliedVersions(ctx context.Context, db *sql.DB, table string) ([]int64, error) {
	rows, err := db.QueryContext(ctx, `SELECT version_id FROM `+table+` WHERE is_applied`) //nolint:gosec // G202: one of our own constants
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var all []int64
	for rows.Next() {
		var version int64
		if err := rows.Scan(&version); err != nil {
			return nil, err
		}
		all = append(all, version)
	}
	return all, rows.Err()
}
