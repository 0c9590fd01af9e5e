package redisstore_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
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

// patient is a deadline that no busy machine misses.
const patient = 20 * time.Second

func client(t testing.TB, addr string) *redis.Client {
	t.Helper()
	c := redis.NewClient(&redis.Options{Addr: addr})
	t.Cleanup(func() { c.Close() })
	return c
}

func open(t testing.TB, c redis.UniversalClient, o redisstore.Options) *redisstore.Store {
	t.Helper()
	if o.Timeout == 0 {
		o.Timeout = patient
	}
	s, err := redisstore.New(c, &o)
	require.NoError(t, err)
	return s
}

func take(t testing.TB, s ratelimit.Store, key string, limits ratelimit.Limits, n int) ratelimit.Decision {
	t.Helper()
	d, err := s.Take(t.Context(), "api", key, limits, n)
	require.NoError(t, err)
	return d
}

// commands returns how often the server ran a command since its start.
func commands(t testing.TB, c *redis.Client, name string) string {
	t.Helper()
	stats, err := c.Info(t.Context(), "commandstats").Result()
	require.NoError(t, err)
	for line := range strings.Lines(stats) {
		if calls, ok := strings.CutPrefix(line, "cmdstat_"+name+":"); ok {
			calls, _, _ = strings.Cut(calls, ",")
			return calls
		}
	}
	return "calls=0"
}

func TestStandalone(t *testing.T) {
	t.Parallel()
	addr := server.Redis(t).Addr
	// One after the other, as some count what the server does.
	t.Run("round trips", func(t *testing.T) { testTrips(t, addr) })
	t.Run("writes", func(t *testing.T) { testWrites(t, addr) })
	t.Run("script lost", func(t *testing.T) { testScriptLost(t, addr) })
	t.Run("replicas", func(t *testing.T) { testReplicas(t, addr) })
	t.Run("foreign values", func(t *testing.T) { testForeignValues(t, addr) })
	t.Run("limits change", func(t *testing.T) { testLimitsChange(t, addr) })
	t.Run("expiry", func(t *testing.T) { testExpiry(t, addr) })
	t.Run("clock set back", func(t *testing.T) { testClockSetBack(t, addr) })
	t.Run("denials", func(t *testing.T) { testDenials(t, addr) })
	t.Run("keys", func(t *testing.T) { testKeys(t, client(t, addr)) })
	t.Run("permissions", func(t *testing.T) { testPermissions(t, addr) })
	t.Run("two protocols", func(t *testing.T) { testProtocols(t, addr) })
}

func testTrips(t *testing.T, addr string) {
	wire := server.NewWire(t, addr)
	s := open(t, client(t, wire.Addr), redisstore.Options{Prefix: "trips:"})
	limits := ratelimit.Limits{
		ratelimit.PerSecond(1000), ratelimit.PerMinute(1000), {Name: "slide", Quota: 1000, Window: time.Hour, Sliding: true}, ratelimit.PerDay(1000),
	}
	take(t, s, "warm", limits, 1)
	for windows := 1; windows <= 4; windows++ {
		before := wire.Trips()
		for range 20 {
			require.True(t, take(t, s, fmt.Sprint(windows), limits[:windows], 1).Allowed)
		}
		require.Equal(t, 20, wire.Trips()-before, "%d windows", windows)
	}
}

func testWrites(t *testing.T, addr string) {
	c := client(t, addr)
	s := open(t, c, redisstore.Options{Prefix: "writes:", LocalDenyCache: -1})
	limits := ratelimit.Limits{ratelimit.PerHour(3), {Name: "slide", Quota: 5, Window: time.Hour, Sliding: true}}

	d := take(t, s, "k", limits, 0)
	require.True(t, d.Allowed)
	require.Equal(t, 3, d.Remaining)
	require.Zero(t, c.Exists(t.Context(), "writes:api:k").Val(), "a look writes nothing")

	require.True(t, take(t, s, "k", limits, 3).Allowed)
	ttl := c.PTTL(t.Context(), "writes:api:k").Val()
	require.InDelta(t, 9*time.Hour/8, ttl, float64(10*time.Minute), "until no window remembers it")

	sets, state := commands(t, c, "set"), c.Get(t.Context(), "writes:api:k").Val()
	require.Equal(t, uint8(1), take(t, s, "k", limits, 1).Refused)
	require.Equal(t, uint8(3), take(t, s, "k", limits, 3).Refused)
	require.Equal(t, ratelimit.Never, take(t, s, "k", limits, 4).RetryAfter)
	require.Equal(t, ratelimit.Never, take(t, s, "k", limits, 1<<62).RetryAfter)
	require.True(t, take(t, s, "k", limits, 0).Allowed)
	require.Equal(t, sets, commands(t, c, "set"), "refusals and looks write nothing")
	require.Equal(t, state, c.Get(t.Context(), "writes:api:k").Val())

	require.NoError(t, s.Reset(t.Context(), "api", "k"))
	require.True(t, take(t, s, "k", limits, 3).Allowed)
}

func testScriptLost(t *testing.T, addr string) {
	c := client(t, addr)
	s := open(t, c, redisstore.Options{Prefix: "lost:"})
	limits := ratelimit.Limits{ratelimit.PerHour(100)}
	for i := range 3 {
		require.NoError(t, c.ScriptFlush(t.Context()).Err())
		require.Equal(t, 99-2*i, take(t, s, "k", limits, 1).Remaining, "charged once")
		require.Equal(t, 98-2*i, take(t, s, "k", limits, 1).Remaining)
	}
}

func testReplicas(t *testing.T, addr string) {
	limits := ratelimit.Limits{{Name: "slide", Quota: 500, Window: time.Hour, Sliding: true}, ratelimit.PerDay(700)}
	var granted atomic.Int64
	var running sync.WaitGroup
	for range 4 {
		s := open(t, client(t, addr), redisstore.Options{Prefix: "replicas:"})
		for range 8 {
			running.Go(func() {
				for range 40 {
					d, err := s.Take(t.Context(), "api", "k", limits, 1)
					if err != nil {
						t.Error(err)
					}
					if d.Allowed {
						granted.Add(1)
					}
				}
			})
		}
	}
	running.Wait()
	require.EqualValues(t, 500, granted.Load())
}

func testForeignValues(t *testing.T, addr string) {
	c := client(t, addr)
	s := open(t, c, redisstore.Options{Prefix: "foreign:", LocalDenyCache: -1})
	limits := ratelimit.Limits{ratelimit.PerHour(3), {Name: "slide", Quota: 5, Window: time.Hour, Sliding: true}}
	const secret = "sk_live_51ab"
	const key = "foreign:api:" + secret
	ctx := t.Context()
	put := func(value string) func() error {
		return func() error { return c.Set(ctx, key, value, 0).Err() }
	}
	const sliding = "\x82\xa0\x01\xa71h0m0s~"
	const eighth = "\xce\x1a\xd2\x74\x80"
	values := map[string]func() error{
		"a list":            func() error { return c.LPush(ctx, key, "x").Err() },
		"nothing":           put(""),
		"text":              put("hello"),
		"a number":          put("17"),
		"an array":          put("\x91\x01"),
		"another map":       put("\x81\xa1x\x01"),
		"half a map":        put("\x82\xa0\x01\xa61h0m0s"),
		"a time of text":    put("\x81\xa0\xa1x"),
		"a negative time":   put("\x81\xa0\xff"),
		"a bucket of text":  put("\x82\xa0\x01\xa61h0m0s\xa1x"),
		"a negative bucket": put("\x82\xa0\x01\xa61h0m0s\xff"),
		"a fraction":        put("\x82\xa0\x01\xa61h0m0s\xca\x3f\x00\x00\x00"),
		"not a number":      put("\x82\xa0\x01\xa61h0m0s\xca\x7f\xc0\x00\x00"),
		"infinity":          put("\x82\xa0\x01\xa61h0m0s\xca\x7f\x80\x00\x00"),
		"no array":          put(sliding + "\x01"),
		"an empty array":    put(sliding + "\x90"),
		"a short array":     put(sliding + "\x91" + eighth),
		"a long array":      put(sliding + "\x9c" + eighth + strings.Repeat("\x01", 11)),
		"other eighths":     put(sliding + "\x93\x01\x01\x01"),
		"an array of text":  put(sliding + "\x93" + eighth + "\x01\xa1x"),
		"a negative eighth": put(sliding + "\x93" + eighth + "\xff\x01"),
		"a negative count":  put(sliding + "\x93" + eighth + "\x01\xff"),
	}
	for name, set := range values {
		require.NoError(t, c.Del(ctx, key).Err())
		require.NoError(t, set(), name)
		before := c.Dump(ctx, key).Val()
		for range 8 { // which does not look like an outage
			d, err := s.Take(ctx, "api", secret, limits, 1)
			require.ErrorIs(t, err, redisstore.ErrNotABucket, name)
			require.False(t, d.Allowed)
			require.NotContains(t, err.Error(), secret)
		}
		require.Equal(t, before, c.Dump(ctx, key).Val(), "%s is left alone", name)
	}
	require.NoError(t, s.Reset(ctx, "api", secret))
	require.True(t, take(t, s, secret, limits, 1).Allowed)

	// Whatever is there, it is a bucket or not; no error of the script looks like an
	// outage.
	random := rand.New(rand.NewPCG(3, 4))
	buckets := []string{
		c.Get(ctx, key).Val(),
		"\x83\xa0\x01\xc3\x01\x05\x92\x01\x01", // keys that are no text
		"\x82\xa0\x01\xa1x\x93\xcf\x00\x1f\xff\xff\xff\xff\xff\xff\xcf\x00\x1f\xff\xff\xff\xff\xff\xff\x01", // a window that never ends
	}
	for i := range 3000 {
		value := []byte(buckets[i%len(buckets)])
		for range random.IntN(1 + min(i, 4)) {
			value[random.IntN(len(value))] = byte(random.Uint32())
		}
		require.NoError(t, c.Set(ctx, key, value, 0).Err())
		if _, err := s.Take(ctx, "api", secret, limits, 1); err != nil {
			require.ErrorIs(t, err, redisstore.ErrNotABucket, "%q", value)
		}
	}
}

// testExpiry: no bucket is forgotten before it is full.
func testExpiry(t *testing.T, addr string) {
	c := client(t, addr)
	s := open(t, c, redisstore.Options{Prefix: "expiry:"})
	limits := ratelimit.Limits{ratelimit.PerHour(3600)}
	for i := range 20 {
		d := take(t, s, fmt.Sprint(i), limits, 7)
		written, err := c.Eval(t.Context(), `return cmsgpack.unpack(redis.call('GET', KEYS[1]))['']`, []string{fmt.Sprint("expiry:api:", i)}).Int64()
		require.NoError(t, err)
		expires, err := c.PExpireTime(t.Context(), fmt.Sprint("expiry:api:", i)).Result()
		require.NoError(t, err)
		require.GreaterOrEqual(t, expires, time.Duration(written)*time.Microsecond+d.ResetAfter)
	}
}

func testLimitsChange(t *testing.T, addr string) {
	s := open(t, client(t, addr), redisstore.Options{Prefix: "change:"})
	hour := ratelimit.PerHour(10)
	require.True(t, take(t, s, "k", ratelimit.Limits{hour, ratelimit.PerDay(100)}, 10).Allowed)
	require.False(t, take(t, s, "k", ratelimit.Limits{hour}, 1).Allowed, "a window dropped, the other one kept")

	d := take(t, s, "k", ratelimit.Limits{ratelimit.PerDay(100)}, 0)
	require.Equal(t, 90, d.Remaining, "a window that comes back knows what it knew")

	slide := ratelimit.Limit{Name: "s", Quota: 10, Window: time.Hour, Sliding: true}
	require.True(t, take(t, s, "k", ratelimit.Limits{slide}, 10).Allowed, "another kind of window")
	slide.Window++
	require.True(t, take(t, s, "k", ratelimit.Limits{slide}, 10).Allowed, "another length")

	// A window that nobody asks about goes on coming back, as fast as the others.
	put := fmt.Sprintf(`return redis.call('SET', KEYS[1], cmsgpack.pack({ [''] = %d, ['24h0m0s'] = %d }))`,
		time.Now().Add(-time.Hour).UnixMicro(), 3*time.Hour)
	require.NoError(t, client(t, addr).Eval(t.Context(), put, []string{"change:api:aside"}).Err())
	require.True(t, take(t, s, "aside", ratelimit.Limits{hour}, 1).Allowed)
	d = take(t, s, "aside", ratelimit.Limits{ratelimit.PerDay(100)}, 0)
	require.InDelta(t, 2*time.Hour, d.ResetAfter, float64(time.Minute))
}

func testClockSetBack(t *testing.T, addr string) {
	c := client(t, addr)
	s := open(t, c, redisstore.Options{Prefix: "clock:", LocalDenyCache: -1})
	limits := ratelimit.Limits{ratelimit.PerMinute(3), {Name: "s", Quota: 3, Window: time.Minute, Sliding: true}}
	require.True(t, take(t, s, "k", limits, 3).Allowed)
	// What the server would find if its clock had been a year ahead.
	year := 365 * 24 * time.Hour
	ahead := time.Now().Add(year).UnixMicro()
	put := fmt.Sprintf(`return redis.call('SET', KEYS[1], cmsgpack.pack({ [''] = %d, ['1m0s'] = %d, other = 9, ['1m0s~'] = { 7500000, %d, 3 } }))`,
		ahead, time.Minute, ahead/7_500_000)
	require.NoError(t, c.Eval(t.Context(), put, []string{"clock:api:k"}).Err())
	d := take(t, s, "k", limits, 1)
	require.Equal(t, uint8(3), d.Refused)
	require.LessOrEqual(t, d.RetryAfter, 9*time.Minute/8)
	require.LessOrEqual(t, c.PTTL(t.Context(), "clock:api:k").Val(), 9*time.Minute/8, "it is noticed once")
	sets := commands(t, c, "set")
	require.LessOrEqual(t, take(t, s, "k", limits, 1).RetryAfter, d.RetryAfter)
	require.Equal(t, sets, commands(t, c, "set"))

	put = fmt.Sprintf(`return redis.call('SET', KEYS[1], cmsgpack.pack({ [''] = %d, ['1m0s'] = %d }))`, ahead, time.Minute)
	require.NoError(t, c.Eval(t.Context(), put, []string{"clock:api:b"}).Err())
	require.Equal(t, uint8(1), take(t, s, "b", limits[:1], 3).Refused)
	require.LessOrEqual(t, c.PTTL(t.Context(), "clock:api:b").Val(), 2*time.Minute)
	require.Positive(t, c.PTTL(t.Context(), "clock:api:b").Val(), "written anew, by a bucket alone")
}

func testDenials(t *testing.T, addr string) {
	wire := server.NewWire(t, addr)
	s := open(t, client(t, wire.Addr), redisstore.Options{Prefix: "denials:", LocalDenyCache: 100})
	limits := ratelimit.Limits{ratelimit.PerHour(10)}
	require.True(t, take(t, s, "k", limits, 8).Allowed)
	require.False(t, take(t, s, "k", limits, 5).Allowed)
	trips := wire.Trips()
	last := ratelimit.Never
	for range 100 {
		d := take(t, s, "k", limits, 5)
		require.False(t, d.Allowed)
		require.Equal(t, 2, d.Remaining)
		require.LessOrEqual(t, d.RetryAfter, last)
		last = d.RetryAfter
	}
	require.Equal(t, trips, wire.Trips(), "a refused key costs no trip")
	require.True(t, take(t, s, "k", limits, 2).Allowed, "fewer units fit")

	require.False(t, take(t, s, "k", limits, 1).Allowed)
	require.True(t, take(t, s, "k", ratelimit.Limits{{Name: "hour", Quota: 10, Window: time.Hour, Burst: 20}}, 1).Allowed, "other limits")

	require.False(t, take(t, s, "k", limits, 1).Allowed)
	require.NoError(t, s.Reset(t.Context(), "api", "k"))
	require.True(t, take(t, s, "k", limits, 1).Allowed)

	// More keys than the cache has room for.
	for i := range 300 {
		require.True(t, take(t, s, fmt.Sprint(i), limits, 10).Allowed)
		require.False(t, take(t, s, fmt.Sprint(i), limits, 1).Allowed)
	}
	trips = wire.Trips()
	for i := range 300 {
		require.False(t, take(t, s, fmt.Sprint(i), limits, 1).Allowed)
	}
	require.GreaterOrEqual(t, wire.Trips()-trips, 100)
}

func testKeys(t *testing.T, c redis.UniversalClient) {
	s := open(t, c, redisstore.Options{Prefix: "keys:"})
	limits := ratelimit.Limits{ratelimit.PerHour(1)}
	names := []string{"api", "api:", "a", "", "api\n"}
	keys := []string{
		"", "x", "x:y", ":x", "{x}", "{x}y", "x y", "x\r\nDEL y", "\x00", "\xff", "é", strings.Repeat("x", 96), strings.Repeat("x", 1<<20),
		"pi:x", "pi", "keys:api:x",
	}
	for _, name := range names {
		for _, key := range keys {
			for want := 1; want >= 0; want-- {
				d, err := s.Take(t.Context(), name, key, limits, 1)
				require.NoError(t, err)
				require.Equal(t, want == 1, d.Allowed, "%.20q %.20q: a bucket of its own", name, key)
			}
		}
	}
}

// testPermissions has a user who may do only what the package says it needs.
func testPermissions(t *testing.T, addr string) {
	require.NoError(t, client(t, addr).Do(t.Context(), "ACL", "SETUSER", "limits", "on", ">secret", "resetchannels",
		"~rowhouse:rl:*", "+get", "+set", "+del", "+time", "+eval", "+evalsha").Err())
	c := redis.NewClient(&redis.Options{Addr: addr, Username: "limits", Password: "secret"})
	t.Cleanup(func() { c.Close() })
	limits := ratelimit.Limits{ratelimit.PerHour(1)}
	s := open(t, c, redisstore.Options{})
	for range 2 {
		require.True(t, take(t, s, "k", limits, 1).Allowed)
		require.False(t, take(t, s, "k", limits, 1).Allowed)
		require.NoError(t, s.Reset(t.Context(), "api", "k"))
	}
	_, err := open(t, c, redisstore.Options{Prefix: "other:"}).Take(t.Context(), "api", "k", limits, 1)
	require.ErrorContains(t, err, "NOPERM")

	// Without any one of them nothing is granted, and no error tells the password.
	for _, command := range []string{"get", "set", "time", "evalsha", "eval"} {
		require.NoError(t, client(t, addr).Do(t.Context(), "ACL", "SETUSER", "limits", "-"+command).Err())
		require.NoError(t, client(t, addr).ScriptFlush(t.Context()).Err())
		d, err := s.Take(t.Context(), "api", "without "+command, limits, 1)
		require.ErrorContains(t, err, "run", command) // "no permissions to run", "can't run this"
		require.NotContains(t, err.Error(), "secret")
		require.False(t, d.Allowed)
		require.NoError(t, client(t, addr).Do(t.Context(), "ACL", "SETUSER", "limits", "+"+command).Err())
		require.True(t, take(t, s, "without "+command, limits, 1).Allowed)
	}
	o, err := redis.ParseURL("redis://limits:hunter2@" + addr + "/0")
	require.NoError(t, err)
	wrong := redis.NewClient(o)
	t.Cleanup(func() { wrong.Close() })
	_, err = open(t, wrong, redisstore.Options{}).Take(t.Context(), "api", "k", limits, 1)
	require.ErrorContains(t, err, "WRONGPASS")
	require.NotContains(t, err.Error(), "hunter2")
}

func testProtocols(t *testing.T, addr string) {
	limits := ratelimit.Limits{ratelimit.PerHour(10)}
	for protocol := 2; protocol <= 3; protocol++ {
		c := redis.NewClient(&redis.Options{Addr: addr, Protocol: protocol, ContextTimeoutEnabled: true})
		t.Cleanup(func() { c.Close() })
		require.Equal(t, 12-protocol-1, take(t, open(t, c, redisstore.Options{Prefix: "protocols:"}), "k", limits, 1).Remaining)
	}
}

func TestCluster(t *testing.T) {
	t.Parallel()
	nodes := server.RedisCluster(t)
	addrs := make([]string, len(nodes))
	for i, node := range nodes {
		addrs[i] = node.Addr
	}
	c := redis.NewClusterClient(&redis.ClusterOptions{Addrs: addrs})
	t.Cleanup(func() { c.Close() })
	testKeys(t, c)

	s := open(t, c, redisstore.Options{})
	limits := ratelimit.Limits{ratelimit.PerHour(5), {Name: "slide", Quota: 5, Window: time.Hour, Sliding: true}}
	for round := range 5 {
		if round == 3 {
			require.NoError(t, c.ForEachMaster(t.Context(), func(ctx context.Context, node *redis.Client) error {
				return node.ScriptFlush(ctx).Err()
			}))
		}
		for i := range 100 {
			require.True(t, take(t, s, fmt.Sprint("{", i, "}"), limits, 1).Allowed)
			require.True(t, take(t, s, fmt.Sprint("{same}", i), limits, 1).Allowed)
		}
	}
	for i := range 100 {
		require.False(t, take(t, s, fmt.Sprint("{same}", i), limits, 1).Allowed)
	}
	for _, node := range nodes {
		size := client(t, node.Addr).DBSize(t.Context()).Val()
		require.InDelta(t, 90, size, 60, "whoever chooses the keys does not choose the node")
	}

	// With a node gone, no decision takes longer than its deadline.
	hasty := open(t, c, redisstore.Options{Timeout: 75 * time.Millisecond, LocalDenyCache: -1})
	nodes[0].Kill(t)
	for i := range 200 {
		start := time.Now()
		_, err := hasty.Take(t.Context(), "api", fmt.Sprint("gone", i), limits, 1)
		require.Less(t, time.Since(start), 75*time.Millisecond+slack, err)
	}
}
