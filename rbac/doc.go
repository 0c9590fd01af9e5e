// Package rbac decides what a role may do and which role changes are allowed.
//
// A [Policy] is a fixed table of roles and permissions. [Policy.Can] answers
// the everyday question, may this role do this; [Policy.CheckChange] answers
// the dangerous one, may this person give that person this role. [Require] puts
// the first question in front of an [http.Handler].
//
//	policy := rbac.DefaultPolicy() // owner > admin > member
//	lookup := func(r *http.Request) (rbac.Role, error) {
//		return store.Role(r.Context(), db, r.PathValue("org"), subject(r)) // the database, not the token
//	}
//	deleteOnly := rbac.Require(policy, rbac.OrganizationDelete, lookup, nil)
//	mux.Handle("DELETE /organizations/{org}", deleteOnly(http.HandlerFunc(deleteOrganization)))
//
//	err := policy.CheckChange(rbac.Change{
//		Actor: rbac.Person{ID: "ada", Role: rbac.Admin}, Via: rbac.PathAdd,
//		Target: rbac.Person{ID: "bob"}, To: rbac.Owner,
//	})
//	fmt.Println(errors.Is(err, rbac.ErrEscalation)) // true: an admin makes no owners
//
// # Rules of a change
//
// Whatever path a role takes (added by hand, invitation, import, API key …):
//
//   - the actor's role holds the permission the path needs ([ErrForbidden]);
//   - nobody grants more than the actor's own permissions ([ErrEscalation]),
//     and nobody raises their own role ([ErrSelf]);
//   - nobody touches a person whose permissions exceed the actor's, and only
//     owners touch owners ([ErrOutranked]);
//   - the last owner stays ([ErrLastOwner]);
//   - a person may always leave, unless that is the last owner;
//   - ownership is handed over in one act ([PathTransfer]).
//
// Who may add and remove people below himself can in effect change their roles, by
// removing and adding them again: withhold [MemberRemove] where that matters.
//
// Roles compare by inclusion of their permission sets, not by a rank, so
// "billing" and "support" can be neither above nor below each other.
//
// # What it does not do
//
// It stores nothing: the sub-package [members] keeps memberships in PostgreSQL or
// SQLite and makes every change under a lock. It knows no wildcards, no
// attributes, no per-object rules, and reads no policy language; a policy is Go
// code, reviewed like code, and the sub-package [rbactest] pins its whole table in
// a golden file. A role is never read from a token here: a token outlives the
// demotion of its bearer.
//
// The names owner, admin and member follow common usage; the model is core RBAC
// with static role-permission assignment as in ANSI INCITS 359-2012. Error
// bodies are problem details after [RFC 9457].
//
// [members]: https://pkg.go.dev/github.com/rowhouse-go/rowhouse/rbac/members
// [rbactest]: https://pkg.go.dev/github.com/rowhouse-go/rowhouse/rbac/rbactest
// [RFC 9457]: https://www.rfc-editor.org/rfc/rfc9457
package rbac
