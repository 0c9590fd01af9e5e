package tenanttest

import (
	"fmt"
	"strings"
)

// superuser reports the one thing there is to say about a superuser.
func (p *proof) superuser() {
	l := p.c.Login
	name := quote(l.Name)
	if l.Session != l.Name {
		name = quote(l.Session)
	}
	p.find(RoleSuperuser, l.Quoted, "ALTER ROLE "+name+" NOSUPERUSER;",
		"the session's login is a superuser, whom no policy binds; nothing else was looked at")
}

// member returns an error if the login is not the one that the options are about.
func (p *proof) member() error {
	for _, r := range p.c.Roles {
		if r.Raw == p.rls.App {
			if !p.c.Login.Temporary {
				return fmt.Errorf("tenanttest: %s may not create temporary tables, which the canonical policies are compared on: GRANT TEMPORARY ON DATABASE … TO %[1]s", p.c.Login.Quoted)
			}
			return nil
		}
	}
	return fmt.Errorf("tenanttest: connected as %s, which is not (a member of) Options.RLS.App, %s", p.c.Login.Quoted, quote(p.rls.App))
}

// roles looks at what the login is and can become.
func (p *proof) roles() {
	for _, r := range p.c.Roles {
		// mend takes an attribute from the login, or the login's membership.
		mend := func(ddl string) string {
			if r.Itself {
				return ddl
			}
			return p.leave(r)
		}
		is := "is"
		if !r.Itself {
			is = "can become " + r.Name + ", which is"
		}
		login := p.c.Login.Quoted
		if r.Super {
			p.find(RoleSuperuser, r.Name, p.leave(r), "%s %s a superuser", login, is)
		}
		if r.Bypass {
			p.find(RoleBypass, r.Name, mend("ALTER ROLE "+r.Name+" NOBYPASSRLS;"), "%s %s not bound by row level security", login, is)
		}
		if r.CreateRole || r.Replication {
			p.find(RoleAttribute, r.Name, mend("ALTER ROLE "+r.Name+" NOCREATEROLE NOREPLICATION;"),
				"%s %s able to make itself a member of other roles (CREATEROLE) or to read the log of all tables (REPLICATION)", login, is)
		}
		if r.Wider {
			p.find(RolePredefined, r.Name, p.leave(r), "%s %s a role that reaches what was not granted", login, is)
		}
		if len(r.Owns) > 0 {
			fix := "-- another role than " + r.Name + " has to own the database, then REASSIGN OWNED BY " + r.Name
			if r.Name != p.c.Login.Owner {
				fix = "REASSIGN OWNED BY " + r.Name + " TO " + p.c.Login.Owner + ";"
			}
			p.find(RoleOwner, r.Name, mend(fix), "%s %s the owner of %s", login, is, some(r.Owns))
		}
	}
	for _, s := range p.c.Schemas {
		p.find(SchemaCreate, s.Name, "REVOKE CREATE ON SCHEMA "+s.Name+" FROM "+strings.Join(s.Create, ", ")+";",
			"%s may create functions and tables here that others take for theirs", p.c.Login.Quoted)
	}
	for _, s := range p.c.Settings {
		p.find(SettingDefault, s.Object, s.Fix, "sets %s for every new session: a transaction that forgets its tenant has one", s.Setting)
	}
	if len(p.c.Settings) == 0 && p.c.Login.Tenant != "" {
		p.find(SettingPresent, p.c.Login.Quoted,
			"-- look for the setting in the connection string (options), postgresql.conf and ALTER SYSTEM; set it for a transaction only",
			"a new session has a tenant or a subject already: a transaction that forgets its own has that one")
	}
	if n := p.c.LargeCount; n > 0 {
		p.find(LargeObject, p.c.Login.Quoted, "-- keep the contents in a bytea column of a tenant table, then SELECT lo_unlink(oid)",
			"reaches %d large objects, which belong to no tenant", n)
	}
}

// leave ends the memberships by which the login becomes r.
func (p *proof) leave(r role) string {
	if len(r.Through) == 0 {
		return "-- connect as " + p.c.Login.Quoted + " itself, not as " + quote(p.c.Login.Session)
	}
	return "REVOKE " + strings.Join(r.Through, ", ") + " FROM " + p.c.Login.Quoted + ";"
}

// some returns a list that may be cut short.
func some(names []string) string {
	const most = 3
	if len(names) <= most {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(names[:most], ", "), len(names)-most)
}
