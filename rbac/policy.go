package rbac

import (
	"cmp"
	"errors"
	"fmt"
	"iter"
	"slices"
)

// A Role names a set of permissions inside one organization. It is 1 to 64
// bytes of a to z, 0 to 9, "-" and "_", starting with a letter. The zero value
// means "no member" and holds no permission.
//
// A Role made from outside input by conversion is unchecked; [Policy.ParseRole]
// checks it.
type Role string

// The roles of [DefaultPolicy].
const (
	Owner  Role = "owner"
	Admin  Role = "admin"
	Member Role = "member"
)

// A Grant gives a role its permissions. A role without permissions is allowed:
// its people are members who may do nothing.
type Grant struct {
	Role        Role
	Permissions []Permission
}

// Options holds what [NewPolicy] does not take as an argument. The zero value,
// like a nil *Options, means the defaults.
type Options struct {
	// Owner is the role of which an organization must always have one holder
	// and which only its holders may give and take. Zero means [Owner].
	Owner Role

	// Needs replaces the permission a path needs. A path that is not listed
	// needs what its constant says. [PathLeave] needs none and can't be listed:
	// a person may always leave.
	Needs map[Path]Permission
}

// A Policy is an immutable table of roles and permissions, safe for concurrent
// use. Make one with [NewPolicy] or [DefaultPolicy]; the zero Policy has no roles
// and denies everything.
type Policy struct {
	owner  Role
	order  []Role
	grants map[Role][]Permission // ascending
	holds  table
	covers map[[2]Role]struct{} // the first role's permissions include the second's
	needs  map[Path]Permission
}

// DefaultPolicy returns the policy of three roles, each holding what the one
// below it holds:
//
//	member  organization:read, member:read
//	admin   organization:update, member:add, member:remove, api-key:create
//	owner   organization:delete, organization:transfer, member:change-role
func DefaultPolicy() *Policy {
	member := []Permission{OrganizationRead, MemberRead}
	admin := slices.Concat(member, []Permission{OrganizationUpdate, MemberAdd, MemberRemove, APIKeyCreate})
	owner := slices.Concat(admin, []Permission{OrganizationDelete, OrganizationTransfer, MemberChangeRole})
	p, err := NewPolicy([]Grant{{Owner, owner}, {Admin, admin}, {Member, member}}, nil)
	if err != nil {
		panic(err) // unreachable: the table above is constant and tested
	}
	return p
}

// NewPolicy returns the policy of the given grants. It reports every fault at
// once: no grants, malformed or duplicate role and permission names, no grant for
// the owner role, a permission that the owner role lacks (nobody could give the
// role that holds it), a malformed entry of [Options.Needs]. The policy keeps no
// reference to its arguments.
func NewPolicy(grants []Grant, o *Options) (*Policy, error) {
	if o == nil {
		o = &Options{}
	}
	p := &Policy{
		owner:  cmp.Or(o.Owner, Owner),
		grants: make(map[Role][]Permission, len(grants)),
		covers: make(map[[2]Role]struct{}),
		needs:  defaultNeeds(),
	}
	var faults []error
	for i, g := range grants {
		if err := p.add(g); err != nil {
			faults = append(faults, fmt.Errorf("rbac: grants[%d]: %w", i, err))
		}
	}
	faults = append(faults, p.checkOwner()...)
	for path, need := range o.Needs {
		if err := p.setNeed(path, need); err != nil {
			faults = append(faults, fmt.Errorf("rbac: Options.Needs[%q]: %w", path, err))
		}
	}
	if len(faults) > 0 {
		slices.SortStableFunc(faults, byText) // Needs is a map: keep the report stable
		return nil, errors.Join(faults...)
	}
	var pairs []pair
	for _, have := range p.order {
		for _, perm := range p.grants[have] {
			pairs = append(pairs, pair{have, perm})
		}
		for _, need := range p.order {
			if len(p.lacking(have, need)) == 0 {
				p.covers[[2]Role{have, need}] = struct{}{}
			}
		}
	}
	p.holds = newTable(pairs)
	return p, nil
}

// Can reports whether role holds perm. An unknown role or permission is false.
func (p *Policy) Can(role Role, perm Permission) bool {
	return p.holds.has(role, perm)
}

// Allows reports whether have holds every permission of need. An unknown role
// on either side is false.
func (p *Policy) Allows(have, need Role) bool {
	_, ok := p.covers[[2]Role{have, need}]
	return ok
}

// ParseRole returns the role of the policy spelled exactly s: no trimming, no
// folding of case. The error is [ErrUnknownRole].
func (p *Policy) ParseRole(s string) (Role, error) {
	if _, ok := p.grants[Role(s)]; !ok {
		return "", fmt.Errorf("%w: %.64q", ErrUnknownRole, s)
	}
	return Role(s), nil
}

// Owner returns the role of which an organization always has a holder.
func (p *Policy) Owner() Role { return p.owner }

// Roles yields the roles in the order of the grants.
func (p *Policy) Roles() iter.Seq[Role] { return slices.Values(p.order) }

// Permissions yields the permissions of role in ascending order; none for an
// unknown role. The owner role holds every permission of the policy.
func (p *Policy) Permissions(role Role) iter.Seq[Permission] {
	return slices.Values(p.grants[role])
}

// Needs returns the permission that a change over path needs. It is false for an
// unknown path; the permission is empty for [PathLeave], which needs none.
func (p *Policy) Needs(path Path) (Permission, bool) {
	need, ok := p.needs[path]
	return need, ok
}

func (p *Policy) add(g Grant) error {
	faults := []error{g.Role.check()}
	if _, twice := p.grants[g.Role]; twice {
		return errors.Join(append(faults, fmt.Errorf("role %q is granted twice", g.Role))...)
	}
	perms := slices.Sorted(slices.Values(g.Permissions))
	for i, perm := range perms {
		if i > 0 && perm == perms[i-1] {
			faults = append(faults, fmt.Errorf("role %q: permission %q is listed twice", g.Role, perm))
		}
		faults = append(faults, perm.check())
	}
	p.order = append(p.order, g.Role)
	p.grants[g.Role] = slices.Compact(perms)
	return errors.Join(faults...)
}

func (p *Policy) checkOwner() []error {
	if _, ok := p.grants[p.owner]; !ok {
		return []error{fmt.Errorf("rbac: no grant for the owner role %q", p.owner)}
	}
	var faults []error
	for _, role := range p.order {
		for _, perm := range p.lacking(p.owner, role) {
			faults = append(faults, fmt.Errorf("rbac: %q holds %q, which the owner role %q lacks", role, perm, p.owner))
		}
	}
	return faults
}

// lacking returns the permissions of need that have does not hold.
func (p *Policy) lacking(have, need Role) []Permission {
	return slices.DeleteFunc(slices.Clone(p.grants[need]), func(perm Permission) bool { return slices.Contains(p.grants[have], perm) })
}

func (p *Policy) setNeed(path Path, need Permission) error {
	if path == PathLeave {
		return errors.New("a person may always leave")
	}
	if _, ok := p.needs[path]; !ok {
		return errors.New("no such path")
	}
	if !slices.Contains(p.grants[p.owner], need) {
		return fmt.Errorf("no role holds the permission %q", need)
	}
	p.needs[path] = need
	return nil
}

func byText(a, b error) int {
	return cmp.Compare(a.Error(), b.Error())
}
