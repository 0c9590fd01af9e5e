package rls

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Diff compares the live schema with what [Up] makes, and returns the statements
// that bring it there: none if it is right. Beyond Up it adds an index led by the
// tenant column to tenant tables without one. It reads catalogs, which any login may
// do, and changes nothing. Run the statements as the owner, all in one transaction;
// on tables with rows, ALTER … SET NOT NULL and CREATE INDEX read them under a lock.
//
// A floor that was altered is dropped and made anew; so is every other policy of
// this package. Other policies stay on tenant tables, where the floor holds
// whatever they say; permissive ones on directory and library tables are dropped.
// Grants to roles that o does not name stay.
//
// What no such statement mends is an error, every case named at once: a table,
// column, role or schema that is not there, a column of another type, a table that
// App or Worker owns. Faults of o are errors as with [Up]; those of the database
// are wrapped.
func Diff(ctx context.Context, db Querier, o Options) ([]string, error) {
	o, err := o.resolve()
	if err != nil {
		return nil, err
	}
	findings, _, err := o.compare(ctx, db)
	if err != nil {
		return nil, err
	}
	var statements []string
	var faults []error
	for _, f := range findings {
		statements = append(statements, f.mend...)
		if len(f.mend) == 0 {
			faults = append(faults, f)
		}
	}
	if err := errors.Join(faults...); err != nil {
		return nil, err
	}
	return statements, nil
}

// A finding is one difference between the schema as it is and as it should be.
type finding struct {
	object, detail string
	mend           []string // statements, or
	remedy         string   // words
	speed          bool     // costs time only
}

// Error makes a finding the error of [Check].
func (f finding) Error() string {
	remedy := f.remedy
	if len(f.mend) > 0 {
		remedy = strings.Join(f.mend, " ")
	}
	return fmt.Sprintf("rls: %s %s: %s", f.object, f.detail, remedy)
}

// Is makes a finding match [ErrUnsafe].
func (f finding) Is(target error) bool { return target == ErrUnsafe }

// compare returns what is different in the live schema, in the order in which it
// is to be mended, and the tables as they are.
func (o Options) compare(ctx context.Context, db Querier) ([]finding, []live, error) {
	tables, err := readTables(ctx, db, o.Tables)
	if err != nil {
		return nil, nil, err
	}
	findings, err := o.compareSchemas(ctx, db)
	if err != nil {
		return nil, nil, err
	}
	for i, t := range o.Tables {
		through := names{}
		if u := t.Through; u != nil {
			at := slices.IndexFunc(o.Tables, func(v Table) bool { return v.Schema == u.Schema && v.Name == u.Name })
			through = tables[at].names(o.Tables[at])
		}
		if unusable := o.unusable(t, tables[i]); len(unusable) > 0 {
			findings = append(findings, unusable...)
			continue
		}
		findings = append(findings, o.compareTable(t, tables[i], through)...)
	}
	return findings, tables, nil
}

// compareSchemas returns which roles are missing or can't reach a schema.
func (o Options) compareSchemas(ctx context.Context, db Querier) ([]finding, error) {
	var findings []finding
	for _, u := range o.schemas() {
		type state struct{ role, schema, usage bool }
		states, err := query(ctx, db, func(rows *sql.Rows) (s state, err error) {
			err = rows.Scan(&s.role, &s.schema, &s.usage)
			return s, err
		}, `SELECT r.oid IS NOT NULL, n.oid IS NOT NULL, coalesce(has_schema_privilege(r.oid, n.oid, 'USAGE'), false)
			FROM (SELECT 1) AS one LEFT JOIN pg_roles r ON r.rolname = $1 LEFT JOIN pg_namespace n ON n.nspname = $2`, u.role, u.schema)
		if err != nil {
			return nil, err
		}
		switch s := states[0]; {
		case !s.role:
			findings = append(findings, finding{object: "role " + quote(u.role), detail: "does not exist", remedy: "CREATE ROLE " + quote(u.role) + " LOGIN"})
		case !s.schema:
			findings = append(findings, finding{object: "schema " + quote(u.schema), detail: "does not exist", remedy: "apply the migrations first"})
		case !s.usage:
			findings = append(findings, finding{
				object: "schema " + quote(u.schema), detail: "is out of reach of " + quote(u.role), mend: []string{u.grant()},
			})
		}
	}
	return findings, nil
}

// unusable returns why no statement makes l what t says.
func (o Options) unusable(t Table, l live) []finding {
	var findings []finding
	add := func(detail, remedy string) {
		findings = append(findings, finding{object: "table " + t.quoted(), detail: detail, remedy: remedy})
	}
	switch l.Kind {
	case "r", "p":
	case "":
		add("does not exist", "apply the migrations first")
		return findings
	default:
		add("is no table", "policies belong to tables: name the table")
		return findings
	}
	if l.Owner == o.App || l.Owner == o.Worker {
		add("belongs to "+quote(l.Owner), "ALTER TABLE … OWNER TO the login of the migrations")
	}
	column := func(name string, c *liveColumn, typ Type) {
		switch {
		case c == nil:
			add("has no column "+quote(name), "name the tenant column in Table.Column, the person's in Table.Subject")
		case c.Type != string(typ):
			add(fmt.Sprintf("has a column %s of type %s, not %s", quote(name), c.Type, typ), "change Table.Type, or the column: a cast would cost the index")
		case c.Generated:
			add("has a column "+quote(name)+" that is generated", "a tenant is written, or stamped by the default")
		}
	}
	column(t.Column, l.Column, t.Type)
	if t.Subject != "" {
		column(t.Subject, l.Subject, Text)
	}
	return findings
}

// compareTable returns what is different in a usable table.
func (o Options) compareTable(t Table, l live, through names) []finding {
	var findings []finding
	add := func(detail string, mend ...string) {
		findings = append(findings, finding{object: "table " + t.quoted(), detail: detail, mend: mend})
	}
	revoke, grant := o.compareGrants(t, l)
	if len(revoke) > 0 {
		add("grants other privileges than it should", revoke...)
	}
	if !l.Enabled {
		add("has row level security off", alter(t, "ENABLE ROW LEVEL SECURITY"))
	}
	switch force := t.Kind == Tenant; {
	case force && !l.Forced:
		add("does not bind its owner", alter(t, "FORCE ROW LEVEL SECURITY"))
	case !force && l.Forced:
		add("hides its rows from its owner's functions", alter(t, "NO FORCE ROW LEVEL SECURITY"))
	}
	wanted := o.policies(t)
	for _, p := range l.Policies {
		known := slices.ContainsFunc(wanted, func(w policy) bool { return w.name == p.Name })
		switch {
		case known:
		case strings.HasPrefix(p.Name, "rowhouse_"):
			add("has a policy "+quote(p.Name)+" it should not have", dropPolicy(t, p.Name))
		case t.Kind != Tenant && p.Permissive:
			add("is opened by a policy "+quote(p.Name), dropPolicy(t, p.Name))
		}
	}
	for _, w := range wanted {
		switch at := slices.IndexFunc(l.Policies, func(p livePolicy) bool { return p.Name == w.name }); {
		case at < 0:
			add("lacks the policy "+w.name, w.create(t))
		case !l.Policies[at].is(w, l.names(t), through):
			add("has another policy "+w.name, dropPolicy(t, w.name), w.create(t))
		}
	}
	if t.Kind == Tenant {
		if !reads(l.Column.Default, deparsedValue(o.Setting, t.Type)) {
			add("does not stamp new rows with their tenant", o.stamp(t))
		}
		if !l.Column.NotNull {
			add("takes rows without a tenant", notNull(t))
		}
		if !l.Indexed {
			findings = append(findings, finding{
				object: "table " + t.quoted(), detail: "has no index led by the tenant", speed: true,
				mend: []string{fmt.Sprintf("CREATE INDEX ON %s (%s);", t.quoted(), quote(t.Column))},
			})
		}
	}
	if len(grant) > 0 {
		add("grants fewer privileges than it should", grant...)
	}
	return findings
}

// is reports whether p is w on the table of these names. The text of a cast, and of
// the = in NULLIF, does not name its function: what users made is told by the
// dependencies.
func (p livePolicy) is(w policy, own, through names) bool {
	command, checked := "*", reads(p.Check, w.rows.deparsed(own, through))
	if w.command == "SELECT" {
		command, checked = "r", p.Check == nil
	}
	return p.Permissive != w.restrictive && p.Command == command && slices.Equal(p.Roles, []string{w.role}) &&
		!p.Made && checked && reads(p.Using, w.rows.deparsed(own, through))
}
