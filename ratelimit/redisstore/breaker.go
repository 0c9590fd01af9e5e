package redisstore

import (
	"sync/atomic"
	"time"
)

// A breaker stops calls after several failures in a row, and lets one probe at a
// time find out whether they would work again. Nobody waits for the probe.
type breaker struct {
	most  int64 // failures in a row that open it; negative: never
	every time.Duration
	start time.Time

	failures atomic.Int64
	probeAt  atomic.Int64 // since start; 0: closed
}

func newBreaker(most int, every time.Duration) *breaker {
	return &breaker{most: int64(most), every: every, start: time.Now()}
}

// allow reports whether to call, and otherwise whether to probe: it is then the
// caller who has to, and to report what came of it to probed.
func (b *breaker) allow() (call, probe bool) {
	at := b.probeAt.Load()
	if at == 0 {
		return true, false
	}
	// Until it has reported, the probe keeps others from starting one.
	return false, int64(time.Since(b.start)) >= at && b.probeAt.CompareAndSwap(at, 1<<62)
}

// called reports what came of a call.
func (b *breaker) called(ok bool) {
	switch {
	case ok:
		if b.failures.Load() != 0 { // spares all callers one contended line
			b.failures.Store(0)
		}
	case b.most >= 0 && b.failures.Add(1) >= b.most:
		b.probeAt.CompareAndSwap(0, b.next())
	}
}

// probed reports what came of a probe.
func (b *breaker) probed(ok bool) {
	if ok {
		b.failures.Store(0)
		b.probeAt.Store(0)
		return
	}
	b.probeAt.Store(b.next())
}

func (b *breaker) next() int64 { return max(int64(time.Since(b.start)+b.every), 1) }
