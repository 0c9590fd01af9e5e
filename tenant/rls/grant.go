package rls

import (
	"fmt"
	"slices"
	"strings"
)

// compareGrants returns the statements that take what the roles of o and everybody
// have too much, and those that then give what they lack.
func (o Options) compareGrants(t Table, l live) (revoke, grant []string) {
	wanted := map[string][]Privilege{o.App: t.Grants}
	if t.Kind == Library {
		wanted[o.Worker] = allPrivileges
	}
	held := map[string]int{}
	for _, g := range l.Grants {
		if g.Role != "" && g.Role != o.App && g.Role != o.Worker {
			continue
		}
		if g.Grantor != l.Owner {
			mend := fmt.Sprintf("REVOKE GRANT OPTION FOR ALL ON TABLE %s FROM %s CASCADE;", t.quoted(), quote(g.Grantor))
			if !slices.Contains(revoke, mend) {
				revoke = append([]string{mend}, revoke...)
			}
		}
		if g.Column == "" && !g.Grantable && slices.Contains(wanted[g.Role], Privilege(g.Privilege)) {
			held[g.Role]++
		} else if all := o.revoke(t); !slices.Contains(revoke, all) {
			revoke = append(revoke, all)
		}
	}
	if len(revoke) > 0 || held[o.App] < len(t.Grants) || held[o.Worker] < len(wanted[o.Worker]) {
		grant = o.grant(t)
	}
	return revoke, grant
}

// revoke takes everything from the roles of o and from everybody, also what they
// may do with single columns and what they passed on.
func (o Options) revoke(t Table) string {
	roles := "PUBLIC, " + quote(o.App)
	if o.Worker != "" {
		roles += ", " + quote(o.Worker)
	}
	return fmt.Sprintf("REVOKE ALL ON TABLE %s FROM %s CASCADE;", t.quoted(), roles)
}

// grant gives the roles of o what they need.
func (o Options) grant(t Table) []string {
	var grants []string
	give := func(role string, privileges []Privilege) {
		if len(privileges) > 0 {
			grants = append(grants, fmt.Sprintf("GRANT %s ON TABLE %s TO %s;", list(privileges), t.quoted(), quote(role)))
		}
	}
	give(o.App, t.Grants)
	if t.Kind == Library {
		give(o.Worker, allPrivileges)
	}
	return grants
}

// list returns the privileges in the one order.
func list(privileges []Privilege) string {
	var names []string
	for _, p := range allPrivileges {
		if slices.Contains(privileges, p) {
			names = append(names, string(p))
		}
	}
	return strings.Join(names, ", ")
}

// A schemaUse is a role that has to reach a schema.
type schemaUse struct{ schema, role string }

func (s schemaUse) grant() string {
	return fmt.Sprintf("GRANT USAGE ON SCHEMA %s TO %s;", quote(s.schema), quote(s.role))
}

// schemas returns who has to reach which schema, each pair once.
func (o Options) schemas() []schemaUse {
	var uses []schemaUse
	need := func(u schemaUse) {
		if !slices.Contains(uses, u) {
			uses = append(uses, u)
		}
	}
	for _, t := range o.Tables {
		need(schemaUse{t.Schema, o.App})
		if t.Kind == Library {
			need(schemaUse{t.Schema, o.Worker})
		}
	}
	return uses
}
