package tenant_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/rowhouse-go/rowhouse/tenant"
)

// A literal is a piece of SQL with the value that the database gives it.
type literal struct{ text, value string }

// evil is what literals and comments are made of.
var evil = []string{
	":tenant", "::tenant", "'", "''", `"`, `\`, `\\`, "$", "$$", "$a$", "$1", "$9", "?", "?1", ";", "--", "/*", "*/", "\n", "\r", "e'", "[", "]", "`", "é", " ", "orders",
}

func soup(random *rand.Rand, without ...string) string {
	var b strings.Builder
	for range random.IntN(8) {
		b.WriteString(evil[random.IntN(len(evil))])
	}
	s := b.String()
	for again := true; again; {
		again = false
		for _, w := range without {
			if strings.Contains(s, w) {
				s, again = strings.ReplaceAll(s, w, ""), true
			}
		}
	}
	return s
}

func postgresLiteral(random *rand.Rand) literal {
	switch random.IntN(5) {
	case 0:
		s := soup(random, `\`)
		return literal{"'" + strings.ReplaceAll(s, "'", "''") + "'", s}
	case 1:
		s := soup(random)
		return literal{"E'" + strings.NewReplacer(`\`, `\\`, `'`, `\'`, "\n", `\n`).Replace(s) + "'", s}
	case 2:
		s := soup(random)
		return literal{"e'" + strings.NewReplacer(`\`, `\\`, `'`, `''`).Replace(s) + "'", s}
	case 3:
		s := soup(random, "$")
		return literal{"$$" + s + "$$", s}
	}
	s := soup(random, "$b", "$")
	return literal{"$b_1$" + s + "$$$b_1$", s + "$$"}
}

func sqliteLiteral(random *rand.Rand) literal {
	s := soup(random)
	return literal{"'" + strings.ReplaceAll(s, "'", "''") + "'", s}
}

func postgresSpace(random *rand.Rand) string {
	switch random.IntN(4) {
	case 0:
		return " /* " + soup(random, "*/", "/*", "*") + " /* ' */ " + soup(random, "*/", "/*", "/") + " */ "
	case 1:
		return " --" + soup(random, "\n", "\r") + []string{"\n", "\r", "\r\n"}[random.IntN(3)]
	}
	return " "
}

func sqliteSpace(random *rand.Rand) string {
	switch random.IntN(4) {
	case 0:
		return " /* " + soup(random, "*/") + " */ "
	case 1:
		return " --" + soup(random, "\n") + "\n"
	}
	return " "
}

// A selection is a statement that selects literals, arguments and the tenant, and
// what it has to return.
type selection struct {
	text string
	args []any
	want []string
}

// newSelection writes a selection at random. cast stands behind what has no type.
func newSelection(random *rand.Rand, own string, write func(*rand.Rand) literal, space func(*rand.Rand) string, place func(n int) string, cast string) selection {
	s := selection{text: "SELECT"}
	for i := range 2 + random.IntN(12) {
		if i > 0 {
			s.text += space(random) + ","
		}
		s.text += space(random)
		switch random.IntN(4) {
		case 0:
			s.text += ":tenant" + cast
			s.want = append(s.want, own)
		case 1:
			s.args = append(s.args, soup(random))
			s.text += place(len(s.args)) + cast
			s.want = append(s.want, s.args[len(s.args)-1].(string))
		default:
			l := write(random)
			s.text += l.text + ` AS "` + strings.ReplaceAll(soup(random), `"`, `""`) + `x"`
			s.want = append(s.want, l.value)
		}
	}
	s.text += ", :tenant" + cast + space(random) + ";" + space(random)
	s.want = append(s.want, own)
	return s
}

func (s selection) check(t *testing.T, statements *tenant.Statements, query func(text string, args []any, dest []any) error) {
	t.Helper()
	text, args, err := statements.Bind(s.text, orgID(t, 0), s.args)
	require.NoError(t, err, s.text)
	got, dest := make([]string, len(s.want)), make([]any, len(s.want))
	for i := range got {
		dest[i] = &got[i]
	}
	require.NoError(t, query(text, args, dest), "%s\n%s", s.text, text)
	require.Equal(t, s.want, got, "%s\n%s", s.text, text)
}

// The database itself says what is a string, a comment or the tenant.
func testPostgresLiterals(t *testing.T, p postgres) {
	pool := p.pool(t, 1)
	statements, err := tenant.NewStatements(tenant.Postgres)
	require.NoError(t, err)
	random := rand.New(rand.NewPCG(1, 2))
	for _, conforming := range []string{"on", "off"} {
		_, err := pool.ExecContext(t.Context(), "SET standard_conforming_strings = "+conforming)
		require.NoError(t, err)
		for range 400 {
			s := newSelection(random, orgID(t, 0).String(), postgresLiteral, postgresSpace, func(n int) string { return fmt.Sprintf("$%d", n) }, "::text")
			s.check(t, statements, func(text string, args, dest []any) error {
				return pool.QueryRowContext(t.Context(), text, args...).Scan(dest...)
			})
		}
	}
}

func TestSQLiteLiterals(t *testing.T) {
	t.Parallel()
	db := newSQLite(t)
	statements, err := tenant.NewStatements(tenant.SQLite)
	require.NoError(t, err)
	random := rand.New(rand.NewPCG(3, 4))
	for _, place := range []func(n int) string{
		func(int) string { return "?" },
		func(n int) string { return fmt.Sprintf("?%d", n) },
	} {
		for range 400 {
			newSelection(random, orgID(t, 0).String(), sqliteLiteral, sqliteSpace, place, "").check(t, statements,
				func(text string, args, dest []any) error {
					return db.QueryRowContext(t.Context(), text, args...).Scan(dest...)
				})
		}
	}
}
