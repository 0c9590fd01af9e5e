package tenanttest

import (
	"slices"
	"strings"
)

// functions judges what acts as its owner, or runs before a policy does.
func (p *proof) functions() {
	written := p.written()
	fired := make(map[string]bool) // functions of triggers that the login fires
	byName := make(map[string]function)
	for _, f := range p.c.Functions {
		byName[f.Name] = f
	}
	for _, g := range p.c.Triggers {
		if !written[g.Rel] {
			continue
		}
		f := byName[g.Function]
		fired[f.Name] = true
		p.find(DefinerTrigger, g.Name, alterFunction(f, "SECURITY INVOKER"), "%s acts as %s when %s writes", f.Name, f.as(), p.c.Login.Quoted)
	}
	for _, f := range p.c.Functions {
		callable := p.callable(f)
		if f.Definer && callable {
			p.find(DefinerFunction, f.Name, alterFunction(f, "SECURITY INVOKER"), "acts as %s when %s calls it, by its name or in what is made with it", f.as(), p.c.Login.Quoted)
		}
		if f.Definer && (callable || fired[f.Name]) && !pinned(f.SearchPath) {
			p.find(DefinerSearchPath, f.Name, alterFunction(f, "SET search_path = pg_catalog, pg_temp"),
				"without a search_path of its own, pg_temp last, it takes the caller's tables and functions for the owner's; write the names in it with their schema")
		}
		if f.Leakproof && callable {
			p.find(LeakproofFunction, f.Name, alterFunction(f, "NOT LEAKPROOF"), "is called with the values of rows before their policy is")
		}
		if f.Sets != "" && (callable || f.Trigger) {
			p.find(SettingDefault, f.Name, alterFunction(f, "RESET "+f.Sets), "sets %s while it runs: it works for a tenant or a person that nobody chose", f.Sets)
		}
	}
}

// callable reports whether a statement of the login's can call a function: by its
// name, by an operator, a cast or another function, or in what a view or a table
// does. An aggregate calls its functions with its owner's rights.
func (p *proof) callable(f function) bool {
	return f.Aggregate || f.Executable && (f.Reachable || slices.ContainsFunc(f.In, func(oid int64) bool {
		r := p.c.relations[oid]
		return r != nil && (r.used() || slices.ContainsFunc(p.c.Views, func(d dependency) bool {
			v := p.c.relations[d.View]
			return d.Rel == oid && v != nil && v.used()
		}))
	}))
}

// written returns the relations whose triggers the login's statements can fire:
// those it may write to, what is beneath them, and where foreign keys go on.
func (p *proof) written() map[int64]bool {
	written := make(map[int64]bool)
	for _, r := range p.c.Relations {
		if r.Reachable && len(r.granted("INSERT", "UPDATE", "DELETE", "TRUNCATE")) > 0 {
			written[r.OID] = true
		}
	}
	for before := -1; before < len(written); {
		before = len(written)
		for _, r := range p.c.Relations {
			if slices.ContainsFunc(r.Parents, func(oid int64) bool { return written[oid] }) {
				written[r.OID] = true
			}
		}
		for _, k := range p.c.Foreign {
			if written[k.Ref] && k.acts() {
				written[k.Rel] = true
			}
		}
		for _, d := range p.c.Views {
			if written[d.View] {
				written[d.Rel] = true
			}
		}
	}
	return written
}

func (f function) as() string {
	if f.OwnerBypasses {
		return f.Owner + ", whom no policy binds,"
	}
	return f.Owner
}

func alterFunction(f function, action string) string {
	return "ALTER " + f.Kind + " " + f.Name + " " + action + ";"
}

// pinned reports whether a search_path finds nothing of the caller's. Not named,
// pg_temp comes first. An empty path finds no table but in pg_temp, so that
// functions with one spell out the schemas.
func pinned(path *string) bool {
	if path == nil {
		return false
	}
	names := strings.Split(*path, ",")
	for i, n := range names {
		names[i] = strings.Trim(strings.TrimSpace(n), `"`)
		if names[i] == "$user" {
			return false
		}
	}
	return len(names) == 1 && (names[0] == "" || names[0] == "pg_catalog") || names[len(names)-1] == "pg_temp"
}
