package ratelimit

import (
	"errors"
	"fmt"
	"math"
	"math/bits"
	"time"
)

// A Limit is a quota of units per window.
//
// It is a token bucket, as in [golang.org/x/time/rate]: Burst tokens at most, of
// which Quota come back per Window, evenly. A bucket that was left alone is full, so
// that up to Burst + Quota units can pass in the first window of a burst; Sliding
// bounds every window instead.
//
// Tokens come back at an interval of Window/Quota, rounded up to the nanosecond, so
// that a Limit never grants more than Quota per Window in the long run. Where Quota
// doesn't divide Window it grants less, by a share of at most Quota/Window: 2 in a
// million at 2000 per second, 1 in 100 at 10 million per second.
//
// A unit charged to a Sliding limit is held for at least Window and at most 9/8 of it
// (plus 9 ns if 8 doesn't divide Window): time is counted in eighths of Window, and
// the eighth a unit fell into counts as a whole.
//
// The zero value is refused by whatever takes a Limit.
type Limit struct {
	Name    string        // what clients are told: letters, digits, "_" and "-"; at most 32 bytes
	Quota   int           // units per Window, at least 1; at most one per nanosecond, and 1<<32 - 1 if Sliding
	Window  time.Duration // from a millisecond to 366 days
	Burst   int           // units at once; 0 means Quota; no more than come back in 3660 days
	Sliding bool          // never more than Quota in any Window; Burst must be 0
}

// Limits are the windows of one decision, judged together: all of them are charged
// or none. At least one and at most [MaxWindows], with different names. As text they
// are what [Parse] takes.
type Limits []Limit

// MaxWindows is the most windows that [Limits] may have.
const MaxWindows = 4

// The bounds of a Limit. Sums of a clock reading and a few of them fit an int64.
const (
	maxName   = 32
	minWindow = time.Millisecond
	maxWindow = 366 * day
	maxFill   = 10 * maxWindow
	day       = 24 * time.Hour
)

// PerSecond is n units per second, called "second".
func PerSecond(n int) Limit { return Limit{Name: "second", Quota: n, Window: time.Second} }

// PerMinute is n units per minute, called "minute".
func PerMinute(n int) Limit { return Limit{Name: "minute", Quota: n, Window: time.Minute} }

// PerHour is n units per hour, called "hour".
func PerHour(n int) Limit { return Limit{Name: "hour", Quota: n, Window: time.Hour} }

// PerDay is n units per 24 hours, called "day".
func PerDay(n int) Limit { return Limit{Name: "day", Quota: n, Window: day} }

// Validate reports every fault of ls at once, each with the number of the window,
// counted from 1, its name and the field. [New], [Parse] and the other functions of
// this package that take Limits call it.
func (ls Limits) Validate() error { return ls.validate(nil) }

// validate is Validate of limits of which some could not be read: unread has an error
// for each of those, which is reported in its place.
func (ls Limits) validate(unread []error) error {
	var faults []error
	if len(ls) == 0 {
		faults = append(faults, errors.New("ratelimit: no limits"))
	}
	if len(ls) > MaxWindows {
		faults = append(faults, fmt.Errorf("ratelimit: %d limits, want at most %d", len(ls), MaxWindows))
	}
	for i, l := range ls {
		if unread != nil && unread[i] != nil {
			faults = append(faults, fmt.Errorf("ratelimit: limit %d %w", i+1, unread[i]))
			continue
		}
		fault := func(format string, args ...any) {
			at := fmt.Sprintf("ratelimit: limit %d (%s): ", i+1, excerpt(l.Name))
			faults = append(faults, errors.New(at+fmt.Sprintf(format, args...)))
		}
		if !isName(l.Name) {
			fault("Name must be 1 to %d letters, digits, _ and -", maxName)
		}
		for j, other := range ls[:i] {
			if other.Name == l.Name && l.Name != "" {
				fault("Name is that of limit %d", j+1)
				break
			}
		}
		l.validate(fault)
	}
	return errors.Join(faults...)
}

// validate reports the faults of l's numbers: some if and only if pace isn't ok.
func (l *Limit) validate(fault func(format string, args ...any)) {
	badWindow := l.Window < minWindow || l.Window > maxWindow
	if badWindow {
		fault("Window is %v, want %v to %d days", l.Window, minWindow, maxWindow/day)
	}
	badQuota := true
	switch {
	case l.Quota < 1:
		fault("Quota is %d, want at least 1", l.Quota)
	case l.Sliding && int64(l.Quota) > math.MaxUint32:
		fault("Quota is %d, want at most %d for a sliding window", l.Quota, uint32(math.MaxUint32))
	case !badWindow && int64(l.Quota) > int64(l.Window):
		fault("Quota is %d, want at most one per nanosecond of %v", l.Quota, l.Window)
	default:
		badQuota = false
	}
	switch {
	case l.Burst < 0:
		fault("Burst is %d, want at least 1, or 0 for Quota", l.Burst)
	case l.Sliding && l.Burst != 0:
		fault("Burst is %d, want 0 for a sliding window", l.Burst)
	case badWindow || badQuota:
	default:
		if _, _, ok := l.pace(); !ok {
			fault("Burst is %d, which takes more than %d days to come back", l.Burst, maxFill/day)
		}
	}
}

// pace returns the nanoseconds in which one unit comes back and in which all of the
// burst does; of a sliding window, an eighth of it and nine of those. It is called for
// each decision: ok is false if l is not valid.
func (l *Limit) pace() (each, fill int64, ok bool) {
	window, quota, burst := uint64(l.Window), uint64(l.Quota), uint64(l.Burst)
	if window-uint64(minWindow) > uint64(maxWindow-minWindow) || quota-1 >= window {
		return 0, 0, false // below the least, the differences wrap round
	}
	if l.Sliding {
		each = int64((window + eighths - 1) / eighths)
		return each, (eighths + 1) * each, burst == 0 && quota <= math.MaxUint32
	}
	if burst == 0 {
		burst = quota
	}
	interval := (window-1)/quota + 1
	over, low := bits.Mul64(burst, interval)
	return int64(interval), int64(low), over == 0 && low <= uint64(maxFill)
}

// burst is the units that pass at once after a long silence.
func (l *Limit) burst() int {
	if l.Burst == 0 {
		return l.Quota
	}
	return l.Burst
}

func isName(s string) bool {
	if s == "" || len(s) > maxName {
		return false
	}
	for i := range len(s) {
		switch c := s[i]; {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '_', c == '-':
		default:
			return false
		}
	}
	return true
}
