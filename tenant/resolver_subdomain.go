package tenant

import (
	"fmt"
	"net/http"
	"strings"
)

// The longest Host: a name of 253 bytes, the dot of its root, a colon, a port.
const maxHost = maxClaim + 1 + 1 + 5

// FromSubdomain returns a resolver that reads the label before base in the
// request's Host: FromSubdomain("example.com") claims "acme" for acme.example.com.
// Upper case, a port and the final dot of an absolute name are other spellings of
// the same host (RFC 9110 §4.2.3, RFC 1034 §3.1) and make no difference.
//
// base itself and hosts outside it, addresses among them, are [ErrNoTenant]. A
// malformed Host and one that is more than one label below base are [ErrInvalidID],
// and so is a label with an xn-- prefix (RFC 5890): browsers show it in another
// script, where it can look like somebody else's name.
//
// Forwarded and X-Forwarded-Host are not read, since any client can send them. A
// proxy that changes Host has to be told to keep it.
//
// It panics if base is not a host name in lower case, without port and final dot.
func FromSubdomain(base string) Resolver {
	if base == "" || len(base) > maxClaim {
		panic(fmt.Sprintf("tenant: FromSubdomain: %.64q is no host name", base))
	}
	for label := range strings.SplitSeq(base, ".") {
		if !isLabel(label) {
			panic(fmt.Sprintf("tenant: FromSubdomain: %.64q is no host name in lower case", base))
		}
	}
	suffix := "." + base
	return func(r *http.Request) (string, error) {
		host, err := hostname(r.Host)
		if err != nil {
			return "", err
		}
		label, below := strings.CutSuffix(host, suffix)
		switch {
		case !below:
			return "", ErrNoTenant
		case !isLabel(label) || strings.HasPrefix(label, "xn--"):
			return "", fmt.Errorf("%w: not one label below the host's domain", ErrInvalidID)
		}
		return label, nil
	}
}

// hostname returns the name of a Host, uri-host [":" port] in RFC 9110 §7.2, in
// lower case, without port and final dot.
func hostname(host string) (string, error) {
	if host == "" {
		return "", ErrNoTenant
	}
	if len(host) > maxHost {
		return "", fmt.Errorf("%w: Host longer than %d bytes", ErrInvalidID, maxHost)
	}
	for i := range len(host) {
		if host[i] <= ' ' || host[i] > '~' { // before ToLower: it makes a k of the Kelvin sign
			return "", errMalformedHost
		}
	}
	end := strings.IndexByte(host, ':')
	if host[0] == '[' {
		end = strings.IndexByte(host, ']') + 1
	}
	name, port := host, ""
	if end >= 0 {
		name, port = host[:end], host[end:]
	}
	digits, colon := strings.CutPrefix(port, ":")
	name = strings.ToLower(strings.TrimSuffix(name, "."))
	if name == "" || name[len(name)-1] == '.' || !colon && port != "" ||
		len(digits) > 5 || strings.Trim(digits, "0123456789") != "" {
		return "", errMalformedHost
	}
	return name, nil
}

var errMalformedHost = fmt.Errorf("%w: malformed Host", ErrInvalidID)

// isLabel reports whether s is a label of a host name (RFC 1123 §2.1) in lower
// case.
func isLabel(s string) bool {
	if s == "" || len(s) > 63 || s[0] == '-' || s[len(s)-1] == '-' {
		return false
	}
	for i := range len(s) {
		if c := s[i]; (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' {
			return false
		}
	}
	return true
}
