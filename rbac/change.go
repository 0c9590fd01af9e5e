package rbac

import "fmt"

// A Path is the way by which a role change comes about. The zero value and any
// value but the constants are refused.
type Path string

// The paths, with the permission each needs by default and what it demands of a
// [Change].
const (
	PathAdd        Path = "add"         // member:add. The target is no member, To is the role it gets.
	PathInvite     Path = "invite"      // member:add. As PathAdd, judged when the invitation is made.
	PathAccept     Path = "accept"      // member:add. As PathAdd, judged again on acceptance: the actor is the inviter with the present role.
	PathImport     Path = "import"      // member:add. As PathAdd, for each person of a bulk import.
	PathAPIKey     Path = "api-key"     // api-key:create. As PathAdd; the target is the key.
	PathChangeRole Path = "change-role" // member:change-role. The target is a member, To is the new role.
	PathRemove     Path = "remove"      // member:remove. The target is another member, To is empty.
	PathLeave      Path = "leave"       // No permission. The target is the actor, To is empty.
	PathTransfer   Path = "transfer"    // organization:transfer. The target is another member, To is the owner role; the actor steps down in the same act.
)

// Paths returns all paths.
func Paths() []Path {
	return []Path{PathAdd, PathInvite, PathAccept, PathImport, PathAPIKey, PathChangeRole, PathRemove, PathLeave, PathTransfer}
}

func defaultNeeds() map[Path]Permission {
	return map[Path]Permission{
		PathAdd: MemberAdd, PathInvite: MemberAdd, PathAccept: MemberAdd, PathImport: MemberAdd,
		PathAPIKey: APIKeyCreate, PathChangeRole: MemberChangeRole, PathRemove: MemberRemove,
		PathLeave: "", PathTransfer: OrganizationTransfer,
	}
}

// A Person takes part in a change. ID tells persons apart and is not otherwise
// read; Role is the person's present role in the organization concerned, empty
// for somebody who is no member.
type Person struct {
	ID   string
	Role Role
}

// A Change is a role change in one organization, before it is made. The zero
// value is refused.
type Change struct {
	Actor  Person // who makes the change
	Target Person // whose role changes
	To     Role   // the role afterwards; empty removes the target
	Via    Path

	// OtherOwners is the number of owners besides the target. Left at zero by
	// mistake it denies: the target then counts as the last owner.
	OtherOwners int
}

// CheckChange reports whether c is allowed, by the rules in the package comment.
// It judges what it is given: read the roles and OtherOwners under a lock that
// lasts until the change is made, or two changes that are each allowed will
// together leave an organization without an owner.
//
// The first failing test decides the error:
//
//  1. [ErrBadChange]: c contradicts itself or its path. [ErrUnknownRole]: the
//     policy lacks c.To.
//  2. [ErrNotMember]: the actor is no member.
//  3. [ErrForbidden]: the actor's role lacks the permission the path needs.
//  4. [ErrSelf]: the path is not one to take for oneself, or the actor would
//     raise their own role.
//  5. [ErrNotMember], [ErrAlreadyMember]: the target is no member, or is one,
//     where the path wants the opposite.
//  6. [ErrOutranked]: the target is an owner and the actor is not, or the
//     target holds a permission the actor lacks. A target whose role the policy
//     does not know is for owners to mend.
//  7. [ErrEscalation]: c.To is the owner role and the actor is no owner, or
//     c.To holds a permission the actor lacks.
//  8. [ErrLastOwner]: nobody would be left as owner.
func (p *Policy) CheckChange(c Change) error {
	if err := p.checkShape(c); err != nil {
		return err
	}
	if c.Actor.Role == "" {
		return fmt.Errorf("%w: actor of %s", ErrNotMember, c.Via)
	}
	if need := p.needs[c.Via]; need != "" && !p.Can(c.Actor.Role, need) {
		return fmt.Errorf("%w: %s needs %s, which %.64q lacks", ErrForbidden, c.Via, need, c.Actor.Role)
	}
	self := c.Actor.ID == c.Target.ID
	if self && c.Via != PathChangeRole && c.Via != PathLeave {
		return fmt.Errorf("%w: %s", ErrSelf, c.Via)
	}
	if self && c.To != "" && c.To != c.Actor.Role && !p.mayGive(c.Actor.Role, c.To) {
		return fmt.Errorf("%w: from %.64q to %q", ErrSelf, c.Actor.Role, c.To)
	}
	if c.Via.bringsIn() && c.Target.Role != "" {
		return fmt.Errorf("%w: target of %s", ErrAlreadyMember, c.Via)
	}
	if !c.Via.bringsIn() && c.Target.Role == "" {
		return fmt.Errorf("%w: target of %s", ErrNotMember, c.Via)
	}
	if !self && c.Target.Role != "" && !p.mayTouch(c.Actor.Role, c.Target.Role) {
		return fmt.Errorf("%w: %.64q by %q", ErrOutranked, c.Target.Role, c.Actor.Role)
	}
	if !self && c.To != "" && !p.mayGive(c.Actor.Role, c.To) {
		return fmt.Errorf("%w: %q by %q", ErrEscalation, c.To, c.Actor.Role)
	}
	if c.Target.Role == p.owner && c.To != p.owner && c.OtherOwners == 0 {
		return fmt.Errorf("%w: %s", ErrLastOwner, c.Via)
	}
	return nil
}

// checkShape refuses what no state of an organization could make sense of.
func (p *Policy) checkShape(c Change) error {
	bad := func(why string) error { return fmt.Errorf("%w: %s", ErrBadChange, why) }
	if _, ok := p.needs[c.Via]; !ok {
		return bad(fmt.Sprintf("unknown path %.64q", c.Via))
	}
	self := c.Actor.ID == c.Target.ID
	takesOut := c.Via == PathRemove || c.Via == PathLeave
	switch {
	case c.Actor.ID == "":
		return bad("no actor")
	case c.Target.ID == "":
		return bad("no target")
	case c.OtherOwners < 0:
		return bad("negative number of owners")
	case self && c.Actor.Role != c.Target.Role:
		return bad("actor and target are one person with two roles")
	case c.Via == PathLeave && !self:
		return bad("a person leaves, others remove")
	case takesOut && c.To != "":
		return bad(fmt.Sprintf("%s gives no role", c.Via))
	case !takesOut && c.To == "":
		return bad(fmt.Sprintf("%s needs a role", c.Via))
	case c.Via == PathTransfer && c.To != p.owner:
		return bad("only ownership is transferred")
	}
	if c.To != "" {
		_, err := p.ParseRole(string(c.To))
		return err
	}
	return nil
}

// mayTouch reports whether have may change or remove a person of the role other.
func (p *Policy) mayTouch(have, other Role) bool {
	return have == p.owner || other != p.owner && p.Allows(have, other)
}

// mayGive reports whether have may give the role to. Holding all of an owner's
// permissions does not make an owner.
func (p *Policy) mayGive(have, to Role) bool {
	return have == p.owner || to != p.owner && p.Allows(have, to)
}

// bringsIn reports whether the path gives a role to somebody who has none.
func (v Path) bringsIn() bool {
	switch v {
	case PathAdd, PathInvite, PathAccept, PathImport, PathAPIKey:
		return true
	}
	return false
}
