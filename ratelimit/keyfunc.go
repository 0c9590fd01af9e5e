package ratelimit

import (
	"context"
	"net/http"
	"net/netip"
	"net/textproto"
	"strconv"
	"strings"
)

// A KeyFunc finds the key of a request: whose quota it is charged to. ok is false if
// the request has none; the middleware then charges one bucket shared by all such
// requests, see [NoKey]. An empty key counts as none.
type KeyFunc func(*http.Request) (key string, ok bool)

// ByIP is [ByPrefix] with 32 and 64 bits: the key is an IPv4 address, or the /64 that
// a subscriber of IPv6 usually has; who limits single IPv6 addresses limits nobody.
func ByIP(ip ClientIP) KeyFunc { return ByPrefix(ip, 32, 64) }

// ByPrefix takes the network of the client's address for the key, v4 and v6 bits long:
// "192.0.2.1" or "192.0.2.0/24", "2001:db8:1:2::/64". Providers hand out /48 and /56
// too; a coarse limit of a /48 beside that of the /64 stops who has 65,536 of them.
// An IPv6 address that is a mapped IPv4 address is one of IPv4.
//
// A request without an address, see [ClientIP.Addr], has no key.
//
// It panics if v4 is not in 1…32 or v6 not in 1…128: with 0 bits, all were one client.
func ByPrefix(ip ClientIP, v4, v6 int) KeyFunc {
	if v4 < 1 || v4 > 32 || v6 < 1 || v6 > 128 {
		panic("ratelimit: ByPrefix: v4 must be in 1…32 and v6 in 1…128, not " + strconv.Itoa(v4) + " and " + strconv.Itoa(v6))
	}
	return func(r *http.Request) (string, bool) {
		addr, text := ip.find(r)
		switch {
		case !addr.IsValid():
			return "", false
		case addr.Is4() && v4 == 32 && strings.IndexByte(text, ':') < 0:
			return text, true // unless mapped, IPv4 has one spelling: no need to write it again
		case addr.Is4():
			return network(addr, v4), true
		}
		return network(addr, v6), true
	}
}

// network writes the prefix of an address, and of a whole address no length.
func network(addr netip.Addr, bits int) string {
	var room [64]byte // longer than any; String allocates twice
	if bits == addr.BitLen() {
		return string(addr.AppendTo(room[:0]))
	}
	p, err := addr.Prefix(bits)
	if err != nil { // bits is in range and addr has no zone
		panic("ratelimit: " + err.Error())
	}
	return string(p.AppendTo(room[:0]))
}

// ByHeader takes the value of a header for the key, as an API key's. A request without
// it, or with several lines of it, has no key.
//
// Put it behind whatever verifies that header. A client that may write what it likes
// has a fresh bucket for every request, which is no limit.
//
// It panics if name is no header's name.
func ByHeader(name string) KeyFunc {
	if !isHeaderName(name) {
		panic("ratelimit: ByHeader: " + strconv.Quote(name) + " is no header field")
	}
	name = textproto.CanonicalMIMEHeaderKey(name)
	return func(r *http.Request) (string, bool) {
		if lines := r.Header[name]; len(lines) == 1 {
			return lines[0], lines[0] != ""
		}
		return "", false
	}
}

// ByContext takes the key from the request's context: a user, a tenant, an API key
// that authentication has verified. It panics if key is nil.
func ByContext(key func(context.Context) (string, bool)) KeyFunc {
	if key == nil {
		panic("ratelimit: ByContext: nil func")
	}
	return func(r *http.Request) (string, bool) { return key(r.Context()) }
}

// ByRoute is the [KeyFunc] of the pattern that [http.ServeMux] matched, as
// "GET /orders/{id}"; never the path, of which a client has any number. Use it with
// [Join], and wrap the handlers that are registered: around the whole mux there is
// no pattern yet, so that all routes share the bucket of [NoKey].
func ByRoute(r *http.Request) (string, bool) { return r.Pattern, r.Pattern != "" }

// Join makes one key of several: Join(ByIP(ip), ByRoute) limits each client on each
// route. Each part is preceded by its length, so that no client can write a part
// that reads like two. A request that lacks one part has no key. It panics if there is
// no part or one is nil.
func Join(parts ...KeyFunc) KeyFunc {
	if len(parts) == 0 {
		panic("ratelimit: Join: no parts")
	}
	for _, p := range parts {
		if p == nil {
			panic("ratelimit: Join: nil KeyFunc")
		}
	}
	return func(r *http.Request) (string, bool) {
		var room [128]byte
		joined := room[:0]
		for _, p := range parts {
			part, ok := p(r)
			if !ok || part == "" {
				return "", false
			}
			joined = strconv.AppendInt(joined, int64(len(part)), 10)
			joined = append(joined, ':')
			joined = append(joined, part...)
		}
		return string(joined), true
	}
}
