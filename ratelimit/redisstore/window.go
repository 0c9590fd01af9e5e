package redisstore

import (
	"fmt"
	"strconv"
	"time"

	"github.com/rowhouse-go/rowhouse/ratelimit"
)

// exact is up to where the numbers of a script are whole: Lua's are doubles. In
// nanoseconds it is 104 days.
const exact = 1 << 53

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

// newWindow refuses what the script can't count exactly.
func newWindow(l ratelimit.Limit) (window, error) {
	if l.Quota < 1 || l.Window < time.Millisecond || l.Burst < 0 {
		return window{}, fmt.Errorf("redisstore: limit %q is not valid", l.Name)
	}
	if l.Sliding {
		// The server's clock has microseconds. Rounded up, a unit is held a little
		// longer, never shorter.
		const micro = int64(eighths * time.Microsecond)
		eighth := (int64(l.Window) + micro - 1) / micro
		return window{id: l.Name + "/" + strconv.FormatInt(eighth, 10), eighth: eighth, burst: l.Quota}, nil
	}
	w := window{id: l.Name, burst: l.Burst}
	if w.burst == 0 {
		w.burst = l.Quota
	}
	w.each = (int64(l.Window)-1)/int64(l.Quota) + 1 // rounded up, as in memory
	if int64(w.burst) > (exact/2)/w.each {
		return window{}, fmt.Errorf("redisstore: limit %q: %d units take %v each to come back, and Redis can count %v ahead",
			l.Name, w.burst, time.Duration(w.each), time.Duration(exact/2).Round(time.Hour))
	}
	w.fill = int64(w.burst) * w.each
	return w, nil
}

func newWindows(limits ratelimit.Limits) ([]window, error) {
	if len(limits) == 0 || len(limits) > ratelimit.MaxWindows {
		return nil, fmt.Errorf("redisstore: %d limits, want 1 to %d", len(limits), ratelimit.MaxWindows)
	}
	windows := make([]window, len(limits))
	for i, l := range limits {
		var err error
		if windows[i], err = newWindow(l); err != nil {
			return nil, err
		}
	}
	return windows, nil
}

// The answer of the script for one window.
type answer struct{ level, fits, reset int64 }

// judge says what the window has left, and how long until n units fit: 0 if they
// do. The answer is that of age ago.
func (w *window) judge(a answer, n int, age time.Duration) (left int, fits, reset time.Duration) {
	if w.eighth > 0 {
		left = w.burst - int(a.level)
		fits = time.Duration(a.fits)*time.Microsecond - age
		reset = time.Duration(a.reset)*time.Microsecond - age
	} else {
		ahead := max(a.level-int64(age), 0)
		left, reset = int((w.fill-ahead)/w.each), time.Duration(ahead)
		if n <= w.burst {
			fits = time.Duration(ahead + int64(n)*w.each - w.fill)
		}
	}
	if n > w.burst {
		fits = ratelimit.Never
	}
	return left, max(fits, 0), max(reset, 0)
}

// decide makes the decision of the answers for n units, age after they were given.
func decide(limits ratelimit.Limits, windows []window, answers []answer, n int, allowed bool, age time.Duration) ratelimit.Decision {
	d := ratelimit.Decision{Allowed: true, Limits: limits}
	share := 2.0
	for i := range windows {
		w := &windows[i]
		ask := n
		if allowed { // and charged: what is left is after it
			ask = 0
		}
		left, fits, reset := w.judge(answers[i], ask, age)
		switch {
		case fits > 0:
			d.Refused |= 1 << i
			if d.Allowed || fits > d.RetryAfter {
				d.Tightest, d.RetryAfter, d.Remaining, d.ResetAfter = i, fits, left, reset
			}
			d.Allowed = false
		case d.Allowed && float64(left)/float64(w.burst) < share:
			share = float64(left) / float64(w.burst)
			d.Tightest, d.Remaining, d.ResetAfter = i, left, reset
		}
	}
	return d
}
