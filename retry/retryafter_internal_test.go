package retry

import (
	"math"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestRetryAfter(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	for _, test := range []struct {
		value, date string
		want        time.Duration
	}{
		{"", "", 0},
		{"0", "", 0},
		{"120", "", 2 * time.Minute},
		{"34560000", "", 400 * 24 * time.Hour},
		{"9223372036", "", 9223372036 * time.Second},
		{"9223372037", "", math.MaxInt64},
		{"18446744073709551616", "", math.MaxInt64},
		{"-1", "", 0},
		{"+1", "", 0},
		{"1.5", "", 0},
		{"0x10", "", 0},
		{"1e3", "", 0},
		{"1_000", "", 0},
		{"12 34", "", 0},
		{"soon", "", 0},
		{"١٢٠", "", 0},
		{"Sun, 01 Mar 2026 12:00:30 GMT", "", 30 * time.Second},
		{"Sunday, 01-Mar-26 12:00:30 GMT", "", 30 * time.Second},
		{"Sun Mar  1 12:00:30 2026", "", 30 * time.Second},
		{"Sun, 01 Mar 2026 11:00:00 GMT", "", 0},
		{"Fri, 31 Dec 9999 23:59:59 GMT", "", math.MaxInt64},
		{"Sun, 01 Mar 2026 12:00:30", "", 0},
		// The server's clock is a day ahead, and says so.
		{"Mon, 02 Mar 2026 12:00:30 GMT", "Mon, 02 Mar 2026 12:00:00 GMT", 30 * time.Second},
		{"Sun, 01 Mar 2026 12:00:30 GMT", "yesterday", 30 * time.Second},
		{"120", "Mon, 02 Mar 2026 12:00:00 GMT", 2 * time.Minute},
	} {
		h := http.Header{}
		if test.value != "" {
			h.Set("Retry-After", test.value)
		}
		if test.date != "" {
			h.Set("Date", test.date)
		}
		require.Equal(t, test.want, retryAfter(h, now), "%q at %q", test.value, test.date)
	}
}

func FuzzRetryAfter(f *testing.F) {
	for _, seed := range []string{
		"", "0", "120", "-1", "1.5", "99999999999999999999", "Sun, 01 Mar 2026 12:00:30 GMT", "Fri, 31 Dec 9999 23:59:59 GMT",
		"Sunday, 01-Mar-26 12:00:30 GMT", "Sun Mar  1 12:00:30 2026", "0000000000000000000000000000001", "1\r\nX: y", "\x00",
	} {
		f.Add(seed, "")
		f.Add("30", seed)
		f.Add("Sun, 01 Mar 2026 12:00:30 GMT", seed)
	}
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	f.Fuzz(func(t *testing.T, value, date string) {
		got := retryAfter(http.Header{"Retry-After": {value}, "Date": {date}}, now)
		if got < 0 {
			t.Errorf("%q at %q: %v", value, date, got)
		}
		digits := value != ""
		for i := range len(value) {
			digits = digits && '0' <= value[i] && value[i] <= '9'
		}
		if _, err := http.ParseTime(value); !digits && err != nil && got != 0 {
			t.Errorf("%q is neither form, and means %v", value, got)
		}
	})
}
