package ratelimit_test

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/time/rate"

	"github.com/rowhouse-go/rowhouse/ratelimit"
)

// The judges judges a key by one rate.Limiter per window.
type judges []*rate.Limiter

func judgesOf(limits ratelimit.Limits) judges {
	o := make(judges, len(limits))
	for i, l := range limits {
		o[i] = rate.NewLimiter(rate.Every(l.Window/time.Duration(l.Quota)), burstOf(l))
	}
	return o
}

func burstOf(l ratelimit.Limit) int {
	if l.Burst == 0 {
		return l.Quota
	}
	return l.Burst
}

var epoch = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// take charges all windows or none, and returns which of them refuse.
func (o judges) take(now time.Duration, n int) (refused uint8) {
	at := epoch.Add(now)
	if len(o) == 1 {
		if !o[0].AllowN(at, n) {
			refused = 1
		}
		return refused
	}
	reserved := make([]*rate.Reservation, 0, ratelimit.MaxWindows)
	for i, l := range o {
		r := l.ReserveN(at, n)
		if !r.OK() || r.DelayFrom(at) > 0 {
			refused |= 1 << i
		}
		reserved = append(reserved, r)
	}
	if refused != 0 {
		for _, r := range reserved {
			if r.OK() {
				r.CancelAt(at)
			}
		}
	}
	return refused
}

// The table must decide as rate.Limiter does, for quotas whose interval is whole
// nanoseconds, at any time and at the very nanosecond at which tokens come back. It
// differs by intent in the nanosecond before that one, in which the float64 of
// rate.Limiter may round up: TestMemory_exactNanosecond.
func TestMemory_decidesAsRateLimiter(t *testing.T) {
	t.Parallel()
	sets := []ratelimit.Limits{
		{ratelimit.PerSecond(1)},
		{ratelimit.PerMinute(100)},
		{{Name: "burst", Quota: 5, Window: time.Second, Burst: 20}},
		{{Name: "strict", Quota: 50, Window: time.Minute, Burst: 1}},
		{{Name: "fast", Quota: 1000, Window: time.Second, Burst: 7}},
		{{Name: "slow", Quota: 3, Window: 24 * time.Hour}},
		{ratelimit.PerMinute(100), ratelimit.PerHour(2000)},
		{ratelimit.PerSecond(10), ratelimit.PerMinute(100), ratelimit.PerHour(1000), ratelimit.PerDay(5000)},
		{{Name: "a", Quota: 2, Window: time.Second, Burst: 9}, {Name: "b", Quota: 60, Window: time.Minute, Burst: 3}},
	}
	total, differ, granted := 0, 0, 0
	for i, limits := range sets {
		for _, grid := range []bool{false, true} {
			t.Logf("%v grid=%v", limits, grid)
			decisions := 75_000
			if len(limits) > 1 {
				decisions = 20_000 // to reserve and cancel takes long
			}
			r := rand.New(rand.NewPCG(uint64(i), 4))
			m, o := ratelimit.NewMemory(nil), judgesOf(limits)
			each := limits[r.IntN(len(limits))]
			step := each.Window / time.Duration(each.Quota)
			burst := burstOf(each)
			var now time.Duration
			for range decisions {
				n := 1
				switch r.IntN(8) {
				case 0:
					n = r.IntN(burst + 2)
				case 1:
					n = r.IntN(min(burst, 4) + 1)
				}
				switch wait := r.IntN(64); {
				case grid && wait == 0:
					now += step * time.Duration(r.IntN(2*burst))
				case grid:
					now += step * time.Duration(r.IntN(3))
				case wait == 0:
					now += time.Duration(r.Int64N(2 * int64(step) * int64(burst)))
				case wait < 48:
					now += time.Duration(r.Int64N(2 * int64(step)))
				}
				refused := o.take(now, n)
				d, err := m.TakeAt(now, "api", "key", limits, n)
				if err != nil {
					t.Fatal(err)
				}
				total++
				if d.Allowed {
					granted++
				}
				if d.Allowed != (refused == 0) || d.Refused != refused {
					differ++
					t.Errorf("%v: %d units at %d: refused %b, rate.Limiter %b, %+v", limits, n, now, d.Refused, refused, d)
				}
			}
		}
	}
	require.GreaterOrEqual(t, total, 1_000_000)
	require.Zero(t, differ)
	require.Greater(t, granted, total/10)
	require.Less(t, granted, total*9/10)
	t.Logf("%d decisions, %d granted, %d differ", total, granted, differ)
}

// What a Decision promises: RetryAfter is the first moment at which the request passes,
// ResetAfter the first at which the tightest window has all of its burst, and Remaining
// all that passes.
func TestMemory_keepsPromises(t *testing.T) {
	t.Parallel()
	for i, limits := range []ratelimit.Limits{
		{ratelimit.PerMinute(100)},
		{{Name: "thirds", Quota: 3, Window: time.Second, Burst: 5}},
		{{Name: "sliding", Quota: 40, Window: time.Minute, Sliding: true}},
		{ratelimit.PerSecond(7), {Name: "sliding", Quota: 60, Window: 13 * time.Second, Sliding: true}},
		{{Name: "odd", Quota: 9, Window: 1234567 * time.Nanosecond, Sliding: true}, {Name: "bucket", Quota: 13, Window: time.Millisecond}},
	} {
		t.Run(fmt.Sprint(limits), func(t *testing.T) {
			t.Parallel()
			r := rand.New(rand.NewPCG(uint64(i), 9))
			m := ratelimit.NewMemory(nil)
			take := func(at time.Duration, n int) ratelimit.Decision {
				d, err := m.TakeAt(at, "api", "key", limits, n)
				require.NoError(t, err)
				return d
			}
			var now time.Duration
			waits := 0
			for range 5_000 {
				now += time.Duration(r.Int64N(int64(limits[0].Window) / 20))
				n := r.IntN(burstOf(limits[0]) + 2)
				before := take(now, 0)
				require.True(t, before.Allowed)
				require.Zero(t, before.RetryAfter)
				d := take(now, n)
				switch {
				case d.Allowed:
					require.Zero(t, d.RetryAfter)
					after := take(now, 0)
					require.Equal(t, d, after)
					if d.Remaining < burstOf(limits[d.Tightest]) {
						over := take(now, d.Remaining+1)
						require.False(t, over.Allowed)
						require.NotZero(t, over.Refused&(1<<d.Tightest))
					}
				case d.RetryAfter == ratelimit.Never:
					over := false
					for j, l := range limits {
						over = over || d.Refused&(1<<j) != 0 && n > burstOf(l)
					}
					require.True(t, over)
				default:
					waits++
					require.NotZero(t, d.Refused&(1<<d.Tightest))
					early := take(now+d.RetryAfter-1, n)
					require.False(t, early.Allowed, "%v", d)
					require.Equal(t, time.Duration(1), early.RetryAfter)
					now += d.RetryAfter
					require.True(t, take(now, n).Allowed, "%v", d)
				}
				if r.IntN(50) == 0 {
					d := take(now, 0)
					burst := burstOf(limits[d.Tightest])
					if d.ResetAfter > 0 {
						early := take(now+d.ResetAfter-1, 0)
						require.True(t, early.Tightest != d.Tightest || early.Remaining < burst)
					}
					late := take(now+d.ResetAfter, 0)
					require.True(t, late.Tightest != d.Tightest || late.Remaining == burst && late.ResetAfter == 0)
				}
			}
			require.Greater(t, waits, 100)
		})
	}
}

func TestMemory_exactNanosecond(t *testing.T) {
	t.Parallel()
	for _, l := range []ratelimit.Limit{ratelimit.PerSecond(1), ratelimit.PerSecond(3), ratelimit.PerMinute(100), ratelimit.PerHour(2000), ratelimit.PerDay(7)} {
		m := ratelimit.NewMemory(nil)
		limits := ratelimit.Limits{l}
		each := (l.Window + time.Duration(l.Quota) - 1) / time.Duration(l.Quota) // rounded up
		d, err := m.TakeAt(0, "api", "key", limits, l.Quota)
		require.NoError(t, err)
		require.True(t, d.Allowed)
		for at := each; at <= 100*each; at += each {
			d, err = m.TakeAt(at-1, "api", "key", limits, 1)
			require.NoError(t, err)
			require.False(t, d.Allowed, "%v", l)
			require.Equal(t, time.Duration(1), d.RetryAfter)
			d, err = m.TakeAt(at, "api", "key", limits, 1)
			require.NoError(t, err)
			require.True(t, d.Allowed, "%v", l)
		}
	}
}
