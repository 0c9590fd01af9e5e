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
// table that is half to three quarters full while it grows. A key that has its whole
// burst back is forgotten: its slot goes to the next one that comes along, and a table
// of which less than an eighth is in use shrinks, once enough of them came.
//
// A table at [MemoryOptions.MaxKeys] forgets for a new key, among those in 32 slots, the
// one that has used least: whose windows give it back soonest. Who makes up keys drives
// out others that have used little, and these get back that little. A key near its
// limit goes only if its neighbours have used as much, which takes as many requests for
// each of them, and no one can tell which keys are neighbours. That holds among keys
// with the same windows: beside keys that are charged by the day, those by the minute
// have used little. So limiters that must not be talked out of a count have a store of
// their own, as they have by default.
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
func (m *Memory) Take(_ context.Context, name, key string, limits Limits, n int) (Decision, error) {
	return m.takeAt(m.now(), name, key, limits, n)
}

func (m *Memory) takeAt(now int64, name, key string, limits Limits, n int) (d Decision, err error) {
	var r rules
	if !r.compile(limits) {
		return d, limits.Validate()
	}
	if n < 0 {
		return d, fmt.Errorf("ratelimit: take %d units", n)
	}
	m.take(&d, now, saltOf(name), key, limits, &r, int64(n))
	return d, nil
}

// now is the time since the store's start.
func (m *Memory) now() int64 { return int64(time.Since(m.start)) }

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
	hash := m.hash(saltOf(name), key)
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
