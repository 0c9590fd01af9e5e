package redisstore_test

import (
	"context"
	"testing"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/rowhouse-go/rowhouse/ratelimit"
	"github.com/rowhouse-go/rowhouse/ratelimit/redisstore"
)

var limits = ratelimit.Limits{ratelimit.PerMinute(10), {Name: "slide", Quota: 10, Window: ratelimit.PerHour(1).Window, Sliding: true}}

// A fake is a server that is one function.
type fake func(ctx context.Context, cmd redis.Cmder) (any, error)

func (f fake) DialHook(next redis.DialHook) redis.DialHook { return next }

func (f fake) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return next
}

func (f fake) ProcessHook(redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		answer, err := f(ctx, cmd)
		if c, ok := cmd.(*redis.Cmd); ok && err == nil {
			c.SetVal(answer)
		}
		cmd.SetErr(err)
		return err
	}
}

func newStore(t testing.TB, f fake, o *redisstore.Options) *redisstore.Store {
	t.Helper()
	client := redis.NewClient(&redis.Options{Addr: "127.0.0.1:1"})
	t.Cleanup(func() { client.Close() })
	client.AddHook(f)
	s, err := redisstore.New(client, o)
	require.NoError(t, err)
	return s
}

// granted is the script's answer to one unit of limits.
func granted(context.Context, redis.Cmder) (any, error) {
	return []any{int64(1), int64(6e9), int64(0), int64(0), int64(1), int64(0), int64(4e9)}, nil
}
