package ratelimit_test

import (
	"encoding/json"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rowhouse-go/rowhouse/ratelimit"
)

func TestParse(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		text      string
		want      ratelimit.Limits
		canonical string // if it is not text
	}{
		{"100/minute; 2000/hour", ratelimit.Limits{ratelimit.PerMinute(100), ratelimit.PerHour(2000)}, ""},
		{"5/s burst 20", ratelimit.Limits{{Name: "second", Quota: 5, Window: time.Second, Burst: 20}}, "5/second burst 20"},
		{"10/30s", ratelimit.Limits{{Name: "30s", Quota: 10, Window: 30 * time.Second}}, ""},
		{"3/minute sliding", ratelimit.Limits{{Name: "minute", Quota: 3, Window: time.Minute, Sliding: true}}, ""},
		{
			"login=5/minute; login-day=20/day",
			ratelimit.Limits{{Name: "login", Quota: 5, Window: time.Minute}, {Name: "login-day", Quota: 20, Window: 24 * time.Hour}},
			"",
		},
		{"1/day", ratelimit.Limits{ratelimit.PerDay(1)}, ""},
		{"1/d", ratelimit.Limits{ratelimit.PerDay(1)}, "1/day"},
		{"1/1h", ratelimit.Limits{ratelimit.PerHour(1)}, "1/hour"},
		{"1/60s", ratelimit.Limits{ratelimit.PerMinute(1)}, "1/minute"},
		{"1/60 minutes", ratelimit.Limits{ratelimit.PerHour(1)}, "1/hour"},
		{"1/90minutes", ratelimit.Limits{{Name: "90m", Quota: 1, Window: 90 * time.Minute}}, "1/90m"},
		{"1/7 days", ratelimit.Limits{{Name: "7d", Quota: 1, Window: 7 * 24 * time.Hour}}, "1/7d"},
		{"1/1500ms", ratelimit.Limits{{Name: "1500ms", Quota: 1, Window: 1500 * time.Millisecond}}, ""},
		{"1/1500us", ratelimit.Limits{{Name: "1500us", Quota: 1, Window: 1500 * time.Microsecond}}, ""},
		{"1/1000001ns", ratelimit.Limits{{Name: "1000001ns", Quota: 1, Window: time.Millisecond + 1}}, ""},
		{"1/1ms", ratelimit.Limits{{Name: "1ms", Quota: 1, Window: time.Millisecond}}, ""},
		{"30s=5/minute", ratelimit.Limits{{Name: "30s", Quota: 5, Window: time.Minute}}, ""},
		{"minute=5/minute", ratelimit.Limits{ratelimit.PerMinute(5)}, "5/minute"},
		{"0005/minute", ratelimit.Limits{ratelimit.PerMinute(5)}, "5/minute"},
		{
			"\n\t a = 1 / 2\tminutes  burst  3 ;\n2/h sliding\n",
			ratelimit.Limits{
				{Name: "a", Quota: 1, Window: 2 * time.Minute, Burst: 3},
				{Name: "hour", Quota: 2, Window: time.Hour, Sliding: true},
			},
			"a=1/2m burst 3; 2/hour sliding",
		},
		{
			"1/s;2/m;3/h;4/d",
			ratelimit.Limits{ratelimit.PerSecond(1), ratelimit.PerMinute(2), ratelimit.PerHour(3), ratelimit.PerDay(4)},
			"1/second; 2/minute; 3/hour; 4/day",
		},
	} {
		t.Run(c.text, func(t *testing.T) {
			t.Parallel()
			got, err := ratelimit.Parse(c.text)
			require.NoError(t, err)
			require.Equal(t, c.want, got)
			if c.canonical == "" {
				c.canonical = c.text
			}
			require.Equal(t, c.canonical, got.String())
			again, err := ratelimit.Parse(got.String())
			require.NoError(t, err)
			require.Equal(t, got, again)
		})
	}
}

func TestParse_refuses(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"":                                  `limit 1 "": is empty`,
		" \n":                               `is empty`,
		"100/minute;;":                      `limit 3 "": is empty`,
		"100/minute;":                       `limit 2 "": is empty`,
		"0/minute":                          `limit 1 ("minute"): Quota is 0`,
		"1e9/ns":                            `limit 1 "1e9/ns": the quota must be a whole number`,
		"1/ns":                              `Window is 1ns`,
		"-1/s":                              `the quota must be`,
		"+1/s":                              `the quota must be`,
		"1_000/s":                           `the quota must be`,
		"0x10/s":                            `the quota must be`,
		"1.5/s":                             `the quota must be`,
		"\u0661/s":                          `the quota must be`,
		"99999999999999999999/s":            `the quota must be`,
		"9223372036854775807/s":             `Quota is 9223372036854775807, want at most one per nanosecond of 1s`,
		"/s":                                `the quota must be`,
		"5":                                 `want [name=]quota/window`,
		"5/":                                `want [name=]quota/window`,
		"5 per minute":                      `want [name=]quota/window`,
		"5/minute sliding burst":            `want [name=]quota/window`,
		"5/minute burst":                    `want [name=]quota/window`,
		"5/minute Burst 3":                  `want [name=]quota/window`,
		"5/30":                              `the window must be a unit`,
		"5/Minute":                          `the window must be a unit`,
		"5/minute/s":                        `the window must be a unit`,
		"5/fortnight":                       `the window must be a unit`,
		"5/mss":                             `the window must be a unit`,
		"5/-3s":                             `the window must be a unit`,
		"5/1h30m":                           `the window must be a unit`,
		"5/99999999999999999999s":           `the window must be a unit`,
		"5/9223372036854775807d":            `the window must be a unit`,
		"5/30 30 s":                         `want [name=]quota/window`,
		"5/1 2m":                            `want [name=]quota/window`,
		"5/0s":                              `Window is 0s`,
		"5/367d":                            `want 1ms to 366 days`,
		"5/minute burst 0":                  `the burst must be`,
		"5/minute burst -1":                 `the burst must be`,
		"1/day burst 4000":                  `Burst is 4000, which takes more than 3660 days`,
		"=5/minute":                         `Name must be 1 to 32`,
		"a=b=5/minute":                      `the quota must be`,
		"a b=5/minute":                      `limit 1 ("a b"): Name must be`,
		"a\r\nX-Evil: 1=5/minute":           `limit 1 ("a\r\nX-Evil: 1"): Name must be`,
		"a\"=5/minute":                      `Name must be`,
		"é=5/minute":                        `Name must be`,
		strings.Repeat("a", 33) + "=1/s":    `Name must be`,
		"5/minute; 3/60s":                   `limit 2 ("minute"): Name is that of limit 1`,
		"5/minute; 3/minute sliding":        `Name is that of limit 1`,
		"1/s;1/m;1/h;1/d;1/2d":              `more than 4 limits`,
		strings.Repeat(";", 1<<20):          `more than 4 limits`,
		strings.Repeat("x", 1<<20):          `want [name=]quota/window`,
		"4294967296/hour sliding":           `want at most 4294967295 for a sliding window`,
		"x/s; 5/y":                          "limit 1 \"x/s\": the quota must be a whole number in decimal digits\nratelimit: limit 2",
		"0/s; 5/minute; z=0/h; 1/h burst 0": `limit 4`,
	} {
		limits, err := ratelimit.Parse(text)
		require.ErrorContains(t, err, want)
		require.True(t, strings.HasPrefix(err.Error(), "ratelimit: "), err)
		require.Less(t, len(err.Error()), 400)
		require.Nil(t, limits)
	}
}

func TestLimits_validateReportsAll(t *testing.T) {
	t.Parallel()
	err := ratelimit.Limits{
		{},
		{Name: "a", Quota: -1, Window: time.Minute, Burst: -2},
		{Name: "a", Quota: 1, Window: 367 * 24 * time.Hour, Burst: 2, Sliding: true},
		ratelimit.PerSecond(2_000_000_000),
		{Name: strings.Repeat("x", 100), Quota: 1, Window: time.Hour},
	}.Validate()
	require.EqualError(t, err, strings.Join([]string{
		`ratelimit: 5 limits, want at most 4`,
		`ratelimit: limit 1 (""): Name must be 1 to 32 letters, digits, _ and -`,
		`ratelimit: limit 1 (""): Window is 0s, want 1ms to 366 days`,
		`ratelimit: limit 1 (""): Quota is 0, want at least 1`,
		`ratelimit: limit 2 ("a"): Quota is -1, want at least 1`,
		`ratelimit: limit 2 ("a"): Burst is -2, want at least 1, or 0 for Quota`,
		`ratelimit: limit 3 ("a"): Name is that of limit 2`,
		`ratelimit: limit 3 ("a"): Window is 8808h0m0s, want 1ms to 366 days`,
		`ratelimit: limit 3 ("a"): Burst is 2, want 0 for a sliding window`,
		`ratelimit: limit 4 ("second"): Quota is 2000000000, want at most one per nanosecond of 1s`,
		`ratelimit: limit 5 ("` + strings.Repeat("x", 64) + `"...): Name must be 1 to 32 letters, digits, _ and -`,
	}, "\n"))
	require.EqualError(t, ratelimit.Limits{}.Validate(), "ratelimit: no limits")
	require.NoError(t, ratelimit.Limits{
		{Name: "a-Z_9", Quota: 1, Window: time.Millisecond},
		{Name: strings.Repeat("x", 32), Quota: 1, Window: 366 * 24 * time.Hour, Burst: 10},
	}.Validate())
}

func TestLimits_text(t *testing.T) {
	t.Parallel()
	var config struct {
		Limits ratelimit.Limits `json:"limits"`
	}
	require.NoError(t, json.Unmarshal([]byte(`{"limits":"100/minute; 2000/hour"}`), &config))
	require.Equal(t, ratelimit.Limits{ratelimit.PerMinute(100), ratelimit.PerHour(2000)}, config.Limits)
	text, err := json.Marshal(config)
	require.NoError(t, err)
	require.JSONEq(t, `{"limits":"100/minute; 2000/hour"}`, string(text))

	before := config.Limits
	require.ErrorContains(t, json.Unmarshal([]byte(`{"limits":"0/minute"}`), &config), "Quota is 0")
	require.Equal(t, before, config.Limits)
	_, err = ratelimit.Limits{{}}.MarshalText()
	require.ErrorContains(t, err, "Name must be")
	_, err = ratelimit.Limits{}.MarshalText()
	require.ErrorContains(t, err, "no limits")
}

// FuzzParse: what Parse takes is valid and comes back from its own text.
func FuzzParse(f *testing.F) {
	for _, s := range []string{
		"100/minute; 2000/hour", "5/s burst 20", "10/30s", "3/minute sliding", "login=5/minute", "1e9/ns",
		"100/minute;;", "a\r\nb=1/s", "1/60 minutes", "9223372036854775807/9223372036854775807d burst 1", "=/",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		limits, err := ratelimit.Parse(s)
		if err != nil {
			if limits != nil {
				t.Fatalf("%q: %v and %v", s, limits, err)
			}
			return
		}
		if err := limits.Validate(); err != nil {
			t.Fatalf("%q: %v", s, err)
		}
		text, err := limits.MarshalText()
		if err != nil {
			t.Fatalf("%q: %v", s, err)
		}
		var again ratelimit.Limits
		if err := again.UnmarshalText(text); err != nil || again.String() != string(text) || len(again) != len(limits) {
			t.Fatalf("%q: %q: %v, %v", s, text, again, err)
		}
		for i := range limits {
			if limits[i] != again[i] {
				t.Fatalf("%q: %+v, %+v", s, limits[i], again[i])
			}
		}
		if _, err := ratelimit.NewMemory(nil).TakeAt(0, "api", "key", limits, math.MaxInt); err != nil {
			t.Fatalf("%q: %v", s, err)
		}
	})
}
