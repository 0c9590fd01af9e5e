package rowhouse_test

import (
	"fmt"
	"go/doc"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// goBlock finds the Go code of a Markdown page.
var goBlock = regexp.MustCompile("(?ms)^```go\n(.*?)^```$")

// trimmed drops what indentation and the ends of lines add to code.
func trimmed(code string) string {
	var b strings.Builder
	b.WriteByte('\n')
	for line := range strings.Lines(strings.Trim(code, "\n")) {
		b.WriteString(strings.TrimSpace(line) + "\n")
	}
	return b.String()
}

// uncompiled returns the Go blocks of page that occur, line by line, in none of
// the sources.
func uncompiled(page string, sources []string) []string {
	var missing []string
blocks:
	for _, m := range goBlock.FindAllStringSubmatch(page, -1) {
		for _, source := range sources {
			if strings.Contains(trimmed(source), trimmed(m[1])) {
				continue blocks
			}
		}
		missing = append(missing, m[1])
	}
	return missing
}

// examples returns the sources that readers can trust to compile: the example
// tests of every package, and the programs under examples.
func examples(t *testing.T) []string {
	t.Helper()
	var sources []string
	require.NoError(t, filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		switch name := d.Name(); {
		case err != nil:
			return err
		case d.IsDir():
			if path != "." && (strings.HasPrefix(name, ".") || name == "testdata" || name == "node_modules") {
				return fs.SkipDir
			}
			return nil
		case !strings.HasSuffix(name, ".go"):
			return nil
		case !strings.HasPrefix(name, "example") && !strings.HasPrefix(filepath.ToSlash(path), "examples/"):
			return nil
		}
		source, err := os.ReadFile(path)
		if !strings.Contains(string(source), "//go:build") {
			sources = append(sources, string(source))
		}
		return err
	}))
	return sources
}

// A package of the table in README.md.
type readmeRow struct{ name, sentence, state string }

var rowPattern = regexp.MustCompile("(?m)^\\| (?:\\[`(\\w+)`\\]\\(\\w+\\)|`(\\w+)`) \\| ([^|]*) \\| (\\w+) \\|$")

func readmeRows(page string) []readmeRow {
	var rows []readmeRow
	for _, m := range rowPattern.FindAllStringSubmatch(page, -1) {
		rows = append(rows, readmeRow{name: m[1] + m[2], sentence: m[3], state: m[4]})
	}
	return rows
}

// synopses returns the first sentence of every package documentation, by name
// of its folder in the root.
func synopses(t *testing.T) map[string]string {
	t.Helper()
	dirs, err := os.ReadDir(".")
	require.NoError(t, err)
	found := make(map[string]string)
	for _, dir := range dirs {
		files, err := filepath.Glob(filepath.Join(dir.Name(), "*.go"))
		require.NoError(t, err)
		for _, name := range files {
			if strings.HasSuffix(name, "_test.go") {
				continue
			}
			file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.PackageClauseOnly|parser.ParseComments)
			require.NoError(t, err)
			if s := new(doc.Package).Synopsis(file.Doc.Text()); s != "" || found[dir.Name()] == "" {
				found[dir.Name()] = s
			}
		}
	}
	return found
}

// untrueRows compares the table with the packages there are.
func untrueRows(rows []readmeRow, synopses map[string]string) []string {
	var found []string
	listed := make(map[string]bool)
	for _, row := range rows {
		listed[row.name] = true
		synopsis, exists := synopses[row.name]
		switch {
		case exists && row.state != "available", !exists && row.state != "planned":
			found = append(found, row.name+": is not "+row.state)
		case exists && synopsis != fmt.Sprintf("Package %s %s.", row.name, row.sentence):
			found = append(found, row.name+": its documentation begins: "+synopsis)
		}
	}
	for name := range synopses {
		if !listed[name] {
			found = append(found, name+": is not in the table")
		}
	}
	return found
}

func TestReadme(t *testing.T) {
	t.Parallel()
	data, err := os.ReadFile("README.md")
	require.NoError(t, err)
	page := string(data)

	before, _, found := strings.Cut(page, "```go\n")
	require.True(t, found)
	require.Less(t, strings.Count(before, "\n"), 25, "a reader sees Go code on the first screen")

	rows := readmeRows(page)
	require.Len(t, rows, 8)
	require.Empty(t, untrueRows(rows, synopses(t)))
}

// What a page shows as Go compiles.
func TestPages(t *testing.T) {
	t.Parallel()
	sources := examples(t)
	pages := []string{"README.md", "examples/saas/README.md"}
	docs, err := filepath.Glob("docs/*.md")
	require.NoError(t, err)
	for _, name := range append(pages, docs...) {
		data, err := os.ReadFile(name)
		require.NoError(t, err)
		require.Empty(t, uncompiled(string(data), sources), name)
	}
}

func TestUncompiled(t *testing.T) {
	t.Parallel()
	source := "func Example() {\n\tif a {\n\t\tb()\n\n\t\tc()\n\t}\n}\n"
	tests := []struct {
		name, block string
		missing     bool
	}{
		{"the same lines, less indented", "if a {\n\tb()\n\n\tc()\n}\n", false},
		{"a line of its own", "b()\n", false},
		{"a changed line", "if a {\n\tb(1)\n\n\tc()\n}\n", true},
		{"a line left out", "if a {\n\tc()\n}\n", true},
		{"half a line", "if\n", true},
		{"a word less at its end", "if a\n", true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			page := "# Title\n\n```sh\nmake test\n```\n\n```go\n" + tt.block + "```\n\nThe end.\n"
			require.Equal(t, tt.missing, len(uncompiled(page, []string{"package x\n", source})) == 1)
		})
	}
	t.Run("the second block", func(t *testing.T) {
		t.Parallel()
		require.Equal(t, []string{"d()\n"}, uncompiled("```go\nb()\n```\n\n```go\nd()\n```\n", []string{source}))
	})
}

func TestUntrueRows(t *testing.T) {
	t.Parallel()
	rows := readmeRows("| package | | |\n|---|---|---|\n| [`door`](door) | opens | available |\n| `roof` | keeps the rain out | planned |\n")
	require.Equal(t, []readmeRow{{"door", "opens", "available"}, {"roof", "keeps the rain out", "planned"}}, rows)
	tests := []struct {
		name     string
		synopses map[string]string
		want     []string
	}{
		{"true", map[string]string{"door": "Package door opens."}, nil},
		{"another sentence", map[string]string{"door": "Package door shuts."}, []string{"door: its documentation begins: Package door shuts."}},
		{"not there yet", nil, []string{"door: is not available"}},
		{"there by now", map[string]string{"door": "Package door opens.", "roof": ""}, []string{"roof: is not planned"}},
		{"forgotten", map[string]string{"door": "Package door opens.", "wall": ""}, []string{"wall: is not in the table"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, tt.want, untrueRows(rows, tt.synopses))
		})
	}
}
