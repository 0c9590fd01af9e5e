package auth

import (
	"strings"
	"unicode/utf16"
)

// The functions below decode parts of texts that a scanner has accepted.

// hex4 reads a \u escape at the start of s.
func hex4(s string) (rune, bool) {
	if len(s) < 6 || s[0] != '\\' || s[1] != 'u' {
		return 0, false
	}
	var r rune
	for _, c := range []byte(s[2:6]) {
		switch {
		case '0' <= c && c <= '9':
			c -= '0'
		case 'a' <= c && c <= 'f':
			c -= 'a' - 10
		case 'A' <= c && c <= 'F':
			c -= 'A' - 10
		default:
			return 0, false
		}
		r = r<<4 | rune(c)
	}
	return r, true
}

// unescape decodes the inside of a string that text has accepted. Without
// escapes it is a part of the text, not a copy.
func unescape(s string) string {
	if strings.IndexByte(s, '\\') < 0 {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] != '\\' {
			b.WriteByte(s[i])
			continue
		}
		i++
		switch s[i] {
		case 'b':
			b.WriteByte('\b')
		case 'f':
			b.WriteByte('\f')
		case 'n':
			b.WriteByte('\n')
		case 'r':
			b.WriteByte('\r')
		case 't':
			b.WriteByte('\t')
		case 'u':
			r, _ := hex4(s[i-1:])
			i += 4
			if utf16.IsSurrogate(r) {
				low, _ := hex4(s[i+1:])
				r = utf16.DecodeRune(r, low)
				i += 6
			}
			b.WriteRune(r)
		default:
			b.WriteByte(s[i])
		}
	}
	return b.String()
}

// elements returns the raw elements of an array that a scanner has accepted.
func elements(array string) []string {
	sc := scanner{s: array, i: 1, lenient: true}
	var out []string
	for {
		sc.space()
		if sc.peek() == ']' {
			return out
		}
		start := sc.i
		if _, _, err := sc.value(); err != nil {
			return out
		}
		out = append(out, array[start:sc.i])
		sc.space()
		if sc.peek() == ',' {
			sc.i++
		}
	}
}

// stringValue decodes the raw text of an accepted string.
func stringValue(raw string, escaped bool) string {
	raw = raw[1 : len(raw)-1]
	if escaped {
		return unescape(raw)
	}
	return raw
}

// stringList returns the strings of an accepted array, or false if it holds
// anything else.
func stringList(array string) ([]string, bool) {
	n := min(strings.Count(array, ",")+1, 32) // commas may stand in strings
	out := make([]string, 0, n)
	sc := scanner{s: array, i: 1}
	for {
		sc.space()
		switch sc.peek() {
		case ']':
			return out, true
		case '"':
		default:
			return nil, false
		}
		start := sc.i
		escaped, err := sc.text()
		if err != nil {
			return nil, false
		}
		out = append(out, stringValue(array[start:sc.i], escaped))
		sc.space()
		if sc.peek() == ',' {
			sc.i++
		}
	}
}
