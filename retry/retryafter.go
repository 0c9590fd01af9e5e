package retry

import (
	"errors"
	"math"
	"net/http"
	"strconv"
	"time"
)

// retryAfter returns how long the header field Retry-After asks to wait (RFC 9110,
// section 10.2.3), 0 if it is missing, malformed or in the past. A date counts from
// the server's own Date, if it sent one, so that its clock may be wrong. What no
// [time.Duration] holds is the longest one.
func retryAfter(h http.Header, now time.Time) time.Duration {
	value := h.Get("Retry-After")
	if value == "" {
		return 0
	}
	if value[0] >= '0' && value[0] <= '9' {
		seconds, err := strconv.ParseUint(value, 10, 64)
		switch {
		case errors.Is(err, strconv.ErrRange), err == nil && seconds > math.MaxInt64/uint64(time.Second):
			return math.MaxInt64
		case err != nil:
			return 0
		}
		return time.Duration(seconds) * time.Second
	}
	at, err := http.ParseTime(value)
	if err != nil {
		return 0
	}
	if sent, err := http.ParseTime(h.Get("Date")); err == nil {
		now = sent
	}
	return max(at.Sub(now), 0)
}
