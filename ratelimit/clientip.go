package ratelimit

import (
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"net/textproto"
	"slices"
	"strings"
)

// A ClientIP finds the address of the client of a request, by what the deployment
// declared to be trustworthy. There is no default: a server that believes headers
// while anybody can connect to it lets each client choose its address, and one that
// does not while all connections come from a proxy takes all clients for one.
//
// The constructors are [RemoteIP], [ForwardedIP] and [HeaderIP]. The zero value finds
// no address. It is safe for concurrent use.
//
// RFC 7239's Forwarded is not read: proxies that can send it can send
// X-Forwarded-For.
type ClientIP struct {
	source  ipSource
	header  string // canonical
	trusted []netip.Prefix
}

type ipSource uint8

const (
	fromNowhere ipSource = iota
	fromRemote
	fromForwarded
	fromHeader
)

// RemoteIP believes nothing but the connection: the client is whoever connected, as
// [http.Request.RemoteAddr] says. It is for servers that clients reach without a proxy.
func RemoteIP() ClientIP { return ClientIP{source: fromRemote} }

// ForwardedIP believes the X-Forwarded-For of trusted proxies, each of which appends
// the address that connected to it. The entries are read from the last to the first,
// beginning at the connection, for as long as they are trusted; the first that is not
// is the client. What stands to the left of it was sent by the client and is not
// looked at. If all are trusted, the leftmost is the client, as with the proxies' own
// requests.
//
// Several header lines are one list. An entry may have a port, and an IPv6 address
// brackets. An entry reached in this way that is no address ("unknown", "", 0.0.0.0,
// anything longer than an address) means that there is none: a trusted proxy did not
// know its client, and guessing would let whoever wrote the rest choose.
//
// The error reports every fault of trusted: it must not be empty, nor have a prefix
// that is invalid, trusts strangers (wider than an IPv4 /8 or an IPv6 /7) or never
// matches (IPv4-mapped; addresses are compared unmapped).
func ForwardedIP(trusted []netip.Prefix) (ClientIP, error) {
	if err := checkTrusted(trusted); err != nil {
		return ClientIP{}, fmt.Errorf("ratelimit: ForwardedIP: %w", err)
	}
	return ClientIP{source: fromForwarded, header: "X-Forwarded-For", trusted: slices.Clone(trusted)}, nil
}

// HeaderIP believes one header with one address, as Cf-Connecting-Ip or X-Real-Ip, if
// a trusted peer sent it. That proxy must overwrite the header on every request: some
// pass on what the client wrote. The header of another peer is not read; that peer is
// the client. So is a trusted peer that sends no such header. A header that has
// several lines or is no address means that there is none.
//
// The error reports every fault: a name that is no header's, and those of
// [ForwardedIP].
func HeaderIP(name string, trusted []netip.Prefix) (ClientIP, error) {
	var badName error
	if !isHeaderName(name) {
		badName = fmt.Errorf("name: %q is no header field", name)
	}
	if err := errors.Join(badName, checkTrusted(trusted)); err != nil {
		return ClientIP{}, fmt.Errorf("ratelimit: HeaderIP: %w", err)
	}
	return ClientIP{
		source:  fromHeader,
		header:  textproto.CanonicalMIMEHeaderKey(name),
		trusted: slices.Clone(trusted),
	}, nil
}

func checkTrusted(trusted []netip.Prefix) error {
	if len(trusted) == 0 {
		return errors.New("trusted: no proxies; use RemoteIP if there are none")
	}
	var faults []error
	for i, p := range trusted {
		switch {
		case !p.IsValid():
			faults = append(faults, fmt.Errorf("trusted[%d]: invalid prefix", i))
		case p.Addr().Is4() && p.Bits() < 8 || p.Addr().Is6() && !p.Addr().Is4In6() && p.Bits() < 7:
			// The widest networks of one owner are 10.0.0.0/8 and fc00::/7. Two halves of
			// the Internet are as good as all of it.
			faults = append(faults, fmt.Errorf("trusted[%d]: %v trusts strangers", i, p))
		case p.Addr().Is4In6():
			faults = append(faults, fmt.Errorf("trusted[%d]: %v never matches; write it as IPv4", i, p))
		}
	}
	return errors.Join(faults...)
}

// Addr returns the address of the client, unmapped and without a zone, or the zero
// Addr if there is none: the declaration can't tell, the address is unspecified
// (0.0.0.0, ::), or RemoteAddr is none, as with a Unix socket. It suits access logs too.
func (c ClientIP) Addr(r *http.Request) netip.Addr {
	addr, _ := c.find(r)
	return addr
}

// find returns the address of [ClientIP.Addr] and the text that it was read from.
func (c ClientIP) find(r *http.Request) (netip.Addr, string) {
	if c.source == fromNowhere {
		return netip.Addr{}, ""
	}
	peer, text := parseIP(r.RemoteAddr)
	if c.source == fromRemote || !c.trusts(peer) {
		return peer, text
	}
	lines := r.Header[c.header]
	if len(lines) == 0 {
		return peer, text
	}
	if c.source == fromHeader {
		if len(lines) > 1 {
			return netip.Addr{}, ""
		}
		return parseIP(trimOWS(lines[0]))
	}
	return c.walk(lines)
}

// walk reads an X-Forwarded-For from the right, through trusted entries.
func (c ClientIP) walk(lines []string) (addr netip.Addr, text string) {
	for _, line := range slices.Backward(lines) {
		rest := line
		for more := true; more; {
			comma := strings.LastIndexByte(rest, ',')
			entry := rest[comma+1:]
			if more = comma >= 0; more {
				rest = rest[:comma]
			}
			addr, text = parseIP(trimOWS(entry))
			if !c.trusts(addr) { // an invalid one is not
				return addr, apart(text, line)
			}
		}
	}
	return addr, apart(text, lines[0])
}

// apart returns text, a part of line, in memory of its own if line is long: a store or
// an Observe may keep the key, and would keep the megabyte that a client wrote to the
// left of it.
func apart(text, line string) string {
	if len(line) > 8*longestIP {
		return strings.Clone(text)
	}
	return text
}

func (c ClientIP) trusts(addr netip.Addr) bool {
	for _, p := range c.trusted {
		if p.Contains(addr) {
			return true
		}
	}
	return false
}

// longestIP is the length of the longest address: "[", an IPv6 address, "%", a zone (the
// name of an interface: 15 bytes), "]", ":" and a port.
const longestIP = 1 + 45 + 1 + 15 + 1 + 1 + 5

// parseIP reads an address with or without a port; an IPv6 address with a port has
// brackets, and one without may have them. bare is the part of s that is the
// address. Of what is no client's address it returns the zero Addr.
func parseIP(s string) (addr netip.Addr, bare string) {
	if len(s) > longestIP {
		return netip.Addr{}, ""
	}
	bare = s
	if strings.HasPrefix(s, "[") {
		end := strings.IndexByte(s, ']')
		if end < 0 || (end+1 < len(s) && (s[end+1] != ':' || !isPort(s[end+2:]))) {
			return netip.Addr{}, ""
		}
		if bare = s[1:end]; strings.IndexByte(bare, ':') < 0 {
			return netip.Addr{}, "" // brackets are IPv6's
		}
	} else if colon := strings.IndexByte(s, ':'); colon >= 0 && strings.IndexByte(s[colon+1:], ':') < 0 {
		if !isPort(s[colon+1:]) {
			return netip.Addr{}, ""
		}
		bare = s[:colon]
	}
	addr, err := netip.ParseAddr(bare)
	if err != nil {
		return netip.Addr{}, ""
	}
	if addr = addr.Unmap().WithZone(""); addr.IsUnspecified() {
		return netip.Addr{}, ""
	}
	return addr, bare
}

// isPort reports whether s is a port number; leading zeros make it none.
func isPort(s string) bool {
	if s == "" || len(s) > 5 || (s[0] == '0' && len(s) > 1) {
		return false
	}
	n := 0
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
		n = n*10 + int(s[i]-'0')
	}
	return n <= 0xffff
}

// trimOWS removes the optional white space of RFC 9110 §5.6.3.
func trimOWS(s string) string { return strings.Trim(s, " \t") }

// isHeaderName reports whether s is a token of RFC 9110 §5.6.2.
func isHeaderName(s string) bool {
	if s == "" {
		return false
	}
	for i := range len(s) {
		c := s[i]
		if ('a' <= c && c <= 'z') || ('A' <= c && c <= 'Z') || ('0' <= c && c <= '9') {
			continue
		}
		if strings.IndexByte("!#$%&'*+-.^_`|~", c) < 0 {
			return false
		}
	}
	return true
}
