package ratelimit

import (
	"math/bits"
)

// A token bucket is one number: when it is full again, which the literature on the
// generic cell rate algorithm (ITU-T I.371) calls the theoretical arrival time. A unit
// moves that time by the interval at which tokens come back, and fits if it is then no
// further away than the interval times the burst.

// A rule is what a decision needs of a valid [Limit].
type rule struct {
	each    int64  // ns: see Limit.pace
	fill    int64  // ns
	max     int64  // units that fit an idle window
	inverse uint64 // 2^64/each, rounded down; 0 if each is 1, or it isn't worth finding out
	sliding bool
}

// units returns how many units come back in d, d/each. A division by what is not known
// beforehand takes tens of cycles; the product with the inverse is at most 1 too small.
func (r *rule) units(d int64) int64 {
	if r.inverse == 0 {
		return d / r.each
	}
	high, _ := bits.Mul64(uint64(d), r.inverse)
	n := int64(high)
	if d-n*r.each >= r.each {
		n++
	}
	return n
}

// Rules are what decisions need of Limits. They are made once and not changed.
type rules struct {
	array   [MaxWindows]rule
	windows int
	sliding int    // among the windows
	tag     uint64 // the low bits of the fingerprints of keys that these windows judge
}

// compile makes r the rules of limits: false if their number or one in them is not
// valid.
func (r *rules) compile(limits Limits) bool {
	if len(limits) == 0 || len(limits) > MaxWindows {
		return false
	}
	r.windows = len(limits)
	for i := range limits {
		l, rule := &limits[i], &r.array[i]
		var ok bool
		if rule.each, rule.fill, ok = l.pace(); !ok {
			return false
		}
		rule.max, rule.sliding = int64(l.burst()), l.Sliding
		r.tag = (r.tag + uint64(l.Window)) * factor
		if l.Sliding {
			r.sliding++
			r.tag++
		}
	}
	r.tag = r.tag * factor >> (64 - tagBits)
	return true
}

// invert prepares rules that are used more than once.
func (r *rules) invert() {
	for i := range r.array[:r.windows] {
		if rule := &r.array[i]; rule.each > 1 {
			rule.inverse, _ = bits.Div64(1, 0, uint64(rule.each))
		}
	}
}

// A gauge is what a decision finds out about one window.
type gauge struct {
	busy int64 // ns until the window is idle
	held int64 // units charged to a sliding window
	wait int64 // ns until the request fits: 0 if it does now, Never if it is more than max
}

// weighBucket asks whether n units fit a bucket that is full again at idle.
func (g *gauge) weighBucket(r *rule, idle, now, n int64) {
	g.busy = max(idle-now, 0)
	if n > 0 && g.wait == 0 {
		g.wait = max(g.busy+n*r.each-r.fill, 0)
	}
}

// chargeBucket returns when the bucket is full again once n units were taken from it.
func (g *gauge) chargeBucket(r *rule, now, n int64) (idle int64) {
	g.busy += n * r.each
	return now + g.busy
}

// left returns the units that the window would still grant.
func (g *gauge) left(r *rule) int64 {
	if r.sliding {
		return max(r.max-g.held, 0)
	}
	return r.units(max(r.fill-g.busy, 0))
}
