package tenant

import (
	"fmt"
	"strings"
)

// SQLITE_MAX_VARIABLE_NUMBER as SQLite sets it.
const sqlitePlaceholders = 32766

// sqlite reads a statement as SQLite does (its tokenize.c).
func (l *lexer) sqlite() error {
	s := l.text
	for i := 0; i < len(s); {
		c := s[i]
		switch {
		case class[c] == space:
			i++
			continue
		case c == '-' && follows(s, i, '-'):
			i = lineEnd(s, i, "\n")
			continue
		case c == '/' && follows(s, i, '*'):
			n := strings.Index(s[i+2:], "*/")
			if n < 0 {
				return fmt.Errorf("%w: a comment is not closed", ErrStatement)
			}
			i += n + 4
			continue
		}
		if !l.indifferent(c) {
			if err := l.token(c); err != nil {
				return err
			}
		}
		operand := l.operand
		l.operand = strings.IndexByte("=<>!|&+-*/%~", c) >= 0
		var err error
		start := i
		switch {
		case c == '\'':
			// SQLite takes a string for a name where only a name can stand, which is
			// nowhere behind an operator.
			if i, err = l.quoted(i); err == nil && !operand {
				l.name(s[start+1:i-1], '\'')
			}
		case c == '"' || c == '`':
			if i, err = l.quoted(i); err == nil {
				l.name(s[start+1:i-1], c)
			}
		case c == '[':
			n := strings.IndexByte(s[i:], ']')
			if n < 0 {
				return fmt.Errorf("%w: a quote is not closed", ErrStatement)
			}
			i += n + 1
			l.name(s[start+1:i-1], 0)
		case c == '?':
			if i, err = l.placeholder(i, sqlitePlaceholders); i == start+1 {
				l.bare++
			}
		case strings.HasPrefix(s[i:], marker) && endsVariable(s, i+len(marker)):
			err = l.mark(i)
			i += len(marker)
		case c == '$' && i+1 < len(s) && isDigit(s[i+1]):
			l.dollars = append(l.dollars, i)
			i, err = l.placeholder(i, sqlitePlaceholders)
		case c == ':' || c == '@' || c == '$' || c == '#':
			return fmt.Errorf("%w: a named parameter: write ?, ?1 or $1", ErrStatement)
		case strings.HasPrefix(s[i:], "\ufeff"):
			return fmt.Errorf("%w: a byte order mark", ErrStatement) // a space to SQLite, not part of a name
		case class[c] == nameStart:
			i = nameEnd(s, i)
			l.name(s[start:i], 0)
		case class[c] == digit:
			i, err = l.number(i)
		default:
			i++
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// endsVariable reports whether a variable's name that came as far as i ends
// there. SQLite lets it go on with "::" and "(", as Tcl does.
func endsVariable(s string, i int) bool {
	return nameEnd(s, i) == i && !strings.HasPrefix(s[i:], "(") && !strings.HasPrefix(s[i:], "::")
}
