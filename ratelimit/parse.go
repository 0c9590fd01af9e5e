package ratelimit

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Parse reads limits as people write them:
//
//	100/minute; 2000/hour
//	5/s burst 20
//	10/30s
//	3/minute sliding
//	login=5/minute; login-day=20/day
//
// In full, with spaces where they please:
//
//	limits = limit { ";" limit }
//	limit  = [ name "=" ] quota "/" [ count ] unit [ "burst" count | "sliding" ]
//	unit   = "ns" | "us" | "ms" | "s" | "second" | "seconds" | "m" | "minute" | "minutes"
//	       | "h" | "hour" | "hours" | "d" | "day" | "days"
//
// quota and count are decimal digits; a day is 24 hours. A limit without a name is
// called after its window: "second", "minute", "hour" or "day" if it is one of those,
// otherwise by its length in the largest unit that divides it, such as "30s" or "90m".
//
// The error names every limit that can't be read, and every fault that
// [Limits.Validate] finds in the others.
func Parse(s string) (Limits, error) {
	parts := strings.SplitN(s, ";", MaxWindows+1)
	if len(parts) > MaxWindows {
		return nil, fmt.Errorf("ratelimit: %s: more than %d limits", excerpt(s), MaxWindows)
	}
	limits, unread := make(Limits, len(parts)), make([]error, len(parts))
	for i, part := range parts {
		part = strings.TrimSpace(part)
		l, err := parseLimit(part)
		if err != nil {
			unread[i] = fmt.Errorf("%s: %w", excerpt(part), err)
		}
		limits[i] = l
	}
	if err := limits.validate(unread); err != nil {
		return nil, err
	}
	return limits, nil
}

var (
	errForm  = errors.New(`want [name=]quota/window, then "burst" and a number, "sliding" or nothing`)
	errQuota = errors.New("the quota must be a whole number in decimal digits")
	errBurst = errors.New("the burst must be a whole number in decimal digits, and at least 1")
	errUnit  = errors.New("the window must be a unit, such as second, minute, hour or day, or a whole number and a unit")
)

func parseLimit(s string) (Limit, error) {
	if s == "" {
		return Limit{}, errors.New("is empty")
	}
	name, rest, named := strings.Cut(s, "=")
	if !named {
		name, rest = "", s
	}
	quota, rest, ok := strings.Cut(rest, "/")
	if !ok {
		return Limit{}, errForm
	}
	l := Limit{Name: strings.TrimSpace(name)}
	if l.Quota, ok = parseCount(strings.TrimSpace(quota)); !ok {
		return Limit{}, errQuota
	}
	fields := strings.Fields(rest)
	if len(fields) > 1 && isDigits(fields[0]) && !isDigits(fields[1][:1]) { // "30 seconds"
		fields[1] = fields[0] + fields[1]
		fields = fields[1:]
	}
	switch {
	case len(fields) == 1:
	case len(fields) == 2 && fields[1] == "sliding":
		l.Sliding = true
	case len(fields) == 3 && fields[1] == "burst":
		if l.Burst, ok = parseCount(fields[2]); !ok || l.Burst == 0 {
			return Limit{}, errBurst
		}
	default:
		return Limit{}, errForm
	}
	if l.Window, ok = parseWindow(fields[0]); !ok {
		return Limit{}, errUnit
	}
	if !named {
		l.Name = windowName(l.Window)
	}
	return l, nil
}

// parseWindow reads a unit with an optional count before it.
func parseWindow(s string) (time.Duration, bool) {
	unit := strings.TrimLeft(s, "0123456789")
	count := 1
	if digits := s[:len(s)-len(unit)]; digits != "" {
		var ok bool
		if count, ok = parseCount(digits); !ok {
			return 0, false
		}
	}
	for _, u := range units {
		if unit == u.short || u.long != "" && (unit == u.long || unit == u.long+"s") {
			if int64(count) > int64(maxFill/u.length) { // which Validate refuses as well
				return 0, false
			}
			return time.Duration(count) * u.length, true
		}
	}
	return 0, false
}

// units are the units of a window, longest first.
var units = [...]struct {
	short, long string
	length      time.Duration
}{
	{"d", "day", day},
	{"h", "hour", time.Hour},
	{"m", "minute", time.Minute},
	{"s", "second", time.Second},
	{"ms", "", time.Millisecond},
	{"us", "", time.Microsecond},
	{"ns", "", time.Nanosecond},
}

// windowName is the name of a limit that wasn't given one: its window, as Parse takes
// it.
func windowName(d time.Duration) string {
	u := units[len(units)-1]
	for _, longer := range units {
		if d%longer.length == 0 {
			u = longer
			break
		}
	}
	if d == u.length && u.long != "" {
		return u.long
	}
	return strconv.FormatInt(int64(d/u.length), 10) + u.short
}

func parseCount(s string) (int, bool) {
	if !isDigits(s) { // which leaves signs, underscores and hexadecimal to nobody
		return 0, false
	}
	n, err := strconv.Atoi(s)
	return n, err == nil
}

func isDigits(s string) bool { return s != "" && strings.Trim(s, "0123456789") == "" }

// String is the limit in the form that [Parse] takes: Parse gives a valid limit back
// as it was.
func (l Limit) String() string {
	var b strings.Builder
	window := windowName(l.Window)
	if l.Name != window {
		b.WriteString(l.Name)
		b.WriteByte('=')
	}
	b.WriteString(strconv.Itoa(l.Quota))
	b.WriteByte('/')
	b.WriteString(window)
	if l.Burst != 0 {
		b.WriteString(" burst ")
		b.WriteString(strconv.Itoa(l.Burst))
	}
	if l.Sliding {
		b.WriteString(" sliding")
	}
	return b.String()
}

// String is the limits in the form that [Parse] takes: Parse gives valid limits back
// as they were.
func (ls Limits) String() string {
	parts := make([]string, len(ls))
	for i, l := range ls {
		parts[i] = l.String()
	}
	return strings.Join(parts, "; ")
}

// MarshalText implements [encoding.TextMarshaler]. The error is that of
// [Limits.Validate].
func (ls Limits) MarshalText() ([]byte, error) {
	if err := ls.Validate(); err != nil {
		return nil, err
	}
	return []byte(ls.String()), nil
}

// UnmarshalText implements [encoding.TextUnmarshaler], so that configuration in JSON
// or the environment can hold limits. It takes what [Parse] takes and leaves ls as it
// was otherwise.
func (ls *Limits) UnmarshalText(text []byte) error {
	parsed, err := Parse(string(text))
	if err != nil {
		return err
	}
	*ls = parsed
	return nil
}

// excerpt quotes what an error shows of outside input.
func excerpt(s string) string {
	if len(s) > 64 {
		return strconv.Quote(s[:64]) + "..."
	}
	return strconv.Quote(s)
}
