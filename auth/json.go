package auth

import (
	"errors"
	"slices"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// maxJSONDepth is how deep headers, claims and key sets may nest.
const maxJSONDepth = 8

// maxJSONBytes is far above every document's own limit.
const maxJSONBytes = 1 << 24

var (
	errSyntax    = errors.New("malformed JSON")
	errTrailing  = errors.New("data after the JSON object")
	errDuplicate = errors.New("duplicate member")
	errDepth     = errors.New("JSON nested too deeply")
	errLength    = errors.New("JSON too long")
	errUTF8      = errors.New("invalid UTF-8")
)

// A member is one name and value of a JSON object. Value is its raw text.
type member struct {
	name       string
	start, end uint32 // of the value in the scanned text
	kind       byte   // first byte of the value: " { [ t f n, or 0 for a number
	escaped    bool   // a string with escapes
}

// A scanner reads one JSON object strictly and in one pass: RFC 8259, and
// besides it no duplicate names at any depth (RFC 7515 §4, RFC 7519 §4), no
// data behind the object, no invalid UTF-8 or lone surrogates, no deep nesting.
// encoding/json lets all of these pass, and matches names without regard to
// case; two readers that differ on one of them can be played against each
// other. Its zero value is ready, and may be reused for its scratch space.
type scanner struct {
	s       string
	i       int
	depth   int
	lenient bool     // duplicates below the outermost object are left to a later scan
	names   []string // names seen in the objects now open
}

// object reads text, which must be one object, and appends its members to dst.
func (sc *scanner) object(text string, dst []member) ([]member, error) {
	sc.s, sc.i, sc.depth, sc.names = text, 0, 0, sc.names[:0]
	if len(text) > maxJSONBytes {
		return nil, errLength
	}
	if !utf8.ValidString(text) {
		return nil, errUTF8
	}
	sc.space()
	if sc.peek() != '{' {
		return nil, errSyntax
	}
	dst, err := sc.members(dst, true)
	if err != nil {
		return nil, err
	}
	sc.space()
	if sc.i != len(sc.s) {
		return nil, errTrailing
	}
	return dst, nil
}

func (sc *scanner) peek() byte {
	if sc.i < len(sc.s) {
		return sc.s[sc.i]
	}
	return 0
}

func (sc *scanner) space() {
	for sc.i < len(sc.s) {
		switch sc.s[sc.i] {
		case ' ', '\t', '\n', '\r':
			sc.i++
		default:
			return
		}
	}
}

// members reads an object; keep appends its members to dst.
func (sc *scanner) members(dst []member, keep bool) ([]member, error) {
	if sc.depth++; sc.depth > maxJSONDepth {
		return nil, errDepth
	}
	base := len(sc.names)
	var index map[string]struct{} // of many names, so that no input is quadratic
	sc.i++                        // {
	sc.space()
	if sc.peek() == '}' {
		sc.i++
		sc.depth--
		return dst, nil
	}
	for {
		sc.space()
		name, err := sc.name()
		if err != nil {
			return nil, err
		}
		if keep || !sc.lenient {
			if index, err = sc.unique(base, index, name); err != nil {
				return nil, err
			}
		}
		sc.space()
		if sc.peek() != ':' {
			return nil, errSyntax
		}
		sc.i++
		sc.space()
		m := member{name: name, start: uint32(sc.i)} // below maxJSONBytes
		if m.kind, m.escaped, err = sc.value(); err != nil {
			return nil, err
		}
		if keep {
			m.end = uint32(sc.i) // below maxJSONBytes
			dst = append(dst, m)
		}
		sc.space()
		switch sc.peek() {
		case ',':
			sc.i++
		case '}':
			sc.i++
			sc.depth--
			sc.names = sc.names[:base]
			return dst, nil
		default:
			return nil, errSyntax
		}
	}
}

// unique refuses a name the open object already has.
func (sc *scanner) unique(base int, index map[string]struct{}, name string) (map[string]struct{}, error) {
	const few = 24
	open := sc.names[base:]
	switch {
	case index != nil:
		if _, dup := index[name]; dup {
			return nil, errDuplicate
		}
	case len(open) == few:
		index = make(map[string]struct{}, 4*few)
		for _, n := range open {
			index[n] = struct{}{}
		}
		return sc.unique(base, index, name)
	default:
		if slices.Contains(open, name) {
			return nil, errDuplicate
		}
	}
	if index != nil {
		index[name] = struct{}{}
	}
	sc.names = append(sc.names, name)
	return index, nil
}

func (sc *scanner) name() (string, error) {
	if sc.peek() != '"' {
		return "", errSyntax
	}
	start := sc.i
	escaped, err := sc.text()
	if err != nil {
		return "", err
	}
	if !escaped {
		return sc.s[start+1 : sc.i-1], nil
	}
	return unescape(sc.s[start+1 : sc.i-1]), nil
}

func (sc *scanner) value() (kind byte, escaped bool, err error) {
	c := sc.peek()
	switch c {
	case '"':
		escaped, err = sc.text()
	case '{':
		_, err = sc.members(nil, false)
	case '[':
		err = sc.array()
	case 't':
		err = sc.literal("true")
	case 'f':
		err = sc.literal("false")
	case 'n':
		err = sc.literal("null")
	default:
		c, err = 0, sc.number()
	}
	return c, escaped, err
}

func (sc *scanner) array() error {
	if sc.depth++; sc.depth > maxJSONDepth {
		return errDepth
	}
	sc.i++ // [
	sc.space()
	if sc.peek() == ']' {
		sc.i++
		sc.depth--
		return nil
	}
	for {
		sc.space()
		if _, _, err := sc.value(); err != nil {
			return err
		}
		sc.space()
		switch sc.peek() {
		case ',':
			sc.i++
		case ']':
			sc.i++
			sc.depth--
			return nil
		default:
			return errSyntax
		}
	}
}

func (sc *scanner) literal(word string) error {
	if !strings.HasPrefix(sc.s[sc.i:], word) {
		return errSyntax
	}
	sc.i += len(word)
	return nil
}

// number follows the grammar of RFC 8259 §6.
func (sc *scanner) number() error {
	if sc.peek() == '-' {
		sc.i++
	}
	if sc.peek() == '0' {
		sc.i++
	} else if sc.digits() == 0 {
		return errSyntax
	}
	if sc.peek() == '.' {
		sc.i++
		if sc.digits() == 0 {
			return errSyntax
		}
	}
	if c := sc.peek(); c == 'e' || c == 'E' {
		sc.i++
		if c := sc.peek(); c == '+' || c == '-' {
			sc.i++
		}
		if sc.digits() == 0 {
			return errSyntax
		}
	}
	return nil
}

func (sc *scanner) digits() int {
	start := sc.i
	for c := sc.peek(); '0' <= c && c <= '9'; c = sc.peek() {
		sc.i++
	}
	return sc.i - start
}

// text reads a string and checks its escapes.
func (sc *scanner) text() (escaped bool, err error) {
	s, i := sc.s, sc.i+1
	for i < len(s) {
		switch c := s[i]; {
		case c == '"':
			sc.i = i + 1
			return escaped, nil
		case c == '\\':
			escaped = true
			sc.i = i
			if err := sc.escape(); err != nil {
				return false, err
			}
			i = sc.i
		case c < 0x20:
			return false, errSyntax
		default:
			i++
		}
	}
	return false, errSyntax
}

func (sc *scanner) escape() error {
	if sc.i+1 >= len(sc.s) {
		return errSyntax
	}
	switch sc.s[sc.i+1] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		sc.i += 2
		return nil
	case 'u':
		r, ok := hex4(sc.s[sc.i:])
		if !ok {
			return errSyntax
		}
		sc.i += 6
		if utf16.IsSurrogate(r) {
			low, ok := hex4(sc.s[sc.i:])
			if !ok || utf16.DecodeRune(r, low) == utf8.RuneError {
				return errUTF8
			}
			sc.i += 6
		}
		return nil
	}
	return errSyntax
}
