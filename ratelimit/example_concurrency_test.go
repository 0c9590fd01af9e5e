package ratelimit_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"

	"github.com/rowhouse-go/rowhouse/ratelimit"
)

func ExampleNewConcurrency() {
	exports, err := ratelimit.NewConcurrency("exports", 1, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	ctx := context.Background()
	release, err := exports.Acquire(ctx, "acme")
	if err != nil {
		fmt.Println(err)
		return
	}
	_, err = exports.Acquire(ctx, "acme")
	fmt.Println(err)
	release()
	_, err = exports.Acquire(ctx, "acme")
	fmt.Println(err)
	// Output:
	// ratelimit: too many in flight: exports
	// <nil>
}

// One export per user at a time.
func ExampleConcurrency_Middleware() {
	exports, err := ratelimit.NewConcurrency("exports", 1, &ratelimit.ConcurrencyOptions{
		Observe: func(_ context.Context, e ratelimit.ConcurrencyEvent) { fmt.Println(e.Key, e.InFlight, e.Err) },
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	user := func(context.Context) (string, bool) { return "ada", true } // in real life: of the verified token
	var handler http.Handler
	handler = exports.Middleware(ratelimit.ByContext(user), nil)(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		second := httptest.NewRecorder() // while the first is in flight
		handler.ServeHTTP(second, r)
		fmt.Println(second.Code, second.Header().Get("Retry-After") != "")
	}))
	handler.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/export", nil))
	fmt.Println(exports.SetMax(2))
	// Output:
	// ada 1 ratelimit: too many in flight: exports
	// 503 true
	// ada 1 <nil>
	// <nil>
}
