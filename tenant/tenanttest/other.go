package tenanttest

import (
	"slices"
	"strings"
)

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
	for _, t := range slices.Concat(p.tables, p.children) {
		if parent, shared := p.sharedAbove(t.relation); shared != nil {
			p.find(PartitionReadable, t.Name, "ALTER TABLE "+t.sql()+" NO INHERIT "+quote(parent.Schema)+"."+quote(parent.Relname)+";",
				"%s, declared shared, shows its rows past its policies", shared.Name)
		}
	}
	for _, r := range p.c.Relations {
		if !r.used() || p.shared(r) {
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
		if !r.used() || p.shared(r) {
			continue
		}
		p.find(TableRule, u.Name, "DROP RULE "+u.Quoted+" ON "+quote(r.Schema)+"."+quote(r.Relname)+";",
			"what a rule puts in the place of a statement runs with the rights of %s", r.Owner)
	}
}

// sharedAbove returns a declared table that r inherits from with no tenant table
// between, and the parent of r on the way to it.
func (p *proof) sharedAbove(r *relation) (parent, shared *relation) {
	for _, oid := range r.Parents {
		parent := p.c.relations[oid]
		if parent == nil {
			continue
		}
		if p.shared(parent) {
			return parent, parent
		}
		if _, tenants := p.spec(parent); tenants {
			continue
		}
		if _, shared := p.sharedAbove(parent); shared != nil {
			return parent, shared
		}
	}
	return nil, nil
}

// revokeAll takes every grant on a relation from the login's roles.
func revokeAll(r *relation) string {
	return "REVOKE ALL ON TABLE " + quote(r.Schema) + "." + quote(r.Relname) + " FROM " + strings.Join(r.granted(), ", ") + ";"
}
