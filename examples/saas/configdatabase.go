package main

import (
	"net/url"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

// databaseFaults judges where the data is and as whom it is reached.
func (c *config) databaseFaults(f *faultList) {
	f.unless(c.DBPoolMaxConns >= 1 && c.DBPoolMaxConns <= 1000, "DB_POOL_MAX_CONNS", "must be from 1 to 1000")
	f.unless(c.DBPoolMaxLifetime >= time.Minute && c.DBPoolMaxLifetime <= 24*time.Hour, "DB_POOL_MAX_LIFETIME", "must be from 1m to 24h")
	if c.onPostgres() {
		c.loginFaults(f)
		return
	}
	path, ok := c.sqlitePath()
	switch {
	case !ok:
		f.unless(false, "DATABASE_URL", "must be sqlite: followed by the path of a file, or "+postgresForm)
	case strings.Contains(path, ":memory:"):
		f.unless(false, "DATABASE_URL", "must name a file: connections don't share a database in memory")
	}
	f.unless(c.WorkerURL == "", "WORKER_URL", "has no meaning without PostgreSQL")
	f.unless(c.MigrateURL == "", "MIGRATE_URL", "has no meaning without PostgreSQL")
}

// migrateFaults returns everything wrong with what the command migrate reads.
func (c *config) migrateFaults() []configFault {
	var f faultList
	c.databaseFaults(&f)
	f.unless(!c.onPostgres() || c.MigrateURL != "", "MIGRATE_URL", "is required to migrate PostgreSQL")
	return f
}

const postgresForm = "postgres://LOGIN:PASSWORD@HOST:PORT/DATABASE"

// loginFaults wants three logins of one database: who serves must not own what
// row level security is to keep from it.
func (c *config) loginFaults(f *faultList) {
	first, taken := pgx.ConnConfig{}, map[string]bool{}
	for _, one := range []struct{ variable, url string }{
		{"DATABASE_URL", c.DatabaseURL}, {"WORKER_URL", c.WorkerURL}, {"MIGRATE_URL", c.MigrateURL},
	} {
		if one.url == "" {
			continue
		}
		login, ok := postgresLogin(one.url)
		f.unless(ok, one.variable, "must be "+postgresForm)
		if !ok {
			continue
		}
		if len(taken) == 0 {
			first = *login
		}
		f.unless(login.Database == first.Database, one.variable, "must lead to the database of DATABASE_URL")
		f.unless(!taken[login.User], one.variable, "must be a login of its own: serving, background work and migrations have one each")
		taken[login.User] = true
	}
}

// onPostgres reports whether the data is in PostgreSQL, and not in a file.
func (c *config) onPostgres() bool {
	return strings.HasPrefix(c.DatabaseURL, "postgres:") || strings.HasPrefix(c.DatabaseURL, "postgresql:")
}

// postgresLogin reads a URL that names a login, a host and a database; what it
// leaves out would come from the environment of the process, as with libpq.
func postgresLogin(raw string) (*pgx.ConnConfig, bool) {
	u, err := url.Parse(raw)
	if err != nil || u.Scheme != "postgres" && u.Scheme != "postgresql" || u.User.Username() == "" || u.Host == "" || strings.Trim(u.Path, "/") == "" {
		return nil, false
	}
	login, err := pgx.ParseConfig(raw)
	return login, err == nil
}

// sqlitePath returns the file of a sqlite: URL. Everything after the colon is
// the path, unescaped; sqlite:///var/x means /var/x too.
func (c *config) sqlitePath() (string, bool) {
	path, ok := strings.CutPrefix(c.DatabaseURL, "sqlite:")
	if rest, absolute := strings.CutPrefix(path, "///"); absolute {
		path = "/" + rest
	}
	return path, ok && path != "" && !strings.HasPrefix(path, "//") && !strings.Contains(path, "://") && !strings.ContainsRune(path, 0)
}
