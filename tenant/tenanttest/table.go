package tenanttest

import (
	"cmp"
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

// discover sorts the tables into those with a tenant column, in p.tables, and the
// partitions and children of such, which it returns.
func (p *proof) discover() (children []*table) {
	p.declared = make(map[int64]rls.Table)
	for _, d := range p.o.RLS.Tables {
		d.Schema = cmp.Or(d.Schema, "public")
		d.Column = cmp.Or(d.Column, p.rls.Column)
		d.Type = cmp.Or(d.Type, p.rls.Type)
		d.Kind = cmp.Or(d.Kind, rls.Tenant)
		if len(p.o.Schemas) > 0 && !slices.Contains(p.o.Schemas, d.Schema) {
			continue
		}
		i := slices.IndexFunc(p.c.Relations, func(r *relation) bool { return r.Schema == d.Schema && r.Relname == d.Name && r.isTable() })
		if i < 0 {
			p.find(DeclarationStale, quote(d.Schema)+"."+quote(d.Name), "-- take the table out of Options.RLS.Tables", "there is no such table")
			continue
		}
		r := p.c.Relations[i]
		missing := slices.DeleteFunc([]string{d.Column, d.Subject}, func(name string) bool { return name == "" || r.column(name) != nil })
		if len(missing) > 0 {
			p.find(DeclarationStale, r.Name, "-- mend the table's entry in Options.RLS.Tables", "there is no column %s", quotes(missing))
			continue
		}
		p.declared[r.OID] = d
	}
	for _, r := range p.c.Relations {
		if !r.isTable() || p.shared(r) {
			continue
		}
		spec, ok := p.spec(r)
		if !ok {
			continue
		}
		spec.Schema, spec.Name = r.Schema, r.Relname
		t := &table{spec: spec, relation: r, tenant: r.column(spec.Column)}
		if slices.ContainsFunc(r.Parents, func(oid int64) bool {
			parent := p.c.relations[oid]
			if parent == nil || p.shared(parent) {
				return false
			}
			_, ok := p.spec(parent)
			return ok
		}) {
			children = append(children, t)
		} else {
			p.tables = append(p.tables, t)
		}
	}
	return children
}

// spec returns what a table is: declared, as its parent, or by its column.
func (p *proof) spec(r *relation) (rls.Table, bool) {
	if spec, ok := p.declared[r.OID]; ok {
		return spec, true
	}
	for _, oid := range r.Parents {
		if parent := p.c.relations[oid]; parent != nil {
			if spec, ok := p.spec(parent); ok && r.column(spec.Column) != nil {
				return spec, true
			}
		}
	}
	if r.column(p.rls.Column) == nil {
		return rls.Table{}, false
	}
	return rls.Table{Kind: rls.Tenant, Column: p.rls.Column, Type: p.rls.Type}, true
}

func (r *relation) isTable() bool { return r.Kind == "r" || r.Kind == "p" }

func (r *relation) column(name string) *column {
	i := slices.IndexFunc(r.columns, func(c *column) bool { return c.Name == name })
	if i < 0 {
		return nil
	}
	return r.columns[i]
}

// shared reports whether a relation, or a table it is a partition of, is declared.
func (p *proof) shared(r *relation) bool {
	return p.o.shared(r.Name) || slices.ContainsFunc(r.Parents, func(oid int64) bool {
		parent := p.c.relations[oid]
		return parent != nil && p.shared(parent)
	})
}

// table returns what is wrong with a table that has the tenant column.
func (p *proof) table(t *table) (found []Finding) {
	defer func() {
		for i := range found {
			found[i].table = t.Name
		}
	}()
	find := func(r Rule, object, fix, detail string, args ...any) {
		found = append(found, Finding{Rule: r, Object: object, Fix: fix, Detail: fmt.Sprintf(detail, args...)})
	}
	if !t.RLS {
		find(RLSOff, t.Name, p.up(t, "ALTER TABLE "+t.sql()+" ENABLE "), "row level security is off: every login with a grant sees all rows")
	}
	if !t.tenant.Deterministic {
		find(ColumnCollation, t.Name+"."+quote(t.spec.Column), "-- make the column anew, COLLATE \"C\"",
			"the collation is nondeterministic: it takes different tenants for one")
	}
	if t.spec.Kind == rls.Tenant {
		if !t.Forced {
			find(NotForced, t.Name, p.up(t, "ALTER TABLE "+t.sql()+" FORCE "), "the owner, its views and its functions are not bound")
		}
		if !t.tenant.NotNull {
			find(ColumnNullable, t.Name+"."+quote(t.spec.Column), p.up(t, "ALTER TABLE "+t.sql()+" ALTER COLUMN "+quote(t.spec.Column)+" SET NOT NULL"), "rows can belong to no tenant")
		}
	}
	switch {
	case t.tenant.Type != string(t.spec.Type): // no expression is canonical
		find(ColumnType, t.Name+"."+quote(t.spec.Column), p.retype(t), "the column is of type %s, not %s", t.tenant.Type, t.spec.Type)
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
	if !t.Reachable || len(t.Grants) == 0 {
		return
	}
	if found := p.table(t); len(found) > 0 {
		p.find(PartitionReadable, t.Name, revokeAll(t.relation), "%s reaches it directly, past its parent's policies, and of its own: %s", p.c.Login.Quoted, found[0].Detail)
	}
}

// others judges the relations without a tenant column.
func (p *proof) others() {
	for _, d := range p.o.Shared {
		i := slices.IndexFunc(p.c.Relations, func(r *relation) bool { return r.Name == d.Table && (r.isTable() || r.Kind == "f") })
		if i < 0 {
			p.find(DeclarationStale, d.Table, "-- take the table out of Options.Shared", "there is no such table")
		}
		if d.Reason == "" {
			p.find(DeclarationReason, d.Table, "-- give the reason in Options.Shared", "declared shared without a reason")
		}
	}
	known := make(map[int64]bool)
	for _, t := range p.tables {
		known[t.OID] = true
	}
	for _, r := range p.c.Relations {
		if !r.Reachable || len(r.Grants) == 0 || p.shared(r) {
			continue
		}
		switch _, isChild := p.spec(r); {
		case r.Kind == "S":
			if to := r.granted("UPDATE"); len(to) > 0 {
				p.find(SequenceUpdate, r.Name, "REVOKE UPDATE ON SEQUENCE "+quote(r.Schema)+"."+quote(r.Relname)+" FROM "+strings.Join(to, ", ")+";",
					"%s may set it for all tenants; nextval needs USAGE only", p.c.Login.Quoted)
			}
		case r.Kind == "f":
			p.find(TableForeign, r.Name, revokeAll(r), "%s reaches a foreign table, which has no row level security", p.c.Login.Quoted)
		case r.isTable() && !known[r.OID] && !isChild:
			p.find(TableUndeclared, r.Name, revokeAll(r), "%s reaches a table without the column %s: declare it in Options.Shared or Options.RLS.Tables, or take the grant back",
				p.c.Login.Quoted, quote(p.rls.Column))
		}
	}
	for _, u := range p.c.Rules {
		r := p.c.relations[u.Rel]
		if !r.Reachable || len(r.Grants) == 0 || p.shared(r) {
			continue
		}
		p.find(TableRule, u.Name, "DROP RULE "+u.Quoted+" ON "+quote(r.Schema)+"."+quote(r.Relname)+";",
			"what a rule puts in the place of a statement runs with the rights of %s", r.Owner)
	}
}

// revokeAll takes every grant on a relation from the login's roles.
func revokeAll(r *relation) string {
	return "REVOKE ALL ON TABLE " + quote(r.Schema) + "." + quote(r.Relname) + " FROM " + strings.Join(r.granted(), ", ") + ";"
}

// up returns the statements of package rls for a table that begin so.
func (p *proof) up(t *table, begin string) string {
	statements, err := up(p.rls, t.spec)
	if err != nil {
		return "-- " + err.Error() // unreachable: the canonical policies came the same way
	}
	return strings.Join(slices.DeleteFunc(statements, func(s string) bool { return !strings.HasPrefix(s, begin) }), "\n")
}
