package rbactest

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/rowhouse-go/rowhouse/rbac"
)

// table returns the table of p: sections parted by an empty line, each with a
// heading, a line of column names and one line per row.
func table(p *rbac.Policy) string {
	roles := slices.Collect(p.Roles())
	parts := []string{permissions(p, roles)}
	for _, path := range rbac.Paths() {
		parts = append(parts, changes(p, roles, path))
	}
	return strings.Join(parts, "\n")
}

func permissions(p *rbac.Policy, roles []rbac.Role) string {
	g := newGrid("permissions", "", roles)
	for perm := range p.Permissions(p.Owner()) { // the owner role holds all there are
		g.row(string(perm), func(role rbac.Role) string {
			if p.Can(role, perm) {
				return "yes"
			}
			return "-"
		})
	}
	return g.String()
}

// changes returns the section of one path. Actor and target are different
// persons, and there is another owner, unless the row says otherwise.
func changes(p *rbac.Policy, roles []rbac.Role, path rbac.Path) string {
	need, _ := p.Needs(path)
	if need == "" {
		need = "no permission"
	}
	head := fmt.Sprintf("%s, needs %s", path, need)
	check := func(actor, target, to rbac.Role, self bool, others int) string {
		c := rbac.Change{
			Actor: rbac.Person{ID: "actor", Role: actor}, Target: rbac.Person{ID: "target", Role: target},
			To: to, Via: path, OtherOwners: others,
		}
		if self {
			c.Target.ID = c.Actor.ID
		}
		return word(p.CheckChange(c))
	}
	switch path {
	case rbac.PathRemove:
		g := newGrid(head, "actor \\ target", roles)
		for _, actor := range roles {
			g.row(string(actor), func(target rbac.Role) string { return check(actor, target, "", false, 1) })
		}
		return g.String()
	case rbac.PathTransfer:
		g := newGrid(head, "actor \\ target", roles)
		for _, actor := range roles {
			g.row(string(actor), func(target rbac.Role) string { return check(actor, target, p.Owner(), false, 1) })
		}
		return g.String()
	case rbac.PathLeave:
		g := newGrid(head, "owners left \\ who leaves", roles)
		for _, left := range []int{0, 1} {
			g.row(fmt.Sprint(left), func(who rbac.Role) string { return check(who, who, "", true, left) })
		}
		return g.String()
	case rbac.PathChangeRole:
		g := newGrid(head, "actor on target \\ to", roles)
		for _, actor := range roles {
			for _, target := range roles {
				g.row(fmt.Sprintf("%s on %s", actor, target), func(to rbac.Role) string { return check(actor, target, to, false, 1) })
			}
		}
		for _, actor := range roles {
			g.row(fmt.Sprintf("%s on self", actor), func(to rbac.Role) string { return check(actor, actor, to, true, 1) })
		}
		g.row("last "+string(p.Owner())+" on self", func(to rbac.Role) string { return check(p.Owner(), p.Owner(), to, true, 0) })
		return g.String()
	}
	g := newGrid(head, "actor \\ to", roles)
	for _, actor := range roles {
		g.row(string(actor), func(to rbac.Role) string { return check(actor, "", to, false, 1) })
	}
	return g.String()
}

// word names the answer of CheckChange.
func word(err error) string {
	if err == nil {
		return "allow"
	}
	for _, w := range []struct {
		err  error
		text string
	}{
		{rbac.ErrForbidden, "forbidden"},
		{rbac.ErrEscalation, "escalation"},
		{rbac.ErrOutranked, "outranked"},
		{rbac.ErrSelf, "self"},
		{rbac.ErrLastOwner, "last-owner"},
	} {
		if errors.Is(err, w.err) {
			return w.text
		}
	}
	return err.Error()
}

// columnWidth fits the longest word and two spaces, so that no answer widens its
// column and with it changes every line of the section.
const columnWidth = len("escalation") + 2

// A grid lays out one section with a column for each role.
type grid struct {
	text  strings.Builder
	tabs  *tabwriter.Writer
	roles []rbac.Role
}

func newGrid(head, corner string, roles []rbac.Role) *grid {
	g := &grid{roles: roles}
	g.text.WriteString(head + "\n")
	g.tabs = tabwriter.NewWriter(&g.text, columnWidth, 0, 2, ' ', 0)
	g.row(corner, func(role rbac.Role) string { return string(role) })
	return g
}

func (g *grid) row(name string, cell func(rbac.Role) string) {
	cells := []string{name}
	for _, role := range g.roles {
		cells = append(cells, cell(role))
	}
	_, _ = fmt.Fprintln(g.tabs, strings.Join(cells, "\t")) // a strings.Builder does not fail
}

func (g *grid) String() string {
	_ = g.tabs.Flush()
	return g.text.String()
}
