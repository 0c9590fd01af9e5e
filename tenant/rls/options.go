package rls

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
)

// Options describe the tables of an application and the logins that use them. Up,
// Down, Diff, Check and CheckWorker take the same Options, so an application keeps
// one variable of it. The zero Options are refused: App and Tables are required.
// Options are plain data: read them from as many goroutines as you like, change
// them from one.
type Options struct {
	// App is the role that serves requests: a login, or a group of logins. It owns
	// nothing and has no BYPASSRLS. Required.
	App string

	// Worker is the role that works through the library tables of all tenants. It
	// has no BYPASSRLS either: a policy of its own lets it see them. Required with
	// library tables.
	Worker string

	// Setting names the run-time parameter that holds the tenant for the length of
	// a transaction. Default "app.tenant_id".
	Setting string

	// SubjectSetting names the one that holds the person who asks, where no tenant
	// is known yet. Default "app.subject".
	SubjectSetting string

	// Column is the tenant column of tables that name none. Default "tenant_id".
	Column string

	// Type is the type of the tenant column of tables that name none. Default UUID.
	Type Type

	// Tables are the tables, in the order in which the statements treat them.
	// Required.
	Tables []Table
}

// A Table is one table with a tenant column.
type Table struct {
	// Schema is the table's schema. Default "public".
	Schema string

	// Name is the table's name, unquoted, in the case the catalog has it. Required.
	Name string

	// Kind says who may see which rows. Default Tenant.
	Kind Kind

	// Column is the tenant column. Default [Options.Column].
	Column string

	// Type is the type of Column. Default [Options.Type].
	Type Type

	// Subject is the column, of type text, that holds a person. With a subject set,
	// App reads the rows of that person; with a tenant set too, which package tenant
	// never does, those of both. Directory tables only.
	Subject string

	// Through is the directory table, also in Tables, whose rows say what a person
	// sees of this one: the rows whose tenant stands in a row of Through with that
	// person as its Subject. Directory tables only, instead of Subject. The usual
	// case is a table of organizations (Column: "id") seen through their members.
	Through *Table

	// Grants are what App may do. Default: all four. A table that is only appended
	// to has Select and Insert. Never TRUNCATE, REFERENCES or TRIGGER, which row
	// level security does not hold back.
	Grants []Privilege
}

// A Type is the type of a tenant column.
type Type string

// The types.
const (
	UUID Type = "uuid"
	Text Type = "text"
)

// A Kind says who may see which rows of a table.
type Kind string

// The kinds.
const (
	// Tenant tables hold what belongs to one tenant. A restrictive policy binds
	// everybody, the owner included, to the transaction's tenant.
	Tenant Kind = "tenant"

	// Directory tables (organizations, members, invitations) are read before a
	// tenant is known. App reads and writes the rows of the transaction's tenant
	// and reads the rows of the transaction's subject. The owner sees all, for
	// look-ups by functions that are SECURITY DEFINER.
	Directory Kind = "directory"

	// Library tables (an outbox, an activity log) are written by App for the
	// transaction's tenant and worked through by Worker, which sees all rows.
	Library Kind = "library"
)

// A Privilege is what a role may do with a table.
type Privilege string

// The privileges.
const (
	Select Privilege = "SELECT"
	Insert Privilege = "INSERT"
	Update Privilege = "UPDATE"
	Delete Privilege = "DELETE"
)

var allPrivileges = []Privilege{Select, Insert, Update, Delete}

// resolve returns o with every default filled in, or all its faults.
func (o Options) resolve() (Options, error) {
	o.Setting = cmp.Or(o.Setting, "app.tenant_id")
	o.SubjectSetting = cmp.Or(o.SubjectSetting, "app.subject")
	o.Column = cmp.Or(o.Column, "tenant_id")
	o.Type = cmp.Or(o.Type, UUID)
	o.Tables = slices.Clone(o.Tables)

	var faults []error
	fault := func(field string, err error) {
		if err != nil {
			faults = append(faults, fmt.Errorf("rls: Options.%s: %w", field, err))
		}
	}
	fault("App", checkRole(o.App))
	library := slices.ContainsFunc(o.Tables, func(t Table) bool { return t.Kind == Library })
	if o.Worker != "" || library {
		fault("Worker", checkRole(o.Worker))
	}
	if o.Worker != "" && o.Worker == o.App {
		fault("Worker", errors.New("is App: it would see the rows of all tenants"))
	}
	fault("Setting", checkSetting(o.Setting))
	fault("SubjectSetting", checkSetting(o.SubjectSetting))
	if o.Setting == o.SubjectSetting {
		fault("SubjectSetting", errors.New("is Setting: a person would pass for a tenant"))
	}
	fault("Column", checkIdentifier(o.Column))
	fault("Type", checkType(o.Type))
	if len(o.Tables) == 0 {
		fault("Tables", errors.New("is empty"))
	}
	for i, t := range o.Tables {
		o.Tables[i] = t.resolve(o)
	}
	for i, t := range o.Tables {
		same := func(u Table) bool { return u.Schema == t.Schema && u.Name == t.Name }
		if slices.IndexFunc(o.Tables, same) < i {
			fault(fmt.Sprintf("Tables[%d]", i), errors.New("is there twice"))
		}
		for _, f := range t.faults(o) {
			fault(fmt.Sprintf("Tables[%d].%s", i, f.field), f.err)
		}
	}
	return o, errors.Join(faults...)
}

// resolve returns t with the defaults that o, itself resolved, gives.
func (t Table) resolve(o Options) Table {
	t.Schema = cmp.Or(t.Schema, "public")
	t.Kind = cmp.Or(t.Kind, Tenant)
	t.Column = cmp.Or(t.Column, o.Column)
	t.Type = cmp.Or(t.Type, o.Type)
	if t.Grants == nil {
		t.Grants = allPrivileges
	}
	if t.Through != nil {
		u := *t.Through
		u.Through = nil // one step only; faults refuses more
		t.Through = new(u.resolve(o))
	}
	return t
}

type tableFault struct {
	field string
	err   error
}

// faults returns what is wrong with t, one of the resolved tables of o.
func (t Table) faults(o Options) []tableFault {
	var faults []tableFault
	fault := func(field string, err error) {
		if err != nil {
			faults = append(faults, tableFault{field, err})
		}
	}
	fault("Schema", checkIdentifier(t.Schema))
	fault("Name", checkIdentifier(t.Name))
	fault("Column", checkIdentifier(t.Column))
	fault("Type", checkType(t.Type))
	if !slices.Contains([]Kind{Tenant, Directory, Library}, t.Kind) {
		fault("Kind", fmt.Errorf("%q is none", t.Kind))
	}
	if t.Subject != "" {
		fault("Subject", checkIdentifier(t.Subject))
		if t.Kind != Directory {
			fault("Subject", errors.New("is for directory tables"))
		}
	}
	if u := t.Through; u != nil {
		switch listed := slices.IndexFunc(o.Tables, func(v Table) bool { return v.Schema == u.Schema && v.Name == u.Name }); {
		case t.Kind != Directory:
			fault("Through", errors.New("is for directory tables"))
		case t.Subject != "":
			fault("Through", errors.New("stands beside Subject"))
		case u.Kind != Directory || u.Subject == "":
			fault("Through", errors.New("is no directory table with a Subject"))
		case listed < 0:
			fault("Through", errors.New("is not in Tables"))
		case o.Tables[listed].Column != u.Column || o.Tables[listed].Type != u.Type || o.Tables[listed].Subject != u.Subject:
			fault("Through", fmt.Errorf("differs from Tables[%d]", listed))
		case !slices.Contains(o.Tables[listed].Grants, Select):
			fault("Through", errors.New("can't be read by App: the policy reads it as App"))
		}
	}
	for i, p := range t.Grants {
		if !slices.Contains(allPrivileges, p) || slices.Index(t.Grants, p) < i {
			fault("Grants", fmt.Errorf("%q is unknown or there twice", p))
		}
	}
	return faults
}

func checkType(t Type) error {
	if t != UUID && t != Text {
		return fmt.Errorf("%q is neither uuid nor text", t)
	}
	return nil
}
