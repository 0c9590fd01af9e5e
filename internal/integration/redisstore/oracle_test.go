package redisstore_test

import (
	"context"
	"math/rand/v2"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/rowhouse-go/rowhouse/internal/integration/server"
	"github.com/rowhouse-go/rowhouse/ratelimit"
	"github.com/rowhouse-go/rowhouse/ratelimit/redisstore"
)

// A clock has a server decide at times of the test's choice: the same script, with two
// arguments more in place of the answer to TIME.
type clock struct {
	client *redis.Client
	sha    string
	ask    chan func()
	done   chan struct{}
}

// newClock is to be called outside of the bubble whose clock it takes.
func newClock(t *testing.T, addr string) *clock {
	t.Helper()
	text, err := os.ReadFile("../../../ratelimit/redisstore/take.lua")
	require.NoError(t, err)
	const time, expiry = "call('TIME')", ", 'PX', ceil(idle / 1000000) + 1" // which would go by the server's clock
	require.Equal(t, 1, strings.Count(string(text), time))
	require.Equal(t, 1, strings.Count(string(text), expiry))
	client := redis.NewClient(&redis.Options{Addr: addr})
	sha, err := client.ScriptLoad(t.Context(), strings.NewReplacer(time, "{ table.remove(ARGV, #ARGV - 1), table.remove(ARGV) }", expiry, "").Replace(string(text))).Result()
	require.NoError(t, err)
	c := &clock{client: client, sha: sha, ask: make(chan func()), done: make(chan struct{})}
	var running sync.WaitGroup
	running.Go(func() {
		for f := range c.ask {
			f()
			c.done <- struct{}{}
		}
	})
	t.Cleanup(func() {
		close(c.ask)
		running.Wait()
		client.Close()
	})
	return c
}

// A fake client asks by way of a goroutine outside of the bubble: while a goroutine
// waits for it, the time in the bubble stands still.
func (c *clock) store(t *testing.T, o redisstore.Options) *redisstore.Store {
	t.Helper()
	fake := redis.NewClient(&redis.Options{Addr: "127.0.0.1:1"})
	fake.AddHook(c)
	t.Cleanup(func() { fake.Close() })
	s, err := redisstore.New(fake, &o)
	require.NoError(t, err)
	return s
}

func (c *clock) DialHook(next redis.DialHook) redis.DialHook { return next }
func (c *clock) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return next
}

func (c *clock) ProcessHook(redis.ProcessHook) redis.ProcessHook {
	return func(_ context.Context, cmd redis.Cmder) error {
		now := time.Now()
		c.ask <- func() {
			args := append([]any{}, cmd.Args()...)
			if cmd.Name() == "evalsha" {
				args[1] = c.sha
				args = append(args, now.Unix(), now.Nanosecond()/1000)
			}
			if cmd, ok := cmd.(*redis.IntSliceCmd); ok {
				got, err := c.client.Do(context.Background(), args...).Int64Slice()
				cmd.SetVal(got)
				cmd.SetErr(err)
				return
			}
			cmd.SetErr(c.client.Do(context.Background(), args...).Err())
		}
		<-c.done
		return cmd.Err()
	}
}

// sets are limits at whose edges microseconds matter. In the bubble, eighths begin when
// those of a Memory do: at multiples of a day.
var sets = []ratelimit.Limits{
	{ratelimit.PerSecond(5)},
	{ratelimit.PerMinute(100), ratelimit.PerHour(300)},
	{{Name: "odd", Quota: 7, Window: time.Second, Burst: 3}, {Name: "long", Quota: 11, Window: 24 * time.Hour, Burst: 40}},
	{{Name: "quick", Quota: 1_000_003, Window: time.Second, Burst: 5}},
	{{Name: "slide", Quota: 9, Window: time.Second, Sliding: true}},
	{{Name: "short", Quota: 4, Window: time.Millisecond, Sliding: true}, {Name: "day", Quota: 50, Window: 24 * time.Hour, Sliding: true}},
	{ratelimit.PerSecond(3), {Name: "slide", Quota: 20, Window: time.Minute, Sliding: true}, ratelimit.PerHour(100), ratelimit.PerDay(200)},
}

// TestOracle has the same requests judged in memory and in Redis: no decision differs.
func TestOracle(t *testing.T) {
	t.Parallel()
	redis := server.Redis(t)
	for _, cached := range []bool{false, true} {
		c := newClock(t, redis.Addr)
		synctest.Test(t, func(t *testing.T) {
			prefix, cache := "plain:", -1
			if cached {
				prefix, cache = "cached:", 0
			}
			remote := c.store(t, redisstore.Options{Prefix: prefix, LocalDenyCache: cache})
			local := ratelimit.NewMemory(nil)
			random := rand.New(rand.NewPCG(1, 2))
			keys := []string{"a", "b", "{c}"}
			refused := 0
			for step := range 10_000 {
				set := random.IntN(len(sets))
				limits, key, name := sets[set], keys[random.IntN(len(keys))], string('A'+rune(set))
				n := 1
				if random.IntN(4) == 0 {
					n = random.IntN(12)
				}
				if random.IntN(500) == 0 {
					require.NoError(t, remote.Reset(t.Context(), name, key))
					require.NoError(t, local.Reset(t.Context(), name, key))
				}
				want, err := local.Take(t.Context(), name, key, limits, n)
				require.NoError(t, err)
				got, err := remote.Take(t.Context(), name, key, limits, n)
				require.NoError(t, err)
				if cached && !got.Allowed && sliding(limits) {
					// A remembered refusal doesn't know what its window dropped since.
					require.LessOrEqual(t, got.Remaining, want.Remaining)
					want.Remaining, want.Tightest, want.ResetAfter = got.Remaining, got.Tightest, got.ResetAfter
				}
				require.Equal(t, want, got, "step %d: %d of %s, %v", step, n, key, limits)
				if !got.Allowed {
					refused++
				}
				if random.IntN(3) == 0 && !want.Allowed && want.RetryAfter < time.Hour {
					// To the edge: the last microsecond before it, or the first after.
					time.Sleep(want.RetryAfter.Truncate(time.Microsecond) + time.Duration(random.IntN(2))*time.Microsecond)
				} else if wait := pauses[random.IntN(len(pauses))]; wait > 0 {
					time.Sleep(time.Duration(random.Int64N(int64(wait/time.Microsecond)+1)) * time.Microsecond)
				}
			}
			require.Greater(t, refused, 2000)
			t.Logf("%d of 10000 refused", refused)
		})
	}
}

var pauses = []time.Duration{0, 0, time.Microsecond, 100 * time.Microsecond, 10 * time.Millisecond, time.Second, 20 * time.Second, 10 * time.Minute}

func sliding(limits ratelimit.Limits) bool {
	for _, l := range limits {
		if l.Sliding {
			return true
		}
	}
	return false
}
