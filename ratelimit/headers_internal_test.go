package ratelimit

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// A Plan func that makes new limits for every key costs no memory in the long run.
func TestPolicyCacheIsBounded(t *testing.T) {
	t.Parallel()
	c := &policyCache{}
	for i := range 10 * maxPolicies {
		limits := Limits{PerHour(1 + i)}
		require.Equal(t, string(appendPolicy(nil, limits)), c.value(limits)[0])
		require.LessOrEqual(t, len(*c.entries.Load()), maxPolicies)
	}
}
