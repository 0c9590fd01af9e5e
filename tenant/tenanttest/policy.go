package tenanttest

import (
	"fmt"
	"slices"
	"strings"

	"github.com/rowhouse-go/rowhouse/tenant/rls"
)

// floor returns what keeps the restrictive policies of a tenant table from binding
// every statement to the tenant. One that does is enough: others only narrow.
func (p *proof) floor(t *table) []Finding {
	var best []Finding
	for _, q := range t.policies {
		if q.Permissive {
			continue
		}
		name := t.Name + "." + q.Quoted
		fix := p.policy(t, "rowhouse_floor", q.Name)
		var found []Finding
		find := func(r Rule, detail string, args ...any) {
			found = append(found, Finding{Rule: r, Object: name, Fix: fix, Detail: fmt.Sprintf(detail, args...)})
		}
		if q.Command != "*" {
			find(FloorCommand, "the floor is for one command only")
		}
		if !q.Public {
			find(FloorRoles, "the floor is for %s only: other logins are not bound", q.Roles)
		}
		switch {
		case q.Using == nil || *q.Using != t.canonical.Tenant:
			find(FloorUsing, "USING is %s, not %s", deref(q.Using), t.canonical.Tenant)
		case q.Made: // a cast, or the = in NULLIF: the text has no name for these
			find(FloorUsing, "it reads as it should, but was made with a function or operator that is not PostgreSQL's own")
		}
		switch {
		case q.Check == nil:
			find(FloorCheck, "there is no WITH CHECK: PostgreSQL takes USING for it as long as nobody writes one")
		case *q.Check != t.canonical.Tenant:
			find(FloorCheck, "WITH CHECK is %s, not %s", *q.Check, t.canonical.Tenant)
		}
		if len(found) == 0 {
			return nil
		}
		if best == nil || len(found) < len(best) {
			best = found
		}
	}
	if best == nil {
		best = []Finding{{
			Rule: FloorMissing, Object: t.Name, Fix: p.policy(t, "rowhouse_floor"),
			Detail: "there is no restrictive policy: any permissive one widens what is seen",
		}}
	}
	return best
}

// permissive returns what is wrong with the policies that show rows to the login.
func (p *proof) permissive(t *table) (found []Finding) {
	visible := false
	for _, q := range t.policies {
		if !q.Permissive || !q.Ours {
			continue
		}
		visible = true
		object := t.Name + "." + q.Quoted
		switch {
		case t.spec.Kind != rls.Tenant && !t.allowed(q):
			found = append(found, Finding{
				Rule: PolicyForm, Object: object, Fix: p.replace(t, q),
				Detail: fmt.Sprintf("for %s, USING %s, WITH CHECK %s: not an expression of package rls for a %s table", q.Roles, deref(q.Using), deref(q.Check), t.spec.Kind),
			})
		case t.spec.Kind == rls.Tenant && (q.Using != nil && *q.Using == "true" || q.Check != nil && *q.Check == "true"):
			found = append(found, Finding{
				Rule: PolicyOpen, Object: object, Fix: p.replace(t, q),
				Detail: "the policy is for every row: nothing but the floor holds",
			})
		}
	}
	if len(t.granted("SELECT", "INSERT", "UPDATE", "DELETE")) > 0 && t.Reachable && !visible {
		found = append(found, Finding{
			Rule: PolicyMissing, Object: t.Name, Fix: p.policy(t, "rowhouse_tenant"),
			Detail: p.c.Login.Quoted + " has grants and no permissive policy: it sees nothing",
		})
	}
	return found
}

// allowed reports whether a policy shows the tenant's rows, or, for reading, the
// subject's.
func (t *table) allowed(q policy) bool {
	is := func(expression string) bool {
		return expression != "" && !q.Made && (q.Using == nil || *q.Using == expression) && (q.Check == nil || *q.Check == expression) &&
			(q.Using != nil || q.Check != nil)
	}
	return is(t.canonical.Tenant) || q.Command == "r" && is(t.canonical.Subject)
}

// replace puts a canonical policy in the place of one. A policy for a role that
// the login only is a member of is right for that role: the membership is not.
func (p *proof) replace(t *table, q policy) string {
	if !q.Public && !q.Direct && t.spec.Kind != rls.Tenant && !strings.Contains(q.Roles, ", ") {
		i := slices.IndexFunc(p.c.Roles, func(r role) bool { return r.Name == q.Roles })
		if i >= 0 && p.c.Roles[i].Raw != p.rls.App {
			return p.leave(p.c.Roles[i])
		}
	}
	if slices.ContainsFunc(t.policies, func(o policy) bool { return o.Permissive && o.Ours && o.Name != q.Name && t.allowed(o) }) {
		return t.drop(q.Name)
	}
	return p.policy(t, "rowhouse_tenant", q.Name)
}

// policy makes a policy of package rls, in the place of those of the names and of
// one of its own name.
func (p *proof) policy(t *table, name string, replaced ...string) string {
	var fix []string
	for _, q := range t.policies {
		if q.Name == name || slices.Contains(replaced, q.Name) {
			fix = append(fix, t.drop(q.Name))
		}
	}
	return strings.Join(append(fix, p.up(t, "CREATE POLICY "+name+" ")), "\n")
}

func (t *table) drop(policy string) string {
	return "DROP POLICY " + quote(policy) + " ON " + t.sql() + ";"
}

// retype gives the tenant column its type, from under the policies that use it.
func (p *proof) retype(t *table) string {
	var fix []string
	for _, q := range t.policies {
		fix = append(fix, t.drop(q.Name))
	}
	column := "ALTER TABLE " + t.sql() + " ALTER COLUMN " + quote(t.spec.Column)
	fix = append(fix, column+" DROP DEFAULT;", column+" TYPE "+string(t.spec.Type)+" USING "+quote(t.spec.Column)+"::"+string(t.spec.Type)+";")
	fix = append(fix, p.up(t, "CREATE POLICY "))
	if t.spec.Kind == rls.Tenant {
		fix = append(fix, p.up(t, column+" SET DEFAULT "))
	}
	return strings.Join(fix, "\n")
}

func deref(expression *string) string {
	if expression == nil {
		return "absent"
	}
	return *expression
}
