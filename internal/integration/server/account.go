package server

import (
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
)

// runAs has cmd run as the spec's account if the tests run as root, and gives
// that account the server's folder, which lies in dir. Where the account can't
// reach what the server reads, cmd stays as it is.
func runAs(t testing.TB, cmd *exec.Cmd, dir string, spec Spec) {
	t.Helper()
	if os.Geteuid() != 0 {
		return
	}
	name := spec.Account
	if name == "" {
		name = "nobody"
	}
	account, err := user.Lookup(name)
	if err != nil {
		t.Fatalf("server: %v", err)
	}
	uid, uidErr := strconv.ParseUint(account.Uid, 10, 32)
	gid, gidErr := strconv.ParseUint(account.Gid, 10, 32)
	if uidErr != nil || gidErr != nil {
		t.Fatalf("server: account %s: uid %q, gid %q", name, account.Uid, account.Gid)
	}
	for _, path := range append([]string{filepath.Dir(dir), cmd.Path}, spec.Reads...) {
		if !open(path) {
			t.Logf("server: %s can't reach %s: %s runs as root", name, path, filepath.Base(cmd.Path))
			return
		}
	}
	// MkdirTemp made dir for us alone; the server has to pass through it.
	if err := os.Chmod(dir, 0o711); err != nil {
		t.Fatalf("server: %v", err)
	}
	if err := os.Chown(cmd.Dir, int(uid), int(gid)); err != nil {
		t.Fatalf("server: %v", err)
	}
	cmd.SysProcAttr.Credential = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
}

// open reports whether any account may read the file at path, or pass through
// the folder at path.
func open(path string) bool {
	path, err := filepath.EvalSymlinks(path)
	if err != nil {
		return false
	}
	need := os.FileMode(0o004)
	for {
		info, err := os.Stat(path)
		if err != nil {
			return false
		}
		if info.IsDir() {
			need = 0o001
		}
		if info.Mode()&need == 0 {
			return false
		}
		parent := filepath.Dir(path)
		if parent == path {
			return true
		}
		path = parent
	}
}
