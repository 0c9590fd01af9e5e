package ratelimit_test

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/rowhouse-go/rowhouse/ratelimit"
)

// Multiplying by the inverse is dividing: at the edges of each quotient, and for numbers
// of all lengths.
func TestUnits(t *testing.T) {
	t.Parallel()
	check := func(each, d int64) {
		quick, exact := ratelimit.Units(each, d)
		require.Equal(t, exact, quick, "%d / %d", d, each)
	}
	random := rand.New(rand.NewPCG(1, 2))
	for range 200_000 {
		each := random.Int64()>>random.IntN(63) + 1
		d := random.Int64() >> random.IntN(63)
		check(each, d)
		at := d / each * each
		check(each, at)
		check(each, max(at-1, 0))
	}
	for _, each := range []int64{1, 2, 3, 1<<32 - 1, 1 << 32, 1<<62 + 1, math.MaxInt64} {
		for _, d := range []int64{0, 1, each - 1, each, math.MaxInt64 - 1, math.MaxInt64} {
			check(each, d)
		}
	}
}
