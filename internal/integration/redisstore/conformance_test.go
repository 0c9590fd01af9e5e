package redisstore_test

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rowhouse-go/rowhouse/internal/integration/server"
	"github.com/rowhouse-go/rowhouse/ratelimit"
	"github.com/rowhouse-go/rowhouse/ratelimit/redisstore"
)

// TestConformance holds both stores to the contract of ratelimit.Store.
func TestConformance(t *testing.T) {
	t.Parallel()
	t.Run("memory", func(t *testing.T) { conform(t, ratelimit.NewMemory(nil)) })
	t.Run("redis", func(t *testing.T) {
		conform(t, open(t, client(t, server.Redis(t).Addr), redisstore.Options{}))
	})
}

func conform(t *testing.T, s interface {
	ratelimit.Store
	ratelimit.Resetter
},
) {
	t.Helper()
	hour, day := ratelimit.PerHour(10), ratelimit.PerDay(15)
	slide := ratelimit.Limit{Name: "slide", Quota: 12, Window: time.Hour, Sliding: true}
	type step struct {
		n, remaining, tightest int
		refused                uint8
		never                  bool
	}
	for name, test := range map[string]struct {
		limits ratelimit.Limits
		steps  []step
	}{
		"one window": {ratelimit.Limits{hour}, []step{
			{n: 0, remaining: 10}, {n: 4, remaining: 6}, {n: 7, remaining: 6, refused: 1}, {n: 6}, {n: 1, refused: 1}, {n: 0},
		}},
		"all or none": {ratelimit.Limits{hour, day}, []step{
			{n: 10}, {n: 1, refused: 1}, {n: 6, refused: 3, remaining: 5, tightest: 1}, {n: 0},
		}},
		"the larger share": {ratelimit.Limits{day, hour}, []step{{n: 3, remaining: 7, tightest: 1}}},
		"more than ever": {ratelimit.Limits{hour, day}, []step{
			{n: 11, refused: 1, remaining: 10, never: true}, {n: 16, refused: 3, remaining: 10, never: true}, {n: 1 << 62, refused: 3, remaining: 10, never: true},
		}},
		"burst": {ratelimit.Limits{{Name: "hour", Quota: 10, Window: time.Hour, Burst: 3}}, []step{
			{n: 3}, {n: 4, refused: 1, never: true}, {n: 1, refused: 1},
		}},
		"sliding": {ratelimit.Limits{slide}, []step{
			{n: 0, remaining: 12}, {n: 5, remaining: 7}, {n: 8, remaining: 7, refused: 1}, {n: 7}, {n: 1, refused: 1},
		}},
		"sliding and bucket": {ratelimit.Limits{slide, hour}, []step{
			{n: 10, tightest: 1}, {n: 3, refused: 3, remaining: 2}, {n: 0, tightest: 1},
		}},
	} {
		t.Run(name, func(t *testing.T) {
			for _, again := range []string{"", " again"} {
				for i, step := range test.steps {
					what := fmt.Sprintf("step %d%s", i, again)
					d, err := s.Take(t.Context(), "contract", name, test.limits, step.n)
					require.NoError(t, err, what)
					require.Equal(t, step.refused == 0, d.Allowed, what)
					require.Equal(t, step.refused, d.Refused, what)
					require.Equal(t, step.remaining, d.Remaining, what)
					require.Equal(t, step.tightest, d.Tightest, what)
					require.Equal(t, step.refused != 0, d.RetryAfter > 0, what)
					require.Equal(t, step.never, d.RetryAfter == ratelimit.Never, what)
					require.Equal(t, test.limits, d.Limits, what)
					other, err := s.Take(t.Context(), "contract2", name, test.limits, 0)
					require.NoError(t, err)
					require.Zero(t, other.ResetAfter, "%s: another limiter's bucket", what)
				}
				require.NoError(t, s.Reset(t.Context(), "contract", name))
			}
		})
	}
	t.Run("limits change", func(t *testing.T) {
		// What is the same are lengths, kinds and their order.
		short := func(name string, quota, burst int) ratelimit.Limit {
			return ratelimit.Limit{Name: name, Quota: quota, Window: time.Hour, Burst: burst}
		}
		slide := func(name string, quota int) ratelimit.Limit {
			return ratelimit.Limit{Name: name, Quota: quota, Window: 24 * time.Hour, Sliding: true}
		}
		for i, step := range []struct {
			limits    ratelimit.Limits
			n         int
			refused   uint8
			remaining int
		}{
			{ratelimit.Limits{short("a", 10, 0), short("b", 20, 0), slide("c", 30)}, 10, 0, 0},
			{ratelimit.Limits{short("x", 10, 0), short("y", 20, 0), slide("z", 30)}, 1, 1, 0},   // other names
			{ratelimit.Limits{short("b", 10, 0), short("a", 20, 0), slide("c", 30)}, 1, 1, 0},   // and those of others
			{ratelimit.Limits{short("a", 3600, 0), short("b", 20, 0), slide("c", 30)}, 9, 1, 0}, // the whole of one quota is that of another
			{ratelimit.Limits{short("a", 10, 1), short("b", 20, 1), slide("c", 5)}, 1, 7, 0},
			{ratelimit.Limits{short("a", 10, 1), short("b", 20, 1), slide("c", 5)}, 0, 0, 0}, // a look is no refusal
			{ratelimit.Limits{short("a", 10, 11), short("b", 20, 0), slide("c", 10)}, 1, 4, 0},
			{ratelimit.Limits{short("a", 10, 0), short("b", 20, 0), slide("c", 30)}, 1, 1, 0}, // less in between gave nothing back
			{ratelimit.Limits{short("a", 10, 0), short("b", 20, 0), slide("c", 30)}, 0, 0, 0},
			{ratelimit.Limits{short("a", 10, 20), short("b", 20, 0), slide("c", 30)}, 11, 3, 10},
			{ratelimit.Limits{short("a", 10, 20), short("b", 20, 0), slide("c", 30)}, 10, 0, 0},
		} {
			d, err := s.Take(t.Context(), "contract", "change", step.limits, step.n)
			require.NoError(t, err)
			require.Equal(t, step.refused, d.Refused, "step %d", i)
			require.Equal(t, step.refused == 0, d.Allowed, "step %d", i)
			require.Equal(t, step.remaining, d.Remaining, "step %d", i)
		}
		d, err := s.Take(t.Context(), "contract", "change", ratelimit.Limits{short("a", 10, 1), short("b", 20, 0), slide("c", 30)}, 1)
		require.NoError(t, err)
		require.InDelta(t, 2*time.Hour, d.RetryAfter, float64(time.Minute), "all that is above the smaller burst")
	})
	t.Run("at once", func(t *testing.T) {
		var granted atomic.Int64
		var all sync.WaitGroup
		for range 16 {
			all.Go(func() {
				for range 20 {
					d, err := s.Take(t.Context(), "contract", "at once", ratelimit.Limits{slide, hour}, 1)
					if err != nil {
						t.Error(err)
					}
					if d.Allowed {
						granted.Add(1)
					}
				}
			})
		}
		all.Wait()
		require.EqualValues(t, 10, granted.Load())
	})
	t.Run("faults", func(t *testing.T) {
		for _, limits := range []ratelimit.Limits{nil, make(ratelimit.Limits, 5), {{}}} {
			d, err := s.Take(t.Context(), "contract", "faults", limits, 1)
			require.Error(t, err)
			require.False(t, d.Allowed)
		}
		d, err := s.Take(t.Context(), "contract", "faults", ratelimit.Limits{hour}, -1)
		require.Error(t, err)
		require.False(t, d.Allowed)
	})
}
