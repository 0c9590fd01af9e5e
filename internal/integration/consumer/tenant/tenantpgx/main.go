// Command tenantpgx is the consumer of package tenantpgx whose cost the release
// rehearsal measures.
package main

import (
	"context"
	"log"
	"os"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/rowhouse-go/rowhouse/tenant"
	"github.com/rowhouse-go/rowhouse/tenant/tenantpgx"
)

func main() {
	ctx := context.Background()
	pool, err := pgxpool.New(ctx, os.Getenv("DATABASE_URL"))
	if err != nil {
		log.Fatal(err)
	}
	db, err := tenantpgx.New(pool, nil)
	if err != nil {
		log.Fatal(err)
	}
	id, err := tenant.ParseSlug("acme")
	if err != nil {
		log.Fatal(err)
	}
	var documents int
	err = db.QueryRow(tenant.NewContext(ctx, id), `SELECT count(*) FROM documents WHERE tenant_id = :tenant`).Scan(&documents)
	if err != nil {
		log.Fatal(err)
	}
	log.Print(documents)
}
