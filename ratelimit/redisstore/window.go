package redisstore

import (
	"cmp"
	"fmt"
	"math/bits"
	"slices"
	"strconv"
	"sync/atomic"
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

// A plan is limits as the script takes them.
type plan struct {
	limits  ratelimit.Limits // a copy of those it was made from
	windows []window
	args    []any
}

// plans keeps those that were used last: a program has few.
type plans [64]atomic.Pointer[plan]

// of returns the plan of limits. Its error is that of newPlan.
func (p *plans) of(limits ratelimit.Limits) (*plan, error) {
	hash := uint64(len(limits))
	for i := range limits {
		hash = (hash+uint64(limits[i].Quota))*0x9e3779b97f4a7c15 + uint64(limits[i].Window)
	}
	slot := &p[hash*0x9e3779b97f4a7c15>>58]
	if known := slot.Load(); known != nil && slices.Equal(known.limits, limits) {
		return known, nil
	}
	made, err := newPlan(limits)
	if err == nil {
		slot.Store(made)
	}
	return made, err
}

// newPlan refuses limits that aren't valid, and those that the script can't count
// exactly.
func newPlan(limits ratelimit.Limits) (*plan, error) {
	if err := limits.Validate(); err != nil {
		return nil, err
	}
	p := &plan{limits: slices.Clone(limits), windows: make([]window, len(limits))}
	for i, l := range limits {
		w := &p.windows[i]
		w.id = l.Window.String()
		if l.Sliding {
			w.id += "~"
		}
		same := 0
		for _, other := range limits[:i] {
			if other.Window == l.Window && other.Sliding == l.Sliding {
				same++
			}
		}
		if same > 0 {
			w.id += "+" + strconv.Itoa(same)
		}
		if l.Sliding {
			// The server's clock has microseconds. Rounded up, a unit is held a little
			// longer, never shorter.
			const step = int64(eighths * time.Microsecond)
			w.eighth = (int64(l.Window)-1)/step + 1
			w.burst = l.Quota
			p.args = append(p.args, w.id, strconv.Itoa(w.burst), strconv.FormatInt(-w.eighth, 10))
			continue
		}
		w.burst = cmp.Or(l.Burst, l.Quota)
		w.each = (int64(l.Window)-1)/int64(l.Quota) + 1
		if int64(w.burst) > longestFill/w.each {
			return nil, fmt.Errorf("redisstore: limit %q: a burst of %d comes back in more than %d days",
				l.Name, w.burst, longestFill/int64(24*time.Hour))
		}
		w.fill = int64(w.burst) * w.each
		p.args = append(p.args, w.id, strconv.FormatInt(w.each, 10), strconv.FormatInt(w.fill, 10))
	}
	return p, nil
}

// read reads the answers to p; ok is false if they are those to something else.
func (p *plan) read(numbers []int64) (answers []answer, ok bool) {
	answers = make([]answer, len(p.windows))
	for i := range answers {
		size := 1
		if p.windows[i].eighth > 0 {
			size = 3
		}
		if len(numbers) < size {
			return nil, false
		}
		answers[i].level = numbers[0]
		if size == 3 {
			answers[i].fits, answers[i].reset = numbers[1], numbers[2]
		}
		numbers = numbers[size:]
	}
	return answers, len(numbers) == 0
}

// The answer of the script for one window; of a token bucket the level only.
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
		left, reset = int(max(w.fill-busy, 0)/w.each), time.Duration(busy)
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
