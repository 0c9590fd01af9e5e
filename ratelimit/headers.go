package ratelimit

import (
	"math"
	"math/bits"
	"math/rand/v2"
	"net/http"
	"strconv"
	"sync/atomic"
	"time"
)

// The fields in the form that [http.Header] keeps them.
const (
	headerPolicy     = "Ratelimit-Policy"
	headerLimit      = "Ratelimit"
	headerRetryAfter = "Retry-After"
)

// SetHeaders sets the fields of draft-ietf-httpapi-ratelimit-headers-11 that say what
// d decided, and Retry-After if that is a refusal:
//
//	RateLimit-Policy: "minute";q=100;w=60, "hour";q=2000;w=3600
//	RateLimit: "minute";r=42;t=26
//	Retry-After: 12
//
// RateLimit-Policy lists all windows: q is Quota and w is Window in seconds, rounded
// up, as the draft knows no fractions: a client is told to be slower than it may.
//
// RateLimit is about the tightest window. r is how many units it has left; that is
// more than q if Burst is. t is the time in which the client can use no more than r. A
// token bucket never stops filling, so the draft leaves a choice. Until the bucket is
// full would tell a client with r=99 of 100 per minute that it has 99 units for the
// next second, and the draft (§6, §8.5) forbids to convey a rate beyond the policy's.
// Here t is the time in which r units come back, at least one: who spends r units
// at once and waits t has r units again, and r/t is the policy's own rate. Of a Sliding
// window it is at least the time until all units counted have left it. Of a
// refusal, t is RetryAfter.
//
// Retry-After is RetryAfter plus up to a tenth at random, so that those refused
// together do not return together, in seconds, rounded up, and never earlier than t. A
// request that no waiting helps ([Never]) gets none.
//
// Fields that h has already are replaced. A limiter within another one thus reports
// its own quota, which is the one that its client can plan by, and not the coarse one
// before it; whoever refuses reports itself. A handler may change the fields.
// A decision without Limits sets nothing.
func (d Decision) SetHeaders(h http.Header) { d.setHeaders(h, nil) }

func (d Decision) setHeaders(h http.Header, cache *policyCache) {
	l, ok := d.binding()
	if !ok {
		return
	}
	h[headerPolicy] = cache.value(d.Limits)
	t := d.effectiveWindow(l)
	var room [96]byte
	v := appendName(room[:0], l.Name)
	v = append(v, ";r="...)
	v = strconv.AppendInt(v, integer(d.Remaining), 10)
	v = append(v, ";t="...)
	v = strconv.AppendInt(v, t, 10)
	h[headerLimit] = []string{string(v)}
	if !d.Allowed && d.RetryAfter != Never {
		h[headerRetryAfter] = []string{strconv.FormatInt(max(t, jittered(d.RetryAfter)), 10)}
	}
}

// setXHeaders sets the fields that predate the draft.
func (d Decision) setXHeaders(h http.Header) {
	if l, ok := d.binding(); ok {
		h["X-Ratelimit-Limit"] = []string{strconv.Itoa(l.Quota)}
		h["X-Ratelimit-Remaining"] = []string{strconv.Itoa(max(d.Remaining, 0))}
		h["X-Ratelimit-Reset"] = []string{strconv.FormatInt(seconds(d.ResetAfter), 10)}
	}
}

// binding returns the tightest window. A decision of FailOpen may have none.
func (d Decision) binding() (Limit, bool) {
	if d.Tightest < 0 || d.Tightest >= len(d.Limits) {
		return Limit{}, false
	}
	return d.Limits[d.Tightest], true
}

// effectiveWindow is the parameter t, in seconds; see [Decision.SetHeaders].
func (d Decision) effectiveWindow(l Limit) int64 {
	if !d.Allowed && d.RetryAfter != Never {
		return max(1, seconds(d.RetryAfter))
	}
	t := refill(l, max(d.Remaining, 1))
	if l.Sliding {
		t = max(t, d.ResetAfter)
	}
	return max(1, seconds(t))
}

// refill is how long n units take to come back, rounded up.
func refill(l Limit, n int) time.Duration {
	if l.Quota < 1 || l.Window < 1 {
		return 0
	}
	hi, lo := bits.Mul64(uint64(n), uint64(l.Window))
	if hi >= uint64(l.Quota) {
		return math.MaxInt64
	}
	t, rest := bits.Div64(hi, lo, uint64(l.Quota))
	if rest > 0 {
		t++
	}
	return time.Duration(min(t, math.MaxInt64))
}

// jittered is d plus up to a tenth, in seconds.
func jittered(d time.Duration) int64 {
	d = max(d, 0)
	return seconds(d + min(rand.N(d/10+1), math.MaxInt64-d)) //nolint:gosec // G404: spreads clients, guards nothing
}

// seconds rounds up. What is negative is 0.
func seconds(d time.Duration) int64 {
	s := int64(max(d, 0) / time.Second)
	if d > time.Duration(s)*time.Second {
		s++
	}
	return s
}

// integer bounds n by the Integer of RFC 9651 §3.3.1.
func integer(n int) int64 { return min(max(int64(n), 0), 999_999_999_999_999) }

// appendName writes a name as a string of RFC 9651 and JSON alike. Names are safe since
// [New]; this holds for those of a Store or Decision of somebody else's.
func appendName(b []byte, name string) []byte {
	b = append(b, '"')
	for i := range len(name) {
		c := name[i]
		if c < ' ' || c > '~' || c == '"' || c == '\\' {
			c = '_'
		}
		b = append(b, c)
	}
	return append(b, '"')
}

// appendPolicy writes RateLimit-Policy.
func appendPolicy(b []byte, limits Limits) []byte {
	for i, l := range limits {
		if i > 0 {
			b = append(b, ", "...)
		}
		b = appendName(b, l.Name)
		b = append(b, ";q="...)
		b = strconv.AppendInt(b, integer(l.Quota), 10)
		b = append(b, ";w="...)
		b = strconv.AppendInt(b, max(1, seconds(l.Window)), 10)
	}
	return b
}

// A policyCache keeps the values of RateLimit-Policy, so that a response need not
// write its own: there are as many as plans. It compares contents, as a Plan func may
// make a new one each time. nil keeps nothing.
type policyCache struct {
	entries atomic.Pointer[[]policyEntry]
}

type policyEntry struct {
	windows int
	limits  [MaxWindows]Limit
	value   []string // cap 1: a handler that appends to it gets its own
}

// maxPolicies bounds the cache, which begins anew then.
const maxPolicies = 64

func (c *policyCache) value(limits Limits) []string {
	var known []policyEntry
	if c != nil {
		if p := c.entries.Load(); p != nil {
			known = *p
		}
		for i := range known {
			if e := &known[i]; e.is(limits) {
				return e.value
			}
		}
	}
	value := []string{string(appendPolicy(nil, limits))}
	if c != nil && len(limits) <= MaxWindows {
		if len(known) == maxPolicies {
			known = nil
		}
		e := policyEntry{windows: len(limits), value: value}
		copy(e.limits[:], limits)
		// Copied: others read known. Of two who do so at once one is forgotten until
		// it is needed again.
		next := append(known[:len(known):len(known)], e)
		c.entries.Store(&next)
	}
	return value
}

func (e *policyEntry) is(limits Limits) bool {
	if e.windows != len(limits) {
		return false
	}
	for i := range limits {
		if e.limits[i] != limits[i] {
			return false
		}
	}
	return true
}
