package ratelimit_test

import (
	"context"
	"fmt"
	"net"
	"os/exec"
	"runtime"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-redis/redis_rate/v10"
	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"
)

// clients is how many decide at once in the Redis benchmarks.
const clients = 50

// startRedis starts a server that ends with the benchmark, and returns its client.
func startRedis(t testing.TB) *redis.Client {
	t.Helper()
	path, err := exec.LookPath("redis-server")
	require.NoError(t, err, "scripts/need/redis.sh installs it")
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	port := l.Addr().(*net.TCPAddr).Port
	require.NoError(t, l.Close())

	cmd := exec.Command(path, "--bind", "127.0.0.1", "--port", strconv.Itoa(port),
		"--save", "", "--appendonly", "no", "--dir", t.TempDir())
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		require.NoError(t, cmd.Process.Kill())
		_ = cmd.Wait() // killed
	})
	c := redis.NewClient(&redis.Options{Addr: fmt.Sprintf("127.0.0.1:%d", port), PoolSize: clients})
	t.Cleanup(func() { require.NoError(t, c.Close()) })
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	for c.Ping(ctx).Err() != nil {
		select {
		case <-ctx.Done():
			t.Fatal("redis-server does not answer")
		case <-time.After(10 * time.Millisecond):
		}
	}
	return c
}

// A redisPeer decides by windows, one or two, that are kept in Redis.
type redisPeer struct {
	name string
	make func(testing.TB, *redis.Client) takeFunc
}

var redisPeers = []redisPeer{
	{"PING", func(t testing.TB, c *redis.Client) takeFunc {
		ctx := t.Context()
		return func(string) bool { return c.Ping(ctx).Err() == nil }
	}},
	{"redis-rate v10.0.1, one window", redisRate(redis_rate.Limit{Rate: plenty.n, Burst: plenty.n, Period: plenty.window})},
	{"redis-rate v10.0.1, called twice", redisRate(
		redis_rate.Limit{Rate: plenty.n, Burst: plenty.n, Period: plenty.window},
		redis_rate.Limit{Rate: 20 * plenty.n, Burst: 20 * plenty.n, Period: 60 * plenty.window})},
}

func redisRate(limits ...redis_rate.Limit) func(testing.TB, *redis.Client) takeFunc {
	return func(t testing.TB, c *redis.Client) takeFunc {
		l, ctx := redis_rate.NewLimiter(c), t.Context()
		return func(key string) bool {
			for i, limit := range limits {
				res, err := l.Allow(ctx, strconv.Itoa(i)+key, limit)
				if err != nil || res.Allowed != 1 {
					return false
				}
			}
			return true
		}
	}
}

// BenchmarkRedis is 50 clients of one server over loopback, that decide about 10,000
// keys.
func BenchmarkRedis(b *testing.B) {
	const n = 10_000
	keys := keys(n)
	for _, p := range redisPeers {
		b.Run(p.name, func(b *testing.B) {
			take := p.make(b, startRedis(b))
			seen(b, take, keys)
			var begin atomic.Int64
			b.SetParallelism(max(1, clients/runtime.GOMAXPROCS(0)))
			b.ResetTimer()
			b.RunParallel(func(pb *testing.PB) {
				i := int(begin.Add(n/7)) % n
				for pb.Next() {
					if !take(keys[i]) {
						b.Error("refused")
						return
					}
					if i++; i == n {
						i = 0
					}
				}
			})
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "decisions/s")
		})
	}
}
