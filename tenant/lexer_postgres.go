package tenant

import (
	"fmt"
	"strings"
)

// The protocol counts parameters in 16 bits.
const postgresPlaceholders = 65535

// postgres reads a statement as PostgreSQL does (its scan.l), in UTF-8 and
// whatever standard_conforming_strings says: where that decides what a text
// means, the text is refused.
func (l *lexer) postgres() error {
	s := l.text
	for i := 0; i < len(s); {
		c := s[i]
		switch {
		case class[c] == space:
			i++
			continue
		case c == '-' && follows(s, i, '-'):
			i = lineEnd(s, i, "\n\r")
			continue
		case c == '/' && follows(s, i, '*'):
			end, err := nestedComment(s, i)
			if err != nil {
				return err
			}
			i = end
			continue
		}
		if !l.indifferent(c) {
			if err := l.token(c); err != nil {
				return err
			}
		}
		var err error
		start := i
		switch {
		case (c == 'e' || c == 'E') && follows(s, i, '\''):
			i, err = l.escapeString(i + 1)
		case class[c] == nameStart:
			i = nameEnd(s, i)
			l.name(s[start:i], 0)
		case class[c] == digit:
			i, err = l.number(i)
		case c == '\'':
			i, err = l.postgresString(i)
		case c == '"':
			if l.tables.lengths != 0 && followsUnicode(s[:i]) {
				return fmt.Errorf(`%w: a name U&"…", whose escapes may spell a tenant table`, ErrStatement)
			}
			if i, err = l.quoted(i); err == nil {
				l.name(s[start+1:i-1], c)
			}
		case c == '$':
			i, err = l.dollar(i)
		case c == ':':
			i, err = l.colon(i)
		default:
			i++
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// postgresString reads a string without prefix, or with one that does not make
// the backslash special. With standard_conforming_strings off it is special
// here too: then '\' goes on behind its second quote. Only a quote behind an odd
// number of backslashes shows the difference, and is refused.
func (l *lexer) postgresString(i int) (int, error) {
	start := i
	for i++; ; i++ {
		n := strings.IndexByte(l.text[i:], '\'')
		if n < 0 {
			return 0, fmt.Errorf("%w: a quote is not closed", ErrStatement)
		}
		i += n
		slashes := 0
		for i-slashes-1 > start && l.text[i-slashes-1] == '\\' {
			slashes++
		}
		if slashes%2 == 1 {
			return 0, fmt.Errorf(`%w: \' in a string: write E'…' or bind the value`, ErrStatement)
		}
		if i++; i == len(l.text) || l.text[i] != '\'' {
			return i, nil
		}
	}
}

// escapeString reads a string E'…', whose first quote is at i.
func (l *lexer) escapeString(i int) (int, error) {
	for i++; i < len(l.text); i++ {
		switch l.text[i] {
		case '\\':
			i++
		case '\'':
			if i++; i == len(l.text) || l.text[i] != '\'' {
				return i, nil
			}
		}
	}
	return 0, fmt.Errorf("%w: a quote is not closed", ErrStatement)
}

// dollar reads the placeholder or the dollar-quoted string at i.
func (l *lexer) dollar(i int) (int, error) {
	s := l.text
	end := i + 1
	if end < len(s) && isDigit(s[end]) {
		return l.placeholder(i, postgresPlaceholders)
	}
	for end < len(s) && isNamePart(s[end]) && s[end] != '$' {
		end++
	}
	if end == len(s) || s[end] != '$' {
		return 0, fmt.Errorf("%w: a $ without a number", ErrStatement)
	}
	end++
	n := strings.Index(s[end:], s[i:end])
	if n < 0 {
		return 0, fmt.Errorf("%w: a dollar quote is not closed", ErrStatement)
	}
	return end + n + end - i, nil
}

// colon reads what the colon at i begins: a cast, an assignment, the marker, or
// the bounds of an array.
func (l *lexer) colon(i int) (int, error) {
	switch rest := l.text[i:]; {
	case strings.HasPrefix(rest, "::"), strings.HasPrefix(rest, ":="):
		return i + 2, nil
	case strings.HasPrefix(rest, marker) && nameEnd(l.text, i+1) == i+len(marker):
		return i + len(marker), l.mark(i)
	}
	return i + 1, nil
}

// followsUnicode reports whether a quote behind s is that of U&"…".
func followsUnicode(s string) bool {
	n := len(s)
	return n > 1 && s[n-1] == '&' && toLower(s[n-2]) == 'u' && (n == 2 || !isNamePart(s[n-3]))
}

// nestedComment returns where the comment at i ends.
func nestedComment(s string, i int) (int, error) {
	depth := 0
	for i+1 < len(s) {
		switch s[i : i+2] {
		case "/*":
			depth++
			i += 2
		case "*/":
			i += 2
			if depth--; depth == 0 {
				return i, nil
			}
		default:
			i++
		}
	}
	return 0, fmt.Errorf("%w: a comment is not closed", ErrStatement)
}
