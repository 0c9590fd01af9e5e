package redisstore_test

import (
	"context"
	"fmt"
	"net"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/rowhouse-go/rowhouse/internal/integration/server"
	"github.com/rowhouse-go/rowhouse/ratelimit"
	"github.com/rowhouse-go/rowhouse/ratelimit/redisstore"
)

// slack is what a busy machine may add to a deadline.
const slack = 3 * time.Second

var quota = ratelimit.Limits{ratelimit.PerMinute(1000), ratelimit.PerHour(2000)}

// TestOutage: whatever is wrong, and whatever the client's options are, the first
// decisions end by the deadline and the others at once.
func TestOutage(t *testing.T) {
	t.Parallel()
	paused := server.Redis(t)
	paused.Pause(t)
	silent, err := net.Listen("tcp", "127.0.0.1:0") // accepts in the kernel, and never answers
	require.NoError(t, err)
	t.Cleanup(func() { silent.Close() })
	alive := server.Redis(t)
	for name, o := range map[string]redis.Options{
		"refused":        {Addr: "127.0.0.1:1"},
		"silent":         {Addr: silent.Addr().String()},
		"paused":         {Addr: paused.Addr},
		"pool exhausted": {Addr: alive.Addr, PoolSize: 1},
		"no such host": {Dialer: func(context.Context, string, string) (net.Conn, error) {
			return nil, &net.DNSError{Err: "no such host", Name: "redis.invalid", IsNotFound: true}
		}},
		"no name server": {Dialer: func(context.Context, string, string) (net.Conn, error) {
			<-t.Context().Done() // and no interest in its own context
			return nil, t.Context().Err()
		}},
	} {
		for _, heeds := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, ContextTimeoutEnabled %v", name, heeds), func(t *testing.T) {
				t.Parallel()
				o := o
				o.ContextTimeoutEnabled = heeds
				c := redis.NewClient(&o)
				t.Cleanup(func() { c.Close() })
				if o.PoolSize == 1 {
					conn := c.Conn()
					require.NoError(t, conn.Ping(t.Context()).Err())
					t.Cleanup(func() { conn.Close() })
				}
				testDead(t, c)
			})
		}
	}
}

func testDead(t *testing.T, c *redis.Client) {
	s, err := redisstore.New(c, &redisstore.Options{ProbeEvery: time.Hour})
	require.NoError(t, err)
	var slowest time.Duration
	for range 5 {
		start := time.Now()
		d, err := s.Take(t.Context(), "api", "k", quota, 1)
		slowest = max(slowest, time.Since(start))
		require.Error(t, err)
		require.NotErrorIs(t, err, redisstore.ErrOpen)
		require.NotErrorIs(t, err, context.DeadlineExceeded, "that of the caller did not end")
		require.False(t, d.Allowed)
	}
	require.Less(t, slowest, 75*time.Millisecond+slack)
	const many = 1000
	start := time.Now()
	for range many {
		_, err := s.Take(t.Context(), "api", "k", quota, 1)
		require.ErrorIs(t, err, redisstore.ErrOpen)
	}
	t.Logf("slowest %v, then %v each", slowest, time.Since(start)/many)
	require.Less(t, time.Since(start), slack)
	require.ErrorIs(t, s.Reset(t.Context(), "api", "k"), redisstore.ErrOpen)
}

// TestCallerLeaves: a caller with less time than the store waits no longer than that,
// gets the error of its own context, and the outage is noticed all the same.
func TestCallerLeaves(t *testing.T) {
	t.Parallel()
	r := server.Redis(t)
	s, err := redisstore.New(client(t, r.Addr), &redisstore.Options{ProbeEvery: time.Hour})
	require.NoError(t, err)
	r.Pause(t)
	require.Eventually(t, func() bool {
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		_, err := s.Take(ctx, "api", "k", quota, 1)
		if ctx.Err() == nil {
			return err == redisstore.ErrOpen //nolint:errorlint // unwrapped: it costs nothing
		}
		require.ErrorIs(t, err, context.DeadlineExceeded)
		return false
	}, slack, 5*time.Millisecond)
}

// TestRecovers: a server that hung, or was gone with all it knew, is asked again
// without a restart of this process.
func TestRecovers(t *testing.T) {
	t.Parallel()
	r := server.Redis(t)
	s, err := redisstore.New(client(t, r.Addr), &redisstore.Options{ProbeEvery: 20 * time.Millisecond, Failures: 2})
	require.NoError(t, err)
	open := func() bool {
		_, err := s.Take(t.Context(), "api", "k", quota, 1)
		return err == redisstore.ErrOpen //nolint:errorlint // see above
	}
	works := func() bool {
		_, err := s.Take(t.Context(), "api", "k", quota, 1)
		return err == nil
	}
	require.Eventually(t, works, slack, time.Millisecond)
	r.Pause(t)
	require.Eventually(t, open, slack, time.Millisecond)
	r.Resume(t)
	require.Eventually(t, works, 4*slack, time.Millisecond)
	r.Kill(t)
	require.Eventually(t, open, slack, time.Millisecond)
	r.Restart(t)
	require.Eventually(t, works, 4*slack, time.Millisecond)
}

// TestReadOnly: a server that answers but doesn't let anything be charged is an outage
// until it does.
func TestReadOnly(t *testing.T) {
	t.Parallel()
	r := server.Redis(t)
	c := client(t, r.Addr)
	s := open(t, client(t, r.Addr), redisstore.Options{Prefix: "readonly:", ProbeEvery: 20 * time.Millisecond, Failures: 2})
	limits := ratelimit.Limits{{Name: "slide", Quota: 10, Window: 24 * time.Hour, Sliding: true}, ratelimit.PerDay(20)}
	take(t, s, "k", limits, 7)
	for name, setting := range map[string][2]string{
		"NOREPLICAS": {"min-replicas-to-write", "0"},
		"OOM":        {"maxmemory", "0"},
	} {
		require.NoError(t, c.ConfigSet(t.Context(), setting[0], "1").Err())
		for range 2 {
			_, err := s.Take(t.Context(), "api", "k", limits, 1)
			require.ErrorContains(t, err, name)
		}
		gets := commands(t, c, "get")
		require.Eventually(t, func() bool { // probes are made, and fail
			_, err := s.Take(t.Context(), "api", "k", limits, 1)
			require.ErrorIs(t, err, redisstore.ErrOpen, name)
			return name == "OOM" || commands(t, c, "get") != gets
		}, slack, 5*time.Millisecond)
		require.NoError(t, c.ConfigSet(t.Context(), setting[0], setting[1]).Err())
		require.Eventually(t, func() bool {
			_, err := s.Take(t.Context(), "api", "k", limits, 0)
			return err == nil
		}, slack, 5*time.Millisecond)
	}
	d := take(t, s, "k", limits, 0)
	require.Equal(t, 3, d.Remaining, "probes charge nothing, and give nothing back")
	require.Equal(t, uint8(3), take(t, s, "k", limits, 14).Refused)
}

// TestSentinel: a replica that takes over is asked, and knows what was charged.
func TestSentinel(t *testing.T) {
	t.Parallel()
	master, replica, sentinel := server.RedisSentinel(t)
	c := redis.NewFailoverClient(&redis.FailoverOptions{MasterName: "main", SentinelAddrs: []string{sentinel.Addr}})
	t.Cleanup(func() { c.Close() })
	s := open(t, c, redisstore.Options{Timeout: slack, ProbeEvery: 20 * time.Millisecond})
	limits := ratelimit.Limits{{Name: "day", Quota: 10, Window: 24 * time.Hour, Sliding: true}}
	require.Equal(t, 3, take(t, s, "k", limits, 7).Remaining)
	follower := client(t, replica.Addr)
	require.Eventually(t, func() bool { return follower.DBSize(t.Context()).Val() == 1 }, 10*slack, 5*time.Millisecond)

	// A replica decides nothing that it would have to write down.
	direct := open(t, follower, redisstore.Options{})
	_, err := direct.Take(t.Context(), "api", "k", limits, 1)
	require.ErrorContains(t, err, "READONLY")

	master.Kill(t)
	require.Eventually(t, func() bool {
		d, err := s.Take(t.Context(), "api", "k", limits, 3)
		return err == nil && d.Allowed
	}, 10*slack, 20*time.Millisecond)
	require.Equal(t, uint8(1), take(t, s, "k", limits, 1).Refused)
}

// TestStorm kills and restarts Redis under 64 goroutines. One limiter fails closed: it
// grants nothing that Redis did not, so the quota once for each time Redis was empty.
// The other falls back: the quota once more, for this process.
func TestStorm(t *testing.T) {
	t.Parallel()
	r := server.Redis(t)
	const lives, perKey, keys = 3, 200, 8
	limits := ratelimit.Limits{{Name: "day", Quota: perKey, Window: 24 * time.Hour, Sliding: true}}

	limiters := make(map[ratelimit.Outage]*ratelimit.Limiter)
	for _, mode := range []ratelimit.Outage{ratelimit.FallbackLocal, ratelimit.FailClosed} {
		s, err := redisstore.New(client(t, r.Addr), &redisstore.Options{ProbeEvery: 20 * time.Millisecond, LocalDenyCache: -1})
		require.NoError(t, err)
		limiters[mode], err = ratelimit.New(mode.String(), limits, &ratelimit.Options{Store: s, OnOutage: mode})
		require.NoError(t, err)
	}
	type source struct {
		mode  ratelimit.Outage
		local bool
	}
	granted := map[source]*[keys]atomic.Int64{
		{ratelimit.FallbackLocal, false}: {},
		{ratelimit.FallbackLocal, true}:  {},
		{ratelimit.FailClosed, false}:    {},
		{ratelimit.FailClosed, true}:     {},
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var running sync.WaitGroup
	for i := range 64 {
		mode := []ratelimit.Outage{ratelimit.FallbackLocal, ratelimit.FailClosed}[i%2]
		running.Go(func() {
			for n := i; ctx.Err() == nil; n++ {
				key, start := n/2%keys, time.Now()
				d, _ := limiters[mode].Allow(ctx, strconv.Itoa(key))
				if took := time.Since(start); took > 75*time.Millisecond+slack {
					t.Errorf("a decision took %v", took)
				}
				if d.Allowed {
					granted[source{mode, d.Degraded}][key].Add(1)
				}
				select {
				case <-ctx.Done():
				case <-time.After(time.Millisecond):
				}
			}
		})
	}
	healthy := func() bool {
		_, err := limiters[ratelimit.FailClosed].AllowN(t.Context(), "other", 0)
		return err == nil
	}
	for life := range lives {
		if life > 0 {
			r.Kill(t)
			require.Eventually(t, func() bool { return !healthy() }, slack, 5*time.Millisecond)
			r.Restart(t)
		}
		require.Eventually(t, healthy, 4*slack, 5*time.Millisecond)
		require.Eventually(t, func() bool { // the next quota is used up too
			for key := range keys {
				d, err := limiters[ratelimit.FailClosed].AllowN(t.Context(), strconv.Itoa(key), 1)
				if err != nil || d.Allowed {
					return false
				}
			}
			return true
		}, 4*slack, 5*time.Millisecond)
	}
	cancel()
	running.Wait()
	for key := range keys {
		closed := granted[source{ratelimit.FailClosed, false}][key].Load()
		require.LessOrEqual(t, closed, int64(lives*perKey))
		require.Greater(t, closed, int64(perKey))
		require.Zero(t, granted[source{ratelimit.FailClosed, true}][key].Load())
		require.LessOrEqual(t, granted[source{ratelimit.FallbackLocal, false}][key].Load(), int64(lives*perKey))
		require.LessOrEqual(t, granted[source{ratelimit.FallbackLocal, true}][key].Load(), int64(perKey), "by this process")
	}
}
