package redisstore_test

import (
	"fmt"
	"runtime"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/rowhouse-go/rowhouse/internal/integration/server"
	"github.com/rowhouse-go/rowhouse/ratelimit"
	"github.com/rowhouse-go/rowhouse/ratelimit/redisstore"
)

// BenchmarkTake has 50 goroutines decide about 1000 keys at once.
func BenchmarkTake(b *testing.B) {
	addr := server.Redis(b).Addr
	const many = 1 << 20
	buckets := ratelimit.Limits{ratelimit.PerMinute(many), ratelimit.PerHour(many), ratelimit.PerSecond(many), ratelimit.PerDay(many)}
	sliding := ratelimit.Limits{{Name: "m", Quota: many, Window: time.Minute, Sliding: true}, {Name: "h", Quota: many, Window: time.Hour, Sliding: true}}
	keys := make([]string, 1000)
	for i := range keys {
		keys[i] = "203.0.113." + strconv.Itoa(i)
	}
	run := func(b *testing.B, f func(key string) error) {
		b.SetParallelism(max(1, 50/runtime.GOMAXPROCS(0)))
		b.ReportAllocs()
		var next atomic.Int64
		b.RunParallel(func(pb *testing.PB) {
			for i := int(next.Add(37)); pb.Next(); i++ {
				if err := f(keys[i%len(keys)]); err != nil {
					b.Error(err)
				}
			}
		})
	}
	c := redis.NewClient(&redis.Options{Addr: addr, PoolSize: 50})
	b.Cleanup(func() { c.Close() })
	b.Run("ping", func(b *testing.B) {
		run(b, func(string) error { return c.Ping(b.Context()).Err() })
	})
	for _, windows := range []int{1, 2, 4} {
		b.Run(fmt.Sprintf("%d buckets", windows), func(b *testing.B) {
			s := open(b, c, redisstore.Options{Prefix: strconv.Itoa(windows) + ":"})
			run(b, func(key string) error {
				_, err := s.Take(b.Context(), "api", key, buckets[:windows], 1)
				return err
			})
		})
	}
	b.Run("2 sliding", func(b *testing.B) {
		s := open(b, c, redisstore.Options{Prefix: "sliding:"})
		run(b, func(key string) error {
			_, err := s.Take(b.Context(), "api", key, sliding, 1)
			return err
		})
	})
	b.Run("refused", func(b *testing.B) {
		s := open(b, c, redisstore.Options{Prefix: "refused:"})
		few := ratelimit.Limits{ratelimit.PerHour(1), ratelimit.PerDay(1)}
		run(b, func(key string) error {
			_, err := s.Take(b.Context(), "api", key, few, 1)
			return err
		})
	})
	b.Run("open", func(b *testing.B) {
		dead := redis.NewClient(&redis.Options{Addr: "127.0.0.1:1"})
		b.Cleanup(func() { dead.Close() })
		s, err := redisstore.New(dead, &redisstore.Options{Failures: 1, ProbeEvery: time.Hour})
		require.NoError(b, err)
		_, err = s.Take(b.Context(), "api", "k", buckets, 1)
		require.Error(b, err)
		run(b, func(key string) error {
			if _, err := s.Take(b.Context(), "api", key, buckets, 1); err != redisstore.ErrOpen { //nolint:errorlint // unwrapped
				return fmt.Errorf("not open: %w", err)
			}
			return nil
		})
	})
}
