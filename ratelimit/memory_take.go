package ratelimit

import (
	"hash/maphash"
	"math/bits"
	"time"
)

// factor spreads what it multiplies over the higher bits: 2^64 by the golden ratio.
const factor = 0x9e3779b97f4a7c15

// hash is the fingerprint of a key, before what windows it is judged by. salt stands
// for the name of its limiter.
func (m *Memory) hash(salt uint64, key string) uint64 { return maphash.String(m.seed, key) + salt }

// saltOf makes a number of a name. It has no seed: only keys come from outside, and it
// is enough that different names give different numbers.
func saltOf(name string) uint64 {
	h := uint64(len(name))
	for i := range len(name) {
		h = (h ^ uint64(name[i])) * factor
		h ^= h >> 32
	}
	return h * factor
}

// take sets d, which is zero, to the decision at now. r are the rules of limits.
func (m *Memory) take(d *Decision, now int64, salt uint64, key string, limits Limits, r *rules, units int64) {
	var array [MaxWindows]gauge
	gauges := array[:r.windows]
	var refused uint8
	for i := range gauges {
		if units > r.array[i].max {
			gauges[i].wait, refused = int64(Never), refused|1<<i
		}
	}
	// A key judged by other windows is another key, in a slot near by. No fingerprint
	// is 0: that is an empty slot.
	fingerprint := m.hash(salt, key) ^ r.tag | 1

	t := m.table(r.windows, r.sliding)
	s := t.shard(fingerprint)
	s.mu.Lock()
	refused = t.charge(s, fingerprint, now, units, r, gauges, refused)
	s.mu.Unlock()

	d.Limits, d.Refused, d.Allowed = limits, refused, refused == 0
	d.read(r, gauges)
}

// charge completes gauges and charges n units to all windows of fingerprint, unless
// some refuse, as those do that have their bit set in refused.
func (t *table) charge(s *shard, fingerprint uint64, now, n int64, r *rules, gauges []gauge, refused uint8) uint8 {
	at := t.find(s, fingerprint)
	if at >= 0 {
		slot := s.slots[at+1 : at+t.stride]
		rings := slot[len(gauges):]
		for i := range gauges {
			g, rule := &gauges[i], &r.array[i]
			if rule.sliding {
				g.weighSliding(rule, rings, int64(slot[i]), now, n)
				rings = rings[ringWords:]
			} else {
				g.weighBucket(rule, int64(slot[i]), now, n)
			}
			if g.wait > 0 {
				refused |= 1 << i
			}
		}
	}
	if refused != 0 || n == 0 {
		return refused
	}
	if at < 0 {
		at = t.add(s, fingerprint, now, r)
	}
	slot := s.slots[at+1 : at+t.stride]
	rings := slot[len(gauges):]
	for i := range gauges {
		g, rule := &gauges[i], &r.array[i]
		if rule.sliding {
			slot[i] = uint64(g.chargeSliding(rule, rings, int64(slot[i]), now, n))
			rings = rings[ringWords:]
		} else {
			slot[i] = uint64(g.chargeBucket(rule, now, n))
		}
	}
	return 0
}

// read completes d by what the gauges read.
func (d *Decision) read(r *rules, gauges []gauge) {
	tightest := &gauges[0]
	left := tightest.left(&r.array[0])
	for i := 1; i < len(gauges); i++ {
		g := &gauges[i]
		rest := g.left(&r.array[i])
		if g.wait > tightest.wait || g.wait == tightest.wait && smaller(rest, r.array[i].max, left, r.array[d.Tightest].max) {
			d.Tightest, tightest, left = i, g, rest
		}
	}
	d.Remaining, d.RetryAfter, d.ResetAfter = int(left), time.Duration(tightest.wait), time.Duration(tightest.busy)
}

// smaller reports whether a/b < c/d.
func smaller(a, b, c, d int64) bool {
	high1, low1 := bits.Mul64(uint64(a), uint64(d))
	high2, low2 := bits.Mul64(uint64(c), uint64(b))
	return high1 < high2 || high1 == high2 && low1 < low2
}
