package retry

import (
	"sync/atomic"
	"time"
)

// buckets is how many parts of the window are counted together. The part that has
// just begun and the nine before it make up the window.
const buckets = 10

// A tally counts the outcomes of a sliding window.
type tally struct {
	width   time.Duration // of a bucket
	current atomic.Int64  // how many widths have passed, as of late: it spares a division
	counts  [buckets]atomic.Uint64
}

// A count is what a bucket holds: when it began, in widths since the breaker was
// made (32 bits, which may wrap), all outcomes (16 bits) and the failures among them
// (16 bits). Beyond 65,535 outcomes both are halved, so that their ratio stays.
type count uint64

func (c count) epoch() uint32    { return uint32(c >> 32) }
func (c count) total() uint64    { return uint64(c >> 16 & 0xffff) }
func (c count) failures() uint64 { return uint64(c & 0xffff) }

func (t *tally) epoch(now time.Duration) uint32 {
	current := t.current.Load()
	if begun := now - time.Duration(current)*t.width; begun < 0 || begun >= t.width {
		current = int64(now / t.width)
		t.current.Store(current)
	}
	return uint32(current)
}

// add counts one outcome, with failures 0 or 1.
func (t *tally) add(now time.Duration, failures uint64) {
	epoch := t.epoch(now)
	bucket := &t.counts[epoch%buckets]
	for {
		old := bucket.Load()
		c := count(old)
		total, failed := c.total(), c.failures()
		switch {
		case c.epoch() != epoch:
			total, failed = 0, 0
		case total == 0xffff:
			total, failed = total/2, failed/2
		}
		if bucket.CompareAndSwap(old, uint64(epoch)<<32|(total+1)<<16|(failed+failures)) {
			return
		}
	}
}

// sum returns what the window holds.
func (t *tally) sum(now time.Duration) (total, failures int) {
	epoch := t.epoch(now)
	for i := range t.counts {
		if c := count(t.counts[i].Load()); epoch-c.epoch() < buckets {
			total += int(c.total())
			failures += int(c.failures())
		}
	}
	return total, failures
}

func (t *tally) reset() {
	for i := range t.counts {
		t.counts[i].Store(0)
	}
}
