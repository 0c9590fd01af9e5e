package tenant

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// marker is what stands for the tenant in a statement.
const marker = ":tenant"

// A lexer finds the markers, the placeholders and the listed tables of one
// statement. It knows where strings, comments and quoted names end, and no
// grammar. What the database might read in another way, it refuses.
type lexer struct {
	text     string
	tables   map[string]struct{} // lower case
	markers  []found
	highest  int // number of the highest numbered placeholder
	bare     int // placeholders without a number
	mentions int // of listed tables

	listed bool // the last token names a listed table: a mention, unless a point follows
	ended  bool // a semicolon was read
	source bool // the last token is one that a table's name follows
}

// found is a place where the marker stands.
type found struct {
	at     int
	before int // placeholders without a number to the left of it
}

// read reads the whole statement.
func (l *lexer) read(d Dialect) error {
	if !utf8.ValidString(l.text) || strings.IndexByte(l.text, 0) >= 0 {
		return fmt.Errorf("%w: not UTF-8 text without NUL", ErrStatement)
	}
	var err error
	if d == Postgres {
		err = l.postgres()
	} else {
		err = l.sqlite()
	}
	if err != nil {
		return err
	}
	return l.token(0)
}

// token is told of each token by its first byte, and of the end by 0.
func (l *lexer) token(c byte) error {
	if l.listed && c != '.' {
		l.mentions++
	}
	l.listed, l.source = false, c == '.'
	switch {
	case c == ';':
		l.ended = true
	case c != 0 && l.ended:
		return fmt.Errorf("%w: several statements in one text", ErrStatement)
	}
	return nil
}

// mark notes the marker at i.
func (l *lexer) mark(i int) error {
	if i > 0 && isNamePart(l.text[i-1]) {
		return fmt.Errorf("%w: %s touches the name or number before it", ErrStatement, marker)
	}
	l.markers = append(l.markers, found{i, l.bare})
	return nil
}

// placeholder reads the number behind the placeholder's sign at i, and returns
// where it ends. The number is at most limit - 1: the tenant needs one more.
func (l *lexer) placeholder(i, limit int) (int, error) {
	n := 0
	for i++; i < len(l.text) && isDigit(l.text[i]); i++ {
		if n = n*10 + int(l.text[i]-'0'); n >= limit {
			return 0, fmt.Errorf("%w: a placeholder's number is too high", ErrStatement)
		}
	}
	if i < len(l.text) && isNamePart(l.text[i]) {
		return 0, fmt.Errorf("%w: a placeholder touches the name after it", ErrStatement)
	}
	l.highest = max(l.highest, n)
	return i, nil
}

// word reads the name or keyword at i.
func (l *lexer) word(i int) int {
	end := nameEnd(l.text, i)
	l.name(l.text[i:end], 0)
	switch end - i {
	case 4:
		l.source = strings.EqualFold(l.text[i:end], "FROM") || strings.EqualFold(l.text[i:end], "JOIN") ||
			strings.EqualFold(l.text[i:end], "INTO")
	case 6:
		l.source = strings.EqualFold(l.text[i:end], "UPDATE")
	}
	return end
}

// number reads the number at i, letters that stick to it included.
func (l *lexer) number(i int) (int, error) {
	for i < len(l.text) && (isNamePart(l.text[i]) || l.text[i] == '.') {
		if l.text[i] == '$' {
			return 0, fmt.Errorf("%w: a number touches the $ after it", ErrStatement)
		}
		i++
	}
	return i, nil
}

// quoted returns where the text quoted from i on ends. The quote stands for
// itself where it is doubled.
func (l *lexer) quoted(i int) (int, error) {
	quote := l.text[i]
	for i++; ; i++ {
		n := strings.IndexByte(l.text[i:], quote)
		if n < 0 {
			return 0, fmt.Errorf("%w: a quote is not closed", ErrStatement)
		}
		if i += n + 1; i == len(l.text) || l.text[i] != quote {
			return i, nil
		}
	}
}

const maxName = 63 // bytes; PostgreSQL cuts what is longer

// name notes a name, which may hold doubled quotes.
func (l *lexer) name(s string, quote byte) {
	if len(l.tables) == 0 || len(s) > 2*maxName {
		return
	}
	var lower [2 * maxName]byte
	n := 0
	for i := 0; i < len(s); i++ {
		c := s[i]
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		lower[n] = c
		n++
		if quote != 0 && c == quote {
			i++ // its double
		}
	}
	_, l.listed = l.tables[string(lower[:n])]
}

// lineEnd returns where the comment at i ends that ends with its line.
func lineEnd(s string, i int, newlines string) int {
	if n := strings.IndexAny(s[i:], newlines); n >= 0 {
		return i + n
	}
	return len(s)
}

func nameEnd(s string, i int) int {
	for i < len(s) && isNamePart(s[i]) {
		i++
	}
	return i
}

func isSpace(c byte) bool { return c == ' ' || '\t' <= c && c <= '\r' }

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

func isNameStart(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || c == '_' || c >= utf8.RuneSelf
}

func isNamePart(c byte) bool { return isNameStart(c) || isDigit(c) || c == '$' }
