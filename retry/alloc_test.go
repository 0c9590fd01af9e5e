package retry_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rowhouse-go/rowhouse/retry"
)

// Not parallel: testing.AllocsPerRun counts for the whole process.
func TestSuccessAllocatesNothing(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	calls := 0
	succeed := func(context.Context) error { calls++; return nil }
	one := func(context.Context) (int, error) { calls++; return 1, nil }
	spent := &retry.Policy{Budget: retry.NewBudget(&retry.BudgetOptions{Tokens: 1e6, Refund: -1})}
	require.Error(t, spent.Do(ctx, func(context.Context) error { return errBackend }))
	for name, p := range map[string]*retry.Policy{
		"nil":      nil,
		"policy":   {Attempts: 5, Base: time.Second, Retryable: func(error) bool { return true }},
		"elapsed":  {MaxElapsed: time.Minute},
		"budget":   {Budget: retry.NewBudget(nil)},
		"spent":    spent,
		"breaker":  {Breaker: retry.NewBreaker(nil)},
		"observed": {Observe: func(context.Context, retry.Attempt) {}},
	} {
		require.Zero(t, testing.AllocsPerRun(100, func() { _ = p.Do(ctx, succeed) }), name)
		require.Zero(t, testing.AllocsPerRun(100, func() { _, _ = retry.Value(ctx, p, one) }), name)
	}
	breaker := retry.NewBreaker(nil)
	require.Zero(t, testing.AllocsPerRun(100, func() { _ = breaker.Do(ctx, succeed) }))
	require.NotZero(t, calls)
}
