package auth_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/stretchr/testify/require"

	"github.com/rowhouse-go/rowhouse/auth"
)

// A source is a KeySource a test can turn over.
type source struct {
	set   atomic.Pointer[auth.KeySet] // nil: none to be had
	asked atomic.Int64
}

func (s *source) Current() (*auth.KeySet, error) {
	if set := s.set.Load(); set != nil {
		return set, nil
	}
	return nil, &auth.Error{Reason: auth.ReasonKeysUnready, RetryAfter: 7 * time.Second}
}

func (s *source) Renew(context.Context, *auth.KeySet) (*auth.KeySet, error) {
	s.asked.Add(1)
	return s.Current()
}

// counted tells cache hits apart.
func counted(c *auth.Config) *atomic.Int64 {
	var hits atomic.Int64
	c.Observe = func(_ context.Context, e auth.Event) {
		if e.Cached {
			hits.Add(1)
		}
	}
	return &hits
}

// For random tokens at random times, in any order, the answer of a verifier with
// a cache is that of one without.
func TestCacheEqualsCold(t *testing.T) {
	t.Parallel()
	rnd := rand.New(rand.NewPCG(1, 2))
	var now atomic.Int64
	clock := func() time.Time { return time.UnixMicro(now.Load()) }
	full, err := auth.StaticKeys(jwks(t, jwkOf(t, keys().ec, "ec", nil), jwkOf(t, keys().ed, "ed", nil)))
	require.NoError(t, err)
	half, err := auth.StaticKeys(jwks(t, jwkOf(t, keys().ed, "ed", nil)))
	require.NoError(t, err)
	src := &source{}
	src.set.Store(full)

	cfg := config(t)
	cfg.Keys, cfg.Now = src, clock
	cfg.Check = func(c auth.Claims) error {
		if c.Subject() == "mallory" {
			return errors.New("no")
		}
		return nil
	}
	cold := newVerifier(t, cfg)
	cfg.TokenCache = 20 // fewer than there are tokens
	hits := counted(&cfg)
	warm := newVerifier(t, cfg)

	var tokens []string
	for i := range 30 {
		at := func(spread int) int64 { return epoch.Unix() + int64(rnd.IntN(2*spread)-spread) }
		c := claims(object{"jti": strconv.Itoa(i), "exp": at(900) + 600, "nbf": at(600) - 300, "iat": at(600) - 300})
		if i%10 == 0 {
			c["sub"] = "mallory"
		}
		if i%2 == 0 {
			tokens = append(tokens, forge(t, jwt.SigningMethodEdDSA, keys().ed, object{"alg": "EdDSA", "kid": "ed"}, c))
		} else {
			tokens = append(tokens, forge(t, jwt.SigningMethodES256, keys().ec, object{"alg": "ES256", "kid": "ec"}, c))
		}
	}
	// Time drifts forward and now and then steps back; keys come and go.
	now.Store(epoch.Add(-10 * time.Minute).UnixMicro())
	for n := range 8_000 {
		switch rnd.IntN(200) {
		case 0:
			now.Add(-int64(rnd.IntN(20)) * 1e6)
		case 1:
			src.set.Store(half)
		case 2:
			src.set.Store(nil)
		case 3, 4:
			src.set.Store(full)
		default:
			now.Add(int64(rnd.IntN(400_000)))
		}
		tok := tokens[rnd.IntN(len(tokens))]
		want, wantErr := cold.Verify(t.Context(), tok)
		got, gotErr := warm.Verify(t.Context(), tok)
		if wantErr == nil {
			require.NoError(t, gotErr, "step %d", n)
			require.Equal(t, want.Principal(), got.Principal())
			require.Equal(t, want.ID(), got.ID())
		} else {
			require.Error(t, gotErr, "step %d: cold says %v", n, wantErr)
			require.Equal(t, reason(t, wantErr), reason(t, gotErr), "step %d", n)
		}
	}
	require.Greater(t, hits.Load(), int64(1000), "the cache must have answered")
}

func TestCacheForgetsRemovedKeys(t *testing.T) {
	t.Parallel()
	for name, next := range map[string][]object{
		"removed":                  {jwkOf(t, keys().ed, "ed", nil)},
		"another key, same kid":    {jwkOf(t, keys().rsa, "ec", nil)},
		"the same key, another id": {jwkOf(t, keys().ec, "ec2", nil)},
		"restricted by key_ops":    {jwkOf(t, keys().ec, "ec", object{"key_ops": []string{"sign"}}), jwkOf(t, keys().ed, "ed", nil)},
		"restricted by use":        {jwkOf(t, keys().ec, "ec", object{"use": "enc"}), jwkOf(t, keys().ed, "ed", nil)},
		"restricted by alg":        {jwkOf(t, keys().ec, "ec", object{"alg": "ECDH-ES"}), jwkOf(t, keys().ed, "ed", nil)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			before, err := auth.StaticKeys(jwks(t, jwkOf(t, keys().ec, "ec", nil)))
			require.NoError(t, err)
			after, err := auth.StaticKeys(jwks(t, next...))
			require.NoError(t, err)
			src := &source{}
			src.set.Store(before)
			cfg := config(t)
			cfg.Keys, cfg.TokenCache = src, 10
			hits := counted(&cfg)
			v := newVerifier(t, cfg)
			tok := token(t, nil)
			for range 2 {
				_, err = v.Verify(t.Context(), tok)
				require.NoError(t, err)
			}
			require.EqualValues(t, 1, hits.Load())
			src.set.Store(after)
			_, err = v.Verify(t.Context(), tok)
			require.ErrorIs(t, err, auth.ErrInvalidToken)
			src.set.Store(before) // back again: the entry is gone for good, the token is not
			_, err = v.Verify(t.Context(), tok)
			require.NoError(t, err)
			require.EqualValues(t, 1, hits.Load())
		})
	}
}

// A key that became one of two candidates verifies nothing, cached or not.
func TestCacheForgetsAmbiguousKeys(t *testing.T) {
	t.Parallel()
	one, err := auth.StaticKeys(jwks(t, jwkOf(t, keys().rsa, "a", nil)))
	require.NoError(t, err)
	two, err := auth.StaticKeys(jwks(t, jwkOf(t, keys().rsa, "a", nil), jwkOf(t, keys().rsaAny, "b", nil)))
	require.NoError(t, err)
	src := &source{}
	src.set.Store(one)
	cfg := config(t)
	cfg.Keys, cfg.TokenCache = src, 10
	v := newVerifier(t, cfg)
	tok := forge(t, jwt.SigningMethodRS256, keys().rsa, object{"alg": "RS256"}, claims(nil))
	_, err = v.Verify(t.Context(), tok)
	require.NoError(t, err)
	src.set.Store(two)
	_, err = v.Verify(t.Context(), tok)
	require.ErrorIs(t, err, auth.ErrInvalidToken)
}

func TestCacheAfterTheClockWasSetBack(t *testing.T) {
	t.Parallel()
	var now atomic.Int64
	now.Store(epoch.UnixMicro())
	cfg := config(t)
	cfg.TokenCache = 10
	cfg.Now = func() time.Time { return time.UnixMicro(now.Load()) }
	hits := counted(&cfg)
	v := newVerifier(t, cfg)
	tok := token(t, object{"iat": epoch.Add(-time.Hour).Unix()})
	for range 2 {
		_, err := v.Verify(t.Context(), tok)
		require.NoError(t, err)
	}
	now.Add(-time.Second.Microseconds())
	_, err := v.Verify(t.Context(), tok)
	require.NoError(t, err)
	require.EqualValues(t, 1, hits.Load(), "an entry from the future has no age")
}

// A token nobody signed must not cost more than one somebody did, however its
// claims are built.
func TestUnsignedClaimsCostLittle(t *testing.T) {
	v := newVerifier(t, config(t))
	h, _, s := cut(forge(t, jwt.SigningMethodES256, keys().ec, object{"alg": "ES256", "kid": "made-up"}, claims(nil)))
	var roles []string
	for i := range 1200 {
		roles = append(roles, strconv.Itoa(i))
	}
	for name, c := range map[string]object{
		"scopes twice":   {"scope": strings.Join(roles, " "), "scp": roles[:400]},
		"commas in aud":  {"aud": []string{audience, strings.Repeat(",", 8000)}},
		"many audiences": {"aud": append([]string{audience}, roles...)},
	} {
		hostile := h + "." + b64([]byte(encode(t, claims(c)))) + "." + s
		require.Less(t, len(hostile), 16<<10)
		r := testing.Benchmark(func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				_, _ = v.Verify(context.Background(), hostile)
			}
		})
		require.Less(t, r.AllocedBytesPerOp(), int64(96<<10), name)
	}
}

func TestCacheNeverCachesRevocation(t *testing.T) {
	t.Parallel()
	var answer atomic.Value
	answer.Store("no")
	var asked atomic.Int64
	cfg := config(t)
	cfg.TokenCache = 10
	cfg.Revoked = func(_ context.Context, c auth.Claims) (bool, error) {
		asked.Add(1)
		if answer.Load() == "down" {
			return false, errors.New("connection refused")
		}
		return answer.Load() == "yes", nil
	}
	v := newVerifier(t, cfg)
	tok := token(t, nil)
	for i, step := range []struct {
		answer string
		want   error
	}{{"no", nil}, {"no", nil}, {"yes", auth.ErrRevoked}, {"down", auth.ErrUnavailable}, {"yes", auth.ErrInvalidToken}, {"no", nil}} {
		answer.Store(step.answer)
		_, err := v.Verify(t.Context(), tok)
		require.ErrorIs(t, err, step.want)
		require.EqualValues(t, i+1, asked.Load())
	}
}

func TestCacheAsksCheckOnce(t *testing.T) {
	t.Parallel()
	var asked atomic.Int64
	var now atomic.Int64
	now.Store(epoch.UnixMicro())
	cfg := config(t)
	cfg.TokenCache = 10
	cfg.Now = func() time.Time { return time.UnixMicro(now.Load()) }
	cfg.Check = func(auth.Claims) error { asked.Add(1); return nil }
	v := newVerifier(t, cfg)
	tok, other := token(t, nil), token(t, object{"sub": "bob"})
	verify := func(tok string) {
		_, err := v.Verify(t.Context(), tok)
		require.NoError(t, err)
	}
	verify(tok)
	verify(tok)
	require.EqualValues(t, 1, asked.Load())
	now.Add((5*time.Minute + time.Second).Microseconds()) // the oldest a verdict gets
	verify(tok)
	require.EqualValues(t, 2, asked.Load())
	verify(other)
	require.Equal(t, 1, v.Invalidate(func(c auth.Claims) bool { return c.Subject() == "bob" }))
	verify(tok)
	require.EqualValues(t, 3, asked.Load())
	verify(other)
	require.EqualValues(t, 4, asked.Load())
	v.Purge()
	verify(tok)
	verify(other)
	require.EqualValues(t, 6, asked.Load())
}

// A verification under way while Invalidate runs must not bring back what it
// judged before.
func TestInvalidateDuringVerification(t *testing.T) {
	t.Parallel()
	var v *auth.Verifier
	cfg := config(t)
	cfg.TokenCache = 10
	purge := true
	cfg.Check = func(auth.Claims) error {
		if purge {
			v.Purge()
		}
		return nil
	}
	hits := counted(&cfg)
	v = newVerifier(t, cfg)
	tok := token(t, nil)
	verify := func() {
		_, err := v.Verify(t.Context(), tok)
		require.NoError(t, err)
	}
	verify()
	verify()
	require.Zero(t, hits.Load())
	purge = false
	verify()
	verify()
	require.EqualValues(t, 1, hits.Load())
}

func TestCacheOffAndLongTokens(t *testing.T) {
	t.Parallel()
	cfg := config(t)
	hits := counted(&cfg)
	v := newVerifier(t, cfg)
	for range 3 {
		_, err := v.Verify(t.Context(), token(t, nil))
		require.NoError(t, err)
	}
	require.Zero(t, v.Invalidate(func(auth.Claims) bool { return true }))
	cfg.TokenCache = 10
	v = newVerifier(t, cfg)
	long := token(t, object{"pad": string(make([]byte, 700))}) // six bytes for each NUL
	require.Greater(t, len(long), 4<<10)
	for range 3 {
		_, err := v.Verify(t.Context(), long)
		require.NoError(t, err)
	}
	require.Zero(t, hits.Load())
}

// Requests with the same token share one value; nothing a handler gets hold of
// may let it write to another's.
func TestClaimsCannotBeChanged(t *testing.T) {
	t.Parallel()
	cfg := config(t)
	cfg.TokenCache = 10
	v := newVerifier(t, cfg)
	tok := token(t, object{"roles": []string{"admin", "user"}, "nested": object{"list": []any{"a", object{"k": "v"}}}})
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 200 {
				c, err := v.Verify(context.Background(), tok)
				if err != nil {
					t.Error(err)
					return
				}
				for s := range c.Roles() {
					if s != "admin" && s != "user" {
						t.Errorf("role %q", s)
					}
				}
				nested, _ := c.Get("nested")
				m := nested.(map[string]any)
				l := m["list"].([]any)
				if l[0] != "a" || l[1].(map[string]any)["k"] != "v" {
					t.Error("changed by another request")
				}
				l[0], l[1].(map[string]any)["k"] = "x", "x"
				delete(m, "list")
			}
		})
	}
	wg.Wait()
}

func TestCacheHitAllocatesNothing(t *testing.T) {
	cfg := config(t)
	cfg.TokenCache = 10
	v := newVerifier(t, cfg)
	tok := token(t, object{"scope": "read write", "pad": string(make([]byte, 100))})
	ctx := t.Context()
	_, err := v.Verify(ctx, tok)
	require.NoError(t, err)
	require.Zero(t, testing.AllocsPerRun(100, func() {
		if _, err := v.Verify(ctx, tok); err != nil {
			t.Error(err)
		}
	}))
}

func TestColdAllocations(t *testing.T) {
	v := newVerifier(t, config(t))
	k := keys()
	for name, tok := range map[string]string{
		"RS256": forge(t, jwt.SigningMethodRS256, k.rsa, object{"alg": "RS256", "kid": "rsa"}, claims(object{"scope": "read write", "roles": []string{"a", "b"}})),
		"ES256": token(t, nil),
		"EdDSA": forge(t, jwt.SigningMethodEdDSA, k.ed, object{"alg": "EdDSA", "kid": "ed"}, claims(nil)),
	} {
		n := testing.AllocsPerRun(50, func() {
			if _, err := v.Verify(context.Background(), tok); err != nil {
				t.Error(err)
			}
		})
		t.Logf("%s: %v allocations", name, n)
		require.LessOrEqual(t, n, 30.0, name)
	}
}

func TestHostileTokenCosts(t *testing.T) {
	v := newVerifier(t, config(t))
	h, p, _ := cut(token(t, nil))
	huge := h + "." + p + string(make([]byte, 1<<20)) + ".AAAA"
	n := testing.AllocsPerRun(20, func() {
		if _, err := v.Verify(context.Background(), huge); err == nil {
			t.Error("accepted")
		}
	})
	require.LessOrEqual(t, n, 2.0)
}
