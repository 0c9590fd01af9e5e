package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"sync/atomic"

	"github.com/redis/go-redis/v9"

	"github.com/rowhouse-go/rowhouse/ratelimit"
	"github.com/rowhouse-go/rowhouse/ratelimit/redisstore"
)

// The limits of the service. The coarse ones, by address and by person, are counted in
// this process, which is what they protect, with Redis and the database behind it. What
// a client is promised or denied is counted in Redis if there is one, for all replicas.
type limits struct {
	clientIP ratelimit.ClientIP
	address  *ratelimit.Limiter // before anything is known of the caller
	site     *ratelimit.Limiter // for who has 65,536 networks of IPv6
	person   *ratelimit.Limiter // before it is known to what organization he belongs
	quota    *ratelimit.Limiter // of a person in an organization
	failures *ratelimit.Limiter // of tokens that were not accepted
	atOnce   *ratelimit.Concurrency

	log      *slog.Logger
	client   *redis.Client // nil without REDIS_URL
	degraded atomic.Bool
}

const (
	addressFactor = 10 // an office behind one address has more than one client
	siteFactor    = 100
	personFactor  = 10 // in all organizations together: anybody founds as many as he likes

	maxAtOnce = 16 // requests of one person: nobody alone takes all connections to the database for long
)

// newLimits makes the limits of a configuration that loadConfig has judged. It does
// not wait for Redis, which may come and go.
func newLimits(c *config, log *slog.Logger) (*limits, error) {
	standard, err := parseLimits(c.RateLimits)
	failures, failuresErr := parseLimits(c.AuthFailureLimits)
	plans, plansErr := c.plans()
	clientIP, ipErr := c.clientIP()
	plan, planErr := planOf(plans)
	l := &limits{log: log, clientIP: clientIP}
	store, storeErr := l.openStore(c)
	if err := errors.Join(err, failuresErr, plansErr, ipErr, planErr, storeErr); err != nil {
		return nil, errors.Join(fmt.Errorf("limits: %w", err), l.close())
	}
	errs := make([]error, 6)
	l.address, errs[0] = ratelimit.New("address", coarser(standard, plans, addressFactor), nil)
	l.site, errs[1] = ratelimit.New("site", coarser(standard, plans, siteFactor), nil)
	l.person, errs[2] = ratelimit.New("person", coarser(standard, plans, personFactor), nil)
	l.quota, errs[3] = ratelimit.New("quota", standard, &ratelimit.Options{Store: store, Plan: plan, Observe: l.observe})
	l.failures, errs[4] = ratelimit.New("failures", failures, &ratelimit.Options{Store: store, OnOutage: ratelimit.FailClosed, Observe: l.observe})
	l.atOnce, errs[5] = ratelimit.NewConcurrency("at-once", maxAtOnce, nil)
	if err := errors.Join(errs...); err != nil {
		return nil, errors.Join(fmt.Errorf("limits: %w", err), l.close())
	}
	return l, nil
}

// openStore returns nil, which is each limiter's own memory, without Redis.
func (l *limits) openStore(c *config) (ratelimit.Store, error) {
	options, err := c.redisOptions()
	if options == nil || err != nil {
		return nil, err
	}
	options.ContextTimeoutEnabled, options.MaxRetries = true, -1 // a decision has 75 ms, and a fallback
	silenceRedis()
	l.client = redis.NewClient(options)
	return redisstore.New(l.client, nil)
}

// silenceRedis keeps the client from writing to standard error past our log: what it
// says there is in the errors it returns.
var silenceRedis = sync.OnceFunc(func() { redis.SetLogger(silence{}) })

type silence struct{}

func (silence) Printf(context.Context, string, ...any) {}

func (l *limits) close() error {
	if l.client == nil {
		return nil
	}
	return l.client.Close()
}

// observe logs when Redis goes and comes back. The service stays ready meanwhile:
// quotas are each replica's own, and only what fails closed waits for it.
func (l *limits) observe(ctx context.Context, e ratelimit.Event) {
	down := e.Decision.Degraded || errors.Is(e.Err, ratelimit.ErrUnavailable)
	if !down && !e.Decision.Allowed { // a caller who has gone, or a refusal remembered: neither says anything of Redis
		return
	}
	if l.degraded.Swap(down) == down {
		return
	}
	if down {
		l.log.LogAttrs(ctx, slog.LevelWarn, "limits are counted by each replica: Redis can't be reached", slog.Any("error", e.Err))
		return
	}
	l.log.LogAttrs(ctx, slog.LevelInfo, "limits are shared again")
}

// byAddress limits what is not known yet. Probes pass: the one of an orchestrator
// must not fail because of its neighbours, and costs nothing.
func (l *limits) byAddress(onError func(http.ResponseWriter, *http.Request, error)) func(http.Handler) http.Handler {
	probe := func(r *http.Request) bool {
		return (r.URL.Path == livePath || r.URL.Path == readyPath) && (r.Method == http.MethodGet || r.Method == http.MethodHead)
	}
	address := l.address.Middleware(ratelimit.ByIP(l.clientIP), &ratelimit.HTTPOptions{OnError: onError, Skip: probe})
	return func(next http.Handler) http.Handler {
		return address(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if !probe(r) {
				if err := l.takeFromSite(w, r); err != nil {
					onError(w, r, err)
					return
				}
			}
			next.ServeHTTP(w, r)
		}))
	}
}

// takeFromSite charges a caller's /48 of IPv6, behind his address: what that is refused
// must not be at the cost of its neighbours. The fields stay the address's, which is
// what binds, unless the site is exhausted.
func (l *limits) takeFromSite(w http.ResponseWriter, r *http.Request) error {
	addr := l.clientIP.Addr(r)
	if !addr.Is6() {
		return nil
	}
	site, err := addr.Prefix(48)
	if err != nil {
		return err
	}
	d, err := l.site.Allow(r.Context(), site.String())
	if err == nil && !d.Allowed {
		d.SetHeaders(w.Header())
		err = &ratelimit.LimitedError{Limiter: "site", Decision: d}
	}
	return err
}

// byPerson limits a verified person in whatever organization, which has to be looked up
// first: how often, and how many requests are under way.
func (l *limits) byPerson(onError func(http.ResponseWriter, *http.Request, error)) func(http.Handler) http.Handler {
	often := l.person.Middleware(thePerson, &ratelimit.HTTPOptions{OnError: onError})
	atOnce := l.atOnce.Middleware(thePerson, &ratelimit.HTTPOptions{OnError: onError})
	return func(next http.Handler) http.Handler { return often(atOnce(next)) }
}

// byQuota limits whom key names.
func (l *limits) byQuota(key ratelimit.KeyFunc, onError func(http.ResponseWriter, *http.Request, error)) func(http.Handler) http.Handler {
	return l.quota.Middleware(key, &ratelimit.HTTPOptions{OnError: onError})
}

// byFailure limits the answers to tokens that were not accepted, and none other: a
// good token is let in from wherever it comes, so that one broken client does not
// lock out its office. Without Redis to count them, failures are not told apart from
// an outage. It is not for tokens that have expired.
func (l *limits) byFailure(onError func(http.ResponseWriter, *http.Request, error)) func(http.Handler) http.Handler {
	return l.failures.Middleware(ratelimit.ByIP(l.clientIP), &ratelimit.HTTPOptions{OnError: onError})
}
