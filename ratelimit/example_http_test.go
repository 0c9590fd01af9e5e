package ratelimit_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"

	"github.com/rowhouse-go/rowhouse/ratelimit"
)

// The program of the package page.
func Example() {
	limits, err := ratelimit.Parse("3/minute; 2000/hour")
	if err != nil {
		log.Fatal(err)
	}
	limiter, err := ratelimit.New("api", limits, nil)
	if err != nil {
		log.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /orders", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "[]") })
	server := limiter.Middleware(ratelimit.ByIP(ratelimit.RemoteIP()), nil)(mux)

	var answer *httptest.ResponseRecorder
	for range 4 {
		answer = httptest.NewRecorder()
		server.ServeHTTP(answer, httptest.NewRequest(http.MethodGet, "/orders", nil))
		if answer.Code == http.StatusOK {
			fmt.Println(answer.Header().Get("RateLimit"))
		}
	}
	fmt.Println(answer.Code, answer.Body)
	// Output:
	// "minute";r=2;t=40
	// "minute";r=1;t=20
	// "minute";r=0;t=20
	// 429 {"type":"https://iana.org/assignments/http-problem-types#quota-exceeded","title":"Quota Exceeded","status":429,"detail":"You sent too many requests. Try again later.","violated-policies":["minute"]}
}

// send sends one request and prints the answer's status.
func send(h http.Handler, method, path, remote string, header ...string) {
	r := httptest.NewRequest(method, path, nil)
	r.RemoteAddr = remote
	for _, line := range header {
		name, value, _ := strings.Cut(line, ": ")
		r.Header.Add(name, value)
	}
	answer := httptest.NewRecorder()
	h.ServeHTTP(answer, r)
	fmt.Println(method, path, answer.Code, answer.Header().Get("RateLimit-Policy"))
}

// must is for examples: a program reports the error.
func must[T any](v T, err error) T {
	if err != nil {
		log.Fatal(err)
	}
	return v
}

type userKey struct{}

// authenticate stands for a middleware that verifies a token.
func authenticate(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if user := r.Header.Get("User"); user != "" {
			r = r.WithContext(context.WithValue(r.Context(), userKey{}, user))
		}
		next.ServeHTTP(w, r)
	})
}

// A coarse limit by network before authentication, wide enough for an office behind one
// address, and the quota of the verified user behind it. A browser's preflights carry
// no credentials and pass the coarse limit only.
func ExampleLimiter_Middleware() {
	coarse := must(ratelimit.New("network", ratelimit.Limits{{Name: "network", Quota: 1000, Window: 60e9}}, nil))
	quota := must(ratelimit.New("user", ratelimit.Limits{ratelimit.PerMinute(100)}, nil))

	byNetwork := ratelimit.ByPrefix(ratelimit.RemoteIP(), 32, 48)
	byUser := ratelimit.ByContext(func(ctx context.Context) (string, bool) {
		user, ok := ctx.Value(userKey{}).(string)
		return user, ok
	})
	preflight := func(r *http.Request) bool {
		return r.Method == http.MethodOptions && r.Header.Get("Access-Control-Request-Method") != ""
	}

	var api http.Handler = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })
	api = quota.Middleware(byUser, &ratelimit.HTTPOptions{Skip: preflight})(api)
	api = authenticate(api)
	api = coarse.Middleware(byNetwork, nil)(api)

	send(api, "OPTIONS", "/orders", "[2001:db8::1]:4711", "Access-Control-Request-Method: POST")
	send(api, "POST", "/orders", "[2001:db8::1]:4711", "User: ada")
	// Output:
	// OPTIONS /orders 204 "network";q=1000;w=60
	// POST /orders 204 "minute";q=100;w=60
}

// Each client has its quota on each route. The pattern is known to handlers that are
// registered, not around the mux.
func ExampleJoin() {
	limiter := must(ratelimit.New("route", ratelimit.Limits{ratelimit.PerMinute(1)}, nil))
	limit := limiter.Middleware(ratelimit.Join(ratelimit.ByIP(ratelimit.RemoteIP()), ratelimit.ByRoute), nil)
	ok := http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})

	mux := http.NewServeMux()
	mux.Handle("GET /orders/{id}", limit(ok))
	mux.Handle("GET /bills/{id}", limit(ok))

	send(mux, "GET", "/orders/1", "192.0.2.1:4711")
	send(mux, "GET", "/bills/1", "192.0.2.1:4711")
	send(mux, "GET", "/orders/2", "192.0.2.1:4711")
	send(mux, "GET", "/orders/2", "192.0.2.2:4711")
	// Output:
	// GET /orders/1 200 "minute";q=1;w=60
	// GET /bills/1 200 "minute";q=1;w=60
	// GET /orders/2 429 "minute";q=1;w=60
	// GET /orders/2 200 "minute";q=1;w=60
}

// Behind proxies of one's own, clients are who the first of them saw. The access log
// takes the same address.
func ExampleForwardedIP() {
	client := must(ratelimit.ForwardedIP([]netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}))

	r := httptest.NewRequest(http.MethodGet, "/", nil)
	r.RemoteAddr = "10.0.0.1:4711" // the inner proxy
	r.Header.Add("X-Forwarded-For", "127.0.0.1, 203.0.113.5, 10.0.0.2")
	fmt.Println(client.Addr(r))

	r.RemoteAddr = "198.51.100.1:4711" // no proxy of ours: the header is a lie
	fmt.Println(client.Addr(r))
	// Output:
	// 203.0.113.5
	// 198.51.100.1
}

func ExampleHeaderIP() {
	client := must(ratelimit.HeaderIP("CF-Connecting-IP", []netip.Prefix{
		netip.MustParsePrefix("173.245.48.0/20"), netip.MustParsePrefix("2400:cb00::/32"), // and the rest of the list
	}))
	key := ratelimit.ByIP(client)

	r := httptest.NewRequest(http.MethodGet, "/", nil)
	r.RemoteAddr = "173.245.48.1:4711"
	r.Header.Set("CF-Connecting-IP", "2001:db8:1:2:3:4:5:6")
	fmt.Println(key(r))
	// Output: 2001:db8:1:2::/64 true
}

// Observe counts requests without a key. Refusals are answered in the service's own
// way, with the fields that are set already.
func ExampleLimitedError() {
	keyless := 0
	limiter := must(ratelimit.New("partners", ratelimit.Limits{ratelimit.PerMinute(1)}, &ratelimit.Options{
		Observe: func(_ context.Context, e ratelimit.Event) {
			if e.Key == ratelimit.NoKey {
				keyless++
			}
		},
	}))
	h := limiter.Middleware(ratelimit.ByHeader("X-Api-Key"), &ratelimit.HTTPOptions{
		XRateLimit: true,
		OnError: func(w http.ResponseWriter, _ *http.Request, err error) {
			if e, ok := errors.AsType[*ratelimit.LimitedError](err); ok {
				http.Error(w, "slow down", e.HTTPStatus())
				return
			}
			http.Error(w, "try later", http.StatusServiceUnavailable)
		},
	})(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))

	for range 2 {
		answer := httptest.NewRecorder()
		h.ServeHTTP(answer, httptest.NewRequest(http.MethodGet, "/", nil))
		fmt.Println(answer.Code, answer.Header().Get("X-RateLimit-Remaining"), answer.Body.Len() > 0)
	}
	fmt.Println(keyless, "without a key")
	// Output:
	// 200 0 false
	// 429 0 true
	// 2 without a key
}

// A service that asks by itself, here after it knows what a request costs, says what
// the middleware would.
func ExampleDecision_SetHeaders() {
	limiter := must(ratelimit.New("export", ratelimit.Limits{ratelimit.PerHour(1000)}, nil))
	handler := func(w http.ResponseWriter, r *http.Request) {
		d, err := limiter.AllowN(r.Context(), "tenant", 600)
		if err != nil {
			http.Error(w, "try later", http.StatusServiceUnavailable)
			return
		}
		d.SetHeaders(w.Header())
		if !d.Allowed {
			w.WriteHeader(http.StatusTooManyRequests)
		}
	}
	answer := httptest.NewRecorder()
	handler(answer, httptest.NewRequest(http.MethodGet, "/", nil))
	fmt.Println(answer.Code, answer.Header().Get("RateLimit"), answer.Header().Get("RateLimit-Policy"))

	answer = httptest.NewRecorder()
	handler(answer, httptest.NewRequest(http.MethodGet, "/", nil))
	fmt.Println(answer.Code, answer.Header().Get("Retry-After") != "") // 200 units take 12 minutes
	// Output:
	// 200 "hour";r=400;t=1440 "hour";q=1000;w=3600
	// 429 true
}
