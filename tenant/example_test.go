package tenant_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"

	"github.com/rowhouse-go/rowhouse/tenant"
)

type personKey struct{}

// caller returns the authenticated person.
func caller(ctx context.Context) string {
	person, _ := ctx.Value(personKey{}).(string)
	return person
}

// mustSlug is for slugs that are constants.
func mustSlug(s string) tenant.ID {
	id, err := tenant.ParseSlug(s)
	if err != nil {
		panic(err)
	}
	return id
}

// belongs is a Membership in which Ada belongs to acme.
func belongs(ctx context.Context, claimed string) (context.Context, tenant.ID, error) {
	if caller(ctx) != "ada" || claimed != "acme" {
		return ctx, tenant.ID{}, tenant.ErrNotMember
	}
	return ctx, mustSlug("acme"), nil
}

// ask sends a request of a person's and prints the answer.
func ask(h http.Handler, person, target string, header ...string) {
	r := httptest.NewRequest(http.MethodGet, target, nil)
	for _, line := range header {
		name, value, _ := strings.Cut(line, ": ")
		r.Header.Add(name, value)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), personKey{}, person)))
	fmt.Println(w.Code, strings.TrimSpace(w.Body.String()))
}

func Example() {
	members := map[string]map[tenant.ID]bool{"ada": {mustSlug("acme"): true}}
	mux := http.NewServeMux()

	membership := func(ctx context.Context, claimed string) (context.Context, tenant.ID, error) {
		id, err := tenant.ParseSlug(claimed)
		if err == nil && !members[caller(ctx)][id] { // in real life a query
			err = tenant.ErrNotMember
		}
		return ctx, id, err // ctx may carry the role, so that it is looked up once
	}
	gate := tenant.Middleware(tenant.FromPath("org"), membership, nil)
	mux.Handle("GET /orgs/{org}/report", gate(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		key, err := tenant.Key(r.Context(), "reports", "2026.pdf")
		fmt.Fprintln(w, key, err)
	})))

	ask(mux, "ada", "/orgs/acme/report")
	ask(mux, "ada", "/orgs/globex/report")
	ask(mux, "eve", "/orgs/acme/report")
	// Output:
	// 200 acme/reports/2026.pdf <nil>
	// 404 {"type":"about:blank","title":"Not Found","status":404,"detail":"There is no such resource, or it is not visible to you."}
	// 404 {"type":"about:blank","title":"Not Found","status":404,"detail":"There is no such resource, or it is not visible to you."}
}

func ExampleParseID() {
	id, err := tenant.ParseID("0198c5a4-7b1e-7cc3-9d2f-3f6a1b2c4d5e")
	fmt.Println(id, err)
	_, err = tenant.ParseID("0198C5A4-7B1E-7CC3-9D2F-3F6A1B2C4D5E")
	fmt.Println(err)
	// Output:
	// 0198c5a4-7b1e-7cc3-9d2f-3f6a1b2c4d5e <nil>
	// tenant: invalid id: not a canonical UUID
}

func ExampleParseSlug() {
	id, err := tenant.ParseSlug("acme-2")
	fmt.Println(id, err)
	_, err = tenant.ParseSlug("../acme")
	fmt.Println(err)
	// Output:
	// acme-2 <nil>
	// tenant: invalid id: not a slug of 1 to 64 characters a-z, 0-9 and -
}

// A second tenant does not replace the first.
func ExampleNewContext() {
	ctx := tenant.NewContext(context.Background(), mustSlug("acme"))
	fmt.Println(tenant.FromContext(ctx))
	_, err := tenant.FromContext(tenant.NewContext(ctx, mustSlug("globex")))
	fmt.Println(err)
	_, err = tenant.FromContext(context.Background())
	fmt.Println(err)
	// Output:
	// acme <nil>
	// tenant: conflicting tenants
	// tenant: no tenant
}

// A support tool looks into a customer's data, and the log says why.
func ExampleCrosser() {
	support := tenant.NewCrosser(func(_ context.Context, c tenant.Crossing) {
		fmt.Printf("from %q to %q: %s (%v)\n", c.From, c.To, c.Reason, c.Err)
	})
	ctx := tenant.NewContext(context.Background(), mustSlug("support"))
	inAcme, err := support.Switch(ctx, mustSlug("acme"), "ticket 4711")
	fmt.Println(err)
	fmt.Println(tenant.FromContext(inAcme))
	_, err = support.Switch(ctx, mustSlug("acme"), "")
	fmt.Println(err)
	// Output:
	// from "support" to "acme": ticket 4711 (<nil>)
	// <nil>
	// acme <nil>
	// from "support" to "acme":  (tenant: no reason given)
	// tenant: no reason given
}

// The look-up runs before a tenant is known, in a transaction of the person. One query
// answers for unknown tenants and for strangers alike, finds the id that the slug stands
// for, and the role.
func ExampleMembership() {
	db, err := tenant.NewDB(sql.OpenDB(&recorder{}), tenant.Postgres, nil) // here without rows
	if err != nil {
		fmt.Println(err)
		return
	}
	const find = `SELECT o.id, m.role FROM organizations o JOIN members m ON m.organization_id = o.id
		WHERE o.slug = $1 AND m.person_id = $2`
	type roleKey struct{} // with package rbac: rbac.NewContext
	membership := tenant.Membership(func(ctx context.Context, claimed string) (context.Context, tenant.ID, error) {
		var id tenant.ID
		var role string
		err := db.SubjectTx(ctx, caller(ctx), func(ctx context.Context, tx tenant.Plain) error {
			return tx.QueryRowContext(ctx, find, claimed, caller(ctx)).Scan(&id, &role)
		})
		if errors.Is(err, sql.ErrNoRows) {
			err = tenant.ErrNotMember
		}
		return context.WithValue(ctx, roleKey{}, role), id, err
	})
	_, err = membership.Enter(context.WithValue(context.Background(), personKey{}, "eve"), "acme")
	fmt.Println(err)
	// Output: tenant: not a member
}

// A console command acts for a person in a tenant.
func ExampleMembership_Enter() {
	membership := tenant.Membership(belongs)
	ada := context.WithValue(context.Background(), personKey{}, "ada")
	ctx, err := membership.Enter(ada, "acme")
	fmt.Println(err)
	fmt.Println(tenant.FromContext(ctx))

	ctx, err = membership.Enter(ada, "globex")
	fmt.Println(err)
	_, err = tenant.FromContext(ctx)
	fmt.Println("overlooked:", err)
	// Output:
	// <nil>
	// acme <nil>
	// tenant: not a member
	// overlooked: tenant: not a member
}

func ExampleKey() {
	ctx := tenant.NewContext(context.Background(), mustSlug("acme"))
	fmt.Println(tenant.Key(ctx, "avatars", "ada.png"))
	fmt.Println(tenant.Key(ctx, "avatars", "../../globex/ada.png"))
	_, err := tenant.Key(context.Background(), "avatars", "ada.png")
	fmt.Println(err)
	// Output:
	// acme/avatars/ada.png <nil>
	// acme/avatars/!2E!2E!2F!2E!2E!2Fglobex!2Fada.png <nil>
	// tenant: no tenant
}

// The tenant goes with a job, and the job runs in it.
func ExampleInject() {
	request := tenant.NewContext(context.Background(), mustSlug("acme"))
	meta := map[string]string{"request_id": "7"}
	fmt.Println(tenant.Inject(request, meta), meta) // stored with the job

	job, err := tenant.Extract(context.Background(), meta) // where the job runs
	fmt.Println(err)
	fmt.Println(tenant.FromContext(job))
	// Output:
	// <nil> map[request_id:7 tenant_id:acme]
	// <nil>
	// acme <nil>
}

// What was decided goes to the metrics, and the answer has the form of the service's own
// errors.
func ExampleMiddleware_options() {
	gate := tenant.Middleware(tenant.FromHeader("X-Tenant-ID"), belongs, &tenant.Options{
		Observe: func(_ context.Context, d tenant.Decision) {
			fmt.Printf("tenant=%q refused=%t\n", d.Tenant, d.Err != nil)
		},
		OnError: func(w http.ResponseWriter, _ *http.Request, err error) {
			refusal, _ := errors.AsType[interface {
				error
				HTTPStatus() int
			}](err)
			http.Error(w, http.StatusText(refusal.HTTPStatus()), refusal.HTTPStatus())
		},
	})
	h := gate(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "welcome") }))
	ask(h, "ada", "/", "X-Tenant-ID: acme")
	ask(h, "eve", "/", "X-Tenant-ID: acme")
	ask(h, "ada", "/", "X-Tenant-ID: acme", "X-Tenant-ID: globex")
	// Output:
	// tenant="acme" refused=false
	// 200 welcome
	// tenant="" refused=true
	// 404 Not Found
	// tenant="" refused=true
	// 400 Bad Request
}
