package server

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver "pgx"
)

// A Cluster is a running PostgreSQL server. Everybody who connects on loopback
// is whom they claim to be; the superuser is postgres.
type Cluster struct{ *Server }

// Postgres starts a PostgreSQL server for the test. Without PostgreSQL, see
// [Require].
func Postgres(t testing.TB) Cluster {
	t.Helper()
	bin := postgresBin()
	Require(t, "postgresql", bin != "", "apt-get install postgresql-15")
	return Cluster{Start(t, Spec{
		Path:    "/bin/sh", // the data folder is made by the account that serves it
		Account: "postgres",
		Reads:   []string{filepath.Join(bin, "postgres")},
		Args: func(port int, dir string) []string {
			return []string{
				"-c", `"$1/initdb" -D "$2/data" -A trust -U postgres -N --no-locale -E UTF8 && exec "$1/postgres" -D "$2/data" \
				-p "$3" -c listen_addresses=127.0.0.1 -c unix_socket_directories= -c fsync=off -c max_connections=200`,
				"sh", bin, dir, fmt.Sprint(port),
			}
		},
		Ready: func(ctx context.Context, addr string) error {
			db, err := sql.Open("pgx", "postgres://postgres@"+addr+"/postgres")
			if err != nil {
				return err
			}
			return errors.Join(db.PingContext(ctx), db.Close())
		},
	})}
}

// postgresBin returns the folder of initdb and postgres, empty if there is none.
func postgresBin() string {
	dirs, _ := filepath.Glob("/usr/lib/postgresql/*/bin") // Debian keeps them out of PATH
	for _, dir := range dirs {
		if _, err := os.Stat(filepath.Join(dir, "initdb")); err == nil {
			return dir
		}
	}
	path, err := exec.LookPath("initdb")
	if err != nil {
		return ""
	}
	return filepath.Dir(path)
}

// URL returns the connection string of a login for a database.
func (c Cluster) URL(login, database string) string {
	return "postgres://" + login + "@" + c.Addr + "/" + database
}

// Open returns a pool of connections that is closed at the end of the test.
func (c Cluster) Open(t testing.TB, login, database string) *sql.DB {
	t.Helper()
	db, err := sql.Open("pgx", c.URL(login, database))
	if err != nil {
		t.Fatalf("server: %v", err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Errorf("server: %v", err)
		}
	})
	return db
}

// Database creates an empty database and returns its name.
func (c Cluster) Database(t testing.TB) string {
	t.Helper()
	name := uniqueName("db")
	c.admin(t, "CREATE DATABASE "+name)
	return name
}

// Login creates a role that can log in, with further attributes such as
// CREATEDB, and returns its name.
func (c Cluster) Login(t testing.TB, attributes string) string {
	t.Helper()
	name := uniqueName("login")
	c.admin(t, "CREATE ROLE "+name+" LOGIN "+attributes)
	return name
}

func (c Cluster) admin(t testing.TB, statement string) {
	t.Helper()
	db, err := sql.Open("pgx", c.URL("postgres", "postgres"))
	if err == nil {
		_, err = db.ExecContext(t.Context(), statement)
		err = errors.Join(err, db.Close())
	}
	if err != nil {
		t.Fatalf("server: %s: %v", statement, err)
	}
}

// uniqueName returns a name that needs no quoting in SQL.
func uniqueName(prefix string) string { return prefix + "_" + strings.ToLower(rand.Text()) }
