package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"

	"golang.org/x/mod/module"
	"golang.org/x/mod/semver"
	"golang.org/x/mod/sumdb/dirhash"
	"golang.org/x/mod/zip"
)

// publish writes every published module of the tree at root into out, laid out
// as the GOPROXY protocol asks for, and returns them in the order written.
func publish(ctx context.Context, root, out, version string) ([]*publishable, error) {
	if !semver.IsValid(version) || semver.Canonical(version) != version {
		return nil, fmt.Errorf("version %q is not a canonical semantic version", version)
	}
	if out == "" {
		return nil, errors.New("no folder to write into")
	}
	modules, err := readTree(ctx, root)
	if err != nil {
		return nil, err
	}
	r := release{root: root, out: out, version: version, siblings: make(map[string]bool), sums: make(map[string]string)}
	for _, m := range modules {
		r.siblings[m.path] = true
	}
	for i, m := range modules {
		if err := r.write(m); err != nil {
			return modules[:i], fmt.Errorf("%s: %w", m.path, err)
		}
	}
	return modules, nil
}

// A release is one run of the program.
type release struct {
	root, out, version string
	siblings           map[string]bool   // module paths being published
	sums               map[string]string // module path → its two go.sum lines
}

func (r *release) write(m *publishable) error {
	mod, sum, err := r.rewrite(m)
	if err != nil {
		return err
	}
	escaped, err := module.EscapePath(m.path)
	if err != nil {
		return err
	}
	dir := filepath.Join(r.out, filepath.FromSlash(escaped), "@v")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	base := filepath.Join(dir, r.version)
	if err := r.writeZip(m, base+".zip", mod, sum); err != nil {
		return err
	}
	hash, err := dirhash.HashZip(base+".zip", dirhash.Hash1)
	if err != nil {
		return err
	}
	modHash, err := dirhash.Hash1([]string{"go.mod"}, func(string) (io.ReadCloser, error) {
		return zipFile{data: mod}.Open()
	})
	if err != nil {
		return err
	}
	r.sums[m.path] = fmt.Sprintf("%[1]s %[2]s %[3]s\n%[1]s %[2]s/go.mod %[4]s\n", m.path, r.version, hash, modHash)
	return errors.Join(
		os.WriteFile(base+".mod", mod, 0o644),
		os.WriteFile(base+".info", fmt.Appendf(nil, "{\"Version\":%q}\n", r.version), 0o644),
		os.WriteFile(filepath.Join(dir, "list"), []byte(r.version+"\n"), 0o644),
	)
}

// writeZip writes the zip of m with its go.mod and go.sum as rewritten.
func (r *release) writeZip(m *publishable, name string, mod, sum []byte) error {
	rewritten := map[string][]byte{"go.mod": mod}
	if sum != nil {
		rewritten["go.sum"] = sum
	}
	var files []zip.File
	for _, rel := range m.files {
		disk := filepath.Join(r.root, filepath.FromSlash(m.dir), filepath.FromSlash(rel))
		files = append(files, zipFile{name: rel, disk: disk, data: rewritten[rel]})
	}
	if sum != nil && !slices.Contains(m.files, "go.sum") {
		files = append(files, zipFile{name: "go.sum", data: sum})
	}
	if !slices.Contains(m.files, "LICENSE") {
		files = append(files, zipFile{name: "LICENSE", disk: filepath.Join(r.root, "LICENSE")})
	}
	f, err := os.Create(name)
	if err != nil {
		return err
	}
	err = zip.Create(f, module.Version{Path: m.path, Version: r.version}, files)
	info, statErr := f.Stat()
	if err := errors.Join(err, statErr, f.Close()); err != nil {
		return err
	}
	m.zipBytes = info.Size()
	return nil
}
