package tenanttest

import (
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/rowhouse-go/rowhouse/tenant/rls"
)

// A canonical holds the expressions that the policies of a table should have, as
// PostgreSQL deparses them.
type canonical struct{ Tenant, Subject string }

// A shape is what the expressions of a table follow from.
type shape struct {
	kind            rls.Kind
	column, subject string
	typ             rls.Type
	through         *rls.Table
}

func shapeOf(t rls.Table) shape { return shape{t.Kind, t.Column, t.Subject, t.Type, t.Through} }

// canonicals lets the server parse and deparse what package rls writes, on
// temporary tables of the same columns. A policy whose deparsed expression is the
// same is the same function of the row: both name the column of their own table,
// and with nothing but pg_catalog in the search path every other function, type or
// operator is written with its schema.
func canonicals(ctx context.Context, tx *sql.Tx, o rls.Options, tables []rls.Table) (map[shape]canonical, error) {
	all := make(map[shape]canonical)
	shapes := make(map[string]shape) // by name of the temporary table
	var do strings.Builder
	prefix := "rowhouse_" + strings.ToLower(rand.Text())
	for _, t := range tables {
		s := shapeOf(t)
		if _, done := all[s]; done {
			continue
		}
		all[s] = canonical{}
		name := fmt.Sprintf("%s_%d", prefix, len(shapes))
		shapes[name] = s
		t.Schema, t.Name = "pg_temp", name
		statements, err := up(o, t)
		if err != nil {
			return nil, err
		}
		columns := quote(t.Column) + " " + string(t.Type)
		if t.Subject != "" && t.Subject != t.Column {
			columns += ", " + quote(t.Subject) + " text"
		}
		fmt.Fprintf(&do, "CREATE TEMPORARY TABLE %s (%s);\n", quote(name), columns)
		for _, s := range statements {
			if strings.HasPrefix(s, "CREATE POLICY ") {
				do.WriteString(s + "\n")
			}
		}
	}
	if len(all) == 0 {
		return all, nil
	}
	if _, err := tx.ExecContext(ctx, block(do.String())); err != nil {
		return nil, fmt.Errorf("tenanttest: making the canonical policies: %w", err)
	}
	var text []byte
	err := tx.QueryRowContext(ctx, `SELECT json_object_agg(relname, policies) FROM (
		SELECT c.relname, json_build_object(
			'tenant', max(pg_get_expr(p.polqual, p.polrelid)) FILTER (WHERE p.polname = 'rowhouse_tenant'),
			'subject', max(pg_get_expr(p.polqual, p.polrelid)) FILTER (WHERE p.polname = 'rowhouse_subject')) AS policies
		FROM pg_policy p JOIN pg_class c ON c.oid = p.polrelid
		WHERE c.relnamespace = pg_my_temp_schema() AND starts_with(c.relname, $1::text) GROUP BY c.relname) x`, prefix).Scan(&text)
	if err != nil {
		return nil, fmt.Errorf("tenanttest: reading the canonical policies: %w", err)
	}
	var read map[string]canonical
	if err := json.Unmarshal(text, &read); err != nil {
		return nil, fmt.Errorf("tenanttest: reading the canonical policies: %w", err)
	}
	for name, s := range shapes {
		if read[name].Tenant == "" {
			return nil, errors.New("tenanttest: package rls wrote no policy rowhouse_tenant")
		}
		all[s] = read[name]
	}
	return all, nil
}

// up returns what package rls writes for one table.
func up(o rls.Options, t rls.Table) ([]string, error) {
	o.Tables = []rls.Table{t}
	if t.Through != nil {
		o.Tables = append(o.Tables, *t.Through) // the options have to list it
	}
	statements, err := rls.Up(o)
	if err != nil {
		return nil, fmt.Errorf("tenanttest: Options.RLS: %w", err)
	}
	name := " " + quote(t.Schema) + "." + quote(t.Name) + " "
	return slices.DeleteFunc(statements, func(s string) bool { return !strings.Contains(s, name) }), nil
}

// block returns an anonymous block of statements, in quotes that occur nowhere in
// them. Several statements in one text would need the simple protocol.
func block(statements string) string {
	tag := "$r" + strings.ToLower(rand.Text()) + "$"
	return "DO " + tag + "BEGIN\n" + statements + "END" + tag
}

func quote(s string) string { return `"` + strings.ReplaceAll(s, `"`, `""`) + `"` }

func quotes(names []string) string {
	quoted := make([]string, len(names))
	for i, n := range names {
		quoted[i] = quote(n)
	}
	return strings.Join(quoted, ", ")
}
