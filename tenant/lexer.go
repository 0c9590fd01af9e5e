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
	tables   *tables
	markers  []found
	first    [4]found // room for markers
	highest  int      // number of the highest numbered placeholder
	bare     int      // placeholders without a number
	mentions int      // of listed tables
	dollars  []int    // places of placeholders that SQLite is to read with a "?"

	listed  bool // the last token names a listed table: a mention, unless a point follows
	ended   bool // a semicolon was read
	operand bool // the last token is an operator
}

// found is a place where the marker stands.
type found struct {
	at     int
	before int // placeholders without a number to the left of it
}

// read reads the whole statement.
func (l *lexer) read(d Dialect) error {
	l.markers = l.first[:0]
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

// token is told of each token by its first byte, and of the end by 0. It may be
// spared the telling where [lexer.indifferent] says so.
func (l *lexer) token(c byte) error {
	if l.listed && c != '.' {
		l.mentions++
	}
	l.listed = false
	switch {
	case c == ';':
		l.ended = true
	case c != 0 && l.ended:
		return fmt.Errorf("%w: several statements in one text", ErrStatement)
	}
	return nil
}

// indifferent reports whether token would do nothing.
func (l *lexer) indifferent(c byte) bool { return !l.listed && !l.ended && c != ';' }

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

// name notes a name, which may hold doubled quotes.
func (l *lexer) name(s string, quote byte) {
	l.listed = l.tables.lengths != 0 && l.tables.has(s, quote)
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

// follows reports whether c stands behind the byte at i.
func follows(s string, i int, c byte) bool { return i+1 < len(s) && s[i+1] == c }

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

func isNamePart(c byte) bool { return class[c]&(nameStart|digit|dollar) != 0 }

// The classes of bytes that both dialects share.
const (
	space = 1 << iota
	nameStart
	digit
	dollar
)

var class = func() (t [256]uint8) {
	for c := range t {
		switch {
		case c == ' ' || '\t' <= c && c <= '\r':
			t[c] = space
		case 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || c == '_' || c >= utf8.RuneSelf:
			t[c] = nameStart
		case '0' <= c && c <= '9':
			t[c] = digit
		case c == '$':
			t[c] = dollar
		}
	}
	return t
}()
