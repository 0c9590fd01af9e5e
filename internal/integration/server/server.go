// Package server starts real servers for tests and stops them: each on a random
// loopback port, as an unprivileged account where the tests run as root, and
// gone when its test is, even if the test process is killed (Linux).
package server

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"regexp"
	"testing"
	"time"
)

const pollEvery = 20 * time.Millisecond

// A Spec says how to run one server. Path and Args are required.
type Spec struct {
	// Path is the program: absolute, or a name to find in PATH.
	Path string

	// Args returns the arguments for a loopback port and an empty folder that
	// belongs to the account the server runs as.
	Args func(port int, dir string) []string

	// Port is the server's port; zero means a free one.
	Port int

	// Env is added to an environment of PATH, HOME and TMPDIR only; the last
	// two are the server's folder.
	Env []string

	// Account is the user the server runs as when the tests run as root;
	// empty means nobody.
	Account string

	// Reads lists files that Account has to be able to read. If it can't, for
	// a checkout in a home folder say, the server runs as the tests' own user.
	Reads []string

	// Ready asks the server for an answer in its own protocol, once its port
	// accepts connections; it is repeated until it returns nil. Nil: the open
	// port is enough.
	Ready func(ctx context.Context, addr string) error

	// ReadyWithin bounds the start; zero means 30 seconds.
	ReadyWithin time.Duration

	// StopWithin bounds the end, from SIGTERM on; zero means 10 seconds.
	StopWithin time.Duration
}

// A Server is a running process. Its fields are not to be changed.
type Server struct {
	Addr string // host:port on loopback
	Dir  string // its working folder, removed at the end of the test

	name   string
	log    string
	proc   *os.Process
	done   chan struct{} // closed when the process has ended
	status error         // how it ended; valid when done is closed
}

// inUse is how servers report that their port was taken between the moment it
// was found free and the moment they bound it.
var inUse = regexp.MustCompile(`(?i)EADDRINUSE|address already in use`)

// Start runs a server until the end of the test and returns once it is ready.
// It fails the test if the server ends before that, takes longer than
// Spec.ReadyWithin, or does not end on SIGTERM within Spec.StopWithin.
func Start(t testing.TB, spec Spec) *Server {
	t.Helper()
	path, err := exec.LookPath(spec.Path)
	if err != nil {
		t.Fatalf("server: %v", err)
	}
	spec.ReadyWithin = cmp.Or(spec.ReadyWithin, 30*time.Second)
	spec.StopWithin = cmp.Or(spec.StopWithin, 10*time.Second)
	for {
		s := launch(t, path, spec)
		err := s.wait(t.Context(), spec)
		if err == nil {
			return s
		}
		log := s.tail()
		if spec.Port == 0 && s.ended() && inUse.MatchString(log) {
			continue // with another port
		}
		t.Fatalf("server: %s: %v\n%s", s.name, err, log)
	}
}

// wait returns nil once the server answers.
func (s *Server) wait(ctx context.Context, spec Spec) error {
	ctx, cancel := context.WithTimeout(ctx, spec.ReadyWithin)
	defer cancel()
	deadline, _ := ctx.Deadline()
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	last := errors.New("never asked")
	for {
		select {
		case <-s.done:
			return fmt.Errorf("ended before it was ready: %w", s.status)
		case <-ctx.Done():
			return fmt.Errorf("not ready within %v: %w", spec.ReadyWithin, last)
		case <-tick.C:
		}
		err := s.answers(ctx, spec.Ready)
		if err == nil {
			return nil
		}
		if time.Now().Before(deadline) { // what it said before the time was up
			last = err
		}
	}
}

// answers returns nil if the server accepts a connection and ready agrees.
func (s *Server) answers(ctx context.Context, ready func(context.Context, string) error) error {
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", s.Addr)
	if err != nil {
		return err
	}
	conn.Close()
	if ready == nil {
		return nil
	}
	return ready(ctx, s.Addr)
}
