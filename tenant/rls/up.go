package rls

import (
	"fmt"
	"slices"
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
