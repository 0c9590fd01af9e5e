package tenanttest

import (
	"fmt"
	"strings"
)

// A Finding is one way around the isolation of tenants.
type Finding struct {
	// Rule names what is broken.
	Rule Rule

	// Object is where: the name as SQL writes it, with schema, quoted where it has
	// to be. Columns, constraints, policies, triggers and rules follow their table
	// (public.items.items_owner_fkey), functions have their argument types. It is
	// the spelling that [Declaration] and [Exemption] take.
	Object string

	// Detail says what was found, in a sentence.
	Detail string

	// Fix is the DDL that mends it, statements ended by semicolons, to be read and
	// then run by the owner in a migration; what concerns roles, by a superuser.
	// Where the mend is a decision, or no DDL, it is a comment that begins with --.
	Fix string

	// Probes are what the login was able to do through this hole, tried out.
	Probes []Rule
}

// String returns the finding in several lines, the fix last.
func (f Finding) String() string {
	probes := ""
	if len(f.Probes) > 0 {
		probes = fmt.Sprintf(" %v", f.Probes)
	}
	return fmt.Sprintf("%s: %s: %s%s\n\t%s", f.Rule, f.Object, f.Detail, probes, strings.ReplaceAll(f.Fix, "\n", "\n\t"))
}

// A Rule is something that must hold of every schema with tenants.
type Rule string

// Rules about the login, and about all roles it is a member of.
const (
	RoleSuperuser  Rule = "role-superuser"  // superusers see all rows; nothing else is looked at then
	RoleBypass     Rule = "role-bypassrls"  // so does BYPASSRLS; the probes are left out then
	RoleAttribute  Rule = "role-attribute"  // CREATEROLE makes itself a member of others, REPLICATION reads every table
	RolePredefined Rule = "role-predefined" // pg_read_all_data and others that reach beyond what was granted
	RoleOwner      Rule = "role-owner"      // an owner drops policies
	SchemaCreate   Rule = "schema-create"   // who creates in a schema shadows what others mean by a name
	SettingDefault Rule = "setting-default" // ALTER ROLE, DATABASE or FUNCTION … SET: a tenant nobody chose
	SettingPresent Rule = "setting-present" // a new connection has a tenant: the server's or the client's configuration sets it
)

// Rules about tables with a tenant column.
const (
	RLSOff          Rule = "rls-off"          // row level security is not enabled
	NotForced       Rule = "rls-not-forced"   // the owner, its views and its functions are not bound (tenant tables)
	ColumnNullable  Rule = "column-nullable"  // rows that belong to nobody (tenant tables)
	ColumnType      Rule = "column-type"      // the tenant column has not the type that the options say
	ColumnCollation Rule = "column-collation" // a nondeterministic collation takes two tenants for one
	FloorMissing    Rule = "floor-missing"    // no restrictive policy: any permissive policy widens what is seen
	FloorCommand    Rule = "floor-command"    // the floor is not FOR ALL
	FloorRoles      Rule = "floor-roles"      // the floor is not TO PUBLIC
	FloorUsing      Rule = "floor-using"      // its USING is not the canonical expression
	FloorCheck      Rule = "floor-check"      // its WITH CHECK is not there or not the canonical expression
	PolicyMissing   Rule = "policy-missing"   // the login has grants and no permissive policy: it sees nothing
	PolicyOpen      Rule = "policy-open"      // a permissive policy for every row: only the floor is left
	PolicyForm      Rule = "policy-form"      // directory and library tables: not one of the expressions of package rls
)

// Rules about tables without row level security.
const (
	TableUndeclared   Rule = "table-undeclared"   // the login reaches a table that has no tenant column and is not declared shared
	TableForeign      Rule = "table-foreign"      // foreign tables have no row level security
	PartitionReadable Rule = "partition-readable" // a partition or child, reached directly or through a shared parent, obeys other policies
	MatView           Rule = "matview-readable"   // materialized views have no row level security
)

// Rules about what goes around row level security.
const (
	GrantBeyondRows   Rule = "grant-beyond-rows"   // TRUNCATE, REFERENCES and TRIGGER are not held back by policies
	SequenceUpdate    Rule = "sequence-update"     // setval in one tenant moves the ids of all
	ViewOwner         Rule = "view-owner"          // a view without security_invoker reads as its owner
	DefinerFunction   Rule = "definer-function"    // the login may call a function that acts as its owner, also through what is made with it
	DefinerSearchPath Rule = "definer-search-path" // such a function, or trigger, finds what the caller put in its way
	DefinerTrigger    Rule = "definer-trigger"     // writing fires a function that acts as its owner
	LeakproofFunction Rule = "leakproof-function"  // runs on rows before their policy, and the login may call it
	TableRule         Rule = "table-rule"          // the statements of a rule run as the owner
	LargeObject       Rule = "large-object"        // large objects have no row level security
	ForeignKey        Rule = "foreign-key"         // without the tenant column, it joins rows of two tenants, or what one deletes is deleted for all
	UniqueKey         Rule = "unique-key"          // without the tenant column, a conflict tells that another tenant has the value
)

// Rules about the options.
const (
	DeclarationStale  Rule = "declaration-stale"  // declares or exempts what is not there
	DeclarationReason Rule = "declaration-reason" // says no reason, so it counts for nothing
)

// Rules about what the login was able to do when it was tried. If anything else was
// found about the table, they are that finding's Probes. One by itself means that
// the catalog has a way that no rule here knows, which this project wants to hear of.
const (
	ProbeNoTenant Rule = "probe-no-tenant" // rows without a tenant set
	ProbeRead     Rule = "probe-read"      // another tenant's rows read
	ProbeUpdate   Rule = "probe-update"    // another tenant's rows updated
	ProbeDelete   Rule = "probe-delete"    // another tenant's rows deleted
	ProbeInsert   Rule = "probe-insert"    // a row written for another tenant
	ProbeMove     Rule = "probe-move"      // a row handed to another tenant
)
