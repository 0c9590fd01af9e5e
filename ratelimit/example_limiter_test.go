package ratelimit_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/rowhouse-go/rowhouse/ratelimit"
)

func ExampleNew() {
	limits, err := ratelimit.Parse("2/minute; 3/hour")
	if err != nil {
		fmt.Println(err)
		return
	}
	limiter, err := ratelimit.New("api", limits, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	for range 3 {
		d, err := limiter.Allow(context.Background(), "ada")
		if err != nil {
			fmt.Println(err) // the request must not pass
			return
		}
		fmt.Println(d.Allowed, d.Limits[d.Tightest].Name, d.Remaining, d.RetryAfter.Round(time.Second))
	}
	// Output:
	// true minute 1 0s
	// true minute 0 0s
	// false minute 0 30s
}

func ExampleNew_faults() {
	_, err := ratelimit.New("my limiter", ratelimit.Limits{{Name: "minute", Window: time.Minute}}, &ratelimit.Options{OnOutage: 7})
	fmt.Println(err)
	// Output:
	// ratelimit: name "my limiter" must be 1 to 32 letters, digits, _ and -
	// ratelimit: limit 1 ("minute"): Quota is 0, want at least 1
	// ratelimit: Options.OnOutage: Outage(7) is none of FallbackLocal, FailOpen and FailClosed
}

// A request may cost more than one unit. None asks how much is left.
func ExampleLimiter_AllowN() {
	limiter, err := ratelimit.New("tokens", ratelimit.Limits{ratelimit.PerDay(1000)}, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, n := range []int{800, 300, 0, 2000} {
		d, err := limiter.AllowN(context.Background(), "ada", n)
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(n, d.Allowed, d.Remaining, d.RetryAfter == ratelimit.Never)
	}
	// Output:
	// 800 true 200 false
	// 300 false 200 false
	// 0 true 200 false
	// 2000 false 200 true
}

// The plan of a tenant was read with its membership and is in the request's context.
func ExampleNewPlan() {
	pro, err := ratelimit.NewPlan(ratelimit.Limits{ratelimit.PerMinute(1000)})
	if err != nil {
		fmt.Println(err)
		return
	}
	plans := map[string]*ratelimit.Plan{"pro": pro}
	type plan struct{}
	limiter, err := ratelimit.New("api", ratelimit.Limits{ratelimit.PerMinute(100)}, &ratelimit.Options{
		Plan: func(ctx context.Context, _ string) *ratelimit.Plan {
			name, _ := ctx.Value(plan{}).(string)
			return plans[name] // nil: 100 per minute
		},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, name := range []string{"free", "pro"} {
		d, err := limiter.Allow(context.WithValue(context.Background(), plan{}, name), name+"-tenant")
		fmt.Println(name, d.Remaining, err)
	}
	// Output:
	// free 99 <nil>
	// pro 999 <nil>
}

func ExampleLimiter_SetLimits() {
	limiter, err := ratelimit.New("api", ratelimit.Limits{ratelimit.PerMinute(100)}, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(limiter.SetLimits(ratelimit.Limits{ratelimit.PerMinute(-1)}))
	fmt.Println(limiter.Limits())
	fmt.Println(limiter.SetLimits(ratelimit.Limits{ratelimit.PerMinute(50)}))
	fmt.Println(limiter.Limits())
	// Output:
	// ratelimit: limit 1 ("minute"): Quota is -1, want at least 1
	// 100/minute
	// <nil>
	// 50/minute
}

// Who proves to be no attacker is let off.
func ExampleLimiter_Reset() {
	ctx := context.Background()
	logins, err := ratelimit.New("login", ratelimit.Limits{ratelimit.PerMinute(1)}, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	for range 2 {
		d, _ := logins.Allow(ctx, "ada")
		fmt.Println(d.Allowed)
	}
	fmt.Println(logins.Reset(ctx, "ada"))
	d, _ := logins.Allow(ctx, "ada")
	fmt.Println(d.Allowed)
	// Output:
	// true
	// false
	// <nil>
	// true
}

// A job that calls another service waits for its turn, unless that is too late.
func ExampleLimiter_Wait() {
	limiter, err := ratelimit.New("mails", ratelimit.Limits{
		{Name: "pace", Quota: 100, Window: time.Second, Burst: 1},
		ratelimit.PerHour(3),
	}, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	for mail := range 4 {
		if err := limiter.Wait(ctx, "smtp.example.com"); err != nil {
			limited, _ := errors.AsType[*ratelimit.LimitedError](err)
			fmt.Println("too late:", errors.Is(err, context.DeadlineExceeded), limited.Decision.RetryAfter > 19*time.Minute)
			return
		}
		fmt.Println("mail", mail)
	}
	// Output:
	// mail 0
	// mail 1
	// mail 2
	// too late: true true
}

// A store that replicas share is out of reach.
type unreachable struct{}

func (unreachable) Take(context.Context, string, string, ratelimit.Limits, int) (ratelimit.Decision, error) {
	return ratelimit.Decision{}, errors.New("dial tcp: connection refused")
}

func ExampleOutage() {
	for _, mode := range []ratelimit.Outage{ratelimit.FallbackLocal, ratelimit.FailOpen, ratelimit.FailClosed} {
		limiter, err := ratelimit.New("login", ratelimit.Limits{ratelimit.PerMinute(1)}, &ratelimit.Options{
			Store:    unreachable{},
			OnOutage: mode,
		})
		if err != nil {
			fmt.Println(err)
			return
		}
		for range 2 {
			d, err := limiter.Allow(context.Background(), "ada")
			fmt.Println(mode, d.Allowed, d.Degraded, err)
		}
	}
	// Output:
	// FallbackLocal true true <nil>
	// FallbackLocal false true <nil>
	// FailOpen true true <nil>
	// FailOpen true true <nil>
	// FailClosed false false ratelimit: store unavailable: login: dial tcp: connection refused
	// FailClosed false false ratelimit: store unavailable: login: dial tcp: connection refused
}

// Before limits bind, see whom they would.
func ExampleOptions_dryRun() {
	limiter, err := ratelimit.New("api", ratelimit.Limits{ratelimit.PerMinute(1)}, &ratelimit.Options{
		DryRun: true,
		Observe: func(_ context.Context, e ratelimit.Event) {
			fmt.Println(e.Limiter, e.Key, "would be allowed:", e.Decision.Allowed)
		},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	for range 2 {
		d, err := limiter.Allow(context.Background(), "ada")
		fmt.Println(d.Allowed, err)
	}
	// Output:
	// api ada would be allowed: true
	// true <nil>
	// api ada would be allowed: false
	// true <nil>
}

func ExampleKeyError() {
	limiter, err := ratelimit.New("api", ratelimit.Limits{ratelimit.PerMinute(1)}, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	_, err = limiter.Allow(context.Background(), "")
	if bad, ok := errors.AsType[*ratelimit.KeyError](err); ok {
		fmt.Println(bad, bad.HTTPStatus())
	}
	// Output: ratelimit: api: empty key 400
}
