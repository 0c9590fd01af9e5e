package main

import (
	"archive/zip"
	"context"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// fixture is a tree like ours: a root, a nested module, a template and a
// module that is never published.
var fixture = map[string]string{
	"LICENSE":         "the licence\n",
	"go.mod":          "module example.com/Terrace\n\ngo 1.26.0\n",
	"wall/wall.go":    "package wall\n\nconst Bricks = 12\n",
	"roof/go.mod":     "module example.com/Terrace/roof\n\ngo 1.26.0\n\nrequire example.com/Terrace v0.3.0\n\nreplace example.com/Terrace => ../\n",
	"roof/roof.go":    "package roof\n\nimport \"example.com/Terrace/wall\"\n\nconst Tiles = 2 * wall.Bricks\n",
	"roof/LICENSE":    "its own licence\n",
	"internal/x/x.go": "package x\n",
	"examples/house/go.mod": "module example.com/Terrace/examples/house\n\ngo 1.26.0\n\nrequire (\n\texample.com/Terrace v0.0.0\n\texample.com/Terrace/roof v0.0.0\n)\n\n" +
		"replace (\n\texample.com/Terrace => ../..\n\texample.com/Terrace/roof => ../../roof\n)\n",
	"examples/house/main.go":    "package main\n\nimport (\n\t\"example.com/Terrace/roof\"\n\t\"example.com/Terrace/wall\"\n)\n\nfunc main() { println(roof.Tiles, wall.Bricks) }\n",
	"internal/bench/go.mod":     "module example.com/Terrace/internal/bench\n\ngo 1.26.0\n",
	"internal/bench/bench.go":   "package bench\n",
	"deleted.go":                "package terrace\n",
	"wall/testdata/fuzz/F/seed": "go test fuzz v1\n",
}

// writeTree writes files into a fresh git work tree that tracks all of them.
func writeTree(t *testing.T, files map[string]string) string {
	t.Helper()
	root := t.TempDir()
	for name, content := range files {
		full := filepath.Join(root, filepath.FromSlash(name))
		require.NoError(t, os.MkdirAll(filepath.Dir(full), 0o755))
		require.NoError(t, os.WriteFile(full, []byte(content), 0o644))
	}
	run(t, root, nil, "git", "init", "-q")
	run(t, root, nil, "git", "add", "-A")
	return root
}

func run(t *testing.T, dir string, env []string, name string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), name, args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), env...)
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s %s\n%s", name, strings.Join(args, " "), out)
	return string(out)
}

func with(files map[string]string, changes map[string]string) map[string]string {
	all := maps.Clone(files)
	maps.Copy(all, changes)
	return all
}

// zipContent returns the files of a module zip, by name below prefix.
func zipContent(t *testing.T, name, prefix string) map[string]string {
	t.Helper()
	r, err := zip.OpenReader(name)
	require.NoError(t, err)
	defer func() { require.NoError(t, r.Close()) }()
	content := make(map[string]string)
	for _, f := range r.File {
		rc, err := f.Open()
		require.NoError(t, err)
		data, err := io.ReadAll(rc)
		require.NoError(t, err)
		require.NoError(t, rc.Close())
		rel, ok := strings.CutPrefix(f.Name, prefix)
		require.True(t, ok, f.Name)
		content[rel] = string(data)
	}
	return content
}

func TestPublish(t *testing.T) {
	t.Parallel()
	root, out := writeTree(t, fixture), t.TempDir()
	require.NoError(t, os.Remove(filepath.Join(root, "deleted.go")))
	require.NoError(t, os.WriteFile(filepath.Join(root, "untracked.go"), []byte("package terrace\n"), 0o644))
	require.NoError(t, os.WriteFile(filepath.Join(root, "wall", "wall.go"), []byte("package wall\n\nconst Bricks = 13\n"), 0o644))

	modules, err := publish(t.Context(), root, out, "v0.3.0")
	require.NoError(t, err)
	var order []string
	for _, m := range modules {
		order = append(order, m.path)
	}
	require.Equal(t, []string{"example.com/Terrace", "example.com/Terrace/roof", "example.com/Terrace/examples/house"}, order)

	got := zipContent(t, filepath.Join(out, "example.com", "!terrace", "@v", "v0.3.0.zip"), "example.com/Terrace@v0.3.0/")
	require.Equal(t, []string{"LICENSE", "go.mod", "internal/x/x.go", "wall/testdata/fuzz/F/seed", "wall/wall.go"}, slices.Sorted(maps.Keys(got)))
	require.Contains(t, got["wall/wall.go"], "13", "the content of the work tree, not of the index")

	got = zipContent(t, filepath.Join(out, "example.com", "!terrace", "roof", "@v", "v0.3.0.zip"), "example.com/Terrace/roof@v0.3.0/")
	require.Equal(t, fixture["roof/LICENSE"], got["LICENSE"])
	require.Equal(t, fixture["roof/go.mod"], got["go.mod"])

	got = zipContent(t, filepath.Join(out, "example.com", "!terrace", "examples", "house", "@v", "v0.3.0.zip"), "example.com/Terrace/examples/house@v0.3.0/")
	require.Equal(t, fixture["LICENSE"], got["LICENSE"])
	require.NotContains(t, got["go.mod"], "replace")
	require.Contains(t, got["go.mod"], "example.com/Terrace/roof v0.3.0")
	require.Equal(t, 4, strings.Count(got["go.sum"], "\n"))
}

// A consumer, and a copy of the template, build from the proxy alone. The go
// command checks the sums of the template's go.sum against the zips.
func TestPublishedModulesBuild(t *testing.T) {
	t.Parallel()
	root, out := writeTree(t, fixture), t.TempDir()
	_, err := publish(t.Context(), root, out, "v0.3.0")
	require.NoError(t, err)
	env := []string{
		"GOPROXY=file://" + filepath.ToSlash(out), "GOSUMDB=off", "GOWORK=off",
		"GOFLAGS=-modcacherw", "GOMODCACHE=" + t.TempDir(),
	}

	consumer := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(consumer, "go.mod"), []byte("module consumer\n\ngo 1.26.0\n"), 0o644))
	require.NoError(t, os.WriteFile(filepath.Join(consumer, "main.go"), []byte("package main\n\nimport \"example.com/Terrace/roof\"\n\nfunc main() { println(roof.Tiles) }\n"), 0o644))
	run(t, consumer, env, "go", "get", "example.com/Terrace/roof@v0.3.0")
	require.Equal(t, "24\n", run(t, consumer, env, "go", "run", "."))

	cached := strings.TrimSpace(run(t, consumer, env, "go", "mod", "download", "-json", "example.com/Terrace/examples/house@v0.3.0"))
	require.Contains(t, cached, `"Dir"`)
	template := t.TempDir()
	content := zipContent(t, filepath.Join(out, "example.com", "!terrace", "examples", "house", "@v", "v0.3.0.zip"), "example.com/Terrace/examples/house@v0.3.0/")
	for name, data := range content {
		require.NoError(t, os.WriteFile(filepath.Join(template, name), []byte(data), 0o644))
	}
	require.Equal(t, "24 12\n", run(t, template, env, "go", "run", "-mod=readonly", "."))
}

func TestPublishRefuses(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name    string
		version string
		changes map[string]string
		want    string
	}{
		{"no version", "", nil, "not a canonical"},
		{"a version without v", "0.3.0", nil, "not a canonical"},
		{"a short version", "v0.3", nil, "not a canonical"},
		{"build metadata", "v0.3.0+x", nil, "not a canonical"},
		{"a nested module left at another version", "v0.4.0", nil, "requires example.com/Terrace@v0.3.0, but v0.4.0 is being released"},
		{"a go.mod without module line", "v0.3.0", map[string]string{"roof/go.mod": "go 1.26.0\n"}, "no module line"},
		{"a go.mod that does not parse", "v0.3.0", map[string]string{"roof/go.mod": "modul x\n"}, "unknown directive"},
		{"a circle", "v0.3.0", map[string]string{"go.mod": "module example.com/Terrace\n\nrequire example.com/Terrace/roof v0.3.0\n"}, "requires itself"},
		{
			"a template that replaces a stranger", "v0.3.0",
			map[string]string{"examples/house/go.mod": "module example.com/Terrace/examples/house\n\nreplace example.com/other => ../other\n"},
			"replaces example.com/other",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, err := publish(t.Context(), writeTree(t, with(fixture, tt.changes)), t.TempDir(), tt.version)
			require.ErrorContains(t, err, tt.want)
		})
	}
	t.Run("no folder", func(t *testing.T) {
		t.Parallel()
		_, err := publish(t.Context(), writeTree(t, fixture), "", "v0.3.0")
		require.ErrorContains(t, err, "no folder")
	})
	t.Run("nothing to publish", func(t *testing.T) {
		t.Parallel()
		_, err := publish(t.Context(), writeTree(t, map[string]string{"internal/a/go.mod": "module a\n"}), t.TempDir(), "v0.3.0")
		require.ErrorContains(t, err, "no module to publish")
	})
	t.Run("a cancelled context", func(t *testing.T) {
		t.Parallel()
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		_, err := publish(ctx, writeTree(t, fixture), t.TempDir(), "v0.3.0")
		require.ErrorIs(t, err, context.Canceled)
	})
}
