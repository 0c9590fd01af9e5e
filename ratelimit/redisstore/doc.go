// Package redisstore counts in Redis, for replicas that share their limits.
//
//	client := redis.NewClient(&redis.Options{Addr: "127.0.0.1:6379"})
//	store, err := redisstore.New(client, nil)
//	if err != nil {
//		log.Fatal(err)
//	}
//	limiter, err := ratelimit.New("login", ratelimit.Limits{ratelimit.PerMinute(5)}, &ratelimit.Options{
//		Store:    store,
//		OnOutage: ratelimit.FailClosed, // a local fallback would multiply the guesses
//	})
//	if err != nil {
//		log.Fatal(err)
//	}
//
// A decision is one round trip, however many windows it has: a script (EVALSHA, and
// EVAL where the server doesn't know it) that charges all of them or none, on one key,
// which suits a cluster. It decides as [ratelimit.Memory] does, by the server's clock.
// Refusals, and looks at what is left, write nothing, but for the first after the
// server's clock was set back. Keys expire when all their windows are idle.
//
// # Outages
//
// A decision takes [Options.Timeout] at most, whatever the options of the client are:
// left to itself, go-redis tries for seconds. After [Options.Failures] in a row, Redis
// is not asked any more, and decisions fail at once ([ErrOpen]), until a probe in the
// background could read and write a key. What happens then is [ratelimit.Options.OnOutage].
//
// A call that is given up runs on in its goroutine until the client ends it, by its
// ReadTimeout; 512 at most do. Set ContextTimeoutEnabled in the client's options: it
// then ends them, and frees their connections, at the deadline.
//
// # What Redis has to be
//
// Redis 7.0 is tested, alone, as a cluster and with a sentinel. The user needs GET, SET, DEL, TIME, EVAL
// and EVALSHA on the keys of [Options.Prefix]. A key that Redis evicts is a quota given
// back, so maxmemory-policy should be noeviction, under which a full server is an
// outage; data that is lost with a server, or in a failover, is given back as well. The
// clocks of servers that may take over from each other should agree: what one charges
// in the future of another is held longer, by a window at most.
//
// # Keys
//
// A key is the prefix, the name of the limiter and the key of the limiter. If these are
// long, or not plain ASCII, or have braces, which would choose a node of a cluster, it
// is a SHA-256 of them. Short keys are there to read: have [ratelimit.KeyFunc] hash
// what must not be seen in Redis.
//
// A window is found by its length and kind. Its name, quota and burst can change, and
// what was used stays used; a window of another length begins anew, and what was used
// of the former one is kept for its return.
//
// # What it does not do
//
// It makes no client, and closes none. It does not bound keys: Redis holds about 120
// bytes for each that was used within its longest window. Token buckets that take more
// than 104 days to fill are refused: numbers of a script are exact up to that.
package redisstore
