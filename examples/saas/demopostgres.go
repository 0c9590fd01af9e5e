//go:build !production

package main

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/url"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// A scene is a PostgreSQL database with its three logins, made for one walk.
type scene struct {
	admin *pgx.Conn
	base  url.URL // of the server, without a login
	names [4]string
	urls  map[string]string // the variables
}

// withPostgres runs the walk on a database of its own at the server of adminURL,
// whose login may create roles and databases. Whatever happens, both are dropped.
func (w *walk) withPostgres(adminURL string, stderr io.Writer) (err error) {
	s, err := newScene(w.ctx, adminURL)
	if err != nil {
		return fmt.Errorf("-postgres: %w", err)
	}
	defer func() { err = errors.Join(err, s.strike(context.WithoutCancel(w.ctx))) }()
	w.part("A PostgreSQL database with three logins")
	c, err := loadMigrateConfig(s.urls)
	if err != nil {
		return err
	}
	w.refuseEmpty(c)
	var told strings.Builder
	err = migrateWith(w.ctx, c, &told)
	w.note("migrate makes the tables and their row level security", summarize(told.String()), textOf(err))
	told.Reset()
	err = migrateWith(w.ctx, c, &told)
	w.note("once is enough", summarize(told.String()), textOf(err))
	w.refuseOwner(c)
	w.database, w.scene = &c, s
	return w.withService(s.urls, stderr)
}

// newScene makes the database and the logins.
func newScene(ctx context.Context, adminURL string) (*scene, error) {
	base, err := url.Parse(adminURL)
	if _, ok := postgresLogin(adminURL); err != nil || !ok {
		return nil, errors.New("must be " + postgresForm) // the parser's error may hold a password
	}
	for _, name := range []string{"user", "password", "dbname", "database"} {
		if base.Query().Has(name) { // it would stay in the URLs below, and count for more than they do
			return nil, errors.New("must not hold " + name + " as a parameter, but be " + postgresForm)
		}
	}
	s := &scene{base: *base, urls: make(map[string]string)}
	if s.admin, err = pgx.Connect(ctx, adminURL); err != nil {
		return nil, err
	}
	// From here on nothing is left half done: who is interrupted in the middle of a
	// statement has no connection any more to clean up with.
	interrupted := ctx.Err
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), sceneTimeout)
	defer cancel()
	suffix := strings.ToLower(rand.Text())
	s.names = [4]string{"saas_demo_" + suffix, "saas_app_" + suffix, "saas_worker_" + suffix, "saas_owner_" + suffix}
	for i, variable := range []string{"DATABASE_URL", "WORKER_URL", "MIGRATE_URL"} {
		name, password := s.names[i+1], rand.Text()
		// Who is no superuser acts for the roles he is a member of: gives one of them
		// the database, and ends what is left of another's sessions.
		for _, text := range []string{fmt.Sprintf("CREATE ROLE %s LOGIN PASSWORD '%s'", name, password), fmt.Sprintf("GRANT %s TO CURRENT_USER", name)} {
			if _, err := s.admin.Exec(ctx, text); err != nil {
				return nil, errors.Join(err, s.strike(ctx))
			}
		}
		login := s.base
		login.User, login.Path = url.UserPassword(name, password), "/"+s.names[0]
		s.urls[variable] = login.String()
	}
	if _, err := s.admin.Exec(ctx, fmt.Sprintf("CREATE DATABASE %s OWNER %s", s.names[0], s.names[3])); err != nil {
		return nil, errors.Join(err, s.strike(ctx))
	}
	if err := interrupted(); err != nil {
		return nil, errors.Join(err, s.strike(ctx))
	}
	return s, nil
}

// sceneTimeout bounds what is done at the server before and after the walk.
const sceneTimeout = 30 * time.Second

// strike drops what newScene made.
func (s *scene) strike(ctx context.Context) error {
	_, err := s.admin.Exec(ctx, fmt.Sprintf("DROP DATABASE IF EXISTS %s WITH (FORCE)", s.names[0]))
	errs := []error{err}
	for _, role := range s.names[1:] {
		_, err := s.admin.Exec(ctx, "DROP ROLE IF EXISTS "+role)
		errs = append(errs, err)
	}
	return errors.Join(append(errs, s.admin.Close(ctx))...)
}

// refuseEmpty shows that serve makes no tables.
func (w *walk) refuseEmpty(c config) {
	db, err := openDatabase(w.ctx, &c, slog.New(slog.DiscardHandler))
	fault := ""
	if !errors.Is(err, errOldSchema) {
		fault = "it should ask for migrate"
	}
	if err == nil {
		err = db.close()
	}
	w.note("serve refuses a database without tables", textOf(err), fault)
}

// refuseOwner shows that serve refuses the login that owns the tables.
func (w *walk) refuseOwner(c config) {
	c.DatabaseURL, c.MigrateURL = c.MigrateURL, ""
	db, err := openDatabase(w.ctx, &c, slog.New(slog.DiscardHandler))
	fault := ""
	if err == nil {
		fault = "it should refuse"
		err = db.close()
	}
	first, _, _ := strings.Cut(textOf(err), "\n")
	w.note("serve refuses the owner's login, which no policy holds", cut(first, 150), fault)
}

// attackTables tries with the login that serves, as if the service had forgotten
// every check it makes.
func (w *walk) attackTables() {
	if w.database == nil {
		return // SQLite has no logins
	}
	w.part("SQL as the login that serves")
	db, err := openPool(*w.database, w.database.DatabaseURL)
	if err != nil {
		w.note("a connection", "none", err.Error())
		return
	}
	defer func() { _ = db.Close() }()
	acme, globex := strings.TrimPrefix(w.acme, "/organizations/"), strings.TrimPrefix(w.globex, "/organizations/")
	w.counts(db, "without an organization there are no announcements", "", `SELECT count(*) FROM announcements`, 0)
	w.counts(db, "nor members", "", `SELECT count(*) FROM rowhouse.members`, 0)
	w.counts(db, "in Acme there are Acme's", acme, `SELECT count(*) FROM announcements`, 2)
	w.counts(db, "and in Globex not", globex, `SELECT count(*) FROM announcements`, 0)
	w.counts(db, "not even by their organization's id", globex, `SELECT count(*) FROM announcements WHERE tenant_id = '`+acme+`'`, 0)
	w.denies(db, "nothing is written into Acme from Globex", globex,
		`INSERT INTO announcements (tenant_id, id, author, body, created_at) VALUES ('`+acme+`', gen_random_uuid(), 'bob', 'Hi', now())`)
	w.denies(db, "nobody makes himself a member of Acme from Globex", globex,
		`INSERT INTO rowhouse.members (org, subject, role, created_at) VALUES ('`+acme+`', 'bob', 'owner', now())`)
	w.denies(db, "the policies can't be taken away", acme, `ALTER TABLE announcements DISABLE ROW LEVEL SECURITY`)
	w.denies(db, "nor everything at once", acme, `TRUNCATE announcements`)
	w.denies(db, "a deleted organization stays deleted", acme, `DELETE FROM organization_tombstones`)
}

// counts asks for a number in a transaction of an organization.
func (w *walk) counts(db *sql.DB, what, org, query string, want int) {
	var got int
	err := inOrganization(w.ctx, db, org, func(tx *sql.Tx) error { return tx.QueryRowContext(w.ctx, query).Scan(&got) })
	fault := textOf(err)
	if err == nil && got != want {
		fault = fmt.Sprintf("there should be %d", want)
	}
	w.note(what, fmt.Sprintf("%s → %d", short(query), got), fault)
}

// denies runs a statement that lacks the privilege.
func (w *walk) denies(db *sql.DB, what, org, text string) {
	err := inOrganization(w.ctx, db, org, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(w.ctx, text)
		return err
	})
	fault := ""
	if e, ok := errors.AsType[*pgconn.PgError](err); !ok || e.Code != "42501" {
		fault = "it should be refused"
	}
	w.note(what, fmt.Sprintf("%s → %s", cut(short(text), 100), textOf(err)), fault)
}

func inOrganization(ctx context.Context, db *sql.DB, org string, do func(*sql.Tx) error) error {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }()
	if _, err := tx.ExecContext(ctx, `SELECT set_config('app.tenant_id', $1, true)`, org); err != nil {
		return err
	}
	return do(tx)
}

func textOf(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// summarize is a text of lines in one.
func summarize(lines string) string {
	return strings.ReplaceAll(strings.TrimSpace(lines), "\n", "; ")
}
