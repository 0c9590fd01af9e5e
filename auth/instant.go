package auth

import (
	"math"
	"time"
)

// An instant is one moment on two clocks, in nanoseconds. The monotonic clock
// of some systems stands still while the machine sleeps; the wall clock may be
// set back. Whatever ages is as old as the clock that says more.
type instant struct {
	wall int64 // since 1970
	mono int64 // since the base of its RemoteKeySet
}

var never = instant{math.MaxInt64, math.MaxInt64}

func (i instant) add(d time.Duration) instant { return instant{i.wall + int64(d), i.mono + int64(d)} }

// reached reports whether i has come by either clock.
func (i instant) reached(now instant) bool { return now.wall >= i.wall || now.mono >= i.mono }

// since returns the larger of the two times passed from i to now.
func (i instant) since(now instant) time.Duration {
	return time.Duration(max(now.wall-i.wall, now.mono-i.mono))
}

// clock reads both clocks. The wall clock is RemoteKeysOptions.Now.
func (r *RemoteKeySet) clock() instant {
	t := time.Now()
	i := instant{wall: t.UnixNano(), mono: int64(t.Sub(r.base))}
	if r.now != nil {
		i.wall = r.now().UnixNano()
	}
	return i
}
