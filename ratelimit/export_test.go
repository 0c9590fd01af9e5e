package ratelimit

import "time"

// TakeAt is Take at a time since the store's start.
func (m *Memory) TakeAt(at time.Duration, name, key string, limits Limits, n int) (d Decision, err error) {
	err = m.take(&d, int64(at), name, key, limits, n)
	return d, err
}
