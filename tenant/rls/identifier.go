package rls

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"
)

// maxIdentifier is the length in bytes at which PostgreSQL truncates a name
// (NAMEDATALEN - 1). A truncated name is another one, so longer ones are refused.
const maxIdentifier = 63

func checkIdentifier(s string) error {
	switch {
	case s == "":
		return errors.New("is empty")
	case len(s) > maxIdentifier:
		return fmt.Errorf("has %d bytes, more than %d", len(s), maxIdentifier)
	case strings.ContainsRune(s, 0):
		return errors.New("holds a NUL")
	case !utf8.ValidString(s):
		return errors.New("is not UTF-8")
	}
	return nil
}

// checkRole refuses, beyond what no identifier may be, the names that mean
// something else: PostgreSQL reads "public" as everybody, even in quotes.
func checkRole(s string) error {
	if s == "public" || s == "none" || strings.HasPrefix(s, "pg_") {
		return fmt.Errorf("%q is reserved", s)
	}
	return checkIdentifier(s)
}

// checkSetting takes two parts of a-z, 0-9 and "_", not led by a digit, with a
// point between. Nothing in such a name has to be quoted.
func checkSetting(s string) error {
	class, name, _ := strings.Cut(s, ".")
	if len(s) > maxIdentifier || !plainName(class) || !plainName(name) {
		return fmt.Errorf("%q is not of the form app.tenant_id: two parts of a-z, 0-9 and _, at most %d bytes", s, maxIdentifier)
	}
	return nil
}

func plainName(s string) bool {
	for i := range len(s) {
		c := s[i]
		if ('a' > c || c > 'z') && c != '_' && (i == 0 || '0' > c || c > '9') {
			return false
		}
	}
	return s != ""
}

// quote returns a checked identifier as SQL.
func quote(s string) string { return `"` + strings.ReplaceAll(s, `"`, `""`) + `"` }

// quoted returns the table's name as SQL.
func (t Table) quoted() string { return quote(t.Schema) + "." + quote(t.Name) }
