package retry_test

import (
	"context"
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rowhouse-go/rowhouse/retry"
)

func TestValidate(t *testing.T) {
	t.Parallel()
	valid := map[string]*retry.Policy{
		"nil":                 nil,
		"zero":                {},
		"negative means none": {Attempts: -1, Base: -1, Max: -1},
		"Base is Max":         {Base: time.Second, Max: time.Second},
		"Base without Max":    {Base: time.Hour, Max: -1},
		"Max below the Base":  {Max: time.Millisecond}, // that is not set
		"all":                 {Jitter: retry.NoJitter, MaxElapsed: 1, AttemptTimeout: 1, Budget: new(retry.Budget), Breaker: retry.NewBreaker(nil)},
	}
	for name, p := range valid {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			require.NoError(t, p.Validate())
			require.NoError(t, p.Do(t.Context(), func(context.Context) error { return nil }))
		})
	}

	invalid := []struct {
		name   string
		policy retry.Policy
		faults []string
	}{
		{"Base", retry.Policy{Base: 2 * time.Second, Max: time.Second}, []string{"Policy.Base: 2s is longer than Max, 1s"}},
		{"Base and default", retry.Policy{Base: time.Minute}, []string{"Policy.Base: 1m0s is longer than Max, 20s"}},
		{"Jitter", retry.Policy{Jitter: 3}, []string{"Policy.Jitter: 3"}},
		{"negative Jitter", retry.Policy{Jitter: -1}, []string{"Policy.Jitter: -1"}},
		{"MaxElapsed", retry.Policy{MaxElapsed: -1}, []string{"Policy.MaxElapsed: -1ns"}},
		{"AttemptTimeout", retry.Policy{AttemptTimeout: math.MinInt64}, []string{"Policy.AttemptTimeout: -"}},
		{"no Breaker", retry.Policy{Breaker: new(retry.Breaker)}, []string{"Policy.Breaker: ", "NewBreaker"}},
		{
			"Breaker",
			retry.Policy{Breaker: retry.NewBreaker(&retry.BreakerOptions{Window: -1, Failures: 50, OpenFor: -1})},
			[]string{"Policy.Breaker: ", "Window: -1ns", "Failures: 50", "OpenFor: -1ns"},
		},
		{
			"all",
			retry.Policy{Base: 1 << 60, Jitter: 9, MaxElapsed: -1, AttemptTimeout: -1, Breaker: new(retry.Breaker)},
			[]string{"Base", "Jitter", "MaxElapsed", "AttemptTimeout", "Breaker"},
		},
	}
	for _, test := range invalid {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			want := test.policy.Validate()
			require.Error(t, want)
			for _, fault := range test.faults {
				require.ErrorContains(t, want, fault)
			}
			f, calls := failsWith(errBackend)
			require.EqualError(t, test.policy.Do(t.Context(), f), want.Error())
			value, err := retry.Value(t.Context(), &test.policy, func(context.Context) (int, error) { *calls++; return 1, nil })
			require.EqualError(t, err, want.Error())
			require.Zero(t, value)
			require.Zero(t, *calls, "nothing runs under a faulty policy")
		})
	}
}
