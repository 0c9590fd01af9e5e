// Package ratelimit limits requests per key, several windows at once.
//
// A [Limiter] has [Limits], as 100 per minute and 2000 per hour, and decides by key: a
// client's address, a user, a tenant. A decision charges all windows or none.
// [Limiter.Middleware] puts it in front of an [http.Handler] and says in each response
// what is left.
//
//	limits, err := ratelimit.Parse("3/minute; 2000/hour")
//	if err != nil {
//		log.Fatal(err)
//	}
//	limiter, err := ratelimit.New("api", limits, nil)
//	if err != nil {
//		log.Fatal(err)
//	}
//	mux := http.NewServeMux()
//	mux.HandleFunc("GET /orders", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "[]") })
//	server := limiter.Middleware(ratelimit.ByIP(ratelimit.RemoteIP()), nil)(mux)
//
// # Windows
//
// A [Limit] is a token bucket, which refills evenly and forgives a burst; with Sliding
// it never grants more than its quota in any window. A tenant's plan is
// [Options.Plan], and [Limiter.SetLimits] changes the rest while it runs.
//
// # Keys
//
// A [KeyFunc] finds the key of a request: [ByIP], [ByPrefix], [ByContext], [ByHeader],
// [ByRoute], or a function of yours; [Join] makes one key of several. A request without
// a key is charged to a bucket that all of them share, and never passes for free.
//
// What the address of a client is, a [ClientIP] says, by what the deployment
// declares to be trustworthy: [RemoteIP], [ForwardedIP] or [HeaderIP]. It has no
// default. A key that a client can choose limits nobody: put a coarse limit by address
// before authentication, the quota of the user or tenant behind it, and take from a
// header only what was verified.
//
// # Responses
//
// Responses carry RateLimit-Policy and RateLimit, and refusals are 429 with
// Retry-After and a problem document of type quota-exceeded. See
// [Decision.SetHeaders] for what the numbers mean. Pages of other origins see the
// fields if the CORS configuration exposes them: RateLimit, RateLimit-Policy and
// Retry-After.
//
// # Stores and outages
//
// Counts are in a [Store]: [Memory], which is bounded and needs no upkeep, or the module
// [redisstore], which replicas share. When the store can't decide,
// [Options.OnOutage] does: [FallbackLocal], [FailOpen], or, for logins and one-time
// passwords, [FailClosed].
//
// # Pace
//
// [Limiter.Wait] delays instead of refusing. [Transport] keeps a client's own requests
// to the pace of a [golang.org/x/time/rate.Limiter], whose vocabulary and semantics
// the buckets share. [Concurrency] bounds how many are in flight.
//
// # What it does not do
//
// It defends a service against its clients' haste, not a network against a flood:
// who is refused has still been read. It does not decide who somebody is, keeps no
// history, bills nobody, and reads neither the environment nor a configuration file.
// Fields are those of [draft-ietf-httpapi-ratelimit-headers-11]; error bodies are problem
// details after [RFC 9457].
//
// [redisstore]: https://pkg.go.dev/github.com/rowhouse-go/rowhouse/ratelimit/redisstore
// [draft-ietf-httpapi-ratelimit-headers-11]: https://datatracker.ietf.org/doc/html/draft-ietf-httpapi-ratelimit-headers-11
// [RFC 9457]: https://www.rfc-editor.org/rfc/rfc9457
package ratelimit
