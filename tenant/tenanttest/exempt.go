package tenanttest

import (
	"slices"
	"strings"
)

// exempt takes out what is exempted for a reason, and reports exemptions that
// count for nothing.
func (p *proof) exempt() {
	for _, e := range p.o.Exempt {
		matches := func(f Finding) bool { return f.Rule == e.Rule && f.Object == e.Object }
		switch {
		case e.Reason == "":
			p.find(DeclarationReason, e.Object, "-- give the reason in Options.Exempt", "exempted from %s without a reason", e.Rule)
		case !slices.ContainsFunc(p.found, matches):
			p.find(DeclarationStale, e.Object, "-- take the entry out of Options.Exempt", "exempted from %s, which it does not break", e.Rule)
		default:
			p.found = slices.DeleteFunc(p.found, matches)
		}
	}
}

// causes are the rules whose breach lets a probe through. What else is wrong with a
// table does not: exempted, it must not take a probe with it.
var causes = []Rule{
	RoleOwner, RLSOff, ColumnType, ColumnCollation, FloorMissing, FloorCommand, FloorRoles, FloorUsing, FloorCheck,
	PolicyOpen, PolicyForm, TableRule,
}

// explain adds what the probes did. Where something else is wrong with the table,
// or the login is an owner's, that is the cause and the probe its proof.
func (p *proof) explain(probed []Finding) {
	for _, f := range probed {
		i := slices.IndexFunc(p.found, func(g Finding) bool {
			return slices.Contains(causes, g.Rule) && (g.Object == f.Object || strings.HasPrefix(g.Object, f.Object+"."))
		})
		if i < 0 {
			i = slices.IndexFunc(p.found, func(g Finding) bool { return g.Rule == RoleOwner })
		}
		if i < 0 {
			p.found = append(p.found, f)
		} else if !slices.Contains(p.found[i].Probes, f.Rule) {
			p.found[i].Probes = append(p.found[i].Probes, f.Rule)
		}
	}
}
