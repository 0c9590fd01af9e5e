package retry

import (
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestTallyKeepsTheRatioOfMany(t *testing.T) {
	t.Parallel()
	tally := tally{width: time.Second}
	for i := range 1_000_000 {
		failures := uint64(0)
		if i%4 == 0 {
			failures = 1
		}
		tally.add(0, failures)
	}
	total, failures := tally.sum(0)
	require.Greater(t, total, 1<<15)
	require.InDelta(t, 0.25, float64(failures)/float64(total), 0.001)
}

func TestTallyForgets(t *testing.T) {
	t.Parallel()
	tally := tally{width: time.Second}
	at := func(second int64) [2]int {
		total, failures := tally.sum(time.Duration(second) * time.Second)
		return [2]int{total, failures}
	}
	tally.add(25*time.Second, 1)
	require.Equal(t, [2]int{1, 1}, at(25))
	require.Equal(t, [2]int{1, 1}, at(34))
	require.Zero(t, at(35))
	tally.add(35*time.Second, 0) // in the same bucket
	require.Equal(t, [2]int{1, 0}, at(35))

	// Beyond 2³² widths, 136 years with the default window, 49 days with the shortest.
	const wrap = 1 << 32
	tally.add((wrap-1)*time.Second, 1)
	tally.add(wrap*time.Second, 1)
	require.Equal(t, [2]int{2, 2}, at(wrap))
	require.Equal(t, [2]int{1, 1}, at(wrap+9))
	require.Zero(t, at(wrap+10))
}

// All outcomes of one time are counted, however many count at once.
func TestTallyRace(t *testing.T) {
	t.Parallel()
	tally := tally{width: time.Second}
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for i := range 5000 {
				tally.add(time.Duration(i%10)*time.Second, uint64(i%2))
			}
		})
	}
	all.Wait()
	total, failures := tally.sum(9 * time.Second)
	require.Equal(t, 40_000, total)
	require.Equal(t, 20_000, failures)
}
