// Command retry is the consumer of package retry whose cost the release rehearsal
// measures.
package main

import (
	"log"
	"net/http"

	"github.com/rowhouse-go/rowhouse/retry"
)

func main() {
	client := &http.Client{Transport: retry.NewTransport(nil, nil)}
	resp, err := client.Get("http://127.0.0.1:8080/")
	if err != nil {
		log.Fatal(err)
	}
	defer resp.Body.Close()
	log.Print(resp.Status)
}
