package main

import (
	"flag"
	"fmt"
	"os"
	"reflect"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "write .env.example and the tables of the variables")

// A variable is a field of config as the documents show it.
type variable struct {
	name, standard, example, doc string
}

func variables() []variable {
	var all []variable
	for field := range reflect.TypeFor[config]().Fields() {
		if field.IsExported() {
			all = append(all, variable{
				field.Tag.Get("env"), field.Tag.Get("envDefault"), field.Tag.Get("example"), field.Tag.Get("doc"),
			})
		}
	}
	return all
}

// The documents say what config says. To write them anew:
//
//	go test -run TestConfigurationIsDocumented -update
func TestConfigurationIsDocumented(t *testing.T) { //nolint:paralleltest // it may write files that others read
	for _, v := range variables() {
		require.NotEmpty(t, v.name)
		require.NotEmpty(t, v.doc, v.name)
		require.True(t, strings.HasSuffix(v.doc, "."), v.name)
	}
	for file, want := range map[string]string{
		".env.example":          envExample(),
		"docs/configuration.md": between(t, "docs/configuration.md", configTable()),
		"README.md":             between(t, "README.md", configTable()),
	} {
		if *update {
			require.NoError(t, os.WriteFile(file, []byte(want), 0o644))
		}
		require.Equal(t, want, readFile(t, file), file)
	}
}

func envExample() string {
	var text strings.Builder
	text.WriteString("# What can be set, with the defaults. Lines that begin with # are not set.\n")
	for _, v := range variables() {
		fmt.Fprintf(&text, "\n%s", comment(v.doc))
		switch value := v.example + v.standard; value {
		case "":
			fmt.Fprintf(&text, "#%s=\n", v.name)
		default:
			fmt.Fprintf(&text, "%s=%s\n", v.name, value)
		}
	}
	return text.String()
}

// comment wraps a text at 80 characters.
func comment(doc string) string {
	var text strings.Builder
	line := "#"
	for word := range strings.FieldsSeq(doc) {
		if len(line)+1+len(word) > 80 {
			text.WriteString(line + "\n")
			line = "#"
		}
		line += " " + word
	}
	return text.String() + line + "\n"
}

func configTable() string {
	var text strings.Builder
	text.WriteString("| Variable | Default | Meaning |\n|---|---|---|\n")
	for _, v := range variables() {
		standard := ""
		if v.standard != "" {
			standard = "`" + v.standard + "`"
		}
		fmt.Fprintf(&text, "| `%s` | %s | %s |\n", v.name, standard, v.doc)
	}
	return text.String()
}

// between puts the table where the file has its markers.
func between(t *testing.T, file, table string) string {
	t.Helper()
	const begin, end = "<!-- generated: variables -->\n", "<!-- end -->\n"
	before, rest, ok := strings.Cut(readFile(t, file), begin)
	require.True(t, ok, "%s has no %s", file, begin)
	_, after, ok := strings.Cut(rest, end)
	require.True(t, ok, "%s has no %s", file, end)
	return before + begin + table + end + after
}

// A problem type leads to its description.
func TestProblemTypesAreDocumented(t *testing.T) {
	t.Parallel()
	page := readFile(t, "docs/problems.md")
	for _, kind := range []string{malformedBody, invalidFields, alreadyMember, lastOwner, noInvitation, unknownEnd} {
		_, anchor, ok := strings.Cut(kind, "docs/problems.md#")
		require.True(t, ok, kind)
		require.Contains(t, page, "\n## "+anchor+"\n")
	}
	require.Contains(t, page, "\n## quota-exceeded\n\n`"+quotaExceeded+"`")
	require.Equal(t, 8, strings.Count(page, "\n## "), "and about:blank, quota-exceeded")
}
