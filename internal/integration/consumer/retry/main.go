// Command retry is the consumer of package retry whose cost the release rehearsal
// measures.
package main

import (
	"context"
	"log"
	"net/http"

	"github.com/rowhouse-go/rowhouse/retry"
)

func main() {
	client := &http.Client{Transport: retry.NewTransport(nil, nil)}
	req, err := http.NewRequestWithContext(context.Background(), http.MethodGet, "http://127.0.0.1:8080/", nil)
	if err != nil {
		log.Fatal(err)
	}
	resp, err := client.Do(req)
	if err != nil {
		log.Fatal(err)
	}
	defer resp.Body.Close()
	log.Print(resp.Status)
}
