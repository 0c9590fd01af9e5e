package rls

import (
	"fmt"
	"slices"
	"strings"
)

// Up returns the statements that protect the tables, for the migration that
// creates them, to be run by the owner in its transaction. They fail on tables
// that are protected already; for those there is [Diff]. Each ends with a
// semicolon, so strings.Join(up, "\n") is a file.
//
// The error names every field of o at fault. It is the only one.
//
// Statements of Up make no index, since a primary key (tenant_id, id) may be there.
// A column of type serial needs GRANT USAGE on its sequence as well; an identity
// column does not.
func Up(o Options) ([]string, error) {
	o, err := o.resolve()
	if err != nil {
		return nil, err
	}
	var up []string
	for _, t := range o.Tables {
		up = append(up, o.revoke(t), alter(t, "ENABLE ROW LEVEL SECURITY"))
		if t.Kind == Tenant {
			up = append(up, alter(t, "FORCE ROW LEVEL SECURITY"))
		}
		for _, p := range o.policies(t) {
			up = append(up, p.create(t))
		}
		if t.Kind == Tenant {
			up = append(up, o.stamp(t), notNull(t))
		}
		up = append(up, o.grant(t)...)
	}
	for _, s := range o.schemas() {
		up = append(up, s.grant())
	}
	return up, nil
}

// Down returns the statements that undo those of [Up], last table first: the
// tables are without policies, defaults and grants afterwards, and the roles of o
// can't reach them. NOT NULL and USAGE on the schemas stay, since other migrations
// may count on them. The error names every field of o at fault.
func Down(o Options) ([]string, error) {
	o, err := o.resolve()
	if err != nil {
		return nil, err
	}
	var down []string
	for _, t := range slices.Backward(o.Tables) {
		down = append(down, o.revoke(t)) // first: the table is open without its policies
		for _, p := range slices.Backward(o.policies(t)) {
			down = append(down, dropPolicy(t, p.name))
		}
		if t.Kind == Tenant {
			down = append(down,
				alter(t, "ALTER COLUMN "+quote(t.Column)+" DROP DEFAULT"),
				alter(t, "NO FORCE ROW LEVEL SECURITY"))
		}
		down = append(down, alter(t, "DISABLE ROW LEVEL SECURITY"))
	}
	return down, nil
}

func alter(t Table, action string) string {
	return fmt.Sprintf("ALTER TABLE %s %s;", t.quoted(), action)
}

// stamp gives new rows the transaction's tenant.
func (o Options) stamp(t Table) string {
	return alter(t, "ALTER COLUMN "+quote(t.Column)+" SET DEFAULT "+value(o.Setting, t.Type))
}

func notNull(t Table) string {
	return alter(t, "ALTER COLUMN "+quote(t.Column)+" SET NOT NULL")
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
