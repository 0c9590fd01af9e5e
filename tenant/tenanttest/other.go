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
		for _, oid := range t.Parents { // without the tenant column, or t were a child
			if r := p.c.relations[oid]; r != nil && p.shared(r) {
				p.find(PartitionReadable, t.Name, "ALTER TABLE "+t.sql()+" NO INHERIT "+quote(r.Schema)+"."+quote(r.Relname)+";",
					"%s, declared shared, shows its rows past its policies", r.Name)
			}
		}
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
