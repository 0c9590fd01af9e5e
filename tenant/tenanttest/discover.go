package tenanttest

import (
	"cmp"
	"slices"

	"github.com/rowhouse-go/rowhouse/tenant/rls"
)

// discover finds the tables with a tenant column: p.tables, and p.children, which
// are partitions or children of such.
func (p *proof) discover() {
	p.declared = make(map[int64]rls.Table)
	for _, d := range p.o.RLS.Tables {
		d.Schema = cmp.Or(d.Schema, "public")
		d.Column = cmp.Or(d.Column, p.rls.Column)
		d.Type = cmp.Or(d.Type, p.rls.Type)
		d.Kind = cmp.Or(d.Kind, rls.Tenant)
		if !p.looksAt(d.Schema) {
			continue
		}
		r := p.existing(d)
		if r == nil {
			p.find(DeclarationStale, quote(d.Schema)+"."+quote(d.Name), "-- mend the table's entry in Options.RLS.Tables, or take it out",
				"there is no such table with the columns %s", quotes(slices.DeleteFunc([]string{d.Column, d.Subject}, func(c string) bool { return c == "" })))
			continue
		}
		if d.Through != nil && p.looksAt(cmp.Or(d.Through.Schema, "public")) && p.existing(*d.Through) == nil { // a finding of its own
			d.Through = nil
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
			p.children = append(p.children, t)
		} else {
			p.tables = append(p.tables, t)
		}
	}
}

func (p *proof) looksAt(schema string) bool {
	return len(p.o.Schemas) == 0 || slices.Contains(p.o.Schemas, schema)
}

// existing returns the relation of a declared table, or nil if it or one of its
// columns is not there.
func (p *proof) existing(d rls.Table) *relation {
	schema, column := cmp.Or(d.Schema, "public"), cmp.Or(d.Column, p.rls.Column)
	i := slices.IndexFunc(p.c.Relations, func(r *relation) bool { return r.Schema == schema && r.Relname == d.Name && r.isTable() })
	if i < 0 || p.c.Relations[i].column(column) == nil || d.Subject != "" && p.c.Relations[i].column(d.Subject) == nil {
		return nil
	}
	return p.c.Relations[i]
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
	return p.o.shared(r.Name) || r.Partition && slices.ContainsFunc(r.Parents, func(oid int64) bool {
		parent := p.c.relations[oid]
		return parent != nil && p.shared(parent)
	})
}
