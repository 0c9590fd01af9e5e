package ratelimit

import (
	"fmt"
	"hash/maphash"
	"math/bits"
	"time"
)

// factor spreads what it multiplies over the higher bits: 2^64 by the golden ratio.
const factor = 0x9e3779b97f4a7c15

// hash is the fingerprint of name and key, before what windows they are judged by. Only
// keys come from outside: it is enough that different names change it differently.
func (m *Memory) hash(name, key string) uint64 {
	h := uint64(len(name))
	for ; len(name) >= 8; name = name[8:] {
		h ^= uint64(name[0]) | uint64(name[1])<<8 | uint64(name[2])<<16 | uint64(name[3])<<24 |
			uint64(name[4])<<32 | uint64(name[5])<<40 | uint64(name[6])<<48 | uint64(name[7])<<56
		h *= factor
		h ^= h >> 32
	}
	tail := uint64(0)
	for i := range len(name) {
		tail = tail<<8 | uint64(name[i])
	}
	return maphash.String(m.seed, key) + (h^tail)*factor
}

// take sets d, which is zero, to the decision at now.
func (m *Memory) take(d *Decision, now int64, name, key string, limits Limits, units int) error {
	if len(limits) == 0 || len(limits) > MaxWindows {
		return limits.Validate()
	}
	if units < 0 {
		return fmt.Errorf("ratelimit: take %d units", units)
	}
	var array [MaxWindows]gauge
	gauges := array[:len(limits)]
	var refused uint8
	var tag uint64
	sliding := 0
	for i := range gauges {
		l, g := &limits[i], &gauges[i]
		var ok bool
		if g.each, g.fill, ok = l.pace(); !ok {
			return limits.Validate()
		}
		if g.max = int64(l.burst()); int64(units) > g.max {
			g.wait, refused = int64(Never), refused|1<<i
		}
		tag = (tag + uint64(l.Window)) * factor
		if l.Sliding {
			g.sliding = true
			sliding++
			tag++
		}
	}
	// A key judged by other windows is another key, in a slot near by. No fingerprint
	// is 0: that is an empty slot.
	fingerprint := m.hash(name, key) ^ tag*factor>>(64-tagBits) | 1

	t := m.table(len(limits), sliding)
	s := t.shard(fingerprint)
	s.mu.Lock()
	refused = t.charge(s, fingerprint, now, int64(units), gauges, refused)
	s.mu.Unlock()

	d.Limits, d.Refused, d.Allowed = limits, refused, refused == 0
	d.read(gauges)
	return nil
}

// charge completes gauges and charges n units to all windows of fingerprint, unless
// some refuse, as those do that have their bit set in refused.
func (t *table) charge(s *shard, fingerprint uint64, now, n int64, gauges []gauge, refused uint8) uint8 {
	at := t.find(s, fingerprint)
	if at >= 0 {
		slot := s.slots[at+1 : at+t.stride]
		rings := slot[len(gauges):]
		for i := range gauges {
			g := &gauges[i]
			if g.sliding {
				g.weighSliding(rings, int64(slot[i]), now, n)
				rings = rings[ringWords:]
			} else {
				g.weighBucket(int64(slot[i]), now, n)
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
		at = t.add(s, fingerprint, now, gauges)
	}
	slot := s.slots[at+1 : at+t.stride]
	rings := slot[len(gauges):]
	for i := range gauges {
		g := &gauges[i]
		if g.sliding {
			slot[i] = uint64(g.chargeSliding(rings, int64(slot[i]), now, n))
			rings = rings[ringWords:]
		} else {
			slot[i] = uint64(g.chargeBucket(now, n))
		}
	}
	return 0
}

// read completes d by what the gauges read.
func (d *Decision) read(gauges []gauge) {
	tightest := &gauges[0]
	left := tightest.left()
	for i := 1; i < len(gauges); i++ {
		g := &gauges[i]
		rest := g.left()
		if g.wait > tightest.wait || g.wait == tightest.wait && smaller(rest, g.max, left, tightest.max) {
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
