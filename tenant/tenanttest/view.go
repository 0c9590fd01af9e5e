package tenanttest

// views judges what reads tables in the place of the login.
func (p *proof) views() {
	for _, v := range p.c.Relations {
		if v.Kind != "v" && v.Kind != "m" || !v.Reachable || len(v.Grants) == 0 {
			continue
		}
		read := p.unshared(v)
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
		if r := p.c.relations[d.Rel]; r != nil && (r.isTable() || r.Kind == "f") && !p.shared(r) {
			names = append(names, r.Name)
		}
	}
	return names
}
