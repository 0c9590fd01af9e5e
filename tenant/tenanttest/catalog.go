package tenanttest

import (
	"context"
	"database/sql"
	_ "embed" // the queries
	"encoding/json"
	"fmt"
	"strings"
)

// catalog.sql holds one query for each part of the catalog. Each returns one JSON
// text, so that arrays arrive the same through every driver.
//
//go:embed catalog.sql
var queries string

// A catalog is what the system tables say. Names in it are quoted where SQL needs
// it; names of single columns are as they are.
type catalog struct {
	Login      login
	Roles      []role
	Settings   []settingDefault
	Schemas    []schema
	Relations  []*relation
	Columns    []*column
	Policies   []policy
	Views      []dependency
	Functions  []function
	Triggers   []trigger
	Foreign    []foreignKey
	Unique     []uniqueKey
	Rules      []rule
	LargeCount int

	relations map[int64]*relation
}

// A login is who is connected.
type login struct {
	Name, Session        string // as they are, not quoted
	Quoted, Owner        string // quoted: the login, and who owns the database
	Superuser, Temporary bool
	Version              int
	Tenant               string // the value of the setting before anything set it
}

// A role is one that the login is, or can become.
type role struct {
	Name, Raw                                     string // quoted, and not
	Itself                                        bool   // the login
	Super, Bypass, CreateRole, Replication, Wider bool
	Through                                       []string // the memberships that the login has to lose
	Owns                                          []string // some of what it owns in the schemas
}

type settingDefault struct{ Object, Setting, Fix string }

type schema struct {
	Name   string
	Create []string // who of the login's roles may create in it
}

// A grant is a privilege that one of the login's roles has, on the relation or on
// a column of it.
type grant struct{ To, Privilege string }

// A relation is a table, partitioned or foreign, a view, materialized or not, or a
// sequence. Reachable says that the login may use its schema, BeforeInsert that a
// trigger may change a new row.
type relation struct {
	OID                              int64
	Schema, Relname, Name, Kind      string // Name is both, quoted
	RLS, Forced, Partition           bool
	Invoker, Reachable, BeforeInsert bool
	Calls                            bool // the view calls a function that may read what it likes
	Owner                            string
	OwnerBypasses                    bool
	Parents                          []int64
	Grants                           []grant

	columns  []*column
	policies []policy
}

// used reports whether the login may do anything with the relation.
func (r *relation) used() bool { return r.Reachable && len(r.Grants) > 0 }

// A column is one of a table. Insert, Update and Select say what the login may do
// with it.
type column struct {
	Rel                          int64
	Name, Quoted, Type           string
	Base, Category, Label        string // of the type under all domains; the first label of an enum
	NotNull, Identity, Generated bool
	Default                      string // the deparsed default
	Deterministic                bool
	Insert, Update, Select       bool
}

type policy struct {
	Rel                int64
	Name, Quoted       string
	Command            string // * r a w d
	Permissive, Public bool
	Made               bool   // with functions or operators that users made
	Ours, Direct       bool   // for PUBLIC or one of the login's roles; for the login by name
	Roles              string // quoted
	Using, Check       *string
}

// A dependency says that a view reads a relation, itself or through other views.
type dependency struct {
	View, Rel int64
	Name      string // of Rel
	Table     bool   // Rel is one, and not PostgreSQL's own
}

type function struct {
	Name, Kind         string // FUNCTION or PROCEDURE
	Definer, Leakproof bool
	Executable         bool    // the login may call it, if it
	Reachable          bool    // can name it, or something made with it
	In                 []int64 // views and tables made with it
	Aggregate          bool    // the login can call one made with it
	Trigger            bool    // of a table in the schemas
	Sets               string  // the setting that it has a value of its own for
	SearchPath         *string
	Owner              string
	OwnerBypasses      bool
}

type trigger struct {
	Rel      int64
	Name     string
	Function string // of that name
}

type foreignKey struct {
	Rel, Ref            int64
	Name                string
	Columns, RefColumns []string
	OnDelete, OnUpdate  string // c cascade, n set null, d set default, r restrict, a nothing
	Deferral            string
}

type uniqueKey struct {
	Rel                   int64
	Name, Quoted          string   // of the index, with schema and without
	Columns               []string // those compared by =
	UUIDs                 bool     // all are of type uuid
	Exclusion, Constraint bool
	Definition            string // of the constraint, otherwise of the index
}

type rule struct {
	Rel          int64
	Name, Quoted string
}

// load reads the catalog as the login of tx.
func load(ctx context.Context, tx *sql.Tx, o Options) (*catalog, error) {
	schemas, err := json.Marshal(append([]string{}, o.Schemas...))
	if err != nil {
		return nil, err
	}
	settings, err := json.Marshal([]string{o.RLS.Setting, o.RLS.SubjectSetting})
	if err != nil {
		return nil, err
	}
	names := []string{}
	for _, e := range o.Exempt {
		if e.Rule == RoleOwner && e.Reason != "" {
			names = append(names, e.Object)
		}
	}
	owners, err := json.Marshal(names)
	if err != nil {
		return nil, err
	}
	c := &catalog{relations: map[int64]*relation{}}
	into := map[string]any{
		"login": &c.Login, "roles": &c.Roles, "settings": &c.Settings, "schemas": &c.Schemas,
		"relations": &c.Relations, "columns": &c.Columns, "policies": &c.Policies, "views": &c.Views,
		"functions": &c.Functions, "triggers": &c.Triggers, "foreign": &c.Foreign, "unique": &c.Unique,
		"rules": &c.Rules, "large": &c.LargeCount,
	}
	common, rest, _ := strings.Cut(queries, "-- name: ")
	for part := range strings.SplitSeq(rest, "-- name: ") {
		name, query, _ := strings.Cut(part, "\n")
		var text []byte
		if err := tx.QueryRowContext(ctx, common+query, string(schemas), string(settings), string(owners)).Scan(&text); err != nil {
			return nil, fmt.Errorf("tenanttest: reading %s: %w", name, err)
		}
		if err := json.Unmarshal(text, into[name]); err != nil {
			return nil, fmt.Errorf("tenanttest: reading %s: %w", name, err)
		}
		if name == "login" && c.Login.Superuser {
			return c, nil // is a member of everything and owns everything
		}
	}
	for _, r := range c.Relations {
		c.relations[r.OID] = r
	}
	for _, d := range c.Views { // no USAGE on a schema is asked for where a view names its table
		v, r := c.relations[d.View], c.relations[d.Rel]
		if v != nil && r != nil && v.used() {
			r.Reachable = true
		}
	}
	for _, col := range c.Columns {
		if r := c.relations[col.Rel]; r != nil {
			r.columns = append(r.columns, col)
		}
	}
	for _, p := range c.Policies {
		if r := c.relations[p.Rel]; r != nil {
			r.policies = append(r.policies, p)
		}
	}
	return c, nil
}
