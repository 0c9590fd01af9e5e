package tenantpgx

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"regexp"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"

	"github.com/rowhouse-go/rowhouse/tenant"
)

// A DB runs SQL for the tenant that the context carries. It wraps a pool that
// stays the caller's, needs no Close and is safe for concurrent use. Make one with
// [New] or [Stdlib]; the zero DB is not usable.
type DB struct {
	acquire    acquire
	statements *tenant.Statements
	setting    string
	column     string
	set        string // the statement that sets tenant and subject
	opts       pgx.TxOptions
	observe    func(context.Context, tenant.Transaction)
}

// subjectSetting is what package tenant calls it too.
const subjectSetting = "app.subject"

var settingName = regexp.MustCompile(`^[a-z_][a-z0-9_]*\.[a-z_][a-z0-9_]*$`)

// New returns a DB on pool. Of the options, Column is the one that [Tx.CopyIn]
// fills. It reports every fault of its arguments at once, and connects to nothing.
func New(pool *pgxpool.Pool, o *tenant.DBOptions) (*DB, error) {
	if pool == nil {
		return newDB(nil, o, errors.New("tenantpgx: nil *pgxpool.Pool"))
	}
	return newDB(fromPool(pool), o, nil)
}

// Stdlib returns a DB on a pool of database/sql whose driver is pgx's own package
// stdlib, so that a service on database/sql has one-shots in one round trip beside
// what it has. Otherwise it does what [New] does.
func Stdlib(db *sql.DB, o *tenant.DBOptions) (*DB, error) {
	if db == nil {
		return newDB(nil, o, errors.New("tenantpgx: nil *sql.DB"))
	}
	if _, ok := db.Driver().(*stdlib.Driver); !ok {
		return newDB(nil, o, fmt.Errorf("tenantpgx: the driver of the *sql.DB is %T, not *stdlib.Driver of pgx", db.Driver()))
	}
	return newDB(fromSQL(db), o, nil)
}

func newDB(from acquire, o *tenant.DBOptions, fault error) (*DB, error) {
	if o == nil {
		o = &tenant.DBOptions{}
	}
	d := &DB{acquire: from, setting: o.Setting, column: o.Column, observe: o.Observe}
	if d.setting == "" {
		d.setting = "app.tenant_id"
	}
	if d.column == "" {
		d.column = "tenant_id"
	}
	if !settingName.MatchString(d.setting) || len(d.setting) > 63 {
		fault = errors.Join(fault, fmt.Errorf("tenantpgx: DBOptions.Setting: %.64q is not two lower-case names with a point between", d.setting))
	}
	if d.setting == subjectSetting {
		fault = errors.Join(fault, errors.New("tenantpgx: DBOptions.Setting: "+subjectSetting+" is the subject's"))
	}
	var err error
	if d.statements, err = tenant.NewStatements(tenant.Postgres, o.Tables...); err != nil {
		fault = errors.Join(fault, err)
	}
	if fault != nil {
		return nil, fault
	}
	// Both are set each time, one of them to nothing: what a session was left with
	// never joins what a transaction asks for.
	d.set = "SELECT pg_catalog.set_config('" + d.setting + "', $1, true), pg_catalog.set_config('" + subjectSetting + "', $2, true)"
	return d, nil
}

// With returns a DB whose transactions, those of one-shots included, are begun with
// opts; the zero options are the database's default. The number of round trips
// stays the same.
func (d *DB) With(opts pgx.TxOptions) *DB {
	with := *d
	with.opts = opts
	return &with
}
