package tenanttest

import (
	"fmt"
	"slices"
	"strings"

	"github.com/rowhouse-go/rowhouse/tenant/rls"
)

// A table is one with a tenant column.
type table struct {
	spec rls.Table
	*relation
	tenant    *column
	canonical canonical
}

// sql returns the table's name for DDL.
func (t *table) sql() string { return quote(t.Schema) + "." + quote(t.Relname) }

// table returns what is wrong with a table that has the tenant column.
func (p *proof) table(t *table) (found []Finding) {
	find := func(r Rule, object, fix, detail string, args ...any) {
		found = append(found, Finding{Rule: r, Object: object, Fix: fix, Detail: fmt.Sprintf(detail, args...)})
	}
	if !t.RLS {
		find(RLSOff, t.Name, p.up(t, "ALTER TABLE "+t.sql()+" ENABLE "), "row level security is off: every login with a grant sees all rows")
	}
	if !t.tenant.Deterministic {
		find(ColumnCollation, t.Name+"."+t.tenant.Quoted, "-- make the column anew, COLLATE \"C\"",
			"the collation is nondeterministic: it takes different tenants for one")
	}
	if t.spec.Kind == rls.Tenant {
		if !t.Forced {
			find(NotForced, t.Name, p.up(t, "ALTER TABLE "+t.sql()+" FORCE "), "the owner, its views and its functions are not bound")
		}
		if !t.tenant.NotNull {
			find(ColumnNullable, t.Name+"."+t.tenant.Quoted, p.up(t, "ALTER TABLE "+t.sql()+" ALTER COLUMN "+quote(t.spec.Column)+" SET NOT NULL"), "rows can belong to no tenant")
		}
	}
	switch {
	case t.tenant.Type != string(t.spec.Type): // no expression is canonical
		find(ColumnType, t.Name+"."+t.tenant.Quoted, p.retype(t), "the column is of type %s, not %s", t.tenant.Type, t.spec.Type)
	case t.spec.Kind == rls.Tenant:
		found = append(found, p.floor(t)...)
		fallthrough
	default:
		found = append(found, p.permissive(t)...)
	}
	beyond := t.granted("TRUNCATE", "REFERENCES", "TRIGGER")
	if len(beyond) > 0 && t.Reachable {
		find(GrantBeyondRows, t.Name, "REVOKE TRUNCATE, REFERENCES, TRIGGER ON TABLE "+t.sql()+" FROM "+strings.Join(beyond, ", ")+";",
			"TRUNCATE empties the table for all tenants, REFERENCES tells which rows exist, TRIGGER runs code in others' statements")
	}
	return found
}

// granted returns who has one of the privileges, each once; any privilege if none
// is named.
func (r *relation) granted(privileges ...string) []string {
	var to []string
	for _, g := range r.Grants {
		if (len(privileges) == 0 || slices.Contains(privileges, g.Privilege)) && !slices.Contains(to, g.To) {
			to = append(to, g.To)
		}
	}
	return to
}

// child judges a partition or child. Reached through its parent, the parent's
// policies decide; reached directly, its own.
func (p *proof) child(t *table) {
	if !t.used() {
		return
	}
	if found := p.table(t); len(found) > 0 {
		p.find(PartitionReadable, t.Name, revokeAll(t.relation), "%s reaches it directly, past its parent's policies, and of its own: %s", p.c.Login.Quoted, found[0].Detail)
	}
}

// up returns the statements of package rls for a table that begin so.
func (p *proof) up(t *table, begin string) string {
	statements, err := up(p.rls, t.spec)
	if err != nil {
		return "-- " + err.Error() // unreachable: the canonical policies came the same way
	}
	return strings.Join(slices.DeleteFunc(statements, func(s string) bool { return !strings.HasPrefix(s, begin) }), "\n")
}
