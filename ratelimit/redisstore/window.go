package redisstore

import (
	"fmt"
	"math/bits"
	"strconv"
	"time"

	"github.com/rowhouse-go/rowhouse/ratelimit"
)

// longestFill is how long a token bucket may take to fill. Numbers of a script are
// doubles: up to 2^53, or 104 days of nanoseconds, they are exact.
const longestFill = 1<<53 - int64(time.Microsecond)

// eighths is into how many parts package ratelimit splits a sliding window.
const eighths = 8

// A window is a limit as the script takes it.
type window struct {
	id     string // of its state in the key
	eighth int64  // of a sliding window, in microseconds; 0 of a token bucket
	each   int64  // of a token bucket: nanoseconds in which one unit comes back
	fill   int64  // and all of them
	burst  int    // units at once
}

// newWindows refuses limits that aren't valid, and those that the script can't count
// exactly.
func newWindows(limits ratelimit.Limits) ([]window, error) {
	if len(limits) == 0 || len(limits) > ratelimit.MaxWindows {
		return nil, limits.Validate()
	}
	windows := make([]window, len(limits))
	for i, l := range limits {
		w := &windows[i]
		switch {
		case l.Quota < 1 || l.Window < time.Millisecond || l.Burst < 0:
			return nil, limits.Validate()
		case l.Sliding:
			// The server's clock has microseconds. Rounded up, a unit is held a little
			// longer, never shorter.
			const step = int64(eighths * time.Microsecond)
			w.eighth = (int64(l.Window)-1)/step + 1
			w.id = l.Name + "/" + strconv.FormatInt(w.eighth, 10)
			w.burst = l.Quota
		default:
			w.id, w.burst = l.Name, l.Burst
			if w.burst == 0 {
				w.burst = l.Quota
			}
			w.each = (int64(l.Window)-1)/int64(l.Quota) + 1
			if int64(w.burst) > longestFill/w.each {
				return nil, fmt.Errorf("redisstore: limit %q: a burst of %d comes back in more than %d days",
					l.Name, w.burst, longestFill/int64(24*time.Hour))
			}
			w.fill = int64(w.burst) * w.each
		}
	}
	return windows, nil
}

// The answer of the script for one window.
type answer struct{ level, fits, reset int64 }

// judge says what the window has left, how long until n units fit (0: they do) and
// how long until it is idle. The answer is that of age ago.
func (w *window) judge(a answer, n int, age time.Duration) (left int, wait, reset time.Duration) {
	if w.eighth > 0 {
		left = max(w.burst-int(a.level), 0)
		wait = time.Duration(a.fits)*time.Microsecond - age
		reset = time.Duration(a.reset)*time.Microsecond - age
	} else {
		busy := max(a.level-int64(age), 0)
		left, reset = int((w.fill-busy)/w.each), time.Duration(busy)
		if n > 0 && n <= w.burst {
			wait = time.Duration(busy + int64(n)*w.each - w.fill)
		}
	}
	if n > w.burst {
		wait = ratelimit.Never
	}
	return left, max(wait, 0), max(reset, 0)
}

// decide makes the decision of a request for n more units, age after the answers. What
// was granted asks for 0 more.
func decide(limits ratelimit.Limits, windows []window, answers []answer, n int, age time.Duration) ratelimit.Decision {
	d := ratelimit.Decision{Limits: limits}
	burst := 1
	for i := range windows {
		w := &windows[i]
		left, wait, reset := w.judge(answers[i], n, age)
		if wait > 0 {
			d.Refused |= 1 << i
		}
		if i == 0 || wait > d.RetryAfter || wait == d.RetryAfter && smaller(left, w.burst, d.Remaining, burst) {
			d.Tightest, d.Remaining, d.RetryAfter, d.ResetAfter = i, left, wait, reset
			burst = w.burst
		}
	}
	d.Allowed = d.Refused == 0
	return d
}

// smaller reports whether a/b < c/d.
func smaller(a, b, c, d int) bool {
	high1, low1 := bits.Mul64(uint64(a), uint64(d))
	high2, low2 := bits.Mul64(uint64(c), uint64(b))
	return high1 < high2 || high1 == high2 && low1 < low2
}
