// Command rbac is the consumer of package rbac whose cost the release rehearsal
// measures.
package main

import (
	"log"
	"net/http"

	"github.com/rowhouse-go/rowhouse/rbac"
)

func main() {
	lookup := func(r *http.Request) (rbac.Role, error) { return rbac.Role(r.Header.Get("X-Role")), nil }
	gate := rbac.Require(rbac.DefaultPolicy(), rbac.OrganizationRead, lookup, nil)
	log.Fatal(http.ListenAndServe("127.0.0.1:8080", gate(http.NotFoundHandler())))
}
