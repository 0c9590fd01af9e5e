package rbac_test

import (
	"strings"
	"testing"

	"github.com/casbin/casbin/v2"
	"github.com/casbin/casbin/v2/model"
	stringadapter "github.com/casbin/casbin/v2/persist/string-adapter"
	"github.com/stretchr/testify/require"

	"github.com/rowhouse-go/rowhouse/internal/bench/cpu"
	"github.com/rowhouse-go/rowhouse/rbac"
)

// The default policy in casbin's words: roles that inherit from the one below,
// without patterns and domains, which would only slow it down.
const (
	casbinModel = `
[request_definition]
r = sub, obj, act
[policy_definition]
p = sub, obj, act
[role_definition]
g = _, _
[policy_effect]
e = some(where (p.eft == allow))
[matchers]
m = g(r.sub, p.sub) && r.obj == p.obj && r.act == p.act
`
	casbinPolicy = `
p, member, organization, read
p, member, member, read
p, admin, organization, update
p, admin, member, add
p, admin, member, remove
p, admin, api-key, create
p, owner, organization, delete
p, owner, organization, transfer
p, owner, member, change-role
g, admin, member
g, owner, admin
`
)

type enforcer interface {
	Enforce(rvals ...any) (bool, error)
}

func peer(tb testing.TB, cached bool) enforcer {
	tb.Helper()
	m, err := model.NewModelFromString(casbinModel)
	require.NoError(tb, err)
	adapter := stringadapter.NewAdapter(strings.TrimSpace(casbinPolicy))
	if cached {
		e, err := casbin.NewCachedEnforcer(m, adapter)
		require.NoError(tb, err)
		return e
	}
	e, err := casbin.NewEnforcer(m, adapter)
	require.NoError(tb, err)
	return e
}

// The libraries are compared on the same question only if they answer it alike.
func TestPeerAnswersAlike(t *testing.T) {
	t.Parallel()
	p := rbac.DefaultPolicy()
	for _, e := range []enforcer{peer(t, false), peer(t, true)} {
		for _, role := range []rbac.Role{rbac.Owner, rbac.Admin, rbac.Member, "nobody"} {
			for perm := range p.Permissions(rbac.Owner) {
				noun, verb, _ := strings.Cut(string(perm), ":")
				got, err := e.Enforce(string(role), noun, verb)
				require.NoError(t, err)
				require.Equal(t, p.Can(role, perm), got, "%s %s", role, perm)
			}
		}
	}
}

// A permission held, one not held, and the floor: the same two look-ups in plain
// maps.
func BenchmarkCan(b *testing.B) {
	p := rbac.DefaultPolicy()
	plain := map[string]map[string]struct{}{}
	for role := range p.Roles() {
		plain[string(role)] = map[string]struct{}{}
		for perm := range p.Permissions(role) {
			plain[string(role)][string(perm)] = struct{}{}
		}
	}
	for _, ask := range []struct {
		name, role, noun, verb string
		want                   bool
	}{
		{"held", "admin", "member", "remove", true},
		{"missing", "member", "organization", "delete", false},
	} {
		perm := ask.noun + ":" + ask.verb
		b.Run("map/"+ask.name, func(b *testing.B) {
			defer cpu.PerOp(b)()
			for b.Loop() {
				if _, ok := plain[ask.role][perm]; ok != ask.want {
					b.Fatal(ok)
				}
			}
		})
		b.Run("rowhouse/"+ask.name, func(b *testing.B) {
			defer cpu.PerOp(b)()
			for b.Loop() {
				if ok := p.Can(rbac.Role(ask.role), rbac.Permission(perm)); ok != ask.want {
					b.Fatal(ok)
				}
			}
		})
		for name, e := range map[string]enforcer{"casbin": peer(b, false), "casbin-cached": peer(b, true)} {
			b.Run(name+"/"+ask.name, func(b *testing.B) {
				defer cpu.PerOp(b)()
				for b.Loop() {
					if ok, err := e.Enforce(ask.role, ask.noun, ask.verb); err != nil || ok != ask.want {
						b.Fatal(ok, err)
					}
				}
			})
		}
	}
}

func BenchmarkAllows(b *testing.B) {
	p := rbac.DefaultPolicy()
	defer cpu.PerOp(b)()
	for b.Loop() {
		if !p.Allows(rbac.Owner, rbac.Member) {
			b.Fatal("denied")
		}
	}
}

func BenchmarkCheckChange(b *testing.B) {
	p := rbac.DefaultPolicy()
	for name, c := range map[string]rbac.Change{
		"allowed": {
			Actor: rbac.Person{ID: "ada", Role: rbac.Owner}, Target: rbac.Person{ID: "bob", Role: rbac.Member},
			To: rbac.Admin, Via: rbac.PathChangeRole, OtherOwners: 1,
		},
		"refused": {
			Actor: rbac.Person{ID: "ada", Role: rbac.Admin}, Target: rbac.Person{ID: "bob"},
			To: rbac.Owner, Via: rbac.PathAdd, OtherOwners: 1,
		},
	} {
		b.Run(name, func(b *testing.B) {
			defer cpu.PerOp(b)()
			for b.Loop() {
				if err := p.CheckChange(c); (err == nil) != (name == "allowed") {
					b.Fatal(err)
				}
			}
		})
	}
}
