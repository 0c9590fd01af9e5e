package tenanttest

import (
	"slices"
	"strings"

	"github.com/rowhouse-go/rowhouse/tenant/rls"
)

// byOID returns the tables with a tenant column.
func (p *proof) byOID() map[int64]*table {
	tables := make(map[int64]*table)
	for _, t := range slices.Concat(p.tables, p.children) {
		tables[t.OID] = t
	}
	return tables
}

// foreignKeys judges the references to tables with a tenant column. PostgreSQL
// checks and cascades them past all policies.
func (p *proof) foreignKeys() {
	tables := p.byOID()
	for _, k := range p.c.Foreign {
		ref, child := tables[k.Ref], p.c.relations[k.Rel]
		if ref == nil && child != nil {
			p.foreignKeyToShared(k, tables[k.Rel])
		}
		if ref == nil || child == nil {
			continue
		}
		t := tables[k.Rel]
		if t != nil && k.pairs(t.spec.Column, ref.spec.Column) {
			continue
		}
		name := child.Name + "." + k.Name
		drop := "ALTER TABLE " + quote(child.Schema) + "." + quote(child.Relname) + " DROP CONSTRAINT " + k.Name + ";"
		switch {
		case ref.spec.Kind != rls.Tenant: // ids of organizations and the like are known to others
			if t != nil && k.acts() {
				p.find(ForeignKey, name, k.idle(child, ref.relation), "who deletes or changes its row of %s does so to other tenants' rows here", ref.Name)
			}
		case t == nil:
			p.find(ForeignKey, name, drop, "rows that belong to no tenant refer to rows of %s", ref.Name)
		case t.spec.Type != ref.spec.Type || slices.Contains(k.RefColumns, ref.spec.Column) || slices.Contains(k.Columns, t.spec.Column):
			p.find(ForeignKey, name, drop, "the tenant columns of both sides are not compared with each other")
		default:
			p.find(ForeignKey, name, drop+p.composite(k, t, ref),
				"without the tenant column, a row can refer to another tenant's row, learn of it, and be deleted with it")
		}
	}
}

// foreignKeyToShared judges a reference to a table without the tenant column.
func (p *proof) foreignKeyToShared(k foreignKey, t *table) {
	ref := p.c.relations[k.Ref]
	if t == nil || ref == nil {
		return
	}
	if strings.ContainsAny(k.OnDelete, "cnd") && p.deletes(ref, nil) ||
		strings.ContainsAny(k.OnUpdate, "cnd") && ref.used() && len(ref.granted("UPDATE")) > 0 {
		p.find(ForeignKey, t.Name+"."+k.Name, k.idle(t.relation, ref),
			"who deletes or changes a row of %s, which belongs to no tenant, does so to all tenants' rows here", ref.Name)
	}
}

// deletes reports whether the login's statements can delete rows of a table, itself
// or by a cascade.
func (p *proof) deletes(r *relation, seen []int64) bool {
	if slices.Contains(seen, r.OID) {
		return false
	}
	seen = append(seen, r.OID)
	return r.used() && len(r.granted("DELETE")) > 0 || slices.ContainsFunc(p.c.Foreign, func(k foreignKey) bool {
		ref := p.c.relations[k.Ref]
		return k.Rel == r.OID && k.OnDelete == "c" && ref != nil && p.deletes(ref, seen)
	})
}

// idle makes a foreign key anew that changes no rows.
func (k foreignKey) idle(child, ref *relation) string {
	table := "ALTER TABLE " + quote(child.Schema) + "." + quote(child.Relname)
	return table + " DROP CONSTRAINT " + k.Name + ";\n" + table + " ADD CONSTRAINT " + k.Name + " FOREIGN KEY (" + quotes(k.Columns) +
		") REFERENCES " + quote(ref.Schema) + "." + quote(ref.Relname) + " (" + quotes(k.RefColumns) + ")" + k.Deferral + ";"
}

// pairs reports whether a foreign key compares the two columns.
func (k foreignKey) pairs(column, ref string) bool {
	for i := range k.Columns {
		if k.Columns[i] == column && k.RefColumns[i] == ref {
			return true
		}
	}
	return false
}

// acts reports whether a foreign key changes rows.
func (k foreignKey) acts() bool { return strings.ContainsAny(k.OnDelete+k.OnUpdate, "cnd") }

// composite makes a foreign key anew, the tenant column first, and the unique key
// that it refers to unless there is one.
func (p *proof) composite(k foreignKey, t, ref *table) string {
	refColumns := append([]string{ref.spec.Column}, k.RefColumns...)
	var fix strings.Builder
	if !slices.ContainsFunc(p.c.Unique, func(u uniqueKey) bool {
		return u.Rel == ref.OID && u.Constraint && !u.Exclusion && len(u.Columns) == len(refColumns) &&
			!slices.ContainsFunc(refColumns, func(c string) bool { return !slices.Contains(u.Columns, c) })
	}) {
		fix.WriteString("\nALTER TABLE " + ref.sql() + " ADD UNIQUE (" + quotes(refColumns) + ");")
	}
	fix.WriteString("\nALTER TABLE " + t.sql() + " ADD CONSTRAINT " + k.Name +
		" FOREIGN KEY (" + quotes(append([]string{t.spec.Column}, k.Columns...)) + ") REFERENCES " + ref.sql() + " (" + quotes(refColumns) + ")" +
		action(" ON DELETE", k.OnDelete, k.Columns) + action(" ON UPDATE", k.OnUpdate, nil) + k.Deferral + ";")
	return fix.String()
}

// action spells out what a foreign key does. SET NULL and SET DEFAULT on deletion
// must spare the tenant column, which PostgreSQL can since version 15.
func action(event, code string, spared []string) string {
	columns := ""
	if spared != nil {
		columns = " (" + quotes(spared) + ")"
	}
	switch code {
	case "c":
		return event + " CASCADE"
	case "r":
		return event + " RESTRICT"
	case "n":
		return event + " SET NULL" + columns
	case "d":
		return event + " SET DEFAULT" + columns
	}
	return ""
}

// uniqueKeys judges the unique and exclusion constraints and indexes of tenant
// tables. A conflict is reported whoever the other row belongs to.
func (p *proof) uniqueKeys() {
	tables := p.byOID()
	for _, u := range p.c.Unique {
		t := tables[u.Rel]
		if t == nil || t.spec.Kind != rls.Tenant || slices.Contains(u.Columns, t.spec.Column) || u.UUIDs && p.o.RandomIDs != "" {
			continue
		}
		detail := "a conflict tells one tenant that another has the value"
		if u.UUIDs {
			detail += "; if nobody can guess the ids, say so in Options.RandomIDs"
		}
		p.find(UniqueKey, u.Name, u.widen(t), "%s", detail)
	}
}

// widen makes a key anew, the tenant column first.
func (u uniqueKey) widen(t *table) string {
	column := quote(t.spec.Column)
	before, after, ok := strings.Cut(u.Definition, " (")
	if !ok {
		return "-- make the key anew with " + column
	}
	switch {
	case u.Exclusion:
		return "ALTER TABLE " + t.sql() + " DROP CONSTRAINT " + u.Quoted + ";\n" +
			"ALTER TABLE " + t.sql() + " ADD CONSTRAINT " + u.Quoted + " " + before + " (" + column + " WITH =, " + after + "; -- needs the extension btree_gist"
	case u.Constraint:
		return "ALTER TABLE " + t.sql() + " DROP CONSTRAINT " + u.Quoted + ";\n" +
			"ALTER TABLE " + t.sql() + " ADD CONSTRAINT " + u.Quoted + " " + before + " (" + column + ", " + after + ";"
	}
	before, after, _ = strings.Cut(u.Definition, " USING btree (")
	before = strings.Replace(before, u.Quoted+" ON ONLY ", u.Quoted+" ON ", 1) // the partitions get it as well
	return "DROP INDEX " + quote(t.Schema) + "." + u.Quoted + ";\n" + before + " USING btree (" + column + ", " + after + ";"
}
