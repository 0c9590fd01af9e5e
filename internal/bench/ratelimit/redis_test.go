package ratelimit_test

import (
	"context"
	"fmt"
	"net"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/go-redis/redis_rate/v10"
	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/rowhouse-go/rowhouse/internal/bench/cpu"
	"github.com/rowhouse-go/rowhouse/ratelimit"
	"github.com/rowhouse-go/rowhouse/ratelimit/redisstore"
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

// serverCPU returns how many seconds of processor time the server has used.
func serverCPU(t testing.TB, c *redis.Client) float64 {
	t.Helper()
	info, err := c.Info(t.Context(), "cpu").Result()
	require.NoError(t, err)
	sum := 0.0
	for _, field := range []string{"used_cpu_sys:", "used_cpu_user:"} {
		_, rest, found := strings.Cut(info, field)
		require.True(t, found, info)
		seconds, err := strconv.ParseFloat(strings.Fields(rest)[0], 64)
		require.NoError(t, err)
		sum += seconds
	}
	return sum
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
	{"rowhouse/ratelimit/redisstore, one window", redisStore(windows(plenty)[:1])},
	{"rowhouse/ratelimit/redisstore, two windows", redisStore(windows(plenty))},
	{"redis-rate v10.0.1, one window", redisRate(redis_rate.Limit{Rate: plenty.n, Burst: plenty.n, Period: plenty.window})},
	{"redis-rate v10.0.1, called twice", redisRate(
		redis_rate.Limit{Rate: plenty.n, Burst: plenty.n, Period: plenty.window},
		redis_rate.Limit{Rate: 20 * plenty.n, Burst: 20 * plenty.n, Period: 60 * plenty.window})},
}

// redisStore has the defaults, but that a busy machine counts as no outage.
func redisStore(limits ratelimit.Limits) func(testing.TB, *redis.Client) takeFunc {
	return func(t testing.TB, c *redis.Client) takeFunc {
		store, err := redisstore.New(c, &redisstore.Options{Timeout: 10 * time.Second})
		require.NoError(t, err)
		l, err := ratelimit.New("bench", limits, &ratelimit.Options{Store: store, OnOutage: ratelimit.FailClosed})
		require.NoError(t, err)
		ctx := t.Context()
		return func(key string) bool {
			d, err := l.Allow(ctx, key)
			return err == nil && d.Allowed
		}
	}
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
			c := startRedis(b)
			take := p.make(b, c)
			seen(b, take, keys)
			server := serverCPU(b, c)
			b.SetParallelism(max(1, clients/runtime.GOMAXPROCS(0)))
			b.ResetTimer()
			measured := cpu.PerOp(b)
			inTurn(b, take, keys)
			measured()
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "decisions/s")
			b.ReportMetric((serverCPU(b, c)-server)*1e9/float64(b.N), "server-ns/op")
		})
	}
}
