package ratelimit

import (
	"context"
	"fmt"
	"hash/maphash"
	"math/bits"
	"runtime"
	"sync/atomic"
	"time"
)

// MemoryOptions are the optional parts of [NewMemory]. The zero value, like a nil
// *MemoryOptions, means the defaults.
type MemoryOptions struct {
	// MaxKeys bounds how many keys are kept for each number of windows, of which
	// sliding ones are told apart. 0 means 1<<20; negative means no bound.
	MaxKeys int
}

// Memory is a [Store] in this process. It is safe for concurrent use, starts no
// goroutine and needs no Close. Make one with [NewMemory]: the zero Memory panics.
//
// A key takes a slot of 8 bytes, 8 more per window and 40 more per sliding window, in a
// table that is half to three quarters full. A key that has its whole burst back is
// forgotten, and its slot goes to the next one that comes along. A table at
// [MemoryOptions.MaxKeys] forgets for a new key the one that is nearest to having its
// burst back among those in 32 slots: who makes up keys drives out others that have
// used little, and gets back what they had used; to be driven out, a key near its limit
// must meet none that has used less.
//
// What a key has used counts as long as its windows are of the same lengths and kinds in
// the same order, whatever their names, quotas and bursts: other windows start anew, and
// those of before go on if they come back.
//
// Keys are kept as hashes of 63 bits with a seed of this store's own. Two keys share a
// bucket if their hashes are equal: of a million keys, some do with a chance of
// 1 in 18 million, which nobody outside can raise.
//
// Time is the monotonic clock's: a step of the wall clock changes nothing.
type Memory struct {
	seed   maphash.Seed
	start  time.Time
	shards int // per table
	keys   int
	tables [MaxWindows + 1][MaxWindows + 1]atomic.Pointer[table] // by windows, by sliding ones among them
}

// NewMemory makes an empty store.
func NewMemory(o *MemoryOptions) *Memory {
	keys := 0
	if o != nil {
		keys = o.MaxKeys
	}
	switch {
	case keys == 0:
		keys = 1 << 20
	case keys < 0:
		keys = 1<<31 - 1 // 50 GB
	}
	// Four shards per processor make it rare that two meet in one; 64 make resizing
	// one short. A shard of few keys would fill up long before the others.
	shards := max(64, 4*runtime.GOMAXPROCS(0))
	shards = min(1<<bits.Len(uint(shards-1)), max(1, 1<<bits.Len(uint(keys/1024))>>1))
	return &Memory{seed: maphash.MakeSeed(), start: time.Now(), shards: shards, keys: keys}
}

// Take implements [Store]. It doesn't block, and so doesn't look at ctx. The only errors
// are those of limits that [Limits.Validate] refuses and of a negative n.
func (m *Memory) Take(_ context.Context, name, key string, limits Limits, n int) (d Decision, err error) {
	err = m.take(&d, int64(time.Since(m.start)), name, key, limits, n)
	return d, err
}

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
		at = t.add(s, fingerprint, now)
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

// table returns the table of keys that are judged by the given number of windows, some
// of them sliding.
func (m *Memory) table(windows, sliding int) *table {
	p := &m.tables[windows][sliding]
	if t := p.Load(); t != nil {
		return t
	}
	p.CompareAndSwap(nil, newTable(windows, sliding, m.shards, m.keys))
	return p.Load()
}

// each calls f for every table, with its shards locked one after the other.
func (m *Memory) each(f func(s *shard)) {
	for i := range m.tables {
		for j := range m.tables[i] {
			if t := m.tables[i][j].Load(); t != nil {
				for k := range t.shards {
					s := &t.shards[k]
					s.mu.Lock()
					f(s)
					s.mu.Unlock()
				}
			}
		}
	}
}

// Reset implements [Resetter]: every window of name and key has its whole burst again.
// The error is always nil.
func (m *Memory) Reset(_ context.Context, name, key string) error {
	hash := m.hash(name, key)
	for i := range m.tables {
		for j := range m.tables[i] {
			if t := m.tables[i][j].Load(); t != nil {
				t.forget(hash)
			}
		}
	}
	return nil
}

// MemoryStats are the figures of a [Memory].
type MemoryStats struct {
	Keys      int    // keys kept, among them those that are idle and were not reused yet
	Slots     int    // slots for keys
	Bytes     int    // memory of the slots
	Evictions uint64 // keys forgotten while they were not idle, because of MaxKeys
}

// Stats adds up the figures of all shards, locking one after the other.
func (m *Memory) Stats() MemoryStats {
	var stats MemoryStats
	m.each(func(s *shard) {
		stats.Keys += s.used
		stats.Slots += s.size
		stats.Bytes += 8 * len(s.slots)
		stats.Evictions += s.evicted
	})
	return stats
}
