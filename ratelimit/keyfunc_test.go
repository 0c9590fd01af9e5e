package ratelimit_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/rowhouse-go/rowhouse/ratelimit"
)

func from(t *testing.T, remote string) *http.Request {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil)
	r.RemoteAddr = remote
	return r
}

func TestByPrefix(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ remote, ip, coarse string }{
		{"192.0.2.1:1234", "192.0.2.1", "192.0.2.0/24"},
		{"192.0.2.1", "192.0.2.1", "192.0.2.0/24"},
		{"[::ffff:192.0.2.1]:1234", "192.0.2.1", "192.0.2.0/24"},
		{"[::ffff:1.2.3.4]:1", "1.2.3.4", "1.2.3.0/24"},
		{"[::ffff:c000:201]:1234", "192.0.2.1", "192.0.2.0/24"},
		{"[2001:db8:1:2:3:4:5:6]:1234", "2001:db8:1:2::/64", "2001:db8:1::/48"},
		{"[2001:DB8:1:2::]:1234", "2001:db8:1:2::/64", "2001:db8:1::/48"},
		{"[fe80::1%eth0]:1234", "fe80::/64", "fe80::/48"},
		{"[::1]:1234", "::/64", "::/48"},
		{"0.0.0.0:1234", "", ""},
		{"[::]:1234", "", ""},
		{"[::ffff:0.0.0.0]:1234", "", ""},
		{"@", "", ""},
		{"", "", ""},
		{"/run/http.sock", "", ""},
		{"localhost:1234", "", ""},
		{"192.0.2.01:1234", "", ""},
	} {
		key, ok := ratelimit.ByIP(ratelimit.RemoteIP())(from(t, c.remote))
		require.Equal(t, c.ip, key, c.remote)
		require.Equal(t, c.ip != "", ok, c.remote)
		key, ok = ratelimit.ByPrefix(ratelimit.RemoteIP(), 24, 48)(from(t, c.remote))
		require.Equal(t, c.coarse, key, c.remote)
		require.Equal(t, c.coarse != "", ok, c.remote)
	}
	key, ok := ratelimit.ByPrefix(ratelimit.RemoteIP(), 32, 128)(from(t, "[2001:db8::1]:80"))
	require.True(t, ok)
	require.Equal(t, "2001:db8::1", key)
	_, ok = ratelimit.ByIP(ratelimit.ClientIP{})(from(t, "192.0.2.1:1234"))
	require.False(t, ok, "the zero ClientIP trusts nothing")
}

func TestByHeader(t *testing.T) {
	t.Parallel()
	by := ratelimit.ByHeader("x-api-KEY")
	for _, c := range []struct {
		lines []string
		key   string
	}{
		{nil, ""}, {[]string{""}, ""}, {[]string{"k"}, "k"}, {[]string{"k", "k"}, ""}, {[]string{"k, l"}, "k, l"},
	} {
		r := from(t, "")
		if c.lines != nil {
			r.Header["X-Api-Key"] = c.lines
		}
		key, ok := by(r)
		require.Equal(t, c.key, key)
		require.Equal(t, c.key != "", ok)
	}
}

func TestByContextAndRoute(t *testing.T) {
	t.Parallel()
	type user struct{}
	by := ratelimit.ByContext(func(ctx context.Context) (string, bool) {
		s, ok := ctx.Value(user{}).(string)
		return s, ok
	})
	_, ok := by(from(t, ""))
	require.False(t, ok)
	key, ok := by(from(t, "").WithContext(context.WithValue(t.Context(), user{}, "ada")))
	require.True(t, ok)
	require.Equal(t, "ada", key)

	var got []string
	mux := http.NewServeMux()
	mux.HandleFunc("GET /orders/{id}", func(_ http.ResponseWriter, r *http.Request) {
		if key, ok := ratelimit.ByRoute(r); ok {
			got = append(got, key)
		}
	})
	for _, path := range []string{"/orders/1", "/orders/2"} {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, nil)
		_, ok = ratelimit.ByRoute(r)
		require.False(t, ok, "no pattern around the mux")
		mux.ServeHTTP(httptest.NewRecorder(), r)
	}
	require.Equal(t, []string{"GET /orders/{id}", "GET /orders/{id}"}, got)
}

func fixed(key string, ok bool) ratelimit.KeyFunc {
	return func(*http.Request) (string, bool) { return key, ok }
}

func join(parts ...string) (string, bool) {
	var by []ratelimit.KeyFunc
	for _, p := range parts {
		by = append(by, fixed(p, true))
	}
	return ratelimit.Join(by...)(nil)
}

func TestJoin(t *testing.T) {
	t.Parallel()
	key, ok := join("192.0.2.1", "GET /orders/{id}")
	require.True(t, ok)
	require.Equal(t, "9:192.0.2.116:GET /orders/{id}", key)
	long := strings.Repeat("x", 1000)
	key, ok = join(long, long)
	require.True(t, ok)
	require.Equal(t, "1000:"+long+"1000:"+long, key)
	_, ok = ratelimit.Join(fixed("a", true), fixed("b", false))(nil)
	require.False(t, ok)
	_, ok = join("a", "")
	require.False(t, ok)
}

// Two lists of parts have one key only if they are one list.
func FuzzJoin(f *testing.F) {
	f.Add("a\x00b", "a\x00b")
	f.Add("ab", "a\x00b")
	f.Add("1:a", "a")
	f.Add("a1:b", "a\x00b")
	f.Add("1\x001:1", "1\x001\x001")
	// One key if nothing stood between a length and its part.
	f.Add(strings.Repeat("1", 11)+"\x00"+strings.Repeat("1", 11), strings.TrimSuffix(strings.Repeat("1\x00", 13), "\x00"))
	f.Fuzz(func(t *testing.T, a, b string) {
		x, y := strings.Split(a, "\x00"), strings.Split(b, "\x00")
		keyX, okX := join(x...)
		keyY, okY := join(y...)
		require.Equal(t, !slices.Contains(x, ""), okX)
		if okX && okY {
			require.Equal(t, slices.Equal(x, y), keyX == keyY)
		}
	})
}

func TestKeyFuncFaultsPanic(t *testing.T) {
	t.Parallel()
	ip, one := ratelimit.RemoteIP(), fixed("k", true)
	for name, wire := range map[string]func(){
		"v4 0":      func() { ratelimit.ByPrefix(ip, 0, 64) },
		"v4 33":     func() { ratelimit.ByPrefix(ip, 33, 64) },
		"v6 0":      func() { ratelimit.ByPrefix(ip, 32, 0) },
		"v6 129":    func() { ratelimit.ByPrefix(ip, 32, 129) },
		"no header": func() { ratelimit.ByHeader("") },
		"no token":  func() { ratelimit.ByHeader("X Api Key") },
		"context":   func() { ratelimit.ByContext(nil) },
		"no parts":  func() { ratelimit.Join() },
		"nil part":  func() { ratelimit.Join(one, nil) },
	} {
		require.Panics(t, wire, name)
	}
}

// Not parallel: it measures the heap.
func TestKeysDoNotKeepTheirHeader(t *testing.T) {
	by := ratelimit.ByIP(forwardedIP(t, "10.0.0.0/8"))
	heap := func() int64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return int64(m.HeapAlloc)
	}
	before := heap()
	var kept []string
	for range 100 {
		for _, line := range []string{
			strings.Repeat("x", 100_000) + ",192.0.2.1, 10.0.0.2",
			strings.Repeat(" ", 100_000) + "10.0.0.3, 10.0.0.2", // all trusted
		} {
			r := from(t, "10.0.0.1:1234")
			r.Header["X-Forwarded-For"] = []string{line}
			key, ok := by(r)
			require.True(t, ok)
			kept = append(kept, key)
		}
	}
	require.Less(t, heap()-before, int64(1<<20))
	runtime.KeepAlive(kept)
}

func TestKeysAllocateLittle(t *testing.T) {
	trusted := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}
	forwarded, err := ratelimit.ForwardedIP(trusted)
	require.NoError(t, err)
	proxied := from(t, "10.0.0.1:1234")
	proxied.Header["X-Forwarded-For"] = []string{"evil, 192.0.2.1, 10.0.0.2"}
	for _, c := range []struct {
		name string
		by   ratelimit.KeyFunc
		r    *http.Request
		most float64
	}{
		{"IPv4", ratelimit.ByIP(ratelimit.RemoteIP()), from(t, "192.0.2.1:1234"), 0},
		{"IPv4 forwarded", ratelimit.ByIP(forwarded), proxied, 0},
		{"IPv6", ratelimit.ByIP(ratelimit.RemoteIP()), from(t, "[2001:db8::1]:1234"), 1},
		{"joined", ratelimit.Join(ratelimit.ByIP(forwarded), fixed("GET /orders/{id}", true)), proxied, 1},
	} {
		got := testing.AllocsPerRun(100, func() {
			if _, ok := c.by(c.r); !ok {
				panic("no key")
			}
		})
		require.LessOrEqual(t, got, c.most, c.name)
	}
}
