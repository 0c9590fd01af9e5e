package ratelimit

import "time"

// TakeAt is Take at a time since the store's start, the way a Limiter takes: by a plan.
func (m *Memory) TakeAt(at time.Duration, name, key string, limits Limits, n int) (d Decision, err error) {
	var r rules
	if n < 0 || !r.compile(limits) {
		return m.takeAt(int64(at), name, key, limits, n)
	}
	r.invert()
	m.take(&d, int64(at), saltOf(name), key, limits, &r, int64(n))
	return d, nil
}

// Units are how many units come back in d, if one does in each: by the prepared
// inverse, and by division.
func Units(each, d int64) (quick, exact int64) {
	var r rules
	r.windows, r.array[0].each = 1, each
	r.invert()
	return r.array[0].units(d), d / each
}
