package ratelimit

import (
	"context"
	"sync"
	"time"
)

// MemoryOptions are the optional parts of [NewMemory].
type MemoryOptions struct {
	// MaxKeys bounds how many keys are kept. 0 means 1<<20.
	MaxKeys int
}

// Memory is a [Store] in this process.
type Memory struct {
	mu    sync.Mutex
	start time.Time
	full  map[memoryKey]time.Duration // when each bucket is full again
}

type memoryKey struct{ name, key, window string }

// NewMemory makes an empty store.
func NewMemory(*MemoryOptions) *Memory {
	return &Memory{start: time.Now(), full: make(map[memoryKey]time.Duration)}
}

// Take implements [Store].
func (m *Memory) Take(_ context.Context, name, key string, limits Limits, n int) (Decision, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := time.Since(m.start)
	d := Decision{Allowed: true, Limits: limits, Tightest: -1}
	for charge := range 2 {
		for i, l := range limits {
			burst := time.Duration(l.Burst)
			if l.Burst == 0 {
				burst = time.Duration(l.Quota)
			}
			each := l.Window / time.Duration(l.Quota)
			k := memoryKey{name, key, l.Name}
			full := max(m.full[k], now)
			after := full + time.Duration(n)*each
			if over := after - now - burst*each; over > 0 && charge == 0 {
				d.Allowed, d.Refused = false, d.Refused|1<<i
				if over >= d.RetryAfter {
					d.Tightest, d.RetryAfter, d.Remaining, d.ResetAfter = i, over, int(burst-(full-now+each-1)/each), full-now
				}
			}
			if charge == 1 && d.Allowed {
				m.full[k] = after
				left := int(burst - (after-now+each-1)/each)
				if d.Tightest < 0 || left*limits[d.Tightest].Quota < d.Remaining*l.Quota {
					d.Tightest, d.Remaining, d.ResetAfter = i, left, after-now
				}
			}
		}
	}
	return d, nil
}
