package ratelimit_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"time"

	"golang.org/x/time/rate"

	"github.com/rowhouse-go/rowhouse/ratelimit"
)

// Two requests per minute to another service, and no waiting beyond the client's
// time-out.
func ExampleTransport() {
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer server.Close()
	client := &http.Client{
		Transport: ratelimit.Transport(nil, rate.NewLimiter(rate.Every(30*time.Second), 2)),
		Timeout:   10 * time.Second,
	}
	for range 3 {
		res, err := client.Get(server.URL)
		if err != nil {
			failed, _ := errors.AsType[*url.Error](err)
			fmt.Println(failed.Err)
			fmt.Println(failed.Timeout(), errors.Is(err, context.DeadlineExceeded))
			return
		}
		res.Body.Close()
		fmt.Println(res.Status)
	}
	// Output:
	// 200 OK
	// 200 OK
	// ratelimit: transport of 0.0333333/s, burst 2: no token before the deadline: context deadline exceeded
	// true true
}
