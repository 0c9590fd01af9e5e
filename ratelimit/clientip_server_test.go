package ratelimit_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/rowhouse-go/rowhouse/ratelimit"
)

// ask sends header lines as they are over a connection of its own and returns the body
// of the answer.
func ask(t *testing.T, address, lines string) string {
	t.Helper()
	conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", address)
	require.NoError(t, err)
	defer conn.Close()
	_, err = fmt.Fprintf(conn, "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n%s\r\n", lines)
	require.NoError(t, err)
	res, err := http.ReadResponse(bufio.NewReader(conn), nil)
	require.NoError(t, err)
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	require.NoError(t, err)
	if res.StatusCode != http.StatusOK {
		return fmt.Sprint(res.StatusCode)
	}
	return string(body)
}

// addresses serves what c finds.
func addresses(t *testing.T, c ratelimit.ClientIP) string {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if a := c.Addr(r); a.IsValid() {
			fmt.Fprint(w, a)
		}
	}))
	t.Cleanup(s.Close)
	return s.Listener.Addr().String()
}

const (
	xff  = "X-Forwarded-For: "
	end  = "\r\n"
	none = ""
)

func TestForwardedIPOverSockets(t *testing.T) {
	t.Parallel()
	address := addresses(t, forwardedIP(t, "127.0.0.0/8", "10.0.0.0/8", "2001:db8:ffff::/48", "fe80::/10"))
	for _, c := range []struct{ lines, want string }{
		// What proxies send.
		{"", "127.0.0.1"},
		{xff + "192.0.2.1" + end, "192.0.2.1"},
		{xff + "192.0.2.1,10.0.0.1" + end, "192.0.2.1"},
		{xff + "192.0.2.1, 10.0.0.1, 10.0.0.2" + end, "192.0.2.1"},
		{xff + "192.0.2.1 ,\t10.0.0.1" + end, "192.0.2.1"},
		{xff + " \t 192.0.2.1 \t " + end, "192.0.2.1"},
		{"x-forwarded-for:192.0.2.1" + end, "192.0.2.1"},
		{"X-FORWARDED-FOR: 192.0.2.1" + end, "192.0.2.1"},
		{xff + "192.0.2.1:4711" + end, "192.0.2.1"},
		{xff + "192.0.2.1, 10.0.0.1:80" + end, "192.0.2.1"},
		{xff + "2001:db8::1" + end, "2001:db8::1"},
		{xff + "2001:DB8:0::1" + end, "2001:db8::1"},
		{xff + "[2001:db8::1]" + end, "2001:db8::1"},
		{xff + "[2001:db8::1]:443" + end, "2001:db8::1"},
		{xff + "2001:db8::1, 2001:db8:ffff::9" + end, "2001:db8::1"},
		{xff + "2001:db8::1, [2001:db8:ffff::9]:80" + end, "2001:db8::1"},
		{xff + "::ffff:192.0.2.1" + end, "192.0.2.1"},
		{xff + "192.0.2.1, ::ffff:10.0.0.1" + end, "192.0.2.1"},
		{xff + "192.0.2.1, ::ffff:a00:1" + end, "192.0.2.1"},
		{xff + "192.0.2.1, fe80::1%eth0" + end, "192.0.2.1"},
		{xff + "::1" + end, "::1"},
		{xff + "10.0.0.7" + end, "10.0.0.7"}, // the leftmost, as all are trusted
		{xff + "10.0.0.7, 10.0.0.8" + end, "10.0.0.7"},
		// Several lines are one list.
		{xff + "192.0.2.1" + end + xff + "10.0.0.1" + end, "192.0.2.1"},
		{xff + "192.0.2.1, 10.0.0.1" + end + xff + "10.0.0.2" + end, "192.0.2.1"},
		{xff + "198.51.100.1" + end + xff + "192.0.2.1" + end, "192.0.2.1"},
		{xff + "198.51.100.1" + end + "x-forwarded-for: 192.0.2.1" + end, "192.0.2.1"},
		// What attackers write to the left of their own address.
		{xff + "8.8.8.8, 192.0.2.1" + end, "192.0.2.1"},
		{xff + "10.0.0.1, 192.0.2.1" + end, "192.0.2.1"},
		{xff + "127.0.0.1, 192.0.2.1, 10.0.0.1" + end, "192.0.2.1"},
		{xff + "unknown, 192.0.2.1" + end, "192.0.2.1"},
		{xff + ",,,, 192.0.2.1" + end, "192.0.2.1"},
		{xff + "\"8.8.8.8\", 192.0.2.1" + end, "192.0.2.1"},
		{xff + end + xff + "192.0.2.1" + end, "192.0.2.1"},
		{xff + "<script>, ../../etc/passwd, ' OR 1=1 --, 192.0.2.1" + end, "192.0.2.1"},
		{xff + strings.Repeat("8.8.8.8,", 10_000) + "192.0.2.1" + end, "192.0.2.1"},
		{strings.Repeat(xff+"10.0.0.1"+end, 1000) + xff + "192.0.2.1" + end, "192.0.2.1"},
		{"X-Real-IP: 8.8.8.8" + end + "CF-Connecting-IP: 8.8.8.8" + end + "Forwarded: for=8.8.8.8" + end + xff + "192.0.2.1" + end, "192.0.2.1"},
		{"True-Client-IP: 8.8.8.8" + end, "127.0.0.1"},
		{"X_Forwarded_For: 8.8.8.8" + end, "127.0.0.1"},
		// A trusted proxy that does not know its client: there is none.
		{xff + end, none},
		{xff + "unknown" + end, none},
		{xff + "8.8.8.8, unknown" + end, none},
		{xff + "8.8.8.8, _hidden, 10.0.0.1" + end, none},
		{xff + "8.8.8.8," + end, none},
		{xff + "8.8.8.8, , 10.0.0.1" + end, none},
		{xff + "8.8.8.8" + end + xff + end, none},
		{xff + "," + end, none},
		{xff + "0.0.0.0" + end, none},
		{xff + "::" + end, none},
		{xff + "::ffff:0.0.0.0" + end, none},
		{xff + "\"192.0.2.1\"" + end, none},
		{xff + "for=192.0.2.1" + end, none},
		{xff + "192.0.2.1;192.0.2.2" + end, none},
		{xff + "192.0.2.1 10.0.0.1" + end, none},
		{xff + "192.0.2.256" + end, none},
		{xff + "192.0.2" + end, none},
		{xff + "192.0.2.01" + end, none},
		{xff + "0xc0000201" + end, none},
		{xff + "3221225985" + end, none},
		{xff + "192.0.2.1/32" + end, none},
		{xff + "192.0.2.1:" + end, none},
		{xff + "192.0.2.1:65536" + end, none},
		{xff + "192.0.2.1:80:80" + end, none},
		{xff + "[192.0.2.1]" + end, none},
		{xff + "[192.0.2.1]:80" + end, none},
		{xff + "[2001:db8::1" + end, none},
		{xff + "2001:db8::1]" + end, none},
		{xff + "[2001:db8::1]x" + end, none},
		{xff + "[2001:db8::1]:x" + end, none},
		{xff + "2001:db8:::1" + end, none},
		{xff + "192.0.2.1%eth0" + end, none},
		{xff + "192.0.2.1\u00a0" + end, none},
		{xff + "192。0。2。1" + end, none},
		{xff + "localhost" + end, none},
		{xff + strings.Repeat("1", 100_000) + end, none},
		{xff + "fe80::1%" + strings.Repeat("z", 1000) + end, none},
		// What is no HTTP never comes to us.
		{xff + "192.0.2.1\x00" + end, "400"},
		{"X-Forwarded-For : 192.0.2.1" + end, "400"},
		{xff + strings.Repeat("8.8.8.8,", 200_000) + end, "431"},
	} {
		require.Equal(t, c.want, ask(t, address, c.lines), "%.80q", c.lines)
	}
}

// Nobody is believed who connects from elsewhere.
func TestUntrustedPeerOverSockets(t *testing.T) {
	t.Parallel()
	named, err := ratelimit.HeaderIP("CF-Connecting-IP", prefixes("10.0.0.0/8"))
	require.NoError(t, err)
	for _, c := range []ratelimit.ClientIP{ratelimit.RemoteIP(), forwardedIP(t, "10.0.0.0/8"), named} {
		address := addresses(t, c)
		for _, lines := range []string{
			"",
			xff + "10.0.0.1" + end,
			xff + "192.0.2.1, 10.0.0.1" + end,
			"CF-Connecting-IP: 192.0.2.1" + end,
			"CF-Connecting-IP: garbage" + end + xff + "garbage" + end,
		} {
			require.Equal(t, "127.0.0.1", ask(t, address, lines), lines)
		}
	}
}

func TestHeaderIPOverSockets(t *testing.T) {
	t.Parallel()
	named, err := ratelimit.HeaderIP("cf-connecting-IP", prefixes("127.0.0.1/32"))
	require.NoError(t, err)
	address := addresses(t, named)
	const cf = "CF-Connecting-IP: "
	for _, c := range []struct{ lines, want string }{
		{cf + "192.0.2.1" + end, "192.0.2.1"},
		{"cf-connecting-ip:\t192.0.2.1 " + end, "192.0.2.1"},
		{cf + "2001:db8::1" + end, "2001:db8::1"},
		{cf + "[2001:db8::1]:1" + end, "2001:db8::1"},
		{cf + "::ffff:192.0.2.1" + end, "192.0.2.1"},
		{cf + "127.0.0.1" + end, "127.0.0.1"},
		{"", "127.0.0.1"},
		{xff + "8.8.8.8" + end, "127.0.0.1"},
		{xff + "8.8.8.8" + end + cf + "192.0.2.1" + end, "192.0.2.1"},
		{cf + end, none},
		{cf + "unknown" + end, none},
		{cf + "192.0.2.1, 8.8.8.8" + end, none},
		{cf + "192.0.2.1" + end + cf + "8.8.8.8" + end, none},
		{cf + "192.0.2.1" + end + cf + "192.0.2.1" + end, none},
		{cf + "0.0.0.0" + end, none},
	} {
		require.Equal(t, c.want, ask(t, address, c.lines), "%q", c.lines)
	}
}

// An attacker behind a trusted proxy, with a new lie for each request, has one quota.
func TestSpoofingBuysNothing(t *testing.T) {
	t.Parallel()
	l := limiterOf(t, ratelimit.Limits{ratelimit.PerHour(3)}, nil)
	s := httptest.NewServer(l.Middleware(ratelimit.ByIP(forwardedIP(t, "127.0.0.0/8", "10.0.0.0/8")), nil)(
		http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})))
	t.Cleanup(s.Close)
	refused := 0
	for i := range 20 {
		// The proxy appends the address that connected to it, whatever came before.
		lie := []string{"198.51.100.%d", "10.0.0.%d", "unknown%d", "[2001:db8::%d]:80", ",,,%d"}[i%5]
		if ask(t, s.Listener.Addr().String(), xff+fmt.Sprintf(lie, i)+", 203.0.113.5, 10.0.0.1"+end) == "429" {
			refused++
		}
	}
	require.Equal(t, 17, refused)
	require.Empty(t, ask(t, s.Listener.Addr().String(), xff+"203.0.113.6, 10.0.0.1"+end), "the neighbour passes")
}
