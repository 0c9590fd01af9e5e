package redisstore_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/rowhouse-go/rowhouse/ratelimit/redisstore"
)

// TestBreaker: five decisions wait for the deadline, the others for nothing; one probe
// at a time asks again, and nobody waits for it.
func TestBreaker(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var asked atomic.Int64
		var works atomic.Bool
		s := newStore(t, func(ctx context.Context, cmd redis.Cmder) ([]int64, error) {
			asked.Add(1)
			if works.Load() {
				return granted(ctx, cmd)
			}
			time.Sleep(5 * time.Second) // and no interest in ctx
			return nil, errors.New("i/o timeout")
		}, nil)
		start := time.Now()
		for i := range 5 {
			_, err := s.Take(t.Context(), "api", "k", limits, 1)
			require.ErrorIs(t, err, redisstore.ErrTimeout)
			require.Equal(t, time.Duration(i+1)*75*time.Millisecond, time.Since(start))
		}
		refuse := func(n int) {
			t.Helper()
			before := time.Now()
			for range n {
				_, err := s.Take(t.Context(), "api", "k", limits, 1)
				require.ErrorIs(t, err, redisstore.ErrOpen)
			}
			require.Zero(t, time.Since(before))
		}
		refuse(100)
		for probes := range int64(3) {
			time.Sleep(499 * time.Millisecond)
			refuse(100)
			require.Equal(t, 5+probes, asked.Load())
			time.Sleep(time.Millisecond)
			refuse(100) // the first of these starts the probe
			synctest.Wait()
			require.Equal(t, 6+probes, asked.Load())
			time.Sleep(75 * time.Millisecond) // the probe's own deadline
			synctest.Wait()
		}
		works.Store(true)
		time.Sleep(500 * time.Millisecond)
		refuse(1)
		synctest.Wait()
		d, err := s.Take(t.Context(), "api", "k", limits, 1)
		require.NoError(t, err)
		require.True(t, d.Allowed)
		time.Sleep(10 * time.Second) // those left behind end
	})
}

// TestAlwaysAsked: without a breaker each decision takes the deadline.
func TestAlwaysAsked(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newStore(t, func(ctx context.Context, _ redis.Cmder) ([]int64, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		}, &redisstore.Options{Timeout: time.Second, Failures: -1})
		for range 20 {
			start := time.Now()
			_, err := s.Take(t.Context(), "api", "k", limits, 1)
			require.ErrorIs(t, err, redisstore.ErrTimeout)
			require.NotErrorIs(t, err, context.DeadlineExceeded, "that of the caller did not end")
			require.Equal(t, time.Second, time.Since(start))
		}
	})
}

// TestCallerEnds: the end of the caller's context is its own error at once, and no
// outage of a server that answers in time.
func TestCallerEnds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newStore(t, func(ctx context.Context, cmd redis.Cmder) ([]int64, error) {
			time.Sleep(20 * time.Millisecond)
			require.NoError(t, ctx.Err())
			return granted(ctx, cmd)
		}, nil)
		for range 50 {
			start := time.Now()
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
			_, err := s.Take(ctx, "api", "k", limits, 1)
			require.ErrorIs(t, err, context.DeadlineExceeded)
			require.Equal(t, 10*time.Millisecond, time.Since(start))
			cancel()
			_, err = s.Take(ctx, "api", "k", limits, 1)
			require.ErrorIs(t, err, context.DeadlineExceeded)
			require.ErrorIs(t, s.Reset(ctx, "api", "k"), context.DeadlineExceeded)
		}
		_, err := s.Take(t.Context(), "api", "k", limits, 1)
		require.NoError(t, err)
	})
}

// TestCallersLeave: an outage is noticed though no caller has time for the deadline,
// and no call comes back before it.
func TestCallersLeave(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newStore(t, func(context.Context, redis.Cmder) ([]int64, error) {
			time.Sleep(time.Minute)
			return nil, errors.New("i/o timeout")
		}, nil)
		for range 5 {
			ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
			_, err := s.Take(ctx, "api", "k", limits, 1)
			require.ErrorIs(t, err, context.DeadlineExceeded)
			cancel()
		}
		time.Sleep(75 * time.Millisecond)
		synctest.Wait()
		_, err := s.Take(t.Context(), "api", "k", limits, 1)
		require.ErrorIs(t, err, redisstore.ErrOpen)
		time.Sleep(time.Minute)
	})
}

// TestInFlight: however many wait, a server that doesn't answer holds up no more
// goroutines than a bound.
func TestInFlight(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var running, most atomic.Int64
		s := newStore(t, func(context.Context, redis.Cmder) ([]int64, error) {
			now := running.Add(1)
			for old := most.Load(); now > old; old = most.Load() {
				most.CompareAndSwap(old, now)
			}
			time.Sleep(time.Minute)
			running.Add(-1)
			return nil, errors.New("i/o timeout")
		}, &redisstore.Options{Failures: -1})
		start := time.Now()
		var all sync.WaitGroup
		for range 3000 {
			all.Go(func() {
				_, err := s.Take(t.Context(), "api", "k", limits, 1)
				require.ErrorIs(t, err, redisstore.ErrTimeout)
			})
		}
		all.Wait()
		require.Equal(t, 75*time.Millisecond, time.Since(start))
		require.EqualValues(t, 512, most.Load())
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		_, err := s.Take(ctx, "api", "k", limits, 1)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		time.Sleep(time.Minute)
	})
}

// TestDenialExpires: a refusal is remembered until it would pass, and for ten seconds
// at most.
func TestDenialExpires(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct{ fits, remembered time.Duration }{
		"soon": {3 * time.Second, 3 * time.Second},
		"late": {time.Hour, 10 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				asked := 0
				s := newStore(t, func(context.Context, redis.Cmder) ([]int64, error) {
					asked++
					return []int64{0, 0, 10, test.fits.Microseconds(), test.fits.Microseconds()}, nil
				}, nil)
				for elapsed := time.Duration(0); elapsed < test.remembered; elapsed += time.Second {
					d, err := s.Take(t.Context(), "api", "k", limits, 1)
					require.NoError(t, err)
					require.Equal(t, test.fits-elapsed, d.RetryAfter)
					require.Equal(t, uint8(2), d.Refused)
					require.Equal(t, 1, asked)
					time.Sleep(time.Second)
				}
				_, err := s.Take(t.Context(), "api", "k", limits, 1)
				require.NoError(t, err)
				require.Equal(t, 2, asked)
			})
		})
	}
}

// TestResetOvertakes: a refusal that was on its way during a Reset is not remembered.
func TestResetOvertakes(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		asked := 0
		s := newStore(t, func(_ context.Context, cmd redis.Cmder) ([]int64, error) {
			if cmd.Name() == "del" {
				return nil, nil
			}
			asked++
			time.Sleep(10 * time.Millisecond)
			return []int64{0, 0, 10, 1e9, 1e9}, nil
		}, nil)
		var both sync.WaitGroup
		both.Go(func() {
			_, err := s.Take(t.Context(), "api", "k", limits, 1)
			require.NoError(t, err)
		})
		time.Sleep(5 * time.Millisecond)
		require.NoError(t, s.Reset(t.Context(), "api", "k"))
		both.Wait()
		_, err := s.Take(t.Context(), "api", "k", limits, 1)
		require.NoError(t, err)
		require.Equal(t, 2, asked)
	})
}
