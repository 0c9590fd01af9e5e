package rowhouse_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"

	"github.com/rowhouse-go/rowhouse/auth"
	"github.com/rowhouse-go/rowhouse/auth/authtest"
	"github.com/rowhouse-go/rowhouse/rbac"
)

type roles map[string]rbac.Role // by organization and subject

func (s roles) Role(_ context.Context, org string, who auth.Claims) (rbac.Role, error) {
	if role, ok := s[org+"/"+who.Subject()]; ok {
		return role, nil
	}
	return "", rbac.ErrNotMember
}

func deleteOrganization(w http.ResponseWriter, r *http.Request) {
	fmt.Fprintf(w, "%s is gone", r.PathValue("org"))
}

// Two packages, joined by one function: who asks comes from the verified token,
// that person's role in the organization of the path from the database.
func Example() {
	issuer, err := authtest.Start(nil)
	if err != nil {
		panic(err)
	}
	defer issuer.Close()
	provider := issuer.Config()
	members := roles{"acme/ada": rbac.Owner, "acme/bob": rbac.Member}

	verifier, err := auth.New(provider) // auth.Keycloak(…), auth.Auth0(…), …
	if err != nil {
		panic(err) // every fault of the configuration at once
	}
	defer verifier.Close()

	lookup := func(r *http.Request) (rbac.Role, error) {
		claims, _ := auth.FromContext(r.Context())
		return members.Role(r.Context(), r.PathValue("org"), claims) // the database, not the token
	}
	owners := rbac.Require(rbac.DefaultPolicy(), rbac.OrganizationDelete, lookup, nil)

	mux := http.NewServeMux()
	mux.Handle("DELETE /organizations/{org}", owners(http.HandlerFunc(deleteOrganization)))
	service := verifier.Middleware(mux)

	ask := func(token string) {
		r := httptest.NewRequest(http.MethodDelete, "/organizations/acme", nil)
		r.Header.Set("Authorization", "Bearer "+token)
		w := httptest.NewRecorder()
		service.ServeHTTP(w, r)
		fmt.Println(w.Code, w.Header().Get("Content-Type"))
	}
	ask(issuer.Sign(map[string]any{"sub": "ada"}))
	ask(issuer.Sign(map[string]any{"sub": "bob"}))
	ask(issuer.Sign(map[string]any{"sub": "eve"}))
	ask("e30.e30.e30")
	// Output:
	// 200 text/plain; charset=utf-8
	// 403 application/problem+json
	// 404 application/problem+json
	// 401 application/problem+json
}
