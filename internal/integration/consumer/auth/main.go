// Command auth is the consumer of package auth whose cost the release rehearsal
// measures.
package main

import (
	"log"
	"net/http"

	"github.com/rowhouse-go/rowhouse/auth"
)

func main() {
	verifier, err := auth.New(auth.OIDC("https://id.example.com", "https://api.example.com"))
	if err != nil {
		log.Fatal(err)
	}
	log.Fatal(http.ListenAndServe("127.0.0.1:8080", verifier.Middleware(http.NotFoundHandler())))
}
