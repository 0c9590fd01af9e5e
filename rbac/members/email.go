package members

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// checkEmail refuses what is no plain address of one mailbox, local-part@domain
// after RFC 5321, with printable characters beyond ASCII after RFC 6531. Quoted
// local parts, address literals, comments and display names are refused, so the
// text can stand in a header or a command as it is.
func checkEmail(email string) error {
	local, domain, one := strings.Cut(email, "@")
	fault := ""
	switch {
	case email == "":
		fault = "is empty"
	case len(email) > 254: // RFC 5321, section 4.5.3.1.3, less the brackets
		fault = "is longer than 254 bytes"
	case !utf8.ValidString(email):
		fault = "is not text"
	case !one || strings.Contains(domain, "@"):
		fault = `does not have exactly one "@"`
	case local == "" || len(local) > 64:
		fault = "has a local part of less than 1 or more than 64 bytes"
	case !dotted(local, "!#$%&'*+-/=?^_`{|}~"):
		fault = "has a malformed local part"
	case domain == "" || !dotted(domain, "-"):
		fault = "has a malformed domain"
	}
	if fault != "" {
		return fmt.Errorf("%w: email %s", ErrInvalidEmail, fault)
	}
	return nil
}

// dotted reports whether s is a list of atoms, none empty, parted by points. An
// atom has ASCII letters and digits, the marks, and what is printable beyond
// ASCII.
func dotted(s, marks string) bool {
	for atom := range strings.SplitSeq(s, ".") {
		if atom == "" {
			return false
		}
		for _, c := range atom {
			switch {
			case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9':
			case c < utf8.RuneSelf && strings.ContainsRune(marks, c):
			case c >= utf8.RuneSelf && unicode.IsPrint(c):
			default:
				return false
			}
		}
	}
	return true
}

// address returns the form by which addresses compare: A to Z in lower case.
// Folding more would make one address of two: the Kelvin sign and k, the dotless
// and the dotted i.
func address(email string) string {
	folded := []byte(email) // what is not UTF-8 stays what it is
	for i, c := range folded {
		if c >= 'A' && c <= 'Z' {
			folded[i] = c + 'a' - 'A'
		}
	}
	return string(folded)
}
