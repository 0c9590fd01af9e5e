package tenanttest

// views judges what reads tables in the place of the login.
func (p *proof) views() {
	for _, v := range p.c.Relations {
		if v.Kind != "v" && v.Kind != "m" || !v.used() {
			continue
		}
		read := p.unshared(v)
		if v.Kind == "m" {
			read = append(read, p.callers(v)...)
		}
		if len(read) == 0 {
			continue
		}
		if v.Kind == "m" {
			p.find(MatView, v.Name, revokeAll(v), "%s reaches a copy of %s, which has no row level security", p.c.Login.Quoted, some(read))
			continue
		}
		if v.Invoker {
			continue
		}
		fix := "ALTER VIEW " + quote(v.Schema) + "." + quote(v.Relname) + " SET (security_invoker = true);"
		if p.c.Login.Version < 150000 {
			fix = revokeAll(v) // there is no security_invoker
		}
		as := "as " + v.Owner
		if v.OwnerBypasses {
			as += ", whom no policy binds"
		}
		p.find(ViewOwner, v.Name, fix, "the view reads %s %s", some(read), as)
	}
}

// unshared returns the tables that a view reads, itself or through others, and
// that are not declared shared.
func (p *proof) unshared(v *relation) (names []string) {
	for _, d := range p.c.Views {
		if d.View != v.OID {
			continue
		}
		// A table in a schema that is not looked at is not known, nor declared by its parent.
		if r := p.c.relations[d.Rel]; d.Table && !p.o.shared(d.Name) && (r == nil || !p.shared(r)) {
			names = append(names, d.Name)
		}
	}
	return names
}

// callers returns those of a materialized view, and of the views it reads, that
// call functions: what these read is not in the catalog, and was read as the owner.
func (p *proof) callers(v *relation) (names []string) {
	if v.Calls {
		names = append(names, "what its functions return")
	}
	for _, d := range p.c.Views {
		if r := p.c.relations[d.Rel]; d.View == v.OID && r != nil && r.Calls {
			names = append(names, r.Name)
		}
	}
	return names
}
