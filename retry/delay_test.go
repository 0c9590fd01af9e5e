package retry_test

import (
	"context"
	"math"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rowhouse-go/rowhouse/retry"
)

// waits returns the waits of a call that fails n times with err.
func waits(t *testing.T, p retry.Policy, n int, err error) []time.Duration {
	t.Helper()
	var all []time.Duration
	p.Attempts = n
	p.Observe = func(_ context.Context, a retry.Attempt) { all = append(all, a.Wait) }
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		require.Error(t, p.Do(t.Context(), func(context.Context) error { return err }))
		var sum time.Duration
		for _, wait := range all {
			sum += wait
		}
		require.Equal(t, sum, time.Since(start), "what was told was waited")
	})
	require.Zero(t, all[len(all)-1])
	return all[:len(all)-1]
}

func TestBackoffDoublesUpToMax(t *testing.T) {
	t.Parallel()
	const ms = time.Millisecond
	plain := func(base, most time.Duration) retry.Policy {
		return retry.Policy{Base: base, Max: most, Jitter: retry.NoJitter}
	}
	require.Equal(t, []time.Duration{50 * ms, 100 * ms, 200 * ms}, waits(t, plain(0, 0), 4, errBackend))
	require.Equal(t, []time.Duration{30 * ms, 60 * ms, 70 * ms, 70 * ms}, waits(t, plain(30*ms, 70*ms), 5, errBackend))
	require.Equal(t, []time.Duration{20 * ms, 20 * ms}, waits(t, plain(0, 20*ms), 3, errBackend), "the default Base yields to Max")
	require.Equal(t, []time.Duration{0, 0, 0}, waits(t, plain(-1, 0), 4, errBackend))

	long := waits(t, plain(0, 0), 200, errBackend)
	require.Equal(t, 20*time.Second, long[198])
}

func TestWaitsDoNotOverflow(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		base time.Duration
		err  error
		want []time.Duration
	}{
		{"doubled", 1 << 61, errBackend, []time.Duration{1 << 61, 1 << 62, math.MaxInt64}},
		{"with jitter on top", time.Second, retry.After(math.MaxInt64, errBackend), []time.Duration{math.MaxInt64}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithCancel(t.Context())
				var all []time.Duration
				p := &retry.Policy{Attempts: -1, Base: test.base, Max: -1, Jitter: retry.NoJitter}
				if test.base == time.Second {
					p.Jitter = retry.EqualJitter
				}
				p.Observe = func(_ context.Context, a retry.Attempt) {
					all = append(all, a.Wait)
					if len(all) == len(test.want) {
						cancel()
					}
				}
				f, _ := failsWith(test.err)
				require.ErrorIs(t, p.Do(ctx, f), context.Canceled)
				require.Equal(t, test.want, all)
			})
		})
	}
}

func TestJitterStaysInBounds(t *testing.T) {
	t.Parallel()
	for _, jitter := range []retry.Jitter{retry.FullJitter, retry.EqualJitter, retry.NoJitter} {
		const n = 2000
		const bound = time.Second
		all := waits(t, retry.Policy{Base: bound, Max: bound, Jitter: jitter}, n, errBackend)
		least, most := all[0], all[0]
		for _, wait := range all {
			least, most = min(least, wait), max(most, wait)
		}
		want := map[retry.Jitter]time.Duration{retry.FullJitter: 0, retry.EqualJitter: bound / 2, retry.NoJitter: bound}[jitter]
		require.GreaterOrEqual(t, least, want)
		require.LessOrEqual(t, most, bound)
		require.Less(t, least, want+bound/20, "and uses them: %v", jitter)
		require.Greater(t, most, bound-bound/20)
	}
}

func TestAfter(t *testing.T) {
	t.Parallel()
	const second = time.Second
	ask := func(d time.Duration) error { return retry.After(d, errBackend) }
	exact := retry.Policy{Base: second, Jitter: retry.NoJitter}
	require.Equal(t, []time.Duration{7 * second}, waits(t, exact, 2, ask(7*second)))
	require.Equal(t, []time.Duration{20 * second}, waits(t, exact, 2, ask(20*second)), "Max itself is granted")
	require.Equal(t, []time.Duration{second}, waits(t, exact, 2, ask(0)), "no time asked for")
	require.Equal(t, []time.Duration{second}, waits(t, exact, 2, ask(-time.Hour)))
	require.Equal(t, []time.Duration{time.Hour}, waits(t, retry.Policy{Max: -1, Jitter: retry.NoJitter}, 2, ask(time.Hour)))
	require.Equal(t, []time.Duration{second}, waits(t, retry.Policy{Base: -1}, 2, ask(second)), "no jitter without a Base")

	for _, jitter := range []retry.Jitter{retry.FullJitter, retry.EqualJitter} {
		above := false
		for _, wait := range waits(t, retry.Policy{Base: second, Max: 20 * second, Jitter: jitter}, 50, ask(20*second)) {
			require.GreaterOrEqual(t, wait, 20*second, "never sooner")
			require.LessOrEqual(t, wait, 40*second)
			above = above || wait > 20*second
		}
		require.True(t, above, "jitter on top")
	}

	for _, d := range []time.Duration{20*second + 1, 400 * 24 * time.Hour, math.MaxInt64} {
		f, calls := failsWith(ask(d))
		start := time.Now()
		err := (&retry.Policy{}).Do(t.Context(), f)
		checkEnd(t, err, errBackend, retry.ErrDeadline, 1)
		require.Equal(t, 1, *calls)
		require.Less(t, time.Since(start), 10*second, "the caller has its answer now")
	}
}
