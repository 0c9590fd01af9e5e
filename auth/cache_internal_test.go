package auth

import (
	"crypto/ed25519"
	"crypto/rsa"
	"encoding/base64"
	"fmt"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// A million distinct tokens keep no more than the bound says, whether the
// number of entries or their bytes reach it first.
func TestCacheBound(t *testing.T) {
	for name, c := range map[string]struct{ tokens, payload int }{
		"small claims": {1_000_000, 200}, "claims of 3 KiB": {50_000, 3 << 10},
	} {
		t.Run(name, func(t *testing.T) {
			const entries = 1000
			cache := newTokenCache(entries)
			is := newIssuer(Config{}.withDefaults())
			set := &KeySet{keys: []*verifyKey{{kid: "k"}}}
			now := time.Unix(1_700_000_000, 0)
			before := heapInUse()
			for i := range c.tokens {
				token := "token " + strconv.Itoa(i)
				verdict := &claims{times: times{expires: now.Add(time.Hour).UnixMicro()}}
				if i > c.tokens-5*entries { // enough to fill it; the rest saves time
					verdict.payload = strings.Repeat("x", c.payload)
				}
				cache.store(token, verdict, is, memoEntry{key: set.keys[0]}, now.Add(time.Duration(i)*time.Microsecond), 0)
			}
			grown := int64(heapInUse()) - int64(before)
			require.Less(t, grown, int64(entries*bytesPerToken+64<<10))
			held := 0
			for i := range cache.shards {
				s := &cache.shards[i]
				held += len(s.entries)
				require.Len(t, s.order, len(s.entries))
				sum := 0
				for _, e := range s.entries {
					sum += e.size
				}
				require.Equal(t, sum, s.bytes)
				require.LessOrEqual(t, s.bytes, s.maxBytes)
			}
			require.LessOrEqual(t, held, entries)
			require.Greater(t, held, entries/4, "the bound must not come from keeping nothing")
			runtime.KeepAlive(cache)
		})
	}
}

// When there is no room, what has expired goes before what has not.
func TestCacheDropsExpiredFirst(t *testing.T) {
	t.Parallel()
	cache := newTokenCache(8)
	require.Len(t, cache.shards, 1)
	is := newIssuer(Config{}.withDefaults())
	is.Keys = &KeySet{keys: []*verifyKey{{kid: "k", alg: algorithms[0], public: &rsa.PublicKey{}}}}
	signer := memoEntry{header{alg: algorithms[0], kid: "k"}, is.Keys.(*KeySet).keys[0]}
	now := time.Unix(1_700_000_000, 0)
	store := func(token string, life time.Duration, now time.Time) {
		cache.store(token, &claims{times: times{expires: now.Add(life).UnixMicro()}}, is, signer, now, 0)
	}
	for i := range 4 {
		store("long "+strconv.Itoa(i), time.Hour, now)
		store("short "+strconv.Itoa(i), time.Second, now)
	}
	now = now.Add(2 * time.Minute) // past the leeway
	for i := range 4 {
		store("new "+strconv.Itoa(i), time.Hour, now)
	}
	for i := range 4 {
		for prefix, kept := range map[string]bool{"long ": true, "short ": false, "new ": true} {
			c, _, _ := cache.lookup(prefix+strconv.Itoa(i), now)
			require.Equal(t, kept, c != nil, "%s%d", prefix, i)
		}
	}
}

// Only a signature that holds fills the memo: otherwise a client could.
func TestMemoHoldsVerifiedHeadersOnly(t *testing.T) {
	t.Parallel()
	public, private, err := ed25519.GenerateKey(nil)
	require.NoError(t, err)
	set := &KeySet{keys: []*verifyKey{{kid: "k", public: public}}}
	v, err := New(Config{Issuer: "https://id.example.com", Audience: []string{"a"}, Keys: set})
	require.NoError(t, err)
	for i := range 5 {
		h := base64.RawURLEncoding.EncodeToString(fmt.Appendf(nil, `{"alg":"EdDSA","kid":"k","n":%d}`, i))
		signed := h + "." + base64.RawURLEncoding.EncodeToString([]byte(`{}`))
		sig := ed25519.Sign(private, []byte(signed))
		if i > 0 {
			sig[0] ^= 1
		}
		_, err := v.Verify(t.Context(), signed+"."+base64.RawURLEncoding.EncodeToString(sig))
		require.Error(t, err) // the first for its claims
	}
	require.Len(t, *set.memo.Load(), 1)
}

// The memo takes headers of verified tokens only, and not without end.
func TestMemoBound(t *testing.T) {
	t.Parallel()
	s := &KeySet{keys: []*verifyKey{{kid: "k"}}}
	for i := range 3 * maxMemo {
		s.remember(strconv.Itoa(i), memoEntry{key: s.keys[0]})
	}
	require.Len(t, *s.memo.Load(), maxMemo)
}

func heapInUse() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
