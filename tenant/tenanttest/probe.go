package tenanttest

import (
	"context"
	"crypto/rand"
	"database/sql"
	_ "embed" // the loop
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// probe.sql takes the steps for all tables in one trip. Each step runs in a
// savepoint of its own, each table's in another that is rolled back.
//
//go:embed probe.sql
var probeLoop string

// A step is one statement with a tenant set. One without a rule makes the row that
// the others are after, and may fail.
type step struct {
	Rule      Rule   `json:"rule,omitempty"`
	Tenant    string `json:"tenant"`
	SQL       string `json:"sql"`
	Returning bool   `json:"returning,omitempty"` // whose row it was
}

type probePlan struct {
	Table string `json:"table"`
	Steps []step `json:"steps"`
}

// An outcome is a step that touched a row or failed.
type outcome struct {
	Table                           string
	Rule                            Rule
	Got                             *string
	State, Broken, Constraint, Type string
}

// probe tries out, as the login, what no tenant may do.
func (p *proof) probe(ctx context.Context, tx *sql.Tx) ([]Finding, error) {
	own, other := uuid(), uuid() // of no tenant there is
	var plans []probePlan
	tables := make(map[string]*table)
	for _, t := range p.tables {
		if !t.used() || t.tenant.Type != string(t.spec.Type) {
			continue
		}
		tables[t.Name] = t
		plans = append(plans, probePlan{t.Name, t.steps(own, other)})
	}
	if len(plans) == 0 {
		return nil, nil
	}
	plan, err := json.Marshal(plans)
	if err != nil {
		return nil, err
	}
	// An anonymous block has no parameters. The tag of its quotes is random, so it
	// does not occur in the plan.
	tag := "$r" + strings.ToLower(rand.Text()) + "$"
	do := "DO " + tag + strings.Replace(probeLoop, "DECLARE", "DECLARE\n    setting text := '"+p.rls.Setting+
		"';\n    plan jsonb := "+tag[:2]+"p"+tag[2:]+string(plan)+tag[:2]+"p"+tag[2:]+";", 1) + tag
	if _, err := tx.ExecContext(ctx, "SELECT set_config($1::text, '', true)", p.rls.SubjectSetting); err != nil {
		return nil, fmt.Errorf("tenanttest: probing: %w", err)
	}
	if _, err := tx.ExecContext(ctx, do); err != nil {
		return nil, fmt.Errorf("tenanttest: probing: %w", err)
	}
	var text []byte
	if err := tx.QueryRowContext(ctx, "SELECT current_setting('rowhouse.probed')").Scan(&text); err != nil {
		return nil, fmt.Errorf("tenanttest: probing: %w", err)
	}
	var outcomes []outcome
	if err := json.Unmarshal(text, &outcomes); err != nil {
		return nil, fmt.Errorf("tenanttest: probing: %w", err)
	}
	var found []Finding
	for _, u := range outcomes {
		if tables[u.Table].broken(u, own) {
			found = append(found, Finding{
				Rule: u.Rule, Object: u.Table, Detail: did[u.Rule],
				Fix: "-- look for triggers and rules of the table, and functions they call",
			})
		}
	}
	return found, nil
}

var did = map[Rule]string{
	ProbeNoTenant: "rows were read without a tenant set",
	ProbeRead:     "rows of another tenant were read",
	ProbeUpdate:   "rows of another tenant were updated",
	ProbeDelete:   "rows of another tenant were deleted",
	ProbeInsert:   "a row was written for another tenant",
	ProbeMove:     "a row was handed to another tenant",
}

// broken reports whether an outcome is proof that a policy did not hold. Anything
// else that went wrong is none: a probe that could not be made says nothing.
func (t *table) broken(u outcome, own string) bool {
	switch {
	case u.Rule == "":
		return false
	case u.State == "":
		switch {
		case u.Rule == ProbeInsert && u.Got != nil:
			return *u.Got != own // or a trigger gave the row to the right tenant
		case u.Rule == ProbeInsert:
			return !t.BeforeInsert
		case u.Rule == ProbeMove:
			return u.Got != nil && *u.Got == own
		}
		return true
	case u.Rule != ProbeInsert || t.BeforeInsert || u.Broken != t.Relname:
		return false
	}
	// The policies are looked at before the constraints, so a row that broke one of
	// these had passed. What a domain or the choice of a partition refuses, it
	// refuses earlier.
	switch u.State {
	case "23502": // NOT NULL
		return u.Type == ""
	case "23503", "23505", "23514", "23P01":
		return u.Constraint != "" && u.Type == ""
	}
	return false
}

// steps returns the probes of a table that the login's grants allow.
func (t *table) steps(own, other string) []step {
	var (
		name   = t.sql()
		tenant = quote(t.spec.Column)
		// The tenants' ids are made here and hold nothing to escape.
		value = func(id string) string { return "'" + id + "'::" + string(t.spec.Type) }
		// Not "= other": with rows of real tenants there, those count too.
		foreign = tenant + " IS DISTINCT FROM " + value(own)
		steps   []step
	)
	names, values, ok := t.row()
	insert := func(id string) string {
		s := "INSERT INTO " + name + " (" + tenant + names + ") OVERRIDING SYSTEM VALUE VALUES (" + value(id) + values + ")"
		if t.tenant.Select {
			s += " RETURNING " + tenant + "::text"
		}
		return s
	}
	if t.tenant.Generated || !t.tenant.Insert {
		ok = false
	}
	if ok {
		steps = append(steps, step{Tenant: other, SQL: insert(other)})
	}
	if t.tenant.Select {
		steps = append(steps,
			step{Rule: ProbeNoTenant, SQL: "SELECT 1 FROM " + name + " LIMIT 1"},
			step{Rule: ProbeRead, Tenant: own, SQL: "SELECT 1 FROM " + name + " WHERE " + foreign + " LIMIT 1"})
		if i := slices.IndexFunc(t.columns, func(c *column) bool { return c.Update && !c.Generated && !c.Identity }); i >= 0 {
			c := quote(t.columns[i].Name)
			steps = append(steps, step{Rule: ProbeUpdate, Tenant: own, SQL: "UPDATE " + name + " SET " + c + " = " + c + " WHERE " + foreign})
		}
		if len(t.granted("DELETE")) > 0 {
			steps = append(steps, step{Rule: ProbeDelete, Tenant: own, SQL: "DELETE FROM " + name + " WHERE " + foreign})
		}
		if t.tenant.Update && !t.tenant.Generated {
			steps = append(steps, step{
				Rule: ProbeMove, Tenant: other, Returning: true,
				SQL: "UPDATE " + name + " SET " + tenant + " = " + value(own) + " WHERE " + tenant + " = " + value(other) + " RETURNING " + tenant + "::text",
			})
		}
	}
	if ok {
		steps = append(steps, step{Rule: ProbeInsert, Tenant: own, SQL: insert(other), Returning: t.tenant.Select})
	}
	return steps
}

// row makes up the columns of a row besides the tenant's, as ", a, b" each, such
// that no default is evaluated that leaves a trace (nextval is not rolled back).
// It reports false if that can't be had.
func (t *table) row() (names, values string, ok bool) {
	for _, c := range t.columns {
		if c == t.tenant || c.Generated {
			continue
		}
		if !c.Insert {
			if c.Identity || strings.Contains(c.Default, "(") {
				return "", "", false
			}
			continue
		}
		names += ", " + quote(c.Name)
		values += ", " + c.value()
	}
	return names, values, true
}

// value makes up a value: the default if it is a constant, since it passes the
// CHECK constraints, NULL where there may be none or nothing comes to mind.
func (c *column) value() string {
	switch {
	case c.Default != "" && !c.Identity && !strings.Contains(c.Default, "("):
		return "DEFAULT"
	case !c.NotNull:
		return "NULL"
	case c.Label != "":
		return "'" + strings.ReplaceAll(c.Label, "'", "''") + "'"
	}
	switch c.Base {
	case "uuid":
		return "'" + uuid() + "'"
	case "bytea":
		return `'\x00'`
	case "json", "jsonb":
		return "'{}'"
	case "inet", "cidr":
		return "'127.0.0.1'"
	case "macaddr":
		return "'08:00:2b:01:02:03'"
	case "xml":
		return "'<x/>'"
	}
	switch c.Category {
	case "A":
		return "'{}'"
	case "B":
		return "false"
	case "D":
		return "'now'"
	case "N":
		return "1"
	case "R":
		return "'empty'"
	case "S":
		return "'x'"
	case "T":
		return "'1 second'"
	}
	return "NULL"
}

// uuid returns a random UUID, which is a text tenant too.
func uuid() string {
	var b [16]byte
	rand.Read(b[:])
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}
