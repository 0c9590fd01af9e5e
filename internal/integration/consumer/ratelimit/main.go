// Command ratelimit is the consumer of package ratelimit whose cost the release
// rehearsal measures.
package main

import (
	"log"
	"net/http"

	"github.com/rowhouse-go/rowhouse/ratelimit"
)

func main() {
	limiter, err := ratelimit.New("api", ratelimit.Limits{ratelimit.PerMinute(100), ratelimit.PerHour(2000)}, nil)
	if err != nil {
		log.Fatal(err)
	}
	limited := limiter.Middleware(ratelimit.ByIP(ratelimit.RemoteIP()), nil)
	log.Fatal(http.ListenAndServe("127.0.0.1:8080", limited(http.NotFoundHandler())))
}
