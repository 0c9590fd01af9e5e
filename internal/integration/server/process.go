package server

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"syscall"
	"testing"
	"time"
)

const logShown = 8 << 10 // bytes of the log's end shown when a test fails

// launch starts one process and has the test stop it.
func launch(t testing.TB, path string, spec Spec) *Server {
	t.Helper()
	//nolint:usetesting // t.TempDir is closed to the account the server runs as
	dir, err := os.MkdirTemp("", "rowhouse-"+filepath.Base(path)+"-")
	if err != nil {
		t.Fatalf("server: %v", err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Errorf("server: %v", err)
		}
	})
	work := filepath.Join(dir, "work")
	if err := os.Mkdir(work, 0o700); err != nil {
		t.Fatalf("server: %v", err)
	}
	log, err := os.Create(filepath.Join(dir, "log"))
	if err != nil {
		t.Fatalf("server: %v", err)
	}
	defer func() { _ = log.Close() }() // the server has its own descriptor

	port := spec.Port
	if port == 0 {
		port = freePort(t)
	}
	//nolint:noctx // stop ends it, with SIGTERM first
	cmd := exec.Command(path, spec.Args(port, work)...)
	cmd.Dir = work
	cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + work, "TMPDIR=" + work}, spec.Env...)
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = dieWithParent()
	runAs(t, cmd, dir, spec)

	s := &Server{
		Addr: net.JoinHostPort("127.0.0.1", strconv.Itoa(port)),
		Dir:  work,
		name: filepath.Base(path),
		log:  log.Name(),
		done: make(chan struct{}),
	}
	started := make(chan error)
	go func() {
		// The kernel ties the death signal to the thread that forked.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		started <- err
		if err == nil {
			s.status = cmd.Wait()
			close(s.done)
		}
	}()
	if err := <-started; err != nil {
		t.Fatalf("server: %v", err)
	}
	s.proc = cmd.Process
	t.Cleanup(func() {
		s.stop(t, spec.StopWithin)
		if t.Failed() {
			t.Logf("end of the log of %s:\n%s", s.name, s.tail())
		}
	})
	return s
}

// freePort returns a loopback port that was free a moment ago.
func freePort(t testing.TB) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatalf("server: %v", err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

// stop ends the process, and fails the test if it has to be killed for that.
func (s *Server) stop(t testing.TB, within time.Duration) {
	if s.ended() {
		return
	}
	if err := s.proc.Signal(syscall.SIGTERM); err != nil {
		t.Logf("server: stopping %s: %v", s.name, err)
	}
	select {
	case <-s.done:
	case <-time.After(within):
		t.Errorf("server: %s ignored SIGTERM for %v", s.name, within)
		_ = s.proc.Kill()
		<-s.done
	}
}

func (s *Server) ended() bool {
	select {
	case <-s.done:
		return true
	default:
		return false
	}
}

// tail returns the end of the server's log.
func (s *Server) tail() string {
	data, err := os.ReadFile(s.log)
	if err != nil {
		return err.Error()
	}
	if len(data) > logShown {
		data = data[len(data)-logShown:]
	}
	return string(data)
}
