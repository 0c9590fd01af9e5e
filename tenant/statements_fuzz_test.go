package tenant_test

import (
	"errors"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/rowhouse-go/rowhouse/tenant"
)

// FuzzBind checks for any text that Bind refuses it or changes markers only, and
// that it changes nothing at all of the same text within quotes and comments.
func FuzzBind(f *testing.F) {
	for _, text := range []string{
		`SELECT ':tenant', :tenant, $1`, `E'\':tenant' :tenant`, `$a$:tenant$a$ :tenant`, "--:tenant\n:tenant", `/*/*:tenant*/*/:tenant`,
		`":tenant" [:tenant] :tenant ?`, "`:tenant` :tenant ?1", `x::tenant :tenant;`, `'$1' :tenant, $2, $1`, `a:=:tenant; --`, "orders :tenant U&'\\' :tenant",
	} {
		f.Add(text)
	}
	id := acmeID(f)
	f.Fuzz(func(t *testing.T, text string) {
		for _, d := range []tenant.Dialect{pg, lite} {
			s := statements(t, d, "orders")
			var args []any
			got, bound, err := s.Bind(text, id, args)
			for err != nil && strings.Contains(err.Error(), "placeholders (") && len(args) < 9 {
				args = append(args, len(args)+1)
				got, bound, err = s.Bind(text, id, args)
			}
			if err != nil {
				require.True(t, errors.Is(err, tenant.ErrUnscoped) || errors.Is(err, tenant.ErrStatement), "%v", err)
				require.Empty(t, got)
			} else {
				checkBound(t, d, text, got, args, bound)
			}
			if utf8.ValidString(text) && !strings.Contains(text, "\x00") {
				checkQuoted(t, s, d, text)
			}
		}
	})
}

// checkBound checks that got is text with placeholders in place of markers, and
// that bound is args with the tenant for them.
func checkBound(t *testing.T, d tenant.Dialect, text, got string, args, bound []any) {
	t.Helper()
	place := map[tenant.Dialect]string{pg: "$", lite: "?"}[d] + strconv.Itoa(len(args)+1)
	replaced := replacements(text, got, place)
	bare := d == lite && replaced == 0
	if bare {
		replaced = replacements(text, got, "?")
	}
	require.Positive(t, replaced, "%q became %q", text, got)
	var others []any
	for _, arg := range bound {
		if arg != acme {
			others = append(others, arg)
		}
	}
	require.Equal(t, args, others)
	if bare {
		require.Len(t, bound, len(args)+replaced)
	} else {
		require.Len(t, bound, len(args)+1)
		require.Equal(t, acme, bound[len(args)])
	}
}

// replacements returns how many markers of text are place in got, 0 if that is not
// the only difference.
func replacements(text, got, place string) (n int) {
	for i, part := range strings.Split(text, ":tenant") {
		ok := true
		if i > 0 {
			var rest string
			if rest, ok = strings.CutPrefix(got, place); ok {
				n++
			} else {
				rest, ok = strings.CutPrefix(got, ":tenant")
			}
			got = rest
		}
		if !ok {
			return 0
		}
		if len(got) < len(part) || !sameText(part, got[:len(part)], place) {
			return 0
		}
		got = got[len(part):]
	}
	if got != "" {
		return 0
	}
	return n
}

// sameText reports whether text and got are equal, but for placeholders that SQLite
// is to read with a "?".
func sameText(text, got, place string) bool {
	for i := range len(text) {
		dollar := text[i] == '$' && got[i] == '?' && place[0] == '?' && i+1 < len(text) && '0' <= text[i+1] && text[i+1] <= '9'
		if text[i] != got[i] && !dollar {
			return false
		}
	}
	return true
}

// checkQuoted checks that what is quoted is not looked into.
func checkQuoted(t *testing.T, s *tenant.Statements, d tenant.Dialect, text string) {
	t.Helper()
	double := func(quote string) string {
		return quote + strings.ReplaceAll(text, quote, quote+quote) + quote
	}
	without := func(open, end string, hide ...string) string {
		inner := text
		for _, h := range hide {
			inner = strings.ReplaceAll(inner, h, "")
		}
		return open + inner + end
	}
	quoted := []string{double(`"`), without("/*", " */", "*", "/"), without("--", "\n", "\n", "\r")}
	if d == pg {
		quoted = append(quoted, without("'", "'", `\`, "'"), "E'"+strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(text)+"'",
			without("$fuzz_7$", "$fuzz_7$", "$fuzz"), without("/* /* */", "/* */ */", "*", "/"))
	} else {
		quoted = append(quoted, double("'"), double("`"), without("[", "]", "]"))
	}
	for _, q := range quoted {
		got, _, err := s.Bind("SELECT :tenant, "+q+" , :tenant", acmeID(t), nil)
		require.NoError(t, err, q)
		place := map[tenant.Dialect]string{pg: "$1", lite: "?1"}[d]
		require.Equal(t, "SELECT "+place+", "+q+" , "+place, got)
	}
}
