package ratelimit_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rowhouse-go/rowhouse/ratelimit"
)

var twoWindows = ratelimit.Limits{ratelimit.PerMinute(100), ratelimit.PerHour(2000)}

// Many keys, with resets and long silences, so that shards grow, shrink and reuse slots:
// each key must fare as if it were alone.
func TestMemory_keepsKeysApart(t *testing.T) {
	t.Parallel()
	limits := ratelimit.Limits{{Name: "a", Quota: 10, Window: time.Second}, {Name: "b", Quota: 30, Window: time.Minute}}
	for _, maxKeys := range []int{0, -1, 5_000} { // the last is one shard per 1024 keys
		t.Run(strconv.Itoa(maxKeys), func(t *testing.T) {
			t.Parallel()
			m := ratelimit.NewMemory(&ratelimit.MemoryOptions{MaxKeys: maxKeys})
			r := rand.New(rand.NewPCG(3, 5))
			full := map[int][2]time.Duration{}
			var now time.Duration
			for range 80_000 {
				if r.IntN(10_000) == 0 {
					now += time.Duration(r.Int64N(int64(2 * time.Minute)))
				}
				now += time.Duration(r.Int64N(int64(time.Millisecond)))
				id := int(r.ExpFloat64() * 500)
				key := strconv.Itoa(id)
				if r.IntN(100) == 0 {
					require.NoError(t, m.Reset(t.Context(), "api", key))
					delete(full, id)
				}
				f := full[id]
				f[0], f[1] = max(f[0], now), max(f[1], now)
				want := uint8(0)
				if f[0] > now+900*time.Millisecond {
					want |= 1
				}
				if f[1] > now+58*time.Second {
					want |= 2
				}
				if want == 0 {
					f[0], f[1] = f[0]+100*time.Millisecond, f[1]+2*time.Second
					full[id] = f
				}
				d, err := m.TakeAt(now, "api", key, limits, 1)
				if err != nil || d.Refused != want || d.ResetAfter != f[d.Tightest]-now {
					t.Fatalf("key %d at %v: %v, %+v, want refused %b and full at %v", id, now, err, d, want, f)
				}
			}
			stats := m.Stats()
			require.Zero(t, stats.Evictions)
			require.Equal(t, stats.Bytes, stats.Slots*3*8)
		})
	}
}

func TestMemory_grantsExactly(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) { // where time stands still
		m := ratelimit.NewMemory(nil)
		limits := ratelimit.Limits{ratelimit.PerMinute(300), {Name: "sliding", Quota: 250, Window: time.Hour, Sliding: true}}
		var granted [20]atomic.Int64
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() {
				for i := range 20 * 200 {
					d, err := m.Take(t.Context(), "api", strconv.Itoa(i%20), limits, 1+i%3)
					if err == nil && d.Allowed {
						granted[i%20].Add(int64(1 + i%3))
					}
				}
			})
		}
		wg.Wait()
		for i := range granted {
			// 1,600 requests of 1 to 3 units end with what is too little for one of 1.
			require.EqualValues(t, 250, granted[i].Load())
		}
	})
}

// A store counts on the monotonic clock, which a bubble of testing/synctest fakes.
func TestMemory_clock(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := ratelimit.NewMemory(nil)
		limits := ratelimit.Limits{ratelimit.PerMinute(1)}
		time.Sleep(time.Hour)
		for range 3 {
			d, err := m.Take(t.Context(), "api", "key", limits, 1)
			require.NoError(t, err)
			require.True(t, d.Allowed)
			d, err = m.Take(t.Context(), "api", "key", limits, 1)
			require.NoError(t, err)
			require.Equal(t, ratelimit.Decision{
				Limits: limits, Refused: 1, RetryAfter: time.Minute, ResetAfter: time.Minute,
			}, d)
			time.Sleep(d.RetryAfter)
		}
	})
}

func TestMemory_tellsKeysApart(t *testing.T) {
	t.Parallel()
	m := ratelimit.NewMemory(nil)
	limits := ratelimit.Limits{ratelimit.PerDay(1)}
	names := []string{"", "a", "b", "ab", "abcdefgh", "abcdefgi", "abcdefgha", "abcdefghabcdefgh", "hgfedcba"}
	keys := []string{"", "a", "b", "bc", "\x00", "a\x00", string(make([]byte, 1024)), string(make([]byte, 1023))}
	for _, name := range names {
		for _, key := range keys {
			for _, want := range []bool{true, false} {
				d, err := m.TakeAt(0, name, key, limits, 1)
				require.NoError(t, err)
				require.Equal(t, want, d.Allowed, "%q %q", name, key)
			}
		}
	}
}

func TestMemory_otherLimits(t *testing.T) {
	t.Parallel()
	const at = time.Hour
	used := ratelimit.Limits{ratelimit.PerMinute(10)}
	for _, c := range []struct {
		name      string
		limits    ratelimit.Limits
		remaining int
	}{
		{"same", used, 4},
		{"quota", ratelimit.Limits{ratelimit.PerMinute(100)}, 40},
		{"smaller quota", ratelimit.Limits{ratelimit.PerMinute(5)}, 2},
		{"burst", ratelimit.Limits{{Name: "minute", Quota: 10, Window: time.Minute, Burst: 20}}, 14},
		{"burst below what is used", ratelimit.Limits{{Name: "minute", Quota: 10, Window: time.Minute, Burst: 3}}, 0},
		{"name", ratelimit.Limits{{Name: "other", Quota: 10, Window: time.Minute}}, 4},
		{"window", ratelimit.Limits{ratelimit.PerHour(10)}, 10},
		{"sliding", ratelimit.Limits{{Name: "minute", Quota: 10, Window: time.Minute, Sliding: true}}, 10},
		{"one more", ratelimit.Limits{ratelimit.PerMinute(10), ratelimit.PerHour(10)}, 10},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			m := ratelimit.NewMemory(nil)
			_, err := m.TakeAt(at, "api", "key", used, 6)
			require.NoError(t, err)
			d, err := m.TakeAt(at, "api", "key", c.limits, 0)
			require.NoError(t, err)
			require.Equal(t, c.remaining, d.Remaining)

			_, err = m.TakeAt(at, "api", "key", c.limits, 1)
			require.NoError(t, err)
			require.NoError(t, m.Reset(t.Context(), "api", "key"))
			require.Zero(t, m.Stats().Keys)
			for _, limits := range []ratelimit.Limits{used, c.limits} {
				d, err = m.TakeAt(at, "api", "key", limits, 0)
				require.NoError(t, err)
				require.Equal(t, burstOf(d.Limits[d.Tightest]), d.Remaining)
			}
		})
	}
}

// The same windows in another order, or with the kinds changed over, are others.
func TestMemory_otherOrder(t *testing.T) {
	t.Parallel()
	bucket := func(window time.Duration) ratelimit.Limit {
		return ratelimit.Limit{Name: window.String(), Quota: 10, Window: window}
	}
	sliding := func(window time.Duration) ratelimit.Limit {
		l := bucket(window)
		l.Sliding = true
		return l
	}
	for _, c := range []struct{ used, other ratelimit.Limits }{
		{ratelimit.Limits{bucket(time.Minute), bucket(time.Hour)}, ratelimit.Limits{bucket(time.Hour), bucket(time.Minute)}},
		{ratelimit.Limits{sliding(time.Minute), sliding(time.Hour)}, ratelimit.Limits{sliding(time.Hour), sliding(time.Minute)}},
		{ratelimit.Limits{sliding(time.Minute), bucket(time.Hour)}, ratelimit.Limits{bucket(time.Minute), sliding(time.Hour)}},
	} {
		m := ratelimit.NewMemory(nil)
		for _, limits := range []ratelimit.Limits{c.used, c.other} {
			for _, want := range []bool{true, false} {
				d, err := m.TakeAt(time.Hour, "api", "key", limits, 6)
				require.NoError(t, err)
				require.Equal(t, want, d.Allowed, "%v after %v", limits, c.used)
			}
		}
		d, err := m.TakeAt(time.Hour, "api", "key", c.used, 0)
		require.NoError(t, err)
		require.Equal(t, 4, d.Remaining, "those of before go on")
	}
}

// Whoever is judged by two plans in turn, as by those of two tenants, gets nothing back
// from the smaller burst.
func TestMemory_smallerBurstGivesNothingBack(t *testing.T) {
	t.Parallel()
	m := ratelimit.NewMemory(nil)
	large := ratelimit.Limits{{Name: "minute", Quota: 10, Window: time.Minute, Burst: 1000}}
	small := ratelimit.Limits{ratelimit.PerMinute(10)}
	granted := 0
	for range 2000 {
		for _, limits := range []ratelimit.Limits{large, small} {
			d, err := m.TakeAt(0, "api", "key", limits, 1)
			require.NoError(t, err)
			if d.Allowed {
				granted++
			}
		}
	}
	require.Equal(t, 1000, granted)
	d, err := m.TakeAt(0, "api", "key", small, 1)
	require.NoError(t, err)
	require.Equal(t, 991*6*time.Second, d.RetryAfter)
}

// Who makes up keys must not get a hot key forgotten: it goes last.
func TestMemory_evictsWhatUsedLeast(t *testing.T) {
	t.Parallel()
	slide := ratelimit.Limit{Name: "slide", Quota: 100, Window: time.Hour, Sliding: true}
	for _, limits := range []ratelimit.Limits{
		{ratelimit.PerMinute(100), ratelimit.PerHour(100)},
		{slide},
		{ratelimit.PerSecond(100), slide},
		{slide, ratelimit.PerSecond(100)},
		// The hot key has used up the second window, and little of the first one.
		{{Name: "fast", Quota: 1000, Window: time.Second, Sliding: true}, {Name: "slow", Quota: 100, Window: time.Hour, Sliding: true}},
	} {
		for _, maxKeys := range []int{1, 2, 3, 10, 100, 3000} {
			t.Run(fmt.Sprintf("%v/%d", limits, maxKeys), func(t *testing.T) {
				t.Parallel()
				m := ratelimit.NewMemory(&ratelimit.MemoryOptions{MaxKeys: maxKeys})
				hot := maxKeys / 10
				for i := range hot {
					d, err := m.TakeAt(0, "api", "hot"+strconv.Itoa(i), limits, 100)
					require.NoError(t, err)
					require.True(t, d.Allowed)
				}
				// In a later eighth of a sliding window, so that they are idle later.
				const later = 10 * time.Minute
				for i := range 20 * maxKeys {
					d, err := m.TakeAt(later+time.Duration(i), "api", "made-up"+strconv.Itoa(i), limits, 1)
					require.NoError(t, err)
					require.True(t, d.Allowed)
				}
				for i := range hot {
					d, err := m.TakeAt(later+time.Millisecond, "api", "hot"+strconv.Itoa(i), limits, 100)
					require.NoError(t, err)
					require.False(t, d.Allowed)
				}
				stats := m.Stats()
				require.LessOrEqual(t, stats.Keys, maxKeys)
				require.Greater(t, stats.Keys, maxKeys*8/10)
				require.GreaterOrEqual(t, stats.Evictions, uint64(18*maxKeys))
				require.LessOrEqual(t, stats.Slots, maxKeys*4/3+3)
			})
		}
	}
}

// A key that was idle is none that was forgotten.
func TestMemory_evictionsAreOfKeysInUse(t *testing.T) {
	t.Parallel()
	m := ratelimit.NewMemory(&ratelimit.MemoryOptions{MaxKeys: 1000}) // one shard
	for i := range 2050 {
		at := time.Duration(i/1050) * time.Hour // 50 too many, and 1000 when all of those are idle
		_, err := m.TakeAt(at, "api", strconv.Itoa(i), twoWindows, 1)
		require.NoError(t, err)
	}
	require.EqualValues(t, 50, m.Stats().Evictions)
}

// Keys that are seen once leave slots that the next ones take.
func TestMemory_oneShotKeys(t *testing.T) {
	t.Parallel()
	m := ratelimit.NewMemory(nil)
	most := 0
	for i := range 120_000 { // 2,000 per second, each idle after 1.8 s
		_, err := m.TakeAt(time.Duration(i)*500*time.Microsecond, "api", strconv.Itoa(i), twoWindows, 1)
		require.NoError(t, err)
		if i%1000 == 0 {
			most = max(most, m.Stats().Bytes)
		}
	}
	require.Less(t, most, 400_000)
	require.Zero(t, m.Stats().Evictions)
}

// All at once they take what a key takes, and give it back when other keys come after
// they are idle.
func TestMemory_bytesPerKey(t *testing.T) {
	t.Parallel()
	m := ratelimit.NewMemory(nil)
	for i := range 100_000 {
		_, err := m.TakeAt(0, "api", strconv.Itoa(i), twoWindows, 1)
		require.NoError(t, err)
		if i%1000 == 999 && i > 20_000 {
			stats := m.Stats()
			require.Equal(t, i+1, stats.Keys)
			require.LessOrEqual(t, stats.Bytes, 64*stats.Keys)
		}
	}
	peak := m.Stats().Bytes
	for i := range 90_000 {
		_, err := m.TakeAt(time.Minute+time.Duration(i)*time.Millisecond, "api", "later"+strconv.Itoa(i), twoWindows, 1)
		require.NoError(t, err)
	}
	require.Less(t, m.Stats().Bytes, peak/4)
}

func TestMemory_allocatesNothing(t *testing.T) { //nolint:paralleltest // AllocsPerRun counts for the process
	m := ratelimit.NewMemory(nil)
	ctx := t.Context()
	for _, limits := range []ratelimit.Limits{
		twoWindows,
		{ratelimit.PerSecond(1)},
		{{Name: "a", Quota: 10, Window: time.Hour, Sliding: true}, ratelimit.PerMinute(5)},
	} {
		for _, n := range []int{0, 1, 1000} {
			require.Zero(t, testing.AllocsPerRun(1000, func() {
				if _, err := m.Take(ctx, "api", "203.0.113.9", limits, n); err != nil {
					t.Error(err)
				}
			}))
		}
	}
}

func TestMemory_refusesBadArguments(t *testing.T) {
	t.Parallel()
	m := ratelimit.NewMemory(nil)
	for _, limits := range []ratelimit.Limits{
		nil,
		make(ratelimit.Limits, 5),
		{{}},
		{ratelimit.PerMinute(1), ratelimit.PerHour(-1)},
		{{Name: "w", Quota: 1, Window: -1}},
		{{Name: "w", Quota: 1, Window: math.MaxInt64}},
		{{Name: "w", Quota: math.MaxInt, Window: time.Second}},
		{{Name: "w", Quota: 1, Window: time.Second, Burst: -1}},
		{{Name: "w", Quota: 1, Window: time.Second, Burst: math.MaxInt}},
		{{Name: "w", Quota: 1, Window: 1 << 30, Burst: min(1<<34, math.MaxInt)}}, // the product is 0 in 64 bits
		{{Name: "w", Quota: 1, Window: time.Second, Burst: 1, Sliding: true}},
	} {
		d, err := m.TakeAt(0, "api", "key", limits, 1)
		require.Error(t, err, fmt.Sprint(limits))
		require.Equal(t, limits.Validate(), err)
		require.Zero(t, d)
	}
	d, err := m.TakeAt(0, "api", "key", twoWindows, -1)
	require.ErrorContains(t, err, "-1 units")
	require.Zero(t, d)
	require.Zero(t, m.Stats())
}

// The largest numbers that Validate lets through must not overflow.
func TestMemory_extremes(t *testing.T) {
	t.Parallel()
	const year = 366 * 24 * time.Hour
	for _, l := range []ratelimit.Limit{
		{Name: "w", Quota: 1, Window: year, Burst: 10},
		{Name: "w", Quota: int(min(year, math.MaxInt)), Window: year},
		{Name: "w", Quota: int(min(year, math.MaxInt)), Window: year, Burst: int(min(10*year, math.MaxInt))},
		{Name: "w", Quota: 1_000_000, Window: time.Millisecond},
		{Name: "w", Quota: math.MaxInt32, Window: year, Sliding: true},
		{Name: "w", Quota: int(min(int64(math.MaxUint32), math.MaxInt)), Window: year, Sliding: true},
	} {
		limits := ratelimit.Limits{l}
		require.NoError(t, limits.Validate())
		for _, at := range []time.Duration{0, 1, year, 100 * year} {
			m := ratelimit.NewMemory(nil)
			burst := burstOf(l)
			for _, n := range []int{burst, 1, burst, math.MaxInt} {
				d, err := m.TakeAt(at, "api", "key", limits, n)
				require.NoError(t, err)
				require.Zero(t, d.Remaining*d.Tightest)
				switch {
				case n == math.MaxInt && burst < n:
					require.Equal(t, ratelimit.Never, d.RetryAfter)
				case d.Allowed:
					require.Zero(t, d.Remaining)
				default:
					require.Positive(t, d.RetryAfter)
					require.LessOrEqual(t, d.RetryAfter, d.ResetAfter)
				}
				require.Positive(t, d.ResetAfter)
				require.LessOrEqual(t, d.ResetAfter, 10*year)
			}
		}
	}
}

// FuzzMemory: whatever the numbers, a decision is an error or keeps to the burst.
func FuzzMemory(f *testing.F) {
	f.Add(100, int64(time.Minute), 0, false, 1, int64(time.Second))
	f.Add(1, int64(time.Millisecond), 9, false, 3, int64(0))
	f.Add(7, int64(time.Second), 0, true, 2, int64(time.Second/9))
	f.Add(math.MaxInt, int64(math.MaxInt64), math.MaxInt, false, math.MaxInt, int64(math.MaxInt64))
	f.Fuzz(func(t *testing.T, quota int, window int64, burst int, sliding bool, n int, step int64) {
		limits := ratelimit.Limits{{Name: "w", Quota: quota, Window: time.Duration(window), Burst: burst, Sliding: sliding}}
		m := ratelimit.NewMemory(nil)
		if step %= int64(366 * 24 * time.Hour); step < 0 {
			step = -step
		}
		granted := 0
		for i := range 20 {
			d, err := m.TakeAt(time.Duration(i)*time.Duration(step), "api", "key", limits, n)
			if err != nil {
				if n >= 0 && limits.Validate() == nil {
					t.Fatal(err)
				}
				return
			}
			if n < 0 || limits.Validate() != nil {
				t.Fatalf("%v: %d units: %+v", limits, n, d)
			}
			most := burstOf(limits[0])
			if d.Remaining < 0 || d.Remaining > most || d.RetryAfter < 0 || d.ResetAfter < 0 || d.Allowed != (d.RetryAfter == 0) {
				t.Fatalf("%v: %d units: %+v", limits, n, d)
			}
			if d.Allowed {
				granted += n
			}
			if step*int64(i) < window/int64(quota) && granted > most {
				t.Fatalf("%v: %d units granted in %d ns", limits, granted, step*int64(i))
			}
		}
	})
}
