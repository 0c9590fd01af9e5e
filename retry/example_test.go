package retry_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"time"

	"github.com/rowhouse-go/rowhouse/retry"
)

// flaky returns a function that fails the first n times.
func flaky(n int, err error) func(context.Context) error {
	calls := 0
	return func(context.Context) error {
		if calls++; calls <= n {
			return err
		}
		return nil
	}
}

type message struct{ text string }

func deliver(context.Context, message) error { return nil }

// The program of the package page.
func Example() {
	ctx, message := context.Background(), message{"hello"}
	policy := &retry.Policy{ // one per dependency
		AttemptTimeout: 2 * time.Second,
		Retryable:      retry.TransientNet,
		Budget:         retry.NewBudget(nil),
		Breaker:        retry.NewBreaker(nil),
	}
	err := policy.Do(ctx, func(ctx context.Context) error {
		return deliver(ctx, message)
	})
	if failed, ok := errors.AsType[*retry.Error](err); ok {
		log.Printf("gave up after %d attempts: %v", failed.Attempts, failed.Reason)
	}
	fmt.Println(err)
	// Output: <nil>
}

func ExamplePolicy_Do() {
	policy := &retry.Policy{
		Attempts: 5,
		Base:     time.Millisecond,
		Jitter:   retry.NoJitter, // for the sake of the output
		Observe: func(_ context.Context, a retry.Attempt) {
			fmt.Println("attempt", a.Number, "failed:", a.Err, "- waiting", a.Wait)
		},
	}
	err := policy.Do(context.Background(), flaky(2, io.ErrUnexpectedEOF))
	fmt.Println(err)
	// Output:
	// attempt 1 failed: unexpected EOF - waiting 1ms
	// attempt 2 failed: unexpected EOF - waiting 2ms
	// <nil>
}

// A nil policy is the default one.
func ExampleValue() {
	attempts := 0
	stock := func(context.Context) (int, error) {
		if attempts++; attempts == 1 {
			return 0, io.ErrUnexpectedEOF
		}
		return 42, nil
	}
	n, err := retry.Value(context.Background(), nil, stock)
	fmt.Println(n, err, attempts)
	// Output: 42 <nil> 2
}

var errNoAccount = errors.New("no such account")

// What no retry helps is returned at once, and as it is.
func ExamplePermanent() {
	attempts := 0
	err := (*retry.Policy)(nil).Do(context.Background(), func(context.Context) error {
		attempts++
		return retry.Permanent(errNoAccount)
	})
	fmt.Println(errors.Is(err, errNoAccount), err, attempts)
	// Output: true no such account 1
}

// A server asks for more patience than the policy has: its caller is told now.
func ExampleAfter() {
	policy := &retry.Policy{Max: 10 * time.Second}
	err := policy.Do(context.Background(), func(context.Context) error {
		return retry.After(time.Hour, errors.New("maintenance"))
	})
	fmt.Println(err)
	fmt.Println(errors.Is(err, retry.ErrDeadline))
	// Output:
	// retry: no time left after 1 attempt: maintenance
	// true
}

func ExampleError() {
	err := (&retry.Policy{Base: time.Millisecond}).Do(context.Background(), flaky(3, io.ErrUnexpectedEOF))
	fmt.Println(err)
	fmt.Println(errors.Is(err, retry.ErrExhausted), errors.Is(err, io.ErrUnexpectedEOF))
	if failed, ok := errors.AsType[*retry.Error](err); ok {
		fmt.Println(failed.Attempts, failed.HTTPStatus(), failed.Timeout())
	}
	// Output:
	// retry: attempts exhausted after 3 attempts: unexpected EOF
	// true true
	// 3 503 false
}

// A faulty policy names all its faults, here at the start of a program.
func ExamplePolicy_Validate() {
	policy := &retry.Policy{Base: time.Minute, AttemptTimeout: -1}
	fmt.Println(policy.Validate())
	// Output:
	// retry: Policy.Base: 1m0s is longer than Max, 20s
	// retry: Policy.AttemptTimeout: -1ns is negative
}

// All calls of a dependency share a budget: when it is dead, retries end.
func ExampleBudget() {
	policy := &retry.Policy{Base: -1, Budget: retry.NewBudget(nil)}
	hits := 0
	for range 1000 {
		_ = policy.Do(context.Background(), func(context.Context) error {
			hits++
			return io.ErrUnexpectedEOF
		})
	}
	fmt.Println("1000 calls of a dead dependency hit it", hits, "times")
	// Output: 1000 calls of a dead dependency hit it 1020 times
}

// A breaker by itself, around calls that are not to be repeated.
func ExampleBreaker() {
	breaker := retry.NewBreaker(&retry.BreakerOptions{
		Requests: 3,
		Observe: func(_ context.Context, c retry.BreakerChange) {
			fmt.Println(c.From, "→", c.To, "after:", c.Err)
		},
	})
	for range 4 {
		err := breaker.Do(context.Background(), func(context.Context) error { return io.ErrUnexpectedEOF })
		fmt.Println(err)
	}
	fmt.Println(breaker.State() == retry.BreakerOpen)
	// Output:
	// unexpected EOF
	// unexpected EOF
	// closed → open after: unexpected EOF
	// unexpected EOF
	// retry: breaker open
	// true
}
