package rls

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"regexp"
)

// A Querier is a *sql.DB, *sql.Conn or *sql.Tx.
type Querier interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

// A live table is what the catalog says about one. A table that is not there has
// no Kind.
type live struct {
	Kind     string       `json:"kind"` // pg_class.relkind
	Name     string       `json:"name"` // as the server writes it
	Owner    string       `json:"owner"`
	Enabled  bool         `json:"enabled"`
	Forced   bool         `json:"forced"`
	Column   *liveColumn  `json:"column"`
	Subject  *liveColumn  `json:"subject"`
	Indexed  bool         `json:"indexed"` // by an index that Column leads
	Policies []livePolicy `json:"policies"`
	Grants   []liveGrant  `json:"grants"`
}

type liveColumn struct {
	Name      string  `json:"name"` // as the server writes it
	Type      string  `json:"type"`
	NotNull   bool    `json:"not_null"`
	Generated bool    `json:"generated"`
	Default   *string `json:"default"`
}

type livePolicy struct {
	Name       string   `json:"name"`
	Permissive bool     `json:"permissive"`
	Command    string   `json:"command"` // pg_policy.polcmd
	Roles      []string `json:"roles"`   // empty string: PUBLIC
	Using      *string  `json:"using"`
	Check      *string  `json:"check"`
	Binding    bool     `json:"binding"` // on the current role
	Made       bool     `json:"made"`    // with functions or operators that users made
}

type liveGrant struct {
	Role      string `json:"role"` // empty: PUBLIC
	Grantor   string `json:"grantor"`
	Privilege string `json:"privilege"`
	Grantable bool   `json:"grantable"`
	Column    string `json:"column"` // empty: the table
}

// names returns the names of t, which l is, for expressions.
func (l live) names(t Table) names {
	n := names{table: l.Name, columns: map[string]string{}}
	if l.Subject != nil {
		n.columns[t.Subject] = l.Subject.Name
	}
	if l.Column != nil {
		n.columns[t.Column] = l.Column.Name
	}
	return n
}

// liveQuery reads all tables in one statement, hence in one state of the catalog.
// It takes them as JSON, since database/sql knows no arrays.
const liveQuery = `
SELECT json_build_object(
    'kind', coalesce(c.relkind::text, ''), 'name', c.oid::regclass::text, 'owner', pg_get_userbyid(c.relowner),
    'enabled', c.relrowsecurity, 'forced', c.relforcerowsecurity,
    'column', (
        SELECT json_build_object('name', quote_ident(a.attname), 'type', format_type(a.atttypid, NULL), 'not_null', a.attnotnull,
            'generated', a.attgenerated <> '' OR a.attidentity <> '', 'default', pg_get_expr(d.adbin, d.adrelid))
        FROM pg_attribute a LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
        WHERE a.attrelid = c.oid AND a.attname = w.col AND a.attnum > 0 AND NOT a.attisdropped),
    'subject', (
        SELECT json_build_object('name', quote_ident(a.attname), 'type', format_type(a.atttypid, NULL))
        FROM pg_attribute a
        WHERE a.attrelid = c.oid AND a.attname = w.subject AND a.attnum > 0 AND NOT a.attisdropped),
    'indexed', EXISTS (
        SELECT FROM pg_index i JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[0]
        WHERE i.indrelid = c.oid AND i.indisvalid AND i.indpred IS NULL AND a.attname = w.col),
    'policies', (
        SELECT json_agg(json_build_object('name', p.polname, 'permissive', p.polpermissive, 'command', p.polcmd,
            'roles', (SELECT json_agg(coalesce(r.rolname, '')) FROM unnest(p.polroles) AS u(oid) LEFT JOIN pg_roles r USING (oid)),
            'using', pg_get_expr(p.polqual, p.polrelid), 'check', pg_get_expr(p.polwithcheck, p.polrelid),
            'made', EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_policy'::regclass AND d.objid = p.oid AND d.refclassid <> 'pg_class'::regclass),
            'binding', EXISTS (SELECT FROM unnest(p.polroles) AS u(oid) WHERE CASE WHEN u.oid = 0 THEN true ELSE pg_has_role(u.oid, 'USAGE') END)
        ) ORDER BY p.polname)
        FROM pg_policy p WHERE p.polrelid = c.oid),
    'grants', (
        SELECT json_agg(json_build_object('role', coalesce(r.rolname, ''), 'grantor', pg_get_userbyid(x.grantor),
            'privilege', x.privilege_type, 'grantable', x.is_grantable, 'column', x.attname))
        FROM (
            SELECT '' AS attname, e.* FROM aclexplode(coalesce(c.relacl, acldefault('r', c.relowner))) e
            UNION ALL
            SELECT a.attname, e.* FROM pg_attribute a, aclexplode(a.attacl) e WHERE a.attrelid = c.oid AND NOT a.attisdropped
        ) x LEFT JOIN pg_roles r ON r.oid = x.grantee)
)::text
FROM json_to_recordset($1::json) AS w(ord int, schema text, name text, col text, subject text)
LEFT JOIN pg_namespace n ON n.nspname = w.schema
LEFT JOIN pg_class c ON c.relnamespace = n.oid AND c.relname = w.name
ORDER BY w.ord`

// readTables returns what the catalog says about each of the tables.
func readTables(ctx context.Context, db Querier, tables []Table) ([]live, error) {
	type wanted struct {
		Ord     int    `json:"ord"`
		Schema  string `json:"schema"`
		Name    string `json:"name"`
		Col     string `json:"col"`
		Subject string `json:"subject"`
	}
	list := []wanted{} // never null
	for i, t := range tables {
		list = append(list, wanted{i, t.Schema, t.Name, t.Column, t.Subject})
	}
	arg, err := json.Marshal(list)
	if err != nil {
		return nil, fmt.Errorf("rls: %w", err) // unreachable: strings and numbers
	}
	return query(ctx, db, func(rows *sql.Rows) (l live, err error) {
		var text string
		if err = rows.Scan(&text); err == nil {
			err = json.Unmarshal([]byte(text), &l)
		}
		return l, err
	}, liveQuery, string(arg))
}

// query returns the rows of a statement.
func query[T any](ctx context.Context, db Querier, scan func(*sql.Rows) (T, error), text string, args ...any) ([]T, error) {
	rows, err := db.QueryContext(ctx, text, args...)
	if err != nil {
		return nil, fmt.Errorf("rls: read the catalog: %w", err)
	}
	defer rows.Close()
	var list []T
	for rows.Next() {
		v, err := scan(rows)
		if err != nil {
			return nil, fmt.Errorf("rls: read the catalog: %w", err)
		}
		list = append(list, v)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("rls: read the catalog: %w", err)
	}
	return list, nil
}

var lineBreak = regexp.MustCompile(`\s*\n\s*`)

// reads reports whether an expression of the catalog is want. The server breaks
// the lines of subselects.
func reads(expression *string, want string) bool {
	return expression != nil && lineBreak.ReplaceAllString(*expression, " ") == lineBreak.ReplaceAllString(want, " ")
}
