package server

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// A RedisServer is a running Redis without a password that keeps nothing on disk.
type RedisServer struct {
	*Server

	port int
	args []string
}

// Redis starts a Redis server for the test. Without Redis, see [Require].
func Redis(t testing.TB) *RedisServer {
	t.Helper()
	return startRedis(t)
}

// RedisCluster starts a cluster of three nodes without replicas, and returns them
// once each answers for all slots.
func RedisCluster(t testing.TB) []*RedisServer {
	t.Helper()
	nodes := make([]*RedisServer, 3)
	create := []string{"--cluster", "create"}
	for i := range nodes {
		// The default port of the cluster bus, ten thousand above, may not exist.
		nodes[i] = startRedis(t, "--cluster-enabled", "yes", "--cluster-port", strconv.Itoa(steadyPort(t)),
			"--cluster-config-file", "nodes.conf", "--cluster-node-timeout", "2000", "--cluster-announce-ip", "127.0.0.1")
		create = append(create, nodes[i].Addr)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	out, err := exec.CommandContext(ctx, "redis-cli", append(create, "--cluster-yes")...).CombinedOutput()
	if err != nil {
		t.Fatalf("server: redis-cli: %v\n%s", err, out)
	}
	for _, node := range nodes {
		for {
			info, err := ask(ctx, node.Addr, "CLUSTER INFO", "cluster_size:")
			if strings.Contains(info, "cluster_state:ok") && strings.HasSuffix(info, ":3") {
				break
			}
			select {
			case <-ctx.Done():
				t.Fatalf("server: cluster not ready at %s: %v", node.Addr, err)
			case <-time.After(pollEvery):
			}
		}
	}
	return nodes
}

// RedisSentinel starts a master, a replica that follows it, and a sentinel that has the
// replica take over soon after the master is gone: they know the pair by the name
// "main".
func RedisSentinel(t testing.TB) (master, replica *RedisServer, sentinel *Server) {
	t.Helper()
	master = startRedis(t, "--repl-diskless-sync-delay", "0")
	replica = startRedis(t, "--replicaof", "127.0.0.1 "+strconv.Itoa(master.port))
	sentinel = Start(t, Spec{
		Path: "redis-server",
		Args: func(port int, dir string) []string {
			config := filepath.Join(dir, "sentinel.conf") // which the sentinel writes to
			text := fmt.Sprintf("bind 127.0.0.1\nport %d\ndir %s\nsentinel monitor main 127.0.0.1 %d 1\n"+
				"sentinel down-after-milliseconds main 500\nsentinel failover-timeout main 3000\n", port, dir, master.port)
			if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
				t.Fatalf("server: %v", err)
			}
			if err := os.Chmod(config, 0o666); err != nil {
				t.Fatalf("server: %v", err)
			}
			return []string{config, "--sentinel"}
		},
		Ready: func(ctx context.Context, addr string) error {
			info, err := ask(ctx, addr, "INFO sentinel", "master0:")
			if err == nil && !strings.Contains(info, "slaves=1") {
				err = fmt.Errorf("no replica yet: %s", info)
			}
			return err
		},
	})
	return master, replica, sentinel
}

func startRedis(t testing.TB, more ...string) *RedisServer {
	t.Helper()
	_, err := exec.LookPath("redis-server")
	Require(t, "redis-server", err == nil, "apt-get install redis-server")
	r := &RedisServer{port: steadyPort(t), args: more}
	r.start(t)
	return r
}

func (r *RedisServer) start(t testing.TB) {
	t.Helper()
	r.Server = Start(t, Spec{
		Path: "redis-server",
		Port: r.port,
		Args: func(port int, dir string) []string {
			return append([]string{
				"--bind", "127.0.0.1", "--port", strconv.Itoa(port), "--save", "", "--appendonly", "no", "--dir", dir,
			}, r.args...)
		},
		Ready: func(ctx context.Context, addr string) error {
			_, err := ask(ctx, addr, "PING", "+PONG")
			return err
		},
	})
}

// Kill ends the server as a crash does: its connections are reset and its data is
// gone.
func (r *RedisServer) Kill(t testing.TB) {
	t.Helper()
	if err := r.proc.Kill(); err != nil {
		t.Fatalf("server: %v", err)
	}
	<-r.done
}

// Restart starts a killed server on the port it had.
func (r *RedisServer) Restart(t testing.TB) {
	t.Helper()
	r.start(t)
}

// Pause stops the server from answering; its connections stay, and new ones are
// accepted by the kernel. Resume, or the end of the test, lets it go on.
func (r *RedisServer) Pause(t testing.TB) {
	t.Helper()
	t.Cleanup(func() { r.Resume(t) }) // a paused process ignores SIGTERM
	if err := r.proc.Signal(syscall.SIGSTOP); err != nil {
		t.Fatalf("server: %v", err)
	}
}

// Resume ends a Pause.
func (r *RedisServer) Resume(t testing.TB) {
	t.Helper()
	if err := r.proc.Signal(syscall.SIGCONT); err != nil && !errors.Is(err, os.ErrProcessDone) {
		t.Errorf("server: %v", err)
	}
}

// steadyPort returns a loopback port that was free a moment ago and stays so while
// its server is down: outside the range that the kernel gives to connections, whose
// dials would otherwise now and then connect to themselves.
func steadyPort(t testing.TB) int {
	t.Helper()
	for range 100 {
		port := 12000 + rand.IntN(20000)
		l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
		if err == nil {
			l.Close()
			return port
		}
	}
	t.Fatal("server: no free port found")
	return 0
}

// ask sends one command and returns the answer up to the line that begins with last.
func ask(ctx context.Context, addr, command, last string) (string, error) {
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", addr)
	if err != nil {
		return "", err
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { conn.Close() })()
	if _, err := fmt.Fprint(conn, command, "\r\n"); err != nil {
		return "", err
	}
	var answer strings.Builder
	lines := bufio.NewScanner(conn)
	for lines.Scan() {
		answer.WriteString(lines.Text() + "\n")
		if strings.HasPrefix(lines.Text(), last) {
			return strings.TrimSpace(answer.String()), nil
		}
		if strings.HasPrefix(lines.Text(), "-") {
			break
		}
	}
	return answer.String(), fmt.Errorf("%s: answered %q", command, answer.String())
}
