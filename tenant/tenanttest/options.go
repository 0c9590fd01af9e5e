package tenanttest

import (
	"errors"
	"fmt"
	"strings"

	"github.com/rowhouse-go/rowhouse/tenant/rls"
)

// Options say what a schema is meant to be. The zero Options are those of an
// application in which every table that the login reaches has a column tenant_id
// of type uuid.
type Options struct {
	// RLS is what the application gives package rls. Tables that have the tenant
	// column need not be listed: they count as tenant tables. List those of
	// another kind, or with a column or type of their own. App empty means the
	// login itself.
	RLS rls.Options

	// Schemas are the schemas to look at. Default all, except PostgreSQL's own. What
	// the login reaches in others is not proved, except through views of these.
	Schemas []string

	// Shared declares the tables that hold no tenant's data (plans, countries,
	// feature flags) and that all tenants read.
	Shared []Declaration

	// RandomIDs, if not empty, says why a key of uuid columns only may be unique
	// across tenants: because nobody guesses an id, so that a conflict tells
	// nothing new ("ids are UUIDv7 made by the server"). Empty, a primary key (id)
	// is a finding, [UniqueKey].
	RandomIDs string

	// Exempt lists the findings that are meant to be.
	Exempt []Exemption

	// CatalogOnly leaves out the probes: nothing is read from or written to a
	// table of the application.
	CatalogOnly bool
}

// A Declaration says what a table is for. Without a reason it is a finding and
// counts for nothing.
type Declaration struct {
	Table  string // as [Finding.Object] spells it: public.plans
	Reason string
}

// An Exemption accepts one finding. Without a reason it is a finding itself and
// counts for nothing, and so is one that exempts nothing (any more). What
// concerns superusers, BYPASSRLS, the probes or the options can't be exempted.
type Exemption struct {
	Rule   Rule
	Object string // as [Finding.Object] spells it
	Reason string
}

// check returns all faults of o that are not findings.
func (o Options) check() error {
	var faults []error
	for i, e := range o.Exempt {
		if e.Rule == RoleSuperuser || e.Rule == RoleBypass ||
			strings.HasPrefix(string(e.Rule), "probe-") || strings.HasPrefix(string(e.Rule), "declaration-") {
			faults = append(faults, fmt.Errorf("tenanttest: Options.Exempt[%d].Rule: %q can't be exempted", i, e.Rule))
		}
	}
	return errors.Join(faults...)
}

// shared reports whether the table of that name is declared shared.
func (o Options) shared(name string) bool {
	for _, d := range o.Shared {
		if d.Table == name && d.Reason != "" {
			return true
		}
	}
	return false
}
