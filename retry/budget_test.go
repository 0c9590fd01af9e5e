package retry_test

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/rowhouse-go/rowhouse/retry"
)

// granted returns how many retries b grants before a call ends with ErrBudget.
func granted(t *testing.T, b *retry.Budget) int {
	t.Helper()
	f, calls := failsWith(errBackend)
	p := &retry.Policy{Attempts: 1000, Base: -1, Budget: b}
	err := p.Do(t.Context(), f)
	if *calls < 1000 {
		checkEnd(t, err, errBackend, retry.ErrBudget, *calls)
	}
	return *calls - 1
}

func TestBudget(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name    string
		options *retry.BudgetOptions
		full    int // retries of a full budget
		ten     int // retries after ten successes more
	}{
		{name: "nil", full: 20, ten: 2},
		{name: "zero", options: &retry.BudgetOptions{}, full: 20, ten: 2},
		{name: "options", options: &retry.BudgetOptions{Tokens: 30, Cost: 10, Refund: 2}, full: 3, ten: 2},
		{name: "a remainder is kept", options: &retry.BudgetOptions{Tokens: 9, Cost: 5, Refund: -1}, full: 1},
		{name: "full is full", options: &retry.BudgetOptions{Tokens: 10, Refund: 1000}, full: 2, ten: 2},
		{name: "no tokens", options: &retry.BudgetOptions{Tokens: -1}},
		{name: "less than a retry", options: &retry.BudgetOptions{Tokens: 4}},
		{name: "no cost", options: &retry.BudgetOptions{Cost: -1}, full: 999, ten: 999},
		{name: "no refund", options: &retry.BudgetOptions{Refund: -1}, full: 20},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			b := retry.NewBudget(test.options)
			p := &retry.Policy{Budget: b}
			succeed := func(context.Context) error { return nil }
			require.NoError(t, p.Do(t.Context(), succeed), "no more than full")
			require.Equal(t, test.full, granted(t, b))
			for range 10 {
				require.NoError(t, p.Do(t.Context(), succeed))
			}
			require.Equal(t, test.ten, granted(t, b))
		})
	}
	require.Zero(t, granted(t, new(retry.Budget)), "the zero Budget grants nothing")
}

// A success of a retry refunds what any success does.
func TestBudgetOfAFlakyDependency(t *testing.T) {
	t.Parallel()
	p := &retry.Policy{Base: -1, Budget: retry.NewBudget(nil)}
	retries := 0
	for range 1000 {
		n := 0
		_ = p.Do(t.Context(), func(context.Context) error {
			if n++; n == 1 {
				return errBackend // each call fails once
			}
			retries++
			return nil
		})
	}
	require.Equal(t, 24, retries, "100 tokens for retries that take 5 and return 1")
}

// Three layers of three attempts in front of a dead backend.
func TestStorm(t *testing.T) {
	t.Parallel()
	const calls = 1000
	storm := func(budget func() *retry.Budget) (hits int64) {
		var backend atomic.Int64
		layer := func(f func(context.Context) error) func(context.Context) error {
			p := &retry.Policy{Base: -1, Budget: budget()}
			return func(ctx context.Context) error { return p.Do(ctx, f) }
		}
		call := layer(layer(layer(func(context.Context) error {
			backend.Add(1)
			return errBackend
		})))
		var all sync.WaitGroup
		for range 10 {
			all.Go(func() {
				for range calls / 10 {
					if call(t.Context()) == nil {
						t.Error("the backend is dead")
					}
				}
			})
		}
		all.Wait()
		return backend.Load()
	}
	require.Equal(t, int64(27*calls), storm(func() *retry.Budget { return nil }))
	require.LessOrEqual(t, storm(func() *retry.Budget { return retry.NewBudget(nil) }), int64(12*calls/10))
}

// Many callers spend and refund at once, and no token comes from nowhere.
func TestBudgetRace(t *testing.T) {
	t.Parallel()
	const callers, each = 8, 2000
	b := retry.NewBudget(&retry.BudgetOptions{Tokens: 50, Cost: 5, Refund: 1})
	var retries, successes atomic.Int64
	var all sync.WaitGroup
	for caller := range callers {
		all.Go(func() {
			p := &retry.Policy{Attempts: 2, Base: -1, Budget: b}
			for i := range each {
				n := 0
				err := p.Do(t.Context(), func(context.Context) error {
					if n++; n == 2 {
						retries.Add(1)
					}
					if (i+caller)%3 == 0 {
						return errBackend
					}
					return nil
				})
				if err == nil {
					successes.Add(1)
				}
			}
		})
	}
	all.Wait()
	require.LessOrEqual(t, 5*retries.Load(), 50+successes.Load())
	require.LessOrEqual(t, granted(t, b), 10)
}
