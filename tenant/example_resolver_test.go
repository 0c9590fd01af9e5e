package tenant_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"

	"github.com/rowhouse-go/rowhouse/tenant"
)

func ExampleFromHeader() {
	resolve := tenant.FromHeader("X-Tenant-ID")
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	r.Header.Add("X-Tenant-ID", "acme")
	fmt.Println(resolve(r))
	r.Header.Add("X-Tenant-ID", "acme")
	_, err := resolve(r)
	fmt.Println(err)
	// Output:
	// acme <nil>
	// tenant: conflicting tenants: several lines of header X-Tenant-Id
}

func ExampleFromSubdomain() {
	resolve := tenant.FromSubdomain("example.com")
	for _, host := range []string{"acme.example.com", "ACME.example.com.:8443", "example.com", "a.b.example.com"} {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.Host = host
		claimed, err := resolve(r)
		fmt.Printf("%q %v\n", claimed, err)
	}
	// Output:
	// "acme" <nil>
	// "acme" <nil>
	// "" tenant: no tenant
	// "" tenant: invalid id: not one label below the host's domain
}

func ExampleFromPath() {
	resolve := tenant.FromPath("org")
	mux := http.NewServeMux()
	mux.HandleFunc("GET /orgs/{org}/orders", func(_ http.ResponseWriter, r *http.Request) { fmt.Println(resolve(r)) })
	mux.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/orgs/acme/orders", nil))
	// Output: acme <nil>
}

// The organization that a verified token names. With package auth the function asks
// auth.FromContext for the claims.
func ExampleFromClaim() {
	type claimsKey struct{}
	resolve := tenant.FromClaim(func(ctx context.Context) (string, error) {
		claims, _ := ctx.Value(claimsKey{}).(map[string]any)
		switch org := claims["org_id"].(type) {
		case nil:
			return "", nil
		case string:
			return org, nil
		default:
			return "", tenant.ErrInvalidID
		}
	})
	for _, claims := range []map[string]any{{"org_id": "acme"}, {"org_id": []string{"acme", "globex"}}, nil} {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		claimed, err := resolve(r.WithContext(context.WithValue(r.Context(), claimsKey{}, claims)))
		fmt.Printf("%q %v\n", claimed, err)
	}
	// Output:
	// "acme" <nil>
	// "" tenant: invalid id
	// "" tenant: no tenant
}

// A browser comes by its subdomain, a program sends a header. Both at once have to say
// the same.
func ExampleFirst() {
	resolve := tenant.First(tenant.FromSubdomain("example.com"), tenant.FromHeader("X-Tenant-ID"))
	for _, r := range []struct{ host, header string }{
		{"acme.example.com", ""}, {"example.com", "acme"}, {"acme.example.com", "acme"}, {"acme.example.com", "globex"},
	} {
		request := httptest.NewRequest(http.MethodGet, "/", nil)
		request.Host = r.host
		request.Header.Set("X-Tenant-ID", r.header)
		claimed, err := resolve(request)
		fmt.Printf("%q %v\n", claimed, err)
	}
	// Output:
	// "acme" <nil>
	// "acme" <nil>
	// "acme" <nil>
	// "" tenant: conflicting tenants: source 2 differs
}

// The path says what the request is about, the token what it may be about.
func ExampleAgree() {
	path := func(*http.Request) (string, error) { return "acme", nil } // in real life FromPath
	token := func(*http.Request) (string, error) { return "globex", nil }
	_, err := tenant.Agree(path, token)(httptest.NewRequest(http.MethodGet, "/", nil))
	fmt.Println(err)
	// Output: tenant: conflicting tenants: source 2 differs
}
