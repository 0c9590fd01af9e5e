// Command redisstore is the consumer of package redisstore whose cost the release
// rehearsal measures.
package main

import (
	"log"
	"net/http"
	"os"

	"github.com/redis/go-redis/v9"

	"github.com/rowhouse-go/rowhouse/ratelimit"
	"github.com/rowhouse-go/rowhouse/ratelimit/redisstore"
)

func main() {
	store, err := redisstore.New(redis.NewClient(&redis.Options{Addr: os.Getenv("REDIS_ADDR")}), nil)
	if err != nil {
		log.Fatal(err)
	}
	limiter, err := ratelimit.New("api", ratelimit.Limits{ratelimit.PerMinute(100)}, &ratelimit.Options{Store: store})
	if err != nil {
		log.Fatal(err)
	}
	gate := limiter.Middleware(ratelimit.ByIP(ratelimit.RemoteIP()), nil)
	log.Fatal(http.ListenAndServe("127.0.0.1:8080", gate(http.NotFoundHandler())))
}
