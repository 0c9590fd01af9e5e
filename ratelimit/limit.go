package ratelimit

import "time"

// A Limit is a quota of units per window.
//
// It is a token bucket, as in [golang.org/x/time/rate]: Burst tokens at most, of
// which Quota come back per Window, evenly. A bucket that was left alone is full, so
// that up to Burst + Quota units can pass in the first window of a burst; Sliding
// bounds every window instead. The zero value is refused by whatever takes a Limit.
type Limit struct {
	Name    string        // what clients are told: letters, digits, "_" and "-"; at most 32 bytes
	Quota   int           // units per Window, at least 1
	Window  time.Duration // at least a millisecond
	Burst   int           // units at once; 0 means Quota
	Sliding bool          // never more than Quota in any Window; Burst must be 0
}

// Limits are the windows of one decision, judged together: all of them are charged
// or none. At most [MaxWindows], with different names.
type Limits []Limit

// MaxWindows is the most windows that [Limits] may have.
const MaxWindows = 4

// PerSecond is n units per second, called "second".
func PerSecond(n int) Limit { return Limit{Name: "second", Quota: n, Window: time.Second} }

// PerMinute is n units per minute, called "minute".
func PerMinute(n int) Limit { return Limit{Name: "minute", Quota: n, Window: time.Minute} }

// PerHour is n units per hour, called "hour".
func PerHour(n int) Limit { return Limit{Name: "hour", Quota: n, Window: time.Hour} }

// PerDay is n units per 24 hours, called "day".
func PerDay(n int) Limit { return Limit{Name: "day", Quota: n, Window: 24 * time.Hour} }
