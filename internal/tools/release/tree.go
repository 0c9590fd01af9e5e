package main

import (
	"context"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/mod/modfile"
)

// A publishable is one module of the tree that a release publishes.
type publishable struct {
	dir      string // slash-separated, relative to the root of the tree
	path     string
	file     *modfile.File
	files    []string // relative to dir; nested modules left out
	zipBytes int64
}

// readTree returns the modules to publish, each after those it requires.
func readTree(ctx context.Context, root string) ([]*publishable, error) {
	tracked, err := trackedFiles(ctx, root)
	if err != nil {
		return nil, err
	}
	byDir := make(map[string]*publishable)
	for _, name := range tracked {
		if path.Base(name) != "go.mod" {
			continue
		}
		data, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(name)))
		if err != nil {
			return nil, err
		}
		file, err := modfile.Parse(name, data, nil)
		if err != nil {
			return nil, err
		}
		if file.Module == nil {
			return nil, fmt.Errorf("%s: no module line", name)
		}
		byDir[path.Dir(name)] = &publishable{dir: path.Dir(name), path: file.Module.Mod.Path, file: file}
	}
	for _, name := range tracked {
		if m := owner(byDir, name); m != nil {
			m.files = append(m.files, strings.TrimPrefix(name, m.dir+"/"))
		}
	}
	maps.DeleteFunc(byDir, func(dir string, _ *publishable) bool { return isInternal(dir) })
	if len(byDir) == 0 {
		return nil, fmt.Errorf("%s: no module to publish", root)
	}
	return inOrder(byDir)
}

// trackedFiles lists the regular files git tracks, deleted ones left out.
func trackedFiles(ctx context.Context, root string) ([]string, error) {
	cmd := exec.CommandContext(ctx, "git", "ls-files", "-z")
	cmd.Dir = root
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("git ls-files in %s: %w", root, err)
	}
	var names []string
	for name := range strings.SplitSeq(string(out), "\x00") {
		info, err := os.Lstat(filepath.Join(root, filepath.FromSlash(name)))
		if err != nil && !os.IsNotExist(err) {
			return nil, err
		}
		if err == nil && info.Mode().IsRegular() {
			names = append(names, name)
		}
	}
	return names, nil
}

// owner returns the module whose folder is the nearest above name.
func owner(byDir map[string]*publishable, name string) *publishable {
	for dir := path.Dir(name); ; dir = path.Dir(dir) {
		if m := byDir[dir]; m != nil || dir == "." {
			return m
		}
	}
}

func isInternal(dir string) bool {
	return slices.Contains(strings.Split(dir, "/"), "internal")
}

// inOrder sorts modules so that each comes after the siblings it requires.
func inOrder(byDir map[string]*publishable) ([]*publishable, error) {
	byPath := make(map[string]*publishable)
	for _, m := range byDir {
		byPath[m.path] = m
	}
	var order []*publishable
	state := make(map[string]int) // 1: being placed, 2: placed
	var place func(m *publishable) error
	place = func(m *publishable) error {
		switch state[m.path] {
		case 1:
			return fmt.Errorf("%s requires itself through its siblings", m.path)
		case 2:
			return nil
		}
		state[m.path] = 1
		for _, r := range m.file.Require {
			if sibling := byPath[r.Mod.Path]; sibling != nil {
				if err := place(sibling); err != nil {
					return err
				}
			}
		}
		state[m.path] = 2
		order = append(order, m)
		return nil
	}
	for _, p := range slices.Sorted(maps.Keys(byPath)) {
		if err := place(byPath[p]); err != nil {
			return nil, err
		}
	}
	return order, nil
}
