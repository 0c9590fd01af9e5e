package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// rewrite returns the go.mod of m as published, and its go.sum where that is
// rewritten too: sum is nil for a module that is published as it stands.
func (r *release) rewrite(m *publishable) (mod, sum []byte, err error) {
	dir := filepath.Join(r.root, filepath.FromSlash(m.dir))
	if strings.HasPrefix(m.dir, "examples/") {
		return r.rewriteTemplate(m, dir)
	}
	for _, require := range m.file.Require {
		if r.siblings[require.Mod.Path] && require.Mod.Version != r.version {
			return nil, nil, fmt.Errorf("requires %s, but %s is being released", require.Mod, r.version)
		}
	}
	mod, err = os.ReadFile(filepath.Join(dir, "go.mod"))
	return mod, nil, err
}

// rewriteTemplate makes a module stand on its own, outside of the tree: a user
// who copies it has no ../.. to replace its siblings with.
func (r *release) rewriteTemplate(m *publishable, dir string) (mod, sum []byte, err error) {
	for _, replace := range slices.Clone(m.file.Replace) {
		if !r.siblings[replace.Old.Path] {
			return nil, nil, fmt.Errorf("replaces %s, which is not released with it", replace.Old.Path)
		}
		if err := m.file.DropReplace(replace.Old.Path, replace.Old.Version); err != nil {
			return nil, nil, err
		}
	}
	sum, err = os.ReadFile(filepath.Join(dir, "go.sum"))
	if err != nil && !os.IsNotExist(err) {
		return nil, nil, err
	}
	for _, require := range slices.Clone(m.file.Require) {
		if !r.siblings[require.Mod.Path] {
			continue
		}
		if err := m.file.AddRequire(require.Mod.Path, r.version); err != nil {
			return nil, nil, err
		}
		sum = append(sum, r.sums[require.Mod.Path]...)
	}
	m.file.Cleanup()
	mod, err = m.file.Format()
	return mod, sum, err
}
