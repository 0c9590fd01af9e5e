package ratelimit_test

import (
	"net/http"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/rowhouse-go/rowhouse/ratelimit"
)

func prefixes(cidrs ...string) []netip.Prefix {
	var all []netip.Prefix
	for _, c := range cidrs {
		all = append(all, netip.MustParsePrefix(c))
	}
	return all
}

func forwardedIP(t testing.TB, trusted ...string) ratelimit.ClientIP {
	t.Helper()
	c, err := ratelimit.ForwardedIP(prefixes(trusted...))
	require.NoError(t, err)
	return c
}

func TestClientIPFaults(t *testing.T) {
	t.Parallel()
	_, err := ratelimit.ForwardedIP(nil)
	require.EqualError(t, err, "ratelimit: ForwardedIP: trusted: no proxies; use RemoteIP if there are none")
	_, err = ratelimit.ForwardedIP([]netip.Prefix{
		netip.MustParsePrefix("10.0.0.0/8"),
		{},
		netip.MustParsePrefix("0.0.0.0/1"), netip.MustParsePrefix("2000::/3"),
		netip.MustParsePrefix("::ffff:10.0.0.0/104"),
	})
	require.EqualError(t, err, `ratelimit: ForwardedIP: trusted[1]: invalid prefix
trusted[2]: 0.0.0.0/1 trusts strangers
trusted[3]: 2000::/3 trusts strangers
trusted[4]: ::ffff:10.0.0.0/104 never matches; write it as IPv4`)
	_, err = ratelimit.HeaderIP("X Real IP", nil)
	require.EqualError(t, err, `ratelimit: HeaderIP: name: "X Real IP" is no header field
trusted: no proxies; use RemoteIP if there are none`)
	_, err = ratelimit.HeaderIP("", prefixes("10.0.0.0/8"))
	require.EqualError(t, err, `ratelimit: HeaderIP: name: "" is no header field`)
}

// Who passes the prefixes may go on to use them.
func TestClientIPKeepsACopy(t *testing.T) {
	t.Parallel()
	trusted := prefixes("10.0.0.0/8")
	forwarded, err := ratelimit.ForwardedIP(trusted)
	require.NoError(t, err)
	named, err := ratelimit.HeaderIP("x-real-ip", trusted)
	require.NoError(t, err)
	trusted[0] = netip.MustParsePrefix("192.0.2.0/24")
	r := from(t, "10.0.0.1:1")
	r.Header.Set("X-Forwarded-For", "198.51.100.1")
	r.Header.Set("X-Real-IP", "198.51.100.2")
	require.Equal(t, "198.51.100.1", forwarded.Addr(r).String())
	require.Equal(t, "198.51.100.2", named.Addr(r).String())
}

// Addr and the key agree, whatever peer and headers say.
func TestRemoteAddrIsParsedStrictly(t *testing.T) {
	t.Parallel()
	for remote, want := range map[string]string{
		"192.0.2.1:0": "192.0.2.1", "192.0.2.1:65535": "192.0.2.1", "[2001:db8::1]:80": "2001:db8::1", "2001:db8::1": "2001:db8::1",
		"[2001:db8::1]": "2001:db8::1", "[fe80::1%en0]:80": "fe80::1", "[::ffff:192.0.2.1]:80": "192.0.2.1", "[::ffff:192.0.2.1%en0]:1": "192.0.2.1",
		"192.0.2.1:65536": "", "192.0.2.1:": "", "192.0.2.1:-1": "", "192.0.2.1:http": "", "192.0.2.1:0080": "", ":80": "", "[192.0.2.1]:80": "",
		"[2001:db8::1": "", "2001:db8::1]:80": "", "[2001:db8::1]80": "", "[2001:db8::1]:": "", "[]:80": "", "[:]:80": "", "[[::1]]:80": "",
		"0.0.0.0:80": "", "[::]:80": "", "::": "", "[::%en0]:1": "", "@": "", "/run/x.sock": "", "example.com:80": "", "127.1:80": "", "0x7f.1:80": "",
		"0300.0.0.1:80": "", "192.0.2.1 :80": "", "１９２.0.2.1:80": "", "[fe80::1%]:80": "", "192.0.2.1%en0:80": "", "256.0.0.1:80": "",
		"[fe80::1%" + strings.Repeat("z", 100) + "]:80": "",
	} {
		got := ratelimit.RemoteIP().Addr(from(t, remote))
		require.Equal(t, want != "", got.IsValid(), remote)
		if want != "" {
			require.Equal(t, want, got.String(), remote)
		}
	}
}

// The walk as one would first write it down: all entries in a slice, addresses by
// regular expression, every step spelled out.
func oracle(peer string, lines []string, trusted []netip.Prefix) netip.Addr {
	isTrusted := func(a netip.Addr) bool {
		return slices.ContainsFunc(trusted, func(p netip.Prefix) bool { return p.Contains(a) })
	}
	current := oracleParse(peer)
	if !current.IsValid() || !isTrusted(current) || len(lines) == 0 {
		return current
	}
	entries := strings.Split(strings.Join(lines, ","), ",")
	slices.Reverse(entries)
	for _, e := range entries {
		current = oracleParse(strings.Trim(e, " \t"))
		if !current.IsValid() || !isTrusted(current) {
			return current
		}
	}
	return current
}

var (
	bracketed = regexp.MustCompile(`^\[([^\]]*:[^\]]*)\](?::([0-9]+))?$`)
	withPort  = regexp.MustCompile(`^([^:\[]*):([0-9]+)$`)
)

func oracleParse(s string) netip.Addr {
	bare, port := s, "1"
	if m := bracketed.FindStringSubmatch(s); m != nil {
		bare, port = m[1], m[2]
		if !strings.HasSuffix(s, ":"+port) || port == "" {
			port = "1"
		}
	} else if m := withPort.FindStringSubmatch(s); m != nil {
		bare, port = m[1], m[2]
	}
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil || strconv.FormatUint(n, 10) != port || len(s) > 69 {
		return netip.Addr{}
	}
	a, err := netip.ParseAddr(bare)
	if err != nil || a.Unmap().WithZone("").IsUnspecified() {
		return netip.Addr{}
	}
	return a.Unmap().WithZone("")
}

// The walk agrees with the oracle; nothing to the left of the client changes who it
// is; and the key is that address's.
func FuzzForwardedIP(f *testing.F) {
	f.Add("10.0.0.1:1", "192.0.2.1", "8.8.8.8")
	f.Add("10.0.0.1:1", "192.0.2.1, 10.0.0.2\n10.0.0.3", "unknown")
	f.Add("10.0.0.1:1", "[2001:db8::1]:443,10.0.0.2:8080", ",,,")
	f.Add("[::ffff:10.0.0.1]:1", "::ffff:192.0.2.1,[fe80::1%en0]", "\"")
	f.Add("10.0.0.1:1", "a, ,10.0.0.1,", "192.0.2.9")
	f.Add("10.0.0.1:1", "[[::1]]:1,[1.2.3.4],[::1]:,::1:1,1.2.3.4:99999", "")
	f.Add("@", "192.0.2.1", "")
	f.Add("192.0.2.1:1", "10.0.0.1", "")
	trusted := []string{"10.0.0.0/8", "fe80::/10", "2001:db8:ffff::/48"}
	c := forwardedIP(f, trusted...)
	by := ratelimit.ByIP(c)
	f.Fuzz(func(t *testing.T, peer, header, attack string) {
		lines := strings.Split(header, "\n")
		r := &http.Request{RemoteAddr: peer, Header: http.Header{"X-Forwarded-For": lines}}
		got := c.Addr(r)
		require.Equal(t, oracle(peer, lines, prefixes(trusted...)), got)

		key, ok := by(r)
		require.Equal(t, got.IsValid(), ok)
		switch {
		case got.Is4():
			require.Equal(t, got.String(), key)
		case got.Is6():
			p, err := got.Prefix(64)
			require.NoError(t, err)
			require.Equal(t, p.String(), key)
		}

		// With the last entry the one of an untrusted client, all else is the client's.
		r.Header["X-Forwarded-For"] = append(slices.Clone(lines), attack, "203.0.113.5", "10.0.0.9")
		r.RemoteAddr = "10.0.0.1:1"
		require.Equal(t, "203.0.113.5", c.Addr(r).String())
		r.Header["X-Forwarded-For"] = []string{header + "," + attack + " , 203.0.113.5:4711,10.0.0.9"}
		require.Equal(t, "203.0.113.5", c.Addr(r).String())
	})
}
