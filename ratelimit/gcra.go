package ratelimit

// A token bucket is one number: when it is full again, which the literature on the
// generic cell rate algorithm (ITU-T I.371) calls the theoretical arrival time. A unit
// moves that time by the interval at which tokens come back, and fits if it is then no
// further away than the interval times the burst.

// A gauge is what a decision knows of one window.
type gauge struct {
	sliding bool

	each int64 // ns: see Limit.pace
	fill int64 // ns
	max  int64 // units that fit an idle window
	busy int64 // ns until the window is idle
	held int64 // units charged to a sliding window
	wait int64 // ns until the request fits: 0 if it does now, Never if it is more than max
}

// weighBucket asks whether n units fit a bucket that is full again at idle.
func (g *gauge) weighBucket(idle, now, n int64) {
	g.busy = max(idle-now, 0)
	if n > 0 && g.wait == 0 {
		g.wait = max(g.busy+n*g.each-g.fill, 0)
	}
}

// chargeBucket returns when the bucket is full again once n units were taken from it.
func (g *gauge) chargeBucket(now, n int64) (idle int64) {
	g.busy += n * g.each
	return now + g.busy
}

// left returns the units that the window would still grant.
func (g *gauge) left() int64 {
	if g.sliding {
		return max(g.max-g.held, 0)
	}
	return max(g.fill-g.busy, 0) / g.each
}
