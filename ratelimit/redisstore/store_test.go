package redisstore_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/rowhouse-go/rowhouse/ratelimit"
	"github.com/rowhouse-go/rowhouse/ratelimit/redisstore"
)

// patient suits a busy machine: nothing here is about time.
var patient = &redisstore.Options{Timeout: time.Minute}

func TestNewNamesEveryFault(t *testing.T) {
	t.Parallel()
	_, err := redisstore.New(nil, &redisstore.Options{Prefix: "a b", Timeout: -1, ProbeEvery: -1})
	for _, field := range []string{"client", "Prefix", "Timeout", "ProbeEvery"} {
		require.ErrorContains(t, err, field)
	}
	_, err = redisstore.New(redis.NewClient(&redis.Options{}), &redisstore.Options{Prefix: strings.Repeat("x", 65)})
	require.ErrorContains(t, err, "Prefix")
}

func TestTake(t *testing.T) {
	t.Parallel()
	d, err := newStore(t, granted, patient).Take(t.Context(), "api", "k", limits, 1)
	require.NoError(t, err)
	require.Equal(t, ratelimit.Decision{Allowed: true, Limits: limits, Tightest: 0, Remaining: 9, ResetAfter: 6 * time.Second}, d)
}

// TestLimitsThatDoNotFit: what Redis can't count is refused, not counted differently.
func TestLimitsThatDoNotFit(t *testing.T) {
	t.Parallel()
	day := 24 * time.Hour
	for name, test := range map[string]struct {
		limits ratelimit.Limits
		fits   bool
	}{
		"104 days":         {ratelimit.Limits{{Name: "long", Quota: 1, Window: 104 * day}}, true},
		"105 days":         {ratelimit.Limits{{Name: "long", Quota: 1, Window: 105 * day}}, false},
		"a burst of years": {ratelimit.Limits{{Name: "long", Quota: 1, Window: day, Burst: 3000}}, false},
		"a huge burst":     {ratelimit.Limits{{Name: "long", Quota: 1, Window: day, Burst: 1 << 62}}, false},
		"a sliding year":   {ratelimit.Limits{{Name: "long", Quota: 1, Window: 365 * day, Sliding: true}}, true},
		"none":             {nil, false},
		"five":             {make(ratelimit.Limits, 5), false},
		"no quota":         {ratelimit.Limits{{Name: "x", Window: day}}, false},
		"no window":        {ratelimit.Limits{{Name: "x", Quota: 1}}, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStore(t, func(context.Context, redis.Cmder) ([]int64, error) {
				if test.limits[0].Sliding {
					return []int64{1, 0, 0, 0}, nil
				}
				return []int64{1, 0}, nil
			}, patient)
			d, err := s.Take(t.Context(), "api", "k", test.limits, 1)
			require.Equal(t, test.fits, err == nil, err)
			require.Equal(t, test.fits, d.Allowed)
		})
	}
	_, err := newStore(t, granted, patient).Take(t.Context(), "api", "k", limits, -1)
	require.ErrorContains(t, err, "-1 units")
}

// TestOddAnswers: what the script doesn't say is an error, not a grant.
func TestOddAnswers(t *testing.T) {
	t.Parallel()
	numbers := func(of ...int) string {
		var text strings.Builder
		fmt.Fprintf(&text, "*%d\r\n", len(of))
		for _, n := range of {
			fmt.Fprintf(&text, ":%d\r\n", n)
		}
		return text.String()
	}
	for name, test := range map[string]struct{ answer, want string }{
		"nothing":       {"$-1\r\n", "nil"},
		"no array":      {"*-1\r\n", "nil"},
		"text":          {"+OK\r\n", "redisstore: "},
		"a number":      {":1\r\n", "redisstore: "},
		"none":          {numbers(), "0 numbers"},
		"a verdict":     {numbers(1), "1 numbers"},
		"too few":       {numbers(1, 0, 0, 0), "4 numbers"},
		"too many":      {numbers(1, 0, 0, 0, 0, 0), "6 numbers"},
		"texts":         {"*5\r\n" + strings.Repeat("$1\r\na\r\n", 5), "redisstore: "},
		"no refusal":    {numbers(0, 0, 0, 0, 0), "refused 1 units"},
		"not a verdict": {numbers(2, 0, 0, 0, 0), "refused 1 units"},
		"an error":      {"-OOM command not allowed\r\n", "redisstore: OOM command not allowed"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, err := redisstore.New(answering(t, test.answer), patient)
			require.NoError(t, err)
			d, err := s.Take(t.Context(), "api", "k", limits, 1)
			require.ErrorContains(t, err, test.want)
			require.False(t, d.Allowed)
		})
	}
	s, err := redisstore.New(answering(t, numbers(1, 6e9, 1, 0, 4e9)), patient)
	require.NoError(t, err)
	d, err := s.Take(t.Context(), "api", "k", limits, 1)
	require.NoError(t, err)
	require.True(t, d.Allowed)
}

// FuzzKey: no two buckets share a key, and no key can be taken for more than one word
// or choose its node of a cluster.
func FuzzKey(f *testing.F) {
	f.Add("api", "k", "api", "k ")
	f.Add("a", "b:c", "a:b", "c")
	f.Add("", ":x", ":", "x")
	f.Add("api", "{x}", "api", "{x}y")
	f.Add("api", strings.Repeat("x", 96), "api", strings.Repeat("x", 97))
	f.Add("api", "\r\nFLUSHALL", "api", "\xff")
	f.Fuzz(func(t *testing.T, name1, key1, name2, key2 string) {
		var keys []string
		s := newStore(t, func(ctx context.Context, cmd redis.Cmder) ([]int64, error) {
			keys = append(keys, cmd.Args()[3].(string))
			return granted(ctx, cmd)
		}, patient)
		for _, b := range [][2]string{{name1, key1}, {name2, key2}} {
			_, err := s.Take(t.Context(), b[0], b[1], limits, 1)
			require.NoError(t, err)
		}
		same := name1 == name2 && key1 == key2
		require.Equal(t, same, keys[0] == keys[1], "%q", keys)
		for _, key := range keys {
			require.True(t, strings.HasPrefix(key, "rowhouse:rl:"))
			require.LessOrEqual(t, len(key), 128)
			require.NotContains(t, key, "{")
			for _, c := range []byte(key) {
				require.True(t, ' ' < c && c <= '~', "%q", key)
			}
		}
	})
}
