package rls_test

import (
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/rowhouse-go/rowhouse/tenant/rls"
)

// FuzzIdentifier reads the names back from the statements: whatever a name holds,
// nothing of it is read as SQL.
func FuzzIdentifier(f *testing.F) {
	for _, seed := range []string{"", "a", `"`, `""`, `a"; DROP TABLE x; --`, "ü", "\x00", "\xff", strings.Repeat("x", 63), strings.Repeat("x", 64), "a.b", "$1", `\"`, "\n"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, name string) {
		up, err := rls.Up(rls.Options{App: "app", Tables: []rls.Table{{Schema: name, Name: name, Column: name}}})
		valid := name != "" && len(name) <= 63 && utf8.ValidString(name) && !strings.Contains(name, "\x00")
		if valid != (err == nil) {
			t.Fatalf("%q: %v", name, err)
		}
		for _, statement := range up {
			names, rest := unquote(t, statement)
			for _, n := range names {
				if n != name && n != "app" {
					t.Fatalf("%q became %q in %s", name, n, statement)
				}
			}
			if strings.Contains(strings.TrimSuffix(rest, ";"), ";") {
				t.Fatalf("%q made two statements of %s", name, statement)
			}
		}
	})
}

// unquote parts a statement as PostgreSQL does: quoted identifiers, and the rest.
func unquote(t *testing.T, statement string) (names []string, rest string) {
	t.Helper()
	for {
		before, after, found := strings.Cut(statement, `"`)
		rest += before
		if !found {
			return names, rest
		}
		var name strings.Builder
		for {
			part, more, closed := strings.Cut(after, `"`)
			if !closed {
				t.Fatalf("an open quote: %s", statement)
			}
			name.WriteString(part)
			if !strings.HasPrefix(more, `"`) {
				statement = more
				break
			}
			name.WriteByte('"')
			after = more[1:]
		}
		names = append(names, name.String())
	}
}

var settingForm = regexp.MustCompile(`\A[a-z_][a-z0-9_]*\.[a-z_][a-z0-9_]*\z`)

// FuzzSetting holds the check of a setting's name against its description.
func FuzzSetting(f *testing.F) {
	for _, seed := range []string{"app.tenant_id", "app", "app.", ".x", "a.b.c", "App.x", "app.tenant-id", "app.x'", "_a._1", "1a.b", "a.1", "a.ü", "a.b\n", "a.b\x00"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, name string) {
		_, err := rls.Up(rls.Options{App: "app", Setting: name, Tables: []rls.Table{{Name: "a"}}})
		valid := name == "" || settingForm.MatchString(name) && len(name) <= 63 && name != "app.subject"
		if valid != (err == nil) {
			t.Fatalf("%q: %v", name, err)
		}
	})
}
