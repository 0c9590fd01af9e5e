package ratelimit_test

import (
	"net"
	"slices"
	"testing"
	"time"

	"github.com/go-redis/redis_rate/v10"
	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/rowhouse-go/rowhouse/ratelimit"
	"github.com/rowhouse-go/rowhouse/ratelimit/redisstore"
)

// The addresses of servers that are no help: nobody listens, or somebody does who
// never answers.
var outages = []struct {
	name string
	addr func(testing.TB) string
}{
	{"refused", func(t testing.TB) string {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		require.NoError(t, err)
		require.NoError(t, l.Close())
		return l.Addr().String()
	}},
	{"silent", func(t testing.TB) string {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		require.NoError(t, err)
		t.Cleanup(func() { require.NoError(t, l.Close()) })
		return l.Addr().String() // the kernel accepts
	}},
}

// waits returns the times of decisions of a limiter one after the other, a thousand
// of them or as many as begin within a second.
func waits(decide func()) []time.Duration {
	var all []time.Duration
	for begin := time.Now(); len(all) < 1000 && time.Since(begin) < time.Second; {
		start := time.Now()
		decide()
		all = append(all, time.Since(start))
	}
	return all
}

// BenchmarkOutage is the slowest and the median decision while Redis is gone, with
// the defaults of each library and of the client.
func BenchmarkOutage(b *testing.B) {
	for _, o := range outages {
		report := func(b *testing.B, decide func()) {
			for b.Loop() {
				all := waits(decide)
				slices.Sort(all)
				b.ReportMetric(float64(all[len(all)-1]), "slowest-ns")
				b.ReportMetric(float64(all[len(all)/2]), "median-ns")
			}
		}
		client := func(b *testing.B) *redis.Client {
			c := redis.NewClient(&redis.Options{Addr: o.addr(b)})
			b.Cleanup(func() { require.NoError(b, c.Close()) })
			return c
		}
		b.Run(o.name+"/rowhouse/ratelimit/redisstore", func(b *testing.B) {
			store, err := redisstore.New(client(b), nil)
			require.NoError(b, err)
			l, err := ratelimit.New("bench", windows(plenty), &ratelimit.Options{Store: store})
			require.NoError(b, err)
			report(b, func() {
				if d, err := l.Allow(b.Context(), "key"); err != nil || !d.Allowed || !d.Degraded {
					b.Fatal(d, err)
				}
			})
		})
		b.Run(o.name+"/redis-rate v10.0.1", func(b *testing.B) {
			l := redis_rate.NewLimiter(client(b))
			report(b, func() {
				if _, err := l.Allow(b.Context(), "key", redis_rate.PerMinute(100)); err == nil {
					b.Fatal("decided")
				}
			})
		})
	}
}
