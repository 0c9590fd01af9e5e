package ratelimit

import (
	"math/bits"
	"sync"
)

// A table keeps the state of the keys that are judged by equally many windows.
//
// It is split in shards by the highest bits of a key's fingerprint. A shard is a hash
// table with open addressing and linear probing: an array of slots, each of
//
//	1 word                      the fingerprint, 0 if the slot is empty
//	1 word per window           when the window is idle: nanoseconds since the store's start
//	5 words per sliding window  its ring of counters
//
// A slot whose windows are all idle says what an empty one says, so it is given to the
// next key that comes along, and no sweeper is needed. A key's home is where its
// fingerprint falls if all of them are spread evenly over the slots, which leaves the
// order of keys as it is when a shard is resized.
type table struct {
	windows int  // per slot
	stride  int  // words per slot
	bits    uint // of a fingerprint that select the shard
	keys    int  // that a shard keeps
	shards  []shard
}

// A shard is 64 bytes: one cache line.
type shard struct {
	mu      sync.Mutex
	slots   []uint64
	size    int // in slots
	used    int // slots that are not empty
	room    int // keys to add before the next tidy
	evicted uint64
}

const (
	tagBits   = 16 // of a fingerprint: what tells sets of windows apart
	ringWords = (eighths + 2) / 2
	fewSlots  = 8  // of a shard with its first key
	probed    = 32 // slots from which the victim of an eviction is chosen
)

// newTable makes an empty table of the given number of shards, a power of two.
func newTable(windows, sliding, shards, keys int) *table {
	return &table{
		windows: windows,
		stride:  1 + windows + ringWords*sliding,
		bits:    uint(bits.Len(uint(shards)) - 1),
		keys:    keys / shards,
		shards:  make([]shard, shards),
	}
}

// shard returns the shard that fingerprint belongs to.
func (t *table) shard(fingerprint uint64) *shard {
	return &t.shards[fingerprint>>1>>((63-t.bits)%64)]
}

// home returns where in s fingerprint belongs: the first word of a slot. The slots of
// one key are neighbours whatever its windows are.
func (t *table) home(s *shard, fingerprint uint64) int {
	slot, _ := bits.Mul64(fingerprint>>tagBits<<tagBits<<(t.bits%64), uint64(s.size))
	return int(slot) * t.stride
}

// next returns the slot after the one at i, round the end.
func (t *table) next(s *shard, i int) int {
	if i += t.stride; i < len(s.slots) {
		return i
	}
	return 0
}

// find returns the slot of fingerprint, or -1.
func (t *table) find(s *shard, fingerprint uint64) int {
	if s.used == 0 {
		return -1
	}
	for i := t.home(s, fingerprint); ; i = t.next(s, i) {
		switch s.slots[i] {
		case fingerprint:
			return i
		case 0:
			return -1
		}
	}
}

// gap returns the first empty slot from the one at i.
func (t *table) gap(s *shard, i int) int {
	for s.slots[i] != 0 {
		i = t.next(s, i)
	}
	return i
}

// idle returns when all windows of the slot at i are.
func (t *table) idle(s *shard, i int) int64 {
	var last uint64
	for _, at := range s.slots[i+1 : i+1+t.windows] {
		last = max(last, at)
	}
	return int64(last)
}

// add returns a slot for fingerprint, which is not in s: its windows are idle. The
// slot of another key is reused if it is idle, or if the shard is full. r are those of
// fingerprint.
func (t *table) add(s *shard, fingerprint uint64, now int64, r *rules) int {
	if s.room == 0 {
		t.tidy(s, now)
	}
	s.room--
	home := t.home(s, fingerprint)
	i := home
	for ; s.slots[i] != 0; i = t.next(s, i) {
		if t.idle(s, i) <= now {
			clear(s.slots[i : i+t.stride])
			s.slots[i] = fingerprint
			return i
		}
	}
	if s.used >= t.keys {
		t.evict(s, home, now, r)
		i = t.gap(s, home)
	}
	s.used++
	s.slots[i] = fingerprint
	return i
}

// evict removes the key that has used least of those near home.
func (t *table) evict(s *shard, home int, now int64, r *rules) {
	victim, least := -1, int64(0)
	i := home
	for n := 0; n < probed || victim < 0; n++ {
		if s.slots[i] != 0 {
			if used := t.used(s, i, now, r); victim < 0 || used < least {
				victim, least = i, used
			}
		}
		if i = t.next(s, i); i == home {
			break
		}
	}
	if t.idle(s, victim) > now {
		s.evicted++
	}
	t.remove(s, victim)
}

// used is how much the key of the slot at i has used, as the time in which its slowest
// window gives it back. A sliding window is busy for as long after one unit as after
// all of them: by that, a key would go before any that was made up later, however much
// it has used. So its units count, as if they came back evenly. Under limits other than
// those of r this is an estimate.
func (t *table) used(s *shard, i int, now int64, r *rules) (most int64) {
	slot := s.slots[i+1 : i+t.stride]
	rings := slot[t.windows:]
	for j := range t.windows {
		busy, rule := int64(slot[j])-now, &r.array[j]
		if rule.sliding {
			var g gauge
			g.weighSliding(rule, rings, int64(slot[j]), now, 0)
			busy = int64(float64(min(g.held, rule.max)) / float64(rule.max) * float64(rule.fill))
			rings = rings[ringWords:]
		}
		most = max(most, busy)
	}
	return most
}

// remove empties the slot at hole, and moves up those behind it that a search would
// not find any more.
func (t *table) remove(s *shard, hole int) {
	for i := t.next(s, hole); s.slots[i] != 0; i = t.next(s, i) {
		home := t.home(s, s.slots[i])
		between := hole < home && home <= i
		if i < hole { // round the end
			between = hole < home || home <= i
		}
		if !between {
			copy(s.slots[hole:hole+t.stride], s.slots[i:])
			hole = i
		}
	}
	clear(s.slots[hole : hole+t.stride])
	s.used--
}

// tidy removes what is idle and gives the shard the size that the other keys need. It
// comes once in an eighth of as many new keys as there are slots, or less often: so
// there is always an empty slot, where searches end, and a key costs a few reads of
// its share.
func (t *table) tidy(s *shard, now int64) {
	for i := 0; i < len(s.slots); {
		if s.slots[i] != 0 && t.idle(s, i) <= now {
			t.remove(s, i) // which may move another key here
		} else {
			i += t.stride
		}
	}
	want := s.size
	if s.size < fewSlots || s.used > s.size/8*5 || s.used < s.size/8 {
		want = min(max(fewSlots, 2*s.used), t.keys+t.keys/3+1)
	}
	if want != s.size {
		t.resize(s, want)
	}
	s.room = max(s.size*3/4-s.used, s.size/8, 1)
}

// resize moves the keys of s to a new array of size slots.
func (t *table) resize(s *shard, size int) {
	old := s.slots
	s.slots, s.size = make([]uint64, size*t.stride), size
	for ; len(old) > 0; old = old[t.stride:] {
		if old[0] != 0 {
			i := t.gap(s, t.home(s, old[0]))
			copy(s.slots[i:i+t.stride], old)
		}
	}
}

// forget removes every slot of the key with the given hash, whatever its windows are.
func (t *table) forget(hash uint64) {
	s := t.shard(hash)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.used == 0 {
		return
	}
	for i := t.home(s, hash); s.slots[i] != 0; {
		if s.slots[i]>>tagBits == hash>>tagBits {
			t.remove(s, i) // which may move another slot here
		} else {
			i = t.next(s, i)
		}
	}
}
