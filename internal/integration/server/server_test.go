package server_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"os/user"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rowhouse-go/rowhouse/internal/integration/server"
)

// TestMain makes the test binary a server of its own when it is asked to be.
func TestMain(m *testing.M) {
	if len(os.Args) == 4 && os.Args[1] == "fake-server" {
		os.Exit(fake(os.Args[2], os.Args[3]))
	}
	os.Exit(m.Run())
}

// fake serves one line per connection on the port, and ends on SIGTERM.
func fake(mode, port string) int {
	fmt.Println("mode", mode)
	switch mode {
	case "dies":
		fmt.Println("cannot open its data")
		return 3
	case "in use":
		fmt.Println("bind: Address already in use")
		return 1
	case "stubborn":
		signal.Ignore(syscall.SIGTERM)
	}
	l, err := net.Listen("tcp", "127.0.0.1:"+port)
	if err != nil {
		fmt.Println(err)
		return 1
	}
	dir, err := os.Getwd()
	if err != nil {
		return 1
	}
	for {
		conn, err := l.Accept()
		if err != nil {
			return 1
		}
		_, err = fmt.Fprintf(conn, "uid=%d dir=%s home=%s secret=%s\n", os.Getuid(), dir, os.Getenv("HOME"), os.Getenv("SECRET"))
		if errors.Join(err, conn.Close()) != nil {
			return 1
		}
	}
}

// spec runs the test binary as a server that behaves in each mode in turn, the
// last one for good.
func spec(t *testing.T, modes ...string) server.Spec {
	t.Helper()
	self, err := os.Executable()
	require.NoError(t, err)
	return server.Spec{
		Path: self,
		Args: func(port int, _ string) []string {
			mode := modes[0]
			if len(modes) > 1 {
				modes = modes[1:]
			}
			return []string{"fake-server", mode, strconv.Itoa(port)}
		},
	}
}

func ask(ctx context.Context, addr string) (string, error) {
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", addr)
	if err != nil {
		return "", err
	}
	defer conn.Close()
	answer, err := io.ReadAll(conn)
	return string(answer), err
}

func TestStart(t *testing.T) {
	t.Parallel()
	var s *server.Server
	t.Run("serves", func(t *testing.T) {
		spec := spec(t, "serves")
		spec.Env = []string{"SECRET=s3"}
		s = server.Start(t, spec)
		answer, err := ask(t.Context(), s.Addr)
		require.NoError(t, err)
		require.Contains(t, answer, "dir="+s.Dir+" home="+s.Dir+" secret=s3\n")
	})
	_, err := ask(t.Context(), s.Addr)
	require.ErrorIs(t, err, syscall.ECONNREFUSED, "stopped at the end of its test")
	require.NoDirExists(t, s.Dir)
}

func TestStartTakesAnotherPort(t *testing.T) {
	t.Parallel()
	s := server.Start(t, spec(t, "in use", "in use", "serves"))
	_, err := ask(t.Context(), s.Addr)
	require.NoError(t, err)
}

func TestStartAsksForReadiness(t *testing.T) {
	t.Parallel()
	asked := 0
	spec := spec(t, "serves")
	spec.Ready = func(ctx context.Context, addr string) error {
		if asked++; asked < 3 {
			return errors.New("warming up")
		}
		_, err := ask(ctx, addr)
		return err
	}
	server.Start(t, spec)
	require.Equal(t, 3, asked)
}

func TestStartFails(t *testing.T) {
	t.Parallel()
	never := func(context.Context, string) error { return errors.New("warming up") }
	tests := []struct {
		name string
		mode string
		edit func(*server.Spec)
		want []string
	}{
		{"no such program", "", func(s *server.Spec) { s.Path = "rowhouse-no-such-program" }, []string{"executable file not found"}},
		{"no such account", "serves", func(s *server.Spec) { s.Account = "rowhouse-nobody" }, []string{"unknown user"}},
		{"ends at once", "dies", nil, []string{"ended before it was ready: exit status 3", "cannot open its data"}},
		{"never ready", "serves", func(s *server.Spec) { s.Ready = never; s.ReadyWithin = 300 * time.Millisecond }, []string{"not ready within 300ms: warming up"}},
		{"never stops", "stubborn", func(s *server.Spec) { s.StopWithin = 100 * time.Millisecond }, []string{"ignored SIGTERM for 100ms", "mode stubborn"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if tt.name == "no such account" && os.Geteuid() != 0 {
				return // accounts are changed by root only
			}
			spec := spec(t, tt.mode)
			if tt.edit != nil {
				tt.edit(&spec)
			}
			r := record(t, func(t testing.TB) { server.Start(t, spec) })
			require.True(t, r.failed)
			for _, want := range tt.want {
				require.Contains(t, r.String(), want)
			}
		})
	}
}

// As root, the server is an unprivileged account if that can reach the program.
func TestAccount(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		return // there is no privilege to give up
	}
	nobody, err := user.Lookup("nobody")
	require.NoError(t, err)
	self, err := os.Executable()
	require.NoError(t, err)
	binary, err := os.ReadFile(self)
	require.NoError(t, err)
	//nolint:usetesting // t.TempDir is closed to nobody's account
	dir, err := os.MkdirTemp("", "")
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, os.RemoveAll(dir)) })
	spec := spec(t, "serves")
	spec.Path = filepath.Join(dir, "server")
	require.NoError(t, os.WriteFile(spec.Path, binary, 0o755))

	for mode, want := range map[os.FileMode]string{0o755: "uid=" + nobody.Uid + " ", 0o700: "uid=0 "} {
		require.NoError(t, os.Chmod(dir, mode))
		answer, err := ask(t.Context(), server.Start(t, spec).Addr)
		require.NoError(t, err)
		require.Contains(t, answer, want, "in a folder of mode %v", mode)
	}
}

// A server does not outlive a test process that was killed.
func TestKilledWithTheTests(t *testing.T) {
	t.Parallel()
	if os.Getenv("SERVER_OF_A_KILLED_TEST") != "" {
		fmt.Println("addr", server.Start(t, spec(t, "serves")).Addr)
		<-t.Context().Done()
		return
	}
	if runtime.GOOS != "linux" {
		return // the kernel's death signal is a Linux power
	}
	self, err := os.Executable()
	require.NoError(t, err)
	tests := exec.CommandContext(t.Context(), self, "-test.run=^TestKilledWithTheTests$")
	tests.Env = append(os.Environ(), "SERVER_OF_A_KILLED_TEST=1", "TMPDIR="+t.TempDir())
	out, err := tests.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, tests.Start())
	line, err := bufio.NewReader(out).ReadString('\n')
	require.NoError(t, err)
	addr := strings.TrimSpace(strings.TrimPrefix(line, "addr "))
	_, err = ask(t.Context(), addr)
	require.NoError(t, err)

	require.NoError(t, tests.Process.Kill())
	require.Error(t, tests.Wait())
	require.EventuallyWithT(t, func(c *assert.CollectT) {
		_, err := ask(t.Context(), addr)
		assert.ErrorIs(c, err, syscall.ECONNREFUSED)
	}, 10*time.Second, 20*time.Millisecond)
}
