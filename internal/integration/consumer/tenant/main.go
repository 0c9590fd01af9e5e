// Command tenant is the consumer of package tenant whose cost the release
// rehearsal measures.
package main

import (
	"context"
	"database/sql"
	"log"
	"net/http"

	"github.com/rowhouse-go/rowhouse/tenant"
)

func main() {
	db, err := tenant.NewDB(&sql.DB{}, tenant.Postgres, nil)
	if err != nil {
		log.Fatal(err)
	}
	nobody := func(ctx context.Context, _ string) (context.Context, tenant.ID, error) {
		return ctx, tenant.ID{}, tenant.ErrNotMember
	}
	gate := tenant.Middleware(tenant.FromHeader("X-Tenant"), nobody, nil)
	log.Fatal(http.ListenAndServe("127.0.0.1:8080", gate(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, err := db.Exec(r.Context(), "DELETE FROM notes WHERE tenant_id = :tenant"); err != nil {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	}))))
}
