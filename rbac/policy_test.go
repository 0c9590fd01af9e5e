package rbac_test

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/rowhouse-go/rowhouse/rbac"
)

// tables are the policies the tests run on, as data of their own: what each role
// holds, with the owner role first.
type table struct {
	owner rbac.Role
	roles []rbac.Role
	holds map[rbac.Role][]rbac.Permission
	needs map[rbac.Path]rbac.Permission // as Options.Needs
}

func tables() map[string]table {
	const (
		pay     rbac.Permission = "invoice:pay"
		answer  rbac.Permission = "ticket:answer"
		imports rbac.Permission = "member:import"
	)
	standard := map[rbac.Role][]rbac.Permission{
		"owner": {
			"organization:read", "organization:update", "organization:delete", "organization:transfer",
			"member:read", "member:add", "member:change-role", "member:remove", "api-key:create",
		},
		"admin":  {"organization:read", "organization:update", "member:read", "member:add", "member:remove", "api-key:create"},
		"member": {"organization:read", "member:read"},
	}
	viewer := maps.Clone(standard)
	viewer["viewer"] = []rbac.Permission{"organization:read"}
	return map[string]table{
		"default": {"owner", []rbac.Role{"owner", "admin", "member"}, standard, nil},
		"viewer":  {"owner", []rbac.Role{"owner", "admin", "member", "viewer"}, viewer, nil},
		// deputy holds all that captain holds, and ops as much as sales in another
		// way: neither may count as owner or as above the other.
		"own": {"captain", []rbac.Role{"captain", "deputy", "sales", "ops", "guest"}, map[rbac.Role][]rbac.Permission{
			"captain": {"member:add", "member:remove", "member:change-role", "organization:transfer", "api-key:create", pay, answer, imports},
			"deputy":  {"member:add", "member:remove", "member:change-role", "organization:transfer", "api-key:create", pay, answer, imports},
			"sales":   {"member:add", "member:remove", "member:change-role", pay},
			"ops":     {"member:add", "member:remove", "member:change-role", answer},
			"guest":   {},
		}, map[rbac.Path]rbac.Permission{rbac.PathImport: imports, rbac.PathAPIKey: pay}},
	}
}

func (tab table) policy(t testing.TB) *rbac.Policy {
	t.Helper()
	var grants []rbac.Grant
	for _, role := range tab.roles {
		grants = append(grants, rbac.Grant{Role: role, Permissions: tab.holds[role]})
	}
	p, err := rbac.NewPolicy(grants, &rbac.Options{Owner: tab.owner, Needs: tab.needs})
	require.NoError(t, err)
	return p
}

func TestDefaultPolicyIsTheTableOfItsComment(t *testing.T) {
	t.Parallel()
	p, want := rbac.DefaultPolicy(), tables()["default"]
	require.Equal(t, rbac.Owner, p.Owner())
	require.Equal(t, want.roles, slices.Collect(p.Roles()))
	for _, role := range want.roles {
		require.Equal(t, slices.Sorted(slices.Values(want.holds[role])), slices.Collect(p.Permissions(role)), role)
	}
}

func TestCanAndAllows(t *testing.T) {
	t.Parallel()
	for name, tab := range tables() {
		p := tab.policy(t)
		all := tab.holds[tab.owner]
		strangers := []rbac.Role{"", "retired", "OWNER", "owner ", "own"}
		for _, have := range slices.Concat(tab.roles, strangers) {
			for _, perm := range slices.Concat(all, []rbac.Permission{"", "member", "member:", "member:*", "*", "Member:Add"}) {
				require.Equal(t, slices.Contains(tab.holds[have], perm), p.Can(have, perm), "%s: %q %q", name, have, perm)
			}
			for _, need := range slices.Concat(tab.roles, strangers) {
				known := slices.Contains(tab.roles, have) && slices.Contains(tab.roles, need)
				want := known && !slices.ContainsFunc(tab.holds[need], func(perm rbac.Permission) bool {
					return !slices.Contains(tab.holds[have], perm)
				})
				require.Equal(t, want, p.Allows(have, need), "%s: %q for %q", name, have, need)
			}
		}
		require.Empty(t, slices.Collect(p.Permissions("retired")))
	}
}

// Large policies, and names chosen so that little tells them apart.
func TestCanOnLargePolicies(t *testing.T) {
	t.Parallel()
	name := map[string]func(role, i int) rbac.Permission{
		"numbered at the end":   func(_, i int) rbac.Permission { return rbac.Permission(fmt.Sprintf("report:read-%04d", i)) },
		"numbered at the start": func(_, i int) rbac.Permission { return rbac.Permission(fmt.Sprintf("r%04d:read", i)) },
		"alike at both ends": func(_, i int) rbac.Permission {
			return rbac.Permission(fmt.Sprintf("abc%04d-aaaaaaaaaa:aaaaaaaaaaaz", i))
		},
		"of one role each": func(role, i int) rbac.Permission { return rbac.Permission(fmt.Sprintf("n%d:v%d", role, i)) },
		"three bytes":      func(_, i int) rbac.Permission { return rbac.Permission(fmt.Sprintf("%c:%c", 'a'+i%26, 'a'+i/26%26)) },
	}
	for title, perm := range name {
		t.Run(title, func(t *testing.T) {
			t.Parallel()
			all := map[rbac.Permission]bool{}
			holds := map[rbac.Role]map[rbac.Permission]bool{}
			var grants []rbac.Grant
			for r := range 20 {
				role := rbac.Role(fmt.Sprintf("role-%c-x", 'a'+r))
				holds[role] = map[rbac.Permission]bool{}
				for i := range 200 {
					if i%(r+1) == 0 {
						holds[role][perm(r, i)] = true
						all[perm(r, i)] = true
					}
				}
				grants = append(grants, rbac.Grant{Role: role, Permissions: slices.Collect(maps.Keys(holds[role]))})
			}
			grants = append(grants, rbac.Grant{Role: rbac.Owner, Permissions: slices.Collect(maps.Keys(all))})
			p, err := rbac.NewPolicy(grants, nil)
			require.NoError(t, err)
			for role, held := range holds {
				for perm := range all {
					if got := p.Can(role, perm); got != held[perm] {
						t.Fatalf("%s %s: %v", role, perm, got)
					}
				}
				require.False(t, p.Can(role, "a:bc") && !all["a:bc"])
			}
		})
	}
}

func TestZeroPolicyDeniesEverything(t *testing.T) {
	t.Parallel()
	p := &rbac.Policy{}
	require.Empty(t, slices.Collect(p.Roles()))
	for _, role := range []rbac.Role{"", rbac.Owner} {
		require.False(t, p.Can(role, rbac.MemberRead))
		require.False(t, p.Can(role, ""))
		require.False(t, p.Allows(role, role))
		_, err := p.ParseRole(string(role))
		require.ErrorIs(t, err, rbac.ErrUnknownRole)
		for _, path := range rbac.Paths() {
			for _, to := range []rbac.Role{"", rbac.Owner, rbac.Member} {
				for _, id := range []string{"a", "b"} {
					err := p.CheckChange(rbac.Change{
						Actor: rbac.Person{ID: "a", Role: role}, Target: rbac.Person{ID: id, Role: role}, To: to, Via: path, OtherOwners: 1,
					})
					require.ErrorIs(t, err, rbac.ErrBadChange)
				}
			}
		}
	}
}

func TestNewPolicyFaults(t *testing.T) {
	t.Parallel()
	owner := rbac.Grant{Role: rbac.Owner, Permissions: []rbac.Permission{"a:b"}}
	for name, c := range map[string]struct {
		grants []rbac.Grant
		o      *rbac.Options
		want   []string // a line each, in this order
	}{
		"nothing": {nil, nil, []string{`rbac: no grant for the owner role "owner"`}},
		"empty role": {
			[]rbac.Grant{owner, {Role: ""}},
			nil,
			[]string{`rbac: grants[1]: role "": a name must start with a letter and hold only a-z, 0-9, - and _`},
		},
		"role in capitals": {
			[]rbac.Grant{owner, {Role: "ADMIN"}},
			nil,
			[]string{`rbac: grants[1]: role "ADMIN": a name must start with a letter and hold only a-z, 0-9, - and _`},
		},
		"long role": {
			[]rbac.Grant{owner, {Role: rbac.Role(strings.Repeat("r", 65))}},
			nil,
			[]string{`rbac: grants[1]: role "rrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrr"… is longer than 64 bytes`},
		},
		"role twice": {[]rbac.Grant{owner, owner}, nil, []string{`rbac: grants[1]: role "owner" is granted twice`}},
		"permission twice": {
			[]rbac.Grant{{Role: rbac.Owner, Permissions: []rbac.Permission{"a:b", "a:b"}}},
			nil,
			[]string{`rbac: grants[0]: role "owner": permission "a:b" is listed twice`},
		},
		"wildcard": {
			[]rbac.Grant{{Role: rbac.Owner, Permissions: []rbac.Permission{"member:*", "*"}}},
			nil,
			[]string{
				`rbac: grants[0]: permission "*" is not of the form noun:verb`,
				`permission "member:*": a word must start with a letter and hold only a-z, 0-9, - and _`,
			},
		},
		"long permission": {
			[]rbac.Grant{{Role: rbac.Owner, Permissions: []rbac.Permission{rbac.Permission("a:" + strings.Repeat("b", 127))}}},
			nil,
			[]string{`rbac: grants[0]: permission "a:bbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"… is longer than 128 bytes`},
		},
		"owner lacks": {
			[]rbac.Grant{owner, {Role: rbac.Admin, Permissions: []rbac.Permission{"a:b", "a:c", "a:d"}}},
			nil,
			[]string{`rbac: "admin" holds "a:c", which the owner role "owner" lacks`, `rbac: "admin" holds "a:d", which the owner role "owner" lacks`},
		},
		"other owner missing": {[]rbac.Grant{owner}, &rbac.Options{Owner: "captain"}, []string{`rbac: no grant for the owner role "captain"`}},
		"needs": {
			[]rbac.Grant{owner},
			&rbac.Options{Needs: map[rbac.Path]rbac.Permission{rbac.PathAdd: "a:typo", rbac.PathRemove: "", rbac.PathLeave: "a:b", "scim": "a:b"}},
			[]string{
				`rbac: Options.Needs["add"]: no role holds the permission "a:typo"`,
				`rbac: Options.Needs["leave"]: a person may always leave`,
				`rbac: Options.Needs["remove"]: no role holds the permission ""`,
				`rbac: Options.Needs["scim"]: no such path`,
			},
		},
		"several at once": {
			[]rbac.Grant{{Role: "x y"}, {Role: "viewer", Permissions: []rbac.Permission{"read"}}},
			nil,
			[]string{
				`rbac: grants[0]: role "x y": a name must start with a letter and hold only a-z, 0-9, - and _`,
				`rbac: grants[1]: permission "read" is not of the form noun:verb`,
				`rbac: no grant for the owner role "owner"`,
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p, err := rbac.NewPolicy(c.grants, c.o)
			require.Nil(t, p)
			require.EqualError(t, err, strings.Join(c.want, "\n"))
		})
	}
}

func TestPolicyKeepsNoReference(t *testing.T) {
	t.Parallel()
	perms := []rbac.Permission{"a:b", "a:c"}
	grants := []rbac.Grant{{Role: rbac.Owner, Permissions: perms}, {Role: rbac.Member, Permissions: perms[:1]}}
	needs := map[rbac.Path]rbac.Permission{rbac.PathAdd: "a:b"}
	p, err := rbac.NewPolicy(grants, &rbac.Options{Needs: needs})
	require.NoError(t, err)
	perms[0], perms[1], grants[1].Role, needs[rbac.PathAdd] = "x:y", "x:z", "changed", "x:y"

	require.True(t, p.Can(rbac.Member, "a:b"))
	require.False(t, p.Can(rbac.Member, "a:c"))
	require.False(t, p.Can(rbac.Owner, "x:y"))
	require.Equal(t, []rbac.Role{rbac.Owner, rbac.Member}, slices.Collect(p.Roles()))
	need, ok := p.Needs(rbac.PathAdd)
	require.True(t, ok)
	require.Equal(t, rbac.Permission("a:b"), need)
}

func TestNeeds(t *testing.T) {
	t.Parallel()
	want := map[rbac.Path]rbac.Permission{
		"add": "member:add", "invite": "member:add", "accept": "member:add", "import": "member:add",
		"api-key": "api-key:create", "change-role": "member:change-role", "remove": "member:remove",
		"leave": "", "transfer": "organization:transfer",
	}
	require.ElementsMatch(t, slices.Collect(maps.Keys(want)), rbac.Paths())
	for path, perm := range want {
		got, ok := rbac.DefaultPolicy().Needs(path)
		require.True(t, ok)
		require.Equal(t, perm, got, path)
	}
	for _, path := range []rbac.Path{"", "Add", "scim"} {
		_, ok := rbac.DefaultPolicy().Needs(path)
		require.False(t, ok)
	}
}

func TestDecisionsDoNotAllocate(t *testing.T) {
	p := rbac.DefaultPolicy()
	c := rbac.Change{
		Actor: rbac.Person{ID: "ada", Role: rbac.Owner}, Target: rbac.Person{ID: "bob", Role: rbac.Member},
		To: rbac.Admin, Via: rbac.PathChangeRole, OtherOwners: 1,
	}
	require.Zero(t, testing.AllocsPerRun(100, func() {
		_ = p.Can(rbac.Admin, rbac.MemberAdd)
		_ = p.Can("nobody", "no:thing")
		_ = p.Allows(rbac.Owner, rbac.Member)
		_, _ = p.ParseRole("admin")
		_ = p.CheckChange(c)
	}))
}

func FuzzParseRole(f *testing.F) {
	for _, s := range []string{"owner", "admin", "member", "", "Owner", " owner", "owner\x00", "öwner", "\xff", strings.Repeat("x", 1<<16), "owner\n"} {
		f.Add(s)
	}
	f.Add("member:add")
	p := rbac.DefaultPolicy()
	f.Fuzz(func(t *testing.T, s string) {
		role, err := p.ParseRole(s)
		if s == "owner" || s == "admin" || s == "member" {
			require.NoError(t, err)
			require.Equal(t, s, string(role))
			return
		}
		require.ErrorIs(t, err, rbac.ErrUnknownRole)
		require.Empty(t, role)
		require.Less(t, len(err.Error()), 700, "a long name is cut short")
		require.NotContains(t, err.Error(), "\n", "nothing can be smuggled into a log")
		require.False(t, p.Allows(rbac.Owner, rbac.Role(s)))
		require.False(t, p.Can(rbac.Role(s), rbac.OrganizationRead))
		require.Equal(t, slices.Contains(slices.Collect(p.Permissions(rbac.Owner)), rbac.Permission(s)), p.Can(rbac.Owner, rbac.Permission(s)))
	})
}

func FuzzNames(f *testing.F) {
	for _, c := range [][2]string{
		{"owner", "a:b"},
		{"", ""},
		{"o_-9", "noun:verb-it:more_9"},
		{"9o", "9:a"},
		{"o", ":"},
		{"o", "a::b"},
		{"o", "a:b:"},
		{"ö", "a:ö"},
		{"oK", "a:b"},
		{"o", "a:bC"},
		{"o k", "a:b c"},
		{strings.Repeat("a", 64), strings.Repeat("a", 62) + ":" + strings.Repeat("b", 65)},
		{strings.Repeat("a", 65), "a:" + strings.Repeat("b", 127)},
	} {
		f.Add(c[0], c[1])
	}
	role := regexp.MustCompile(`^[a-z][a-z0-9_-]{0,63}$`)
	perm := regexp.MustCompile(`^[a-z][a-z0-9_-]*(:[a-z][a-z0-9_-]*)+$`)
	f.Fuzz(func(t *testing.T, r, s string) {
		p, err := rbac.NewPolicy([]rbac.Grant{{rbac.Role(r), []rbac.Permission{rbac.Permission(s)}}}, &rbac.Options{Owner: rbac.Role(r)})
		require.Equal(t, role.MatchString(r) && perm.MatchString(s) && len(s) <= 128, err == nil)
		if err == nil {
			require.True(t, p.Can(rbac.Role(r), rbac.Permission(s)))
		}
	})
}
