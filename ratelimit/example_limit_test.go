package ratelimit_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/rowhouse-go/rowhouse/ratelimit"
)

func ExampleParse() {
	limits, err := ratelimit.Parse("100/minute; 2000/hour")
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, l := range limits {
		fmt.Println(l.Name, l.Quota, l.Window)
	}
	_, err = ratelimit.Parse("0/minute; burst=3/fortnight")
	fmt.Println(err)
	// Output:
	// minute 100 1m0s
	// hour 2000 1h0m0s
	// ratelimit: limit 1 ("minute"): Quota is 0, want at least 1
	// ratelimit: limit 2 "burst=3/fortnight": the window must be a unit, such as second, minute, hour or day, or a whole number and a unit
}

func ExampleLimits() {
	limits := ratelimit.Limits{
		ratelimit.PerSecond(10),
		ratelimit.PerMinute(100),
		{Name: "office-hours", Quota: 2000, Window: 8 * time.Hour, Burst: 500},
		{Name: "month", Quota: 30_000, Window: 30 * 24 * time.Hour, Sliding: true},
	}
	fmt.Println(limits.Validate())
	fmt.Println(limits)
	// Output:
	// <nil>
	// 10/second; 100/minute; office-hours=2000/8h burst 500; month=30000/30d sliding
}

// Limits are text in configuration files and in the environment.
func ExampleLimits_UnmarshalText() {
	var config struct {
		Login ratelimit.Limits `json:"login"`
	}
	err := json.Unmarshal([]byte(`{"login": "5/minute sliding; 20/day"}`), &config)
	fmt.Println(len(config.Login), config.Login[0].Sliding, err)
	text, err := config.Login.MarshalText()
	fmt.Println(string(text), err)
	// Output:
	// 2 true <nil>
	// 5/minute sliding; 20/day <nil>
}

func ExampleMemory() {
	ctx := context.Background()
	store := ratelimit.NewMemory(&ratelimit.MemoryOptions{MaxKeys: 100_000})
	limits := ratelimit.Limits{ratelimit.PerHour(2), ratelimit.PerDay(10)}
	for range 3 {
		d, err := store.Take(ctx, "api", "tenant-7", limits, 1)
		fmt.Println(d.Allowed, d.Limits[d.Tightest].Name, d.Remaining, d.RetryAfter.Round(time.Minute), err)
	}
	all, err := store.Take(ctx, "api", "tenant-8", limits, 3)
	fmt.Println(all.Allowed, all.RetryAfter == ratelimit.Never, err)
	fmt.Println(store.Stats().Keys, store.Reset(ctx, "api", "tenant-7"), store.Stats().Keys)
	// Output:
	// true hour 1 0s <nil>
	// true hour 0 0s <nil>
	// false hour 0 30m0s <nil>
	// false true <nil>
	// 1 <nil> 0
}

// A Store need not be reset: an application that asks for it finds out.
func ExampleResetter() {
	var store ratelimit.Store = ratelimit.NewMemory(nil)
	forget := func(ctx context.Context, key string) error {
		if r, ok := store.(ratelimit.Resetter); ok {
			return r.Reset(ctx, "api", key)
		}
		return errors.ErrUnsupported
	}
	fmt.Println(forget(context.Background(), "tenant-7"))
	// Output: <nil>
}
