package redisstore_test

import (
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/rowhouse-go/rowhouse/internal/integration/server"
	"github.com/rowhouse-go/rowhouse/ratelimit"
	"github.com/rowhouse-go/rowhouse/ratelimit/redisstore"
)

// open returns a store on a client of addr. Its time-outs suit a busy machine.
func open(t testing.TB, addr string, o redisstore.Options) *redisstore.Store {
	t.Helper()
	client := redis.NewClient(&redis.Options{Addr: addr})
	t.Cleanup(func() { client.Close() })
	if o.Timeout == 0 {
		o.Timeout = 5 * time.Second
	}
	s, err := redisstore.New(client, &o)
	require.NoError(t, err)
	return s
}

func TestSmoke(t *testing.T) {
	t.Parallel()
	s := open(t, server.Redis(t).Addr, redisstore.Options{})
	limits := ratelimit.Limits{ratelimit.PerMinute(3), {Name: "s", Quota: 5, Window: time.Hour, Sliding: true}}
	for range 5 {
		d, err := s.Take(t.Context(), "api", "k", limits, 1)
		require.NoError(t, err)
		t.Logf("%+v", d)
	}
}
