package rls

import "fmt"

// A policy is one row level security policy.
type policy struct {
	name        string
	restrictive bool
	command     string // ALL or SELECT
	role        string // empty: PUBLIC
	rows        condition
}

// policies returns the policies of a table, the floor first: while they are
// created one by one, the table is never more open than at the end.
func (o Options) policies(t Table) []policy {
	own := condition{column: t.Column, typ: t.Type, setting: o.Setting}
	tenant := policy{name: "rowhouse_tenant", command: "ALL", role: o.App, rows: own}
	switch t.Kind {
	case Directory:
		switch {
		case t.Subject != "":
			return []policy{tenant, {
				name: "rowhouse_subject", command: "SELECT", role: o.App,
				rows: condition{column: t.Subject, typ: Text, setting: o.SubjectSetting},
			}}
		case t.Through != nil:
			return []policy{tenant, {
				name: "rowhouse_subject", command: "SELECT", role: o.App,
				rows: condition{column: t.Column, typ: t.Type, setting: o.SubjectSetting, through: t.Through},
			}}
		}
		return []policy{tenant}
	case Library:
		return []policy{tenant, {name: "rowhouse_worker", command: "ALL", role: o.Worker}}
	}
	return []policy{{name: "rowhouse_floor", restrictive: true, command: "ALL", rows: own}, tenant}
}

// create returns the statement that creates p on t.
func (p policy) create(t Table) string {
	kind, role := "PERMISSIVE", "PUBLIC"
	if p.restrictive {
		kind = "RESTRICTIVE"
	}
	if p.role != "" {
		role = quote(p.role)
	}
	s := fmt.Sprintf("CREATE POLICY %s ON %s AS %s FOR %s TO %s\n    USING (%s)",
		p.name, t.quoted(), kind, p.command, role, p.rows.sql())
	if p.command == "ALL" {
		s += fmt.Sprintf("\n    WITH CHECK (%s)", p.rows.sql())
	}
	return s + ";"
}

// dropPolicy returns the statement that drops the policy of that name from t.
func dropPolicy(t Table, name string) string {
	return fmt.Sprintf("DROP POLICY %s ON %s;", quote(name), t.quoted())
}
