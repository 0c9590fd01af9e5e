package auth

import (
	"context"
	"crypto/rsa"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// A JWK Set with a key of each kind, RFC 7517 §A.1, RFC 8037 §A.2, RFC 7520 §3.5.
const sampleKeys = `{"keys":[
{"kty":"EC","crv":"P-256","x":"MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4","y":"4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM","use":"sig","kid":"1"},
{"kty":"RSA","n":"0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw","e":"AQAB","alg":"RS256","kid":"2011-04-29"},
{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo","key_ops":["verify"]},
{"kty":"oct","k":"AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow"}
]}`

// Whatever an issuer publishes, what we take of it is JSON to others as well,
// holds no key that is weak or out of place, and means the same each time.
func FuzzKeySet(f *testing.F) {
	for _, s := range []string{
		sampleKeys, "", "{}", "[]", `{"keys":[]}`, `{"keys":null}`, `{"keys":[{}]}`, `{"keys":[1,"x",null,[]]}`,
		`{"keys":[],"keys":[]}`, `{"KEYS":[]}`, `{"keys":[{"kty":"EC","kty":"RSA"}]}`, sampleKeys + "x", sampleKeys[:400],
		strings.ReplaceAll(sampleKeys, "P-256", "P-521"), strings.ReplaceAll(sampleKeys, "AQAB", "AQ"),
		strings.ReplaceAll(sampleKeys, `"use":"sig"`, `"use":"enc"`), strings.ReplaceAll(sampleKeys, "RS256", "HS256"),
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, doc []byte) {
		s, err := parseKeySet(doc)
		if err != nil {
			return
		}
		require.True(t, json.Valid(doc))
		require.LessOrEqual(t, len(s.keys), maxKeys)
		all := make(map[string]struct{})
		for _, k := range s.keys {
			all[k.thumbprint] = struct{}{}
			require.Len(t, k.thumbprint, 64)
			if r, ok := k.public.(*rsa.PublicKey); ok {
				require.GreaterOrEqual(t, r.N.BitLen(), minRSABits)
			}
			if k.alg != nil {
				require.True(t, k.alg.fits(k.public))
			}
			require.True(t, s.has(k))
		}
		again, err := parseKeySet(doc)
		require.NoError(t, err)
		require.True(t, s.same(again))
		require.Equal(t, s.skipped, again.skipped)
		require.Zero(t, s.without(all).Len())
		for _, skipped := range s.skipped {
			require.LessOrEqual(t, len(skipped.Kid), 128)
		}
	})
}

// A document that is accepted says the same to any other reader.
func FuzzDiscovery(f *testing.F) {
	const issuer = "https://id.test/a"
	for _, s := range []string{
		"", "{}", `{"issuer":"https://id.test/a","jwks_uri":"https://id.test/keys"}`,
		`{"issuer":"https://id.test/a","jwks_uri":"https://id.test/keys","jwks_uri":"https://evil.test"}`,
		`{"issuer":"https:\/\/id.test\/\u0061","jwks_uri":"HTTPS://keys.test"}`,
		`{"issuer":"https://id.test/a","jwks_uri":"http://127.0.0.1/"}`, `{"issuer":"https://id.test/a","jwks_uri":"//id.test"}`,
		`{"Issuer":"https://id.test/a","JWKS_URI":"https://id.test/keys"}`,
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, doc string) {
		uri, err := parseDiscovery(doc, issuer, false)
		if err != nil {
			require.Empty(t, uri)
			return
		}
		var other map[string]any
		require.NoError(t, json.Unmarshal([]byte(doc), &other))
		require.Equal(t, issuer, other["issuer"])
		require.Equal(t, uri, other["jwks_uri"])
		require.NoError(t, checkURL(uri, false))
		require.True(t, secure(uri))
	})
}

func FuzzCacheControl(f *testing.F) {
	for _, s := range []string{"", "max-age=600", `private="a,b", max-age="7"`, "max-age", "max-age=", "=", ",,,", `"`, `\`, `"\"`, "no-store", "MAX-AGE = 60"} {
		f.Add(s, "", "")
		f.Add(s, "no-cache", "30")
	}
	f.Fuzz(func(t *testing.T, first, second, age string) {
		h := http.Header{"Cache-Control": {first, second}, "Age": {age}}
		d := freshness(h)
		require.GreaterOrEqual(t, d, minFresh)
		require.LessOrEqual(t, d, maxFresh)
		// A second header can only make it shorter, unless a quote in the first
		// swallows it.
		if !strings.ContainsAny(first, `"\`) {
			require.LessOrEqual(t, freshness(http.Header{"Cache-Control": {first, "no-store"}}), d)
		}
		n := 0
		for name := range directives(first) {
			require.Equal(t, strings.ToLower(name), name)
			n++
		}
		require.LessOrEqual(t, n, len(first)+1)
	})
}

func TestDemand(t *testing.T) {
	t.Parallel()
	var d demand
	now := int64(0)
	at := func(s int) int64 { now = int64(s) * int64(time.Second); return now }
	take := func(wait time.Duration) {
		t.Helper()
		got, ok := d.take(now)
		require.Equal(t, wait == 0, ok)
		require.Equal(t, wait, got)
	}
	take(0)
	take(0)
	take(10 * time.Second)
	at(4)
	take(6 * time.Second)
	at(10)
	take(0)
	take(10 * time.Second)
	at(1000) // never more than two
	take(0)
	take(0)
	take(10 * time.Second)
	d.failed(now)
	take(20 * time.Second)
	d.failed(now)
	d.failed(now)
	d.failed(now)
	take(60 * time.Second)
	at(1060)
	take(0)
	take(60 * time.Second)
	d.succeeded(now) // as soon as fetches work, the usual wait
	take(10 * time.Second)
	at(1070)
	take(0)
	take(10 * time.Second)
}

func TestBackoffAndAhead(t *testing.T) {
	t.Parallel()
	for failures := 1; failures < 100; failures++ {
		for range 20 {
			d := backoff(failures)
			require.GreaterOrEqual(t, d, minBackoff)
			require.Less(t, d, maxBackoff)
		}
	}
	for range 100 {
		require.InDelta(t, 0.8, ahead(time.Hour).Hours(), 0.05)
	}
}

func loadedKeys(t testing.TB) *RemoteKeySet {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte(sampleKeys))
	}))
	t.Cleanup(server.Close)
	r := RemoteKeys(server.URL, nil)
	t.Cleanup(func() { require.NoError(t, r.Close()) })
	require.NoError(t, r.Refresh(context.Background()))
	return r
}

// Current runs for every request.
func TestCurrentDoesNotAllocate(t *testing.T) {
	r := loadedKeys(t)
	require.Zero(t, testing.AllocsPerRun(1000, func() {
		if set, err := r.Current(); err != nil || set.Len() != 3 {
			t.Fatal(err)
		}
	}))
}

func BenchmarkCurrent(b *testing.B) {
	r := loadedKeys(b)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := r.Current(); err != nil {
			b.Fatal(err)
		}
	}
}

// Renew under a flood, when no fetch is allowed: it must cost little.
func BenchmarkRenewLimited(b *testing.B) {
	r := loadedKeys(b)
	set, _ := r.Current()
	for range 3 {
		_, _ = r.Renew(b.Context(), set)
	}
	b.ReportAllocs()
	for b.Loop() {
		_, _ = r.Renew(b.Context(), set)
	}
}

// The timer of a plan that was overtaken does nothing.
func TestOvertakenTimer(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		asked := 0
		r := RemoteKeys("https://id.test", &RemoteKeysOptions{HTTPClient: &http.Client{Transport: tripper(func(*http.Request) (*http.Response, error) {
			asked++
			w := httptest.NewRecorder()
			w.WriteString(sampleKeys)
			return w.Result(), nil
		})}})
		defer r.Close()
		require.NoError(t, r.Refresh(t.Context()))
		r.due()
		synctest.Wait()
		require.Equal(t, 1, asked)
		require.NoError(t, r.Close())
		require.False(t, r.timer.Stop(), "Close has stopped it")
	})
}

type tripper func(*http.Request) (*http.Response, error)

func (f tripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }
