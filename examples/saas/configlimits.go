package main

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/rowhouse-go/rowhouse/ratelimit"
)

// limitFaults judges how much callers may ask for, where it is counted and by whose
// word an address is a client's. Limits are no secret, but the rule holds here too:
// a fault shows no value.
func (c *config) limitFaults(f *faultList) {
	const form = "must be limits such as 100/minute; 2000/hour, at most 4 with different names, " + countableForm
	_, err := parseLimits(c.RateLimits)
	f.unless(err == nil, "RATE_LIMITS", form)
	_, err = parseLimits(c.AuthFailureLimits)
	f.unless(err == nil, "AUTH_FAILURE_LIMITS", form)
	_, err = c.plans()
	f.unless(err == nil, "PLAN_LIMITS", planForm)
	_, err = c.clientIP()
	f.unless(err == nil, "TRUSTED_PROXIES", "must be networks such as 10.0.0.0/8, with commas between them; none may be wider than an IPv4 /8 or an IPv6 /7")
	_, err = c.redisOptions()
	f.unless(err == nil, "REDIS_URL", "must be redis://LOGIN:PASSWORD@HOST:PORT/NUMBER, or rediss: for TLS")
}

// planFaults returns everything wrong with what the command plan reads.
func (c *config) planFaults() []configFault {
	var f faultList
	c.databaseFaults(&f)
	_, err := c.plans()
	f.unless(err == nil, "PLAN_LIMITS", planForm)
	return f
}

const planForm = "must be plans such as pro=1000/minute; 20000/hour, with commas between them, and each once, " + countableForm

// parseLimits also refuses what can't be counted everywhere: Redis keeps no bucket for
// longer than 104 days, and the coarse limits are a hundred times as much.
func parseLimits(text string) (ratelimit.Limits, error) {
	limits, err := ratelimit.Parse(text)
	if err != nil {
		return nil, err
	}
	for _, l := range limits {
		most := max(l.Quota, l.Burst)
		fills := float64(l.Window) * float64(most) / float64(l.Quota)
		if most > maxQuota || fills > float64(maxWindow) {
			return nil, errors.New(countableForm)
		}
	}
	return limits, nil
}

const (
	maxQuota      = 1_000_000_000
	maxWindow     = 31 * 24 * time.Hour
	countableForm = "each of at most 1000000000 in at most 31d"
)

// plans returns the limits of each plan.
func (c *config) plans() (map[string]ratelimit.Limits, error) {
	all := make(map[string]ratelimit.Limits)
	for _, entry := range c.PlanLimits {
		name, text, _ := strings.Cut(entry, "=")
		name = strings.TrimSpace(name)
		limits, err := parseLimits(text)
		if err != nil || all[name] != nil || !isPlan(name) {
			return nil, errors.Join(fmt.Errorf("plan %q is none, or there twice", name), err)
		}
		all[name] = limits
	}
	return all, nil
}

// clientIP is where the client's address comes from.
func (c *config) clientIP() (ratelimit.ClientIP, error) {
	if len(c.TrustedProxies) == 0 {
		return ratelimit.RemoteIP(), nil
	}
	var trusted []netip.Prefix
	for _, text := range c.TrustedProxies {
		p, err := netip.ParsePrefix(strings.TrimSpace(text))
		if err != nil || p != p.Masked() {
			return ratelimit.ClientIP{}, errors.Join(errors.New("no network"), err)
		}
		trusted = append(trusted, p)
	}
	return ratelimit.ForwardedIP(trusted)
}

// redisOptions returns nil without Redis.
func (c *config) redisOptions() (*redis.Options, error) {
	if c.RedisURL == "" {
		return nil, nil //nolint:nilnil // there is none, and nothing wrong with that
	}
	return redis.ParseURL(c.RedisURL)
}

// coarser is standard for more than one client: in each of its windows, factor times the
// most that it or a plan lets one have, who must not meet it alone. It is never
// sliding, which takes six times the memory.
func coarser(standard ratelimit.Limits, plans map[string]ratelimit.Limits, factor int) ratelimit.Limits {
	wide := slices.Clone(standard)
	for i := range wide {
		w := &wide[i]
		for _, plan := range plans {
			w.Quota = max(w.Quota, mostIn(plan, w.Window))
			if w.Burst != 0 {
				w.Burst = max(w.Burst, mostIn(plan, 0))
			}
		}
		w.Quota = min(w.Quota*factor, int(w.Window)) // one per nanosecond, which is the most there is
		w.Burst *= factor
		w.Sliding = false
	}
	return wide
}

// mostIn is how much limits let through in a window, and at once if it is 0.
func mostIn(limits ratelimit.Limits, window time.Duration) int {
	most := math.Inf(1)
	for _, l := range limits {
		back := float64(l.Quota) * float64(window) / float64(l.Window)
		most = min(most, max(float64(cmp.Or(l.Burst, l.Quota)), back))
	}
	return int(math.Ceil(most))
}
