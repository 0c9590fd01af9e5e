package rbac_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"

	"github.com/rowhouse-go/rowhouse/rbac"
)

// A fourth role that reads and does nothing else.
func ExampleNewPolicy() {
	viewer := []rbac.Permission{rbac.OrganizationRead, "report:read"}
	member := append(slices.Clone(viewer), rbac.MemberRead, "report:write")
	admin := append(slices.Clone(member), rbac.OrganizationUpdate, rbac.MemberAdd, rbac.MemberRemove)
	owner := append(slices.Clone(admin), rbac.OrganizationDelete, rbac.OrganizationTransfer, rbac.MemberChangeRole)

	policy, err := rbac.NewPolicy([]rbac.Grant{
		{Role: rbac.Owner, Permissions: owner},
		{Role: rbac.Admin, Permissions: admin},
		{Role: rbac.Member, Permissions: member},
		{Role: "viewer", Permissions: viewer},
	}, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(policy.Can("viewer", "report:read"), policy.Can("viewer", "report:write"))
	fmt.Println(policy.Allows(rbac.Member, "viewer"), policy.Allows("viewer", rbac.Member))
	// Output:
	// true false
	// true false
}

func ExampleNewPolicy_faults() {
	_, err := rbac.NewPolicy([]rbac.Grant{
		{Role: rbac.Owner, Permissions: []rbac.Permission{rbac.MemberRead}},
		{Role: "Billing", Permissions: []rbac.Permission{"invoice:*"}},
		{Role: "support", Permissions: []rbac.Permission{"ticket:answer"}},
	}, nil)
	fmt.Println(err)
	// Output:
	// rbac: "Billing" holds "invoice:*", which the owner role "owner" lacks
	// rbac: "support" holds "ticket:answer", which the owner role "owner" lacks
	// rbac: grants[1]: role "Billing": a name must start with a letter and hold only a-z, 0-9, - and _
	// permission "invoice:*": a word must start with a letter and hold only a-z, 0-9, - and _
}

func ExamplePolicy_Can() {
	policy := rbac.DefaultPolicy()
	fmt.Println(policy.Can(rbac.Owner, rbac.OrganizationDelete))
	fmt.Println(policy.Can(rbac.Admin, rbac.OrganizationDelete))
	fmt.Println(policy.Can("nobody", rbac.OrganizationRead))
	// Output:
	// true
	// false
	// false
}

func ExamplePolicy_ParseRole() {
	role, err := rbac.DefaultPolicy().ParseRole("Owner")
	fmt.Printf("%q %v\n", role, err)
	// Output: "" rbac: unknown role: "Owner"
}

func ExamplePolicy_CheckChange() {
	policy := rbac.DefaultPolicy()
	ada := rbac.Person{ID: "ada", Role: rbac.Owner}
	bob := rbac.Person{ID: "bob", Role: rbac.Admin}
	eve := rbac.Person{ID: "eve"} // no member yet

	for _, c := range []rbac.Change{
		{Actor: bob, Target: eve, To: rbac.Member, Via: rbac.PathAdd, OtherOwners: 1},
		{Actor: bob, Target: eve, To: rbac.Owner, Via: rbac.PathInvite, OtherOwners: 1},
		{Actor: bob, Target: ada, Via: rbac.PathRemove},
		{Actor: bob, Target: bob, To: rbac.Owner, Via: rbac.PathChangeRole, OtherOwners: 1},
		{Actor: ada, Target: ada, Via: rbac.PathLeave, OtherOwners: 0},
		{Actor: ada, Target: bob, To: rbac.Owner, Via: rbac.PathTransfer},
	} {
		fmt.Printf("%s %s %s %q: %v\n", c.Actor.ID, c.Via, c.Target.ID, c.To, policy.CheckChange(c))
	}
	// Output:
	// bob add eve "member": <nil>
	// bob invite eve "owner": rbac: role exceeds the giver's: "owner" by "admin"
	// bob remove ada "": rbac: target outranks the actor: "owner" by "admin"
	// bob change-role bob "owner": rbac: permission missing: change-role needs member:change-role, which "admin" lacks
	// ada leave ada "": rbac: last owner stays: leave
	// ada transfer bob "owner": <nil>
}

// The role is looked up in the organization of the path, for the person of the
// request. The handler finds it in its context.
func ExampleRequire() {
	policy := rbac.DefaultPolicy()
	roles := map[string]rbac.Role{"acme/ada": rbac.Owner, "acme/bob": rbac.Member}
	lookup := func(r *http.Request) (rbac.Role, error) {
		role, ok := roles[r.PathValue("org")+"/"+r.Header.Get("X-User")] // in real life: the verified token's subject
		if !ok {
			return "", rbac.ErrNotMember
		}
		return role, nil
	}
	mux := http.NewServeMux()
	mux.Handle("DELETE /organizations/{org}", rbac.Require(policy, rbac.OrganizationDelete, lookup, nil)(
		http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			role, _ := rbac.FromContext(r.Context())
			fmt.Fprintf(w, "deleted by the %s\n", role)
		})))

	for _, user := range []string{"ada", "bob", "eve"} {
		r := httptest.NewRequest(http.MethodDelete, "/organizations/acme", nil)
		r.Header.Set("X-User", user)
		w := httptest.NewRecorder()
		mux.ServeHTTP(w, r)
		fmt.Println(w.Code, strings.TrimSpace(w.Body.String()))
	}
	// Output:
	// 200 deleted by the owner
	// 403 {"type":"about:blank","title":"Forbidden","status":403,"detail":"Your role does not allow this."}
	// 404 {"type":"about:blank","title":"Not Found","status":404,"detail":"There is no such resource, or it is not visible to you."}
}

// A failed lookup is neither "yes" nor "no": the answer is 503, and the observer
// learns why.
func ExampleLookupError() {
	down := func(*http.Request) (rbac.Role, error) { return "", errors.New("dial tcp: connection refused") }
	gate := rbac.Require(rbac.DefaultPolicy(), rbac.MemberRead, down, &rbac.HTTPOptions{
		OnError: func(w http.ResponseWriter, _ *http.Request, err error) {
			if lookup, ok := errors.AsType[*rbac.LookupError](err); ok {
				fmt.Println(lookup.HTTPStatus(), lookup.Err)
			}
		},
	})
	gate(http.NotFoundHandler()).ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/", nil))
	// Output: 503 dial tcp: connection refused
}
