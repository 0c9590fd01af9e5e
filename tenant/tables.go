package tenant

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// tables is a set of names in any case. It is not changed while it is read.
type tables struct {
	names   map[string]struct{} // lower case
	lengths uint64              // bit n: there is a name of n bytes
}

const maxName = 63 // bytes; PostgreSQL cuts what is longer

func (t *tables) add(name string) error {
	if name == "" || len(name) > maxName || strings.ContainsAny(name, "\x00.") {
		return fmt.Errorf("tenant: %.64q is not a table's name of at most %d bytes, without its schema", name, maxName)
	}
	lower := lowerASCII(name)
	if _, twice := t.names[lower]; twice {
		return fmt.Errorf("tenant: table %.64q is listed twice", name)
	}
	t.names[lower] = struct{}{}
	t.lengths |= 1 << len(name)
	return nil
}

// has reports whether the name is in the set. A quote that is not 0 is doubled in
// it.
func (t *tables) has(name string, quote byte) bool {
	if quote != 0 && strings.IndexByte(name, quote) >= 0 {
		name = strings.ReplaceAll(name, string([]byte{quote, quote}), string([]byte{quote}))
	}
	if len(name) > maxName {
		end := maxName // as PostgreSQL cuts it
		for !utf8.RuneStart(name[end]) {
			end--
		}
		name = name[:end]
	}
	if t.lengths&(1<<len(name)) == 0 {
		return false
	}
	var lower [maxName]byte
	for i := range len(name) {
		lower[i] = toLower(name[i])
	}
	_, ok := t.names[string(lower[:len(name)])]
	return ok
}

func lowerASCII(s string) string {
	b := []byte(s)
	for i, c := range b {
		b[i] = toLower(c)
	}
	return string(b)
}

// toLower folds ASCII alone, as the databases do.
func toLower(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		return c + 'a' - 'A'
	}
	return c
}
