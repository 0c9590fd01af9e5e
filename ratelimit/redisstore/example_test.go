package redisstore_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/rowhouse-go/rowhouse/ratelimit"
	"github.com/rowhouse-go/rowhouse/ratelimit/redisstore"
)

// Logins share their limit among all replicas, and fail closed: nobody gets more
// guesses because Redis is down.
func Example() {
	client := redis.NewClient(&redis.Options{Addr: "127.0.0.1:1", ContextTimeoutEnabled: true})
	defer client.Close()
	store, err := redisstore.New(client, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	limiter, err := ratelimit.New("login", ratelimit.Limits{ratelimit.PerMinute(5), ratelimit.PerHour(20)}, &ratelimit.Options{
		Store:    store,
		OnOutage: ratelimit.FailClosed,
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	decision, err := limiter.Allow(context.Background(), "mallory@example.com")
	fmt.Println(decision.Allowed, errors.Is(err, ratelimit.ErrUnavailable))
	// Output: false true
}

// Requests go on with the limits of this process while Redis is down.
func ExampleNew() {
	client := redis.NewClusterClient(&redis.ClusterOptions{
		Addrs:                 []string{"127.0.0.1:1", "127.0.0.1:2"},
		ContextTimeoutEnabled: true,
	})
	defer client.Close()
	store, err := redisstore.New(client, &redisstore.Options{
		Prefix:  "shop:rl:",
		Timeout: 50 * time.Millisecond,
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	limiter, err := ratelimit.New("api", ratelimit.Limits{ratelimit.PerMinute(100)}, &ratelimit.Options{Store: store})
	if err != nil {
		fmt.Println(err)
		return
	}
	decision, err := limiter.Allow(context.Background(), "203.0.113.7")
	fmt.Println(decision.Allowed, decision.Degraded, decision.Remaining, err)
	// Output: true true 99 <nil>
}

// Whoever has proved who they are begins anew.
func ExampleStore_Reset() {
	client := redis.NewClient(&redis.Options{Addr: "127.0.0.1:1"})
	defer client.Close()
	store, err := redisstore.New(client, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	err = store.Reset(context.Background(), "login", "alice@example.com")
	fmt.Println("reset:", err == nil)
	// Output: reset: false
}
