package ratelimit_test

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rowhouse-go/rowhouse/ratelimit"
)

// A grant is units that passed, in the log of a sliding window.
type grant struct {
	at    time.Duration
	units int
}

// within adds up the grants of the window that ends with and includes now.
func within(log []grant, now, window time.Duration) (units int) {
	for i := len(log) - 1; i >= 0 && log[i].at > now-window; i-- {
		units += log[i].units
	}
	return units
}

// A sliding window grants no more than its quota in any window, against an exact log,
// and refuses only what would exceed the quota in 9/8 of it.
func TestSliding_isExact(t *testing.T) {
	t.Parallel()
	for i, l := range []ratelimit.Limit{
		{Name: "w", Quota: 1, Window: time.Second, Sliding: true},
		{Name: "w", Quota: 5, Window: time.Minute, Sliding: true},
		{Name: "w", Quota: 100, Window: time.Hour, Sliding: true},
		{Name: "w", Quota: 17, Window: 1234567 * time.Nanosecond, Sliding: true}, // 8 doesn't divide it
		{Name: "w", Quota: 1000, Window: 366 * 24 * time.Hour, Sliding: true},
	} {
		t.Run(l.String(), func(t *testing.T) {
			t.Parallel()
			limits := ratelimit.Limits{l}
			held := 9 * ((l.Window + 7) / 8)
			require.LessOrEqual(t, held, l.Window*9/8+9)
			r := rand.New(rand.NewPCG(uint64(i), 8))
			m := ratelimit.NewMemory(nil)
			var log []grant
			var now time.Duration
			refused := 0
			for step := range 30_000 {
				switch r.IntN(30 + 3*l.Quota) {
				case 0:
					now += time.Duration(r.Int64N(int64(l.Window) * 2))
				case 1: // to where an eighth begins, or just before
					eighth := held / 9
					now += eighth - now%eighth - time.Duration(r.IntN(2))
				default:
					now += time.Duration(r.Int64N(int64(l.Window)/int64(l.Quota) + 1))
				}
				n := 1 + r.IntN(min(l.Quota, 1+step%7))
				d, err := m.TakeAt(now, "api", "key", limits, n)
				require.NoError(t, err)
				if d.Allowed {
					log = append(log, grant{now, n})
					if got := within(log, now, l.Window); got > l.Quota {
						t.Fatalf("%d units in the window that ends at %d", got, now)
					}
				} else {
					refused++
					if got := within(log, now, held); got+n <= l.Quota {
						t.Fatalf("%d units refused at %d, with %d in 9/8 of the window", n, now, got)
					}
				}
				if len(log) > 4*l.Quota+10 {
					log = log[2*l.Quota:]
				}
			}
			require.Greater(t, refused, 3000)
			require.Less(t, refused, 27000)
		})
	}
}

// A bucket that was left alone grants up to twice its quota in a window, a sliding
// window never.
func TestSliding_boundsFirstWindow(t *testing.T) {
	t.Parallel()
	for sliding, want := range map[bool]int{false: 199, true: 100} {
		t.Run(fmt.Sprint(sliding), func(t *testing.T) {
			t.Parallel()
			m := ratelimit.NewMemory(nil)
			limits := ratelimit.Limits{{Name: "w", Quota: 100, Window: time.Minute, Sliding: sliding}}
			granted := 0
			for now := time.Duration(0); now < time.Minute; now += 10 * time.Millisecond {
				d, err := m.TakeAt(now, "api", "key", limits, 1)
				require.NoError(t, err)
				if d.Allowed {
					granted++
				}
			}
			require.Equal(t, want, granted)
		})
	}
}

// A clock reading from before the one of the last charge charges no less, and lends
// nothing.
func TestSliding_lateReading(t *testing.T) {
	t.Parallel()
	m := ratelimit.NewMemory(nil)
	limits := ratelimit.Limits{{Name: "w", Quota: 3, Window: 8 * time.Second, Sliding: true}}
	for i, at := range []time.Duration{20 * time.Second, 12 * time.Second, 5 * time.Second} {
		d, err := m.TakeAt(at, "api", "key", limits, 1)
		require.NoError(t, err)
		require.True(t, d.Allowed)
		require.Equal(t, 2-i, d.Remaining)
	}
	d, err := m.TakeAt(29*time.Second-1, "api", "key", limits, 1)
	require.NoError(t, err)
	require.False(t, d.Allowed)
	require.Equal(t, time.Duration(1), d.RetryAfter)
	d, err = m.TakeAt(29*time.Second, "api", "key", limits, 3)
	require.NoError(t, err)
	require.True(t, d.Allowed)
}
