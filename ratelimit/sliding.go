package ratelimit

import "math"

// A sliding window counts units by eighths of its length: those of the current eighth
// and of the eight before it count, which cover the window wherever in the current
// eighth one stands. The eighths are numbered from 9, so that the number of one is also
// the number of eighths from the store's start until it counts no more.

// eighths is into how many parts a sliding window is split.
const eighths = 8

// A ring holds the counters of an eighth and the eight before it, two in a word.
type ring []uint64

func (r ring) at(eighth int64) int64 {
	i := uint64(eighth) % (eighths + 1)
	return int64(uint32(r[i/2] >> (i % 2 * 32)))
}

func (r ring) set(eighth, count int64) {
	i := uint64(eighth) % (eighths + 1)
	shift := i % 2 * 32
	r[i/2] = r[i/2]&^(math.MaxUint32<<shift) | uint64(count)<<shift
}

// span returns the eighth at now and the last one that r, idle at idle, has counted in.
// A charge can come late, after that of a later clock reading: it counts as of then.
func (r *rule) span(idle, now int64) (current, last int64) {
	last = idle / r.each
	return max(now/r.each+eighths+1, last), last
}

// weighSliding asks whether n units fit a window that is idle at idle.
func (g *gauge) weighSliding(r *rule, counts ring, idle, now, n int64) {
	g.busy = max(idle-now, 0)
	if g.busy == 0 {
		return
	}
	current, last := r.span(idle, now)
	for e := current - eighths; e <= last; e++ {
		g.held += counts.at(e)
	}
	excess := g.held + n - r.max
	if n == 0 || g.wait > 0 || excess <= 0 {
		return
	}
	oldest := current - eighths
	for oldest < last {
		if excess -= counts.at(oldest); excess <= 0 {
			break
		}
		oldest++
	}
	g.wait = oldest*r.each - now
}

// chargeSliding counts n units and returns when the window is idle.
func (g *gauge) chargeSliding(r *rule, counts ring, idle, now, n int64) int64 {
	current, last := r.span(idle, now)
	for e := max(last, current-eighths-1) + 1; e <= current; e++ {
		counts.set(e, 0)
	}
	counts.set(current, counts.at(current)+n)
	g.held += n
	idle = current * r.each
	g.busy = idle - now
	return idle
}
