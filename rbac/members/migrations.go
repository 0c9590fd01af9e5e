package members

import (
	"embed"
	"io/fs"
)

// A Dialect is the kind of SQL database. The zero value is refused by [New].
type Dialect string

// The dialects.
const (
	Postgres Dialect = "postgres"
	SQLite   Dialect = "sqlite"
)

//go:embed migrations
var migrations embed.FS

// Migrations returns the SQL files that make the tables, named 0001_name.sql and
// to be applied once each in the order of their names. A published file never
// changes. Each begins with the comment "-- +goose Up", which goose wants and any
// other runner ignores. For an unknown dialect the file system is empty.
//
// The files use the default name, "rowhouse.members" or "rowhouse_members" and so on. With
// [Options.Schema] set, apply copies in which "rowhouse" is replaced by it.
func Migrations(d Dialect) fs.FS {
	if d != Postgres && d != SQLite {
		return embed.FS{}
	}
	sub, err := fs.Sub(migrations, "migrations/"+string(d))
	if err != nil {
		panic(err) // unreachable: the directory is embedded
	}
	return sub
}
