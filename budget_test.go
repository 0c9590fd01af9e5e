package rowhouse_test

import (
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// jwt is what verifying tokens takes: golang-jwt for signatures, jwx to parse
// keys, and what jwx itself compiles.
var jwt = []string{
	"github.com/golang-jwt/jwt/v5",
	"github.com/lestrrat-go/blackmagic",
	"github.com/lestrrat-go/httpcc",
	"github.com/lestrrat-go/httprc/v3",
	"github.com/lestrrat-go/jwx/v3",
	"github.com/lestrrat-go/option/v2",
	"github.com/valyala/fastjson",
}

// budget is what importing each package of the root module compiles, besides
// the standard library: exactly these modules. Raising it needs a line in
// docs/design.md that says what was considered instead.
var budget = map[string][]string{
	"auth":              jwt,
	"auth/authtest":     jwt,
	"ratelimit":         {"golang.org/x/time"},
	"rbac":              nil,
	"rbac/members":      nil,
	"rbac/rbactest":     nil,
	"retry":             {"github.com/avast/retry-go/v5"},
	"tenant":            nil,
	"tenant/rls":        nil,
	"tenant/tenanttest": nil,
}

// testModules are what the tests of the root module may import besides.
var testModules = []string{"github.com/stretchr/testify"}

// A goPackage is what `go list -json` says of one package.
type goPackage struct {
	ImportPath    string
	Module        *struct{ Path string } // nil: the standard library
	Imports, Deps []string
	TestImports   []string
	XTestImports  []string
}

// overBudget compares packages with rows and returns one line per difference.
func overBudget(module string, packages []goPackage, rows map[string][]string) []string {
	byPath := make(map[string]goPackage)
	own := make(map[string]goPackage) // by path relative to the module
	for _, p := range packages {
		byPath[p.ImportPath] = p
		if p.Module != nil && p.Module.Path == module && p.ImportPath != module {
			own[strings.TrimPrefix(p.ImportPath, module+"/")] = p
		}
	}
	var found []string
	for dir, p := range own {
		row, ok := rows[dir]
		if !ok {
			found = append(found, dir+": has no row")
			continue
		}
		used := make(map[string]bool)
		for _, dep := range p.Deps {
			if m := byPath[dep].Module; m != nil && m.Path != module {
				used[m.Path] = true
			}
		}
		for m := range used {
			if !slices.Contains(row, m) {
				found = append(found, dir+": compiles "+m+", which its row does not allow")
			}
		}
		for _, m := range row {
			if !used[m] {
				found = append(found, dir+": no longer compiles "+m+", which its row lists")
			}
		}
		folder, _, _ := strings.Cut(dir, "/")
		for _, path := range p.Imports {
			if path != module && !strings.HasPrefix(path, module+"/") {
				continue
			}
			if first, _, _ := strings.Cut(strings.TrimPrefix(path, module+"/"), "/"); first != folder {
				found = append(found, dir+": imports "+path+", outside its own folder")
			}
		}
		allowed := slices.Concat(row, testModules, []string{module})
		for _, path := range slices.Concat(p.TestImports, p.XTestImports) {
			first, _, _ := strings.Cut(path, "/")
			if !strings.Contains(first, ".") {
				continue // the standard library
			}
			if !slices.ContainsFunc(allowed, func(m string) bool { return path == m || strings.HasPrefix(path, m+"/") }) {
				found = append(found, dir+": its tests import "+path)
			}
		}
	}
	for dir := range rows {
		if _, ok := own[dir]; !ok {
			found = append(found, dir+": has a row but no package")
		}
	}
	slices.Sort(found)
	return slices.Compact(found)
}

// list returns the module's packages with all they depend on, as a consumer on
// one fixed platform gets them.
func list(t *testing.T) (module string, packages []goPackage) {
	t.Helper()
	out := goCommand(t, "list", "-deps", "-json=ImportPath,Module,Imports,Deps,TestImports,XTestImports", "./...")
	for dec := json.NewDecoder(strings.NewReader(out)); ; {
		var p goPackage
		err := dec.Decode(&p)
		if errors.Is(err, io.EOF) {
			break
		}
		require.NoError(t, err)
		packages = append(packages, p)
	}
	return strings.TrimSpace(goCommand(t, "list", "-m")), packages
}

func goCommand(t *testing.T, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", args...)
	cmd.Env = append(os.Environ(), "GOWORK=off", "GOOS=linux", "GOARCH=amd64", "CGO_ENABLED=0")
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	require.NoError(t, err, stderr.String())
	return string(out)
}

// touchTree has the test cache see every folder that the go command reads here:
// without it, a result would outlive a change of another package.
func touchTree(t *testing.T) {
	t.Helper()
	require.NoError(t, filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() && path != "." && (strings.HasPrefix(d.Name(), ".") || d.Name() == "node_modules") {
			return fs.SkipDir
		}
		return err
	}))
}

func TestImportBudget(t *testing.T) {
	t.Parallel()
	touchTree(t)
	module, packages := list(t)
	require.Empty(t, overBudget(module, packages, budget))
}

// Each rule is broken once.
func TestOverBudget(t *testing.T) {
	t.Parallel()
	type mod = struct{ Path string }
	packages := func(edit func(map[string]*goPackage)) []goPackage {
		all := map[string]*goPackage{
			"m":     {Imports: nil, Module: &mod{"m"}},
			"m/a":   {Imports: []string{"fmt", "x.org/y/sub"}, Deps: []string{"fmt", "x.org/y/sub", "x.org/z"}, Module: &mod{"m"}},
			"m/a/b": {Imports: []string{"m/a"}, Deps: []string{"fmt", "m/a", "x.org/y/sub", "x.org/z"}, Module: &mod{"m"}},
			"m/c":   {Imports: []string{"fmt"}, Deps: []string{"fmt"}, Module: &mod{"m"}, XTestImports: []string{"m/c", "testing", "github.com/stretchr/testify/require"}},
			"fmt":   {}, "x.org/y/sub": {Module: &mod{"x.org/y"}}, "x.org/z": {Module: &mod{"x.org/z"}},
		}
		if edit != nil {
			edit(all)
		}
		var list []goPackage
		for path, p := range all {
			p.ImportPath = path
			list = append(list, *p)
		}
		return list
	}
	rows := map[string][]string{"a": {"x.org/y", "x.org/z"}, "a/b": {"x.org/y", "x.org/z"}, "c": nil}
	tests := []struct {
		name string
		edit func(map[string]*goPackage)
		rows map[string][]string // changes of rows
		want []string
	}{
		{name: "within budget"},
		{
			name: "a module too many",
			edit: func(all map[string]*goPackage) { all["m/c"].Deps = []string{"fmt", "x.org/z"} },
			want: []string{"c: compiles x.org/z, which its row does not allow"},
		},
		{
			name: "a module no longer needed",
			rows: map[string][]string{"c": {"x.org/z"}},
			want: []string{"c: no longer compiles x.org/z, which its row lists"},
		},
		{
			name: "a sibling",
			edit: func(all map[string]*goPackage) { all["m/c"].Imports = []string{"m/a/b"} },
			want: []string{"c: imports m/a/b, outside its own folder"},
		},
		{
			name: "the root",
			edit: func(all map[string]*goPackage) { all["m/c"].Imports = []string{"m"} },
			want: []string{"c: imports m, outside its own folder"},
		},
		{
			name: "internal",
			edit: func(all map[string]*goPackage) { all["m/a/b"].Imports = []string{"m/internal/sql"} },
			want: []string{"a/b: imports m/internal/sql, outside its own folder"},
		},
		{
			name: "a package without a row",
			edit: func(all map[string]*goPackage) { all["m/internal/sql"] = &goPackage{Module: &mod{"m"}} },
			want: []string{"internal/sql: has no row"},
		},
		{
			name: "a row without a package",
			rows: map[string][]string{"d": nil},
			want: []string{"d: has a row but no package"},
		},
		{
			name: "a driver in a test",
			edit: func(all map[string]*goPackage) { all["m/c"].TestImports = []string{"modernc.org/sqlite"} },
			want: []string{"c: its tests import modernc.org/sqlite"},
		},
		{
			name: "a module whose name only begins alike",
			edit: func(all map[string]*goPackage) {
				all["m/c"].TestImports = []string{"github.com/stretchr/testify2/require"}
			},
			want: []string{"c: its tests import github.com/stretchr/testify2/require"},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			rows := maps.Clone(rows)
			maps.Copy(rows, tt.rows)
			require.Equal(t, tt.want, overBudget("m", packages(tt.edit), rows))
		})
	}
}
