package rbac

import (
	"fmt"
	"strings"
)

// A Permission names one thing that can be allowed, as "noun:verb". It is 3 to
// 128 bytes long: two or more words joined by colons, each made of a to z, 0 to
// 9, "-" and "_" and starting with a letter. There are no wildcards.
type Permission string

// The permissions of [DefaultPolicy]. A policy of your own may use others; the
// last six are also what each [Path] needs unless [Options.Needs] says otherwise.
const (
	OrganizationRead     Permission = "organization:read"
	OrganizationUpdate   Permission = "organization:update"
	OrganizationDelete   Permission = "organization:delete"
	MemberRead           Permission = "member:read"
	OrganizationTransfer Permission = "organization:transfer"
	MemberAdd            Permission = "member:add"
	MemberChangeRole     Permission = "member:change-role"
	MemberRemove         Permission = "member:remove"
	APIKeyCreate         Permission = "api-key:create"
)

const (
	maxRole       = 64
	maxPermission = 128
)

// check reports why p is no permission name.
func (p Permission) check() error {
	if len(p) > maxPermission {
		return fmt.Errorf("permission %.32q… is longer than %d bytes", string(p), maxPermission)
	}
	words := strings.Split(string(p), ":")
	if len(words) < 2 {
		return fmt.Errorf("permission %q is not of the form noun:verb", string(p))
	}
	for _, w := range words {
		if !isWord(w) {
			return fmt.Errorf("permission %q: a word must start with a letter and hold only a-z, 0-9, - and _", string(p))
		}
	}
	return nil
}

// check reports why r is no role name.
func (r Role) check() error {
	if len(r) > maxRole {
		return fmt.Errorf("role %.32q… is longer than %d bytes", string(r), maxRole)
	}
	if !isWord(string(r)) {
		return fmt.Errorf("role %q: a name must start with a letter and hold only a-z, 0-9, - and _", string(r))
	}
	return nil
}

func isWord(s string) bool {
	if s == "" || s[0] < 'a' || s[0] > 'z' {
		return false
	}
	for i := range len(s) {
		c := s[i]
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' && c != '_' {
			return false
		}
	}
	return true
}
