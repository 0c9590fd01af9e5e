package tenanttest

import "strings"

// functions judges what acts as its owner, or runs before a policy does.
func (p *proof) functions() {
	fired := make(map[string]bool) // functions of triggers that the login fires
	byName := make(map[string]function)
	for _, f := range p.c.Functions {
		byName[f.Name] = f
	}
	for _, g := range p.c.Triggers {
		r := p.c.relations[g.Rel]
		if !r.Reachable || len(r.granted("INSERT", "UPDATE", "DELETE", "TRUNCATE")) == 0 {
			continue
		}
		f := byName[g.Function]
		fired[f.Name] = true
		p.find(DefinerTrigger, g.Name, alterFunction(f, "SECURITY INVOKER"), "%s acts as %s when %s writes", f.Name, f.as(), p.c.Login.Quoted)
	}
	for _, f := range p.c.Functions {
		if f.Definer && f.Callable {
			p.find(DefinerFunction, f.Name, alterFunction(f, "SECURITY INVOKER"), "acts as %s when %s calls it", f.as(), p.c.Login.Quoted)
		}
		if f.Definer && (f.Callable || fired[f.Name]) && !pinned(f.SearchPath) {
			p.find(DefinerSearchPath, f.Name, alterFunction(f, "SET search_path = pg_catalog, pg_temp"),
				"without a search_path of its own, pg_temp last, it takes the caller's tables and functions for the owner's; write the names in it with their schema")
		}
		if f.Leakproof && f.Callable {
			p.find(LeakproofFunction, f.Name, alterFunction(f, "NOT LEAKPROOF"), "is called with the values of rows before their policy is")
		}
	}
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
