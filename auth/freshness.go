package auth

import (
	"net/http"
	"strconv"
	"strings"
	"time"
)

// A key set is fetched again after the time its Cache-Control names, within
// bounds: a removed key must not live on for days because of a header, nor may
// a header turn every verifier into a load test.
const (
	minFresh     = time.Minute
	maxFresh     = time.Hour
	defaultFresh = 10 * time.Minute
)

// freshness returns how long an answer may be used without asking again: its
// max-age (RFC 9111 §5.2.2.1) less its Age (§5.1), within bounds. Without
// max-age it is the default; with no-store, no-cache or a max-age that can't be
// read it is the minimum. s-maxage and Expires are not for us.
func freshness(h http.Header) time.Duration {
	age, found := time.Duration(0), false
	for name, value := range directives(strings.Join(h.Values("Cache-Control"), ",")) {
		switch name {
		case "no-store", "no-cache":
			return minFresh
		case "max-age":
			if d := deltaSeconds(value); !found || d < age {
				age, found = d, true
			}
		}
	}
	if !found {
		return defaultFresh
	}
	return min(max(age-deltaSeconds(h.Get("Age")), minFresh), maxFresh)
}

// deltaSeconds reads the number of RFC 9111 §1.2.2; anything else is 0. Beyond
// a year all numbers are alike.
func deltaSeconds(s string) time.Duration {
	if s == "" || strings.Trim(s, "0123456789") != "" {
		return 0
	}
	const year = 365 * 24 * 3600
	n, err := strconv.ParseUint(s, 10, 32)
	if err != nil || n > year {
		n = year
	}
	return time.Duration(n) * time.Second
}

// directives ranges over the directives of a Cache-Control value, names in lower
// case, values unquoted. A comma inside quotes separates nothing.
func directives(s string) func(yield func(name, value string) bool) {
	return func(yield func(name, value string) bool) {
		for s != "" {
			part, quoted, end := strings.Builder{}, false, len(s)
			for i := 0; i < len(s); i++ {
				switch c := s[i]; {
				case c == '"':
					quoted = !quoted
				case quoted && c == '\\' && i+1 < len(s):
					i++
					part.WriteByte(s[i])
				case c == ',' && !quoted:
					end = i
				default:
					part.WriteByte(c)
				}
				if end < len(s) {
					break
				}
			}
			s = s[min(end+1, len(s)):]
			name, value, _ := strings.Cut(part.String(), "=")
			if !yield(strings.ToLower(strings.TrimSpace(name)), strings.TrimSpace(value)) {
				return
			}
		}
	}
}
