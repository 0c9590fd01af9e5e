package auth

import (
	"encoding/base64"
	"errors"
	"slices"
	"strings"
	"sync"
)

// Limits on what is decoded at all. An RSA signature of 8192 bits has 1,024
// bytes.
const (
	defaultMaxTokenBytes = 16 << 10
	maxHeaderSegment     = 2 << 10
	maxSignatureBytes    = 1 << 10
)

// A compact holds the segments of a JWS in compact serialization, still encoded
// (RFC 7515 §3.1).
type compact struct {
	header, payload, signature string
	signed                     string // header.payload
}

// split cuts a token without decoding it. The base64url alphabet is checked
// when a segment is decoded; line ends are refused here, since encoding/base64
// skips them wherever they stand.
func split(token string, most int) (compact, *Error) {
	if len(token) > most {
		return compact{}, refuse(ReasonSize, nil)
	}
	i := strings.IndexByte(token, '.')
	if i <= 0 {
		return compact{}, refuse(ReasonFormat, nil)
	}
	if i > maxHeaderSegment {
		return compact{}, refuse(ReasonSize, nil)
	}
	j := i + 1 + strings.IndexByte(token[i+1:], '.')
	if j <= i+1 || j == len(token)-1 ||
		strings.IndexByte(token[j+1:], '.') >= 0 ||
		strings.IndexByte(token, '\n') >= 0 || strings.IndexByte(token, '\r') >= 0 {
		return compact{}, refuse(ReasonFormat, nil)
	}
	return compact{header: token[:i], payload: token[i+1 : j], signature: token[j+1:], signed: token[:j]}, nil
}

// Strict refuses non-zero trailing bits: without it two spellings of a token
// verify, and a list of revoked spellings misses one.
var segments = base64.RawURLEncoding.Strict()

// A scratch is working memory of one verification.
type scratch struct {
	scanner scanner
	buf     []byte
	sig     []byte
	members []member
}

var scratches = sync.Pool{New: func() any {
	return &scratch{
		buf:     make([]byte, 0, 4<<10),
		sig:     make([]byte, 0, maxSignatureBytes),
		members: make([]member, 0, 32),
	}
}}

// release drops what points into a token, so that the pool keeps none alive.
func (s *scratch) release() {
	if cap(s.members) > 256 || cap(s.scanner.names) > 256 {
		return // one hostile token must not slow all that follow
	}
	clear(s.members[:cap(s.members)])
	clear(s.scanner.names[:cap(s.scanner.names)])
	s.scanner.s = ""
	scratches.Put(s)
}

// decode returns a segment's bytes, which are good until the next call.
func (s *scratch) decode(segment string) ([]byte, bool) {
	var err error
	s.buf, err = segments.AppendDecode(s.buf[:0], []byte(segment))
	return s.buf, err == nil
}

// A header holds the parts of a JOSE header this package acts on. Keys inside
// headers (jku, jwk, x5u, x5c) are never used: they are the sender's word.
type header struct {
	alg *algorithm // nil if unknown
	typ string
	kid string
}

var (
	errWrongCase   = errors.New("a registered name in the wrong case")
	errUnsupported = errors.New("crit, b64, enc and zip are not supported")
	errWrongType   = errors.New("a parameter of a wrong type")
)

var registeredHeaders = []string{
	"alg", "typ", "kid", "crit", "b64", "cty", "enc", "zip", "jku", "jwk", "x5u", "x5c", "x5t", "x5t#S256",
}

func (s *scratch) parseHeader(segment string) (header, *Error) {
	raw, ok := s.decode(segment)
	if !ok {
		return header{}, refuse(ReasonFormat, nil)
	}
	text := string(raw)
	members, err := s.scanner.object(text, s.members[:0])
	if err != nil {
		return header{}, refuse(ReasonHeader, err)
	}
	s.members = members
	var h header
	for _, m := range members {
		switch m.name {
		case "crit", "b64", "enc", "zip":
			return header{}, refuse(ReasonHeader, errUnsupported)
		case "alg", "typ", "kid":
			if m.kind != '"' {
				return header{}, refuse(ReasonHeader, errWrongType)
			}
			v := stringValue(text[m.start:m.end], m.escaped)
			if v == "" || !printable(v) {
				return header{}, refuse(ReasonHeader, errWrongType)
			}
			switch m.name {
			case "alg":
				h.alg = algorithmNamed(v)
			case "typ":
				h.typ = v
			case "kid":
				h.kid = v
			}
		default:
			// RFC 7515 §4: names are case-sensitive. "ALG" is not alg, but some
			// reader down the line may think so.
			if slices.ContainsFunc(registeredHeaders, func(n string) bool {
				return len(n) == len(m.name) && n != m.name && strings.EqualFold(n, m.name)
			}) {
				return header{}, refuse(ReasonHeader, errWrongCase)
			}
		}
	}
	return h, nil
}

// printable refuses control characters in names that end up in logs, keys and
// database columns.
func printable(s string) bool {
	for i := range len(s) {
		if s[i] < 0x20 || s[i] == 0x7f {
			return false
		}
	}
	return true
}
