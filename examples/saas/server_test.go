package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// Under load, told to end: /readyz fails first, and no request of a client that
// then goes elsewhere is lost.
func TestDrainLosesNothing(t *testing.T) {
	t.Parallel()
	s := start(t, map[string]string{"SHUTDOWN_DELAY": "2s", "AUTH_TOKEN_CACHE": "0"})
	ada := s.person("ada")
	path := s.found(ada, "Acme")

	var load sync.WaitGroup
	var answered, lost atomic.Int64
	var moved atomic.Bool
	warm := make(chan struct{})
	for i := range maxAtOnce / 2 { // ada may have more under way
		load.Go(func() {
			client := &http.Client{Transport: &http.Transport{}, Timeout: 20 * time.Second}
			defer client.CloseIdleConnections()
			for n := 0; !moved.Load(); n++ {
				method, body := http.MethodGet, ""
				if n%10 == i%10 {
					method, body = http.MethodPatch, `{"name":"Acme"}`
				}
				if err := s.once(client, method, path, body, ada.token); err != nil {
					lost.Add(1)
					t.Log(err)
				}
				if answered.Add(1) == 500 {
					close(warm)
				}
			}
		})
	}
	<-warm
	ended := make(chan error, 1)
	go func() { ended <- s.stop() }()
	for { // the load balancer's probe
		resp, err := s.client.Get(s.base + "/readyz")
		require.NoError(t, err, "the probe is answered until it has failed")
		resp.Body.Close()
		if resp.StatusCode == http.StatusServiceUnavailable {
			require.True(t, resp.Close, "keep-alive ends")
			break
		}
	}
	before := answered.Load()
	require.NoError(t, s.once(s.client, http.MethodGet, path, "", ada.token), "it still serves")
	moved.Store(true)
	load.Wait()
	require.NoError(t, <-ended)
	require.Zero(t, lost.Load(), "of %d", answered.Load())
	require.GreaterOrEqual(t, answered.Load(), before)
	_, err := net.Dial("tcp", strings.TrimPrefix(s.base, "http://"))
	require.Error(t, err, "the listener is closed")
}

func (s *running) once(client *http.Client, method, path, body, token string) error {
	r, err := http.NewRequest(method, s.base+path, strings.NewReader(body))
	if err != nil {
		return err
	}
	r.Header.Set("Authorization", "Bearer "+token)
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	resp, err := client.Do(r)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if _, err := io.Copy(io.Discard, resp.Body); err != nil {
		return err
	}
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("%s %s: %s", method, path, resp.Status)
	}
	return nil
}

// A request under way when the listener closes has the grace to end; what takes
// longer is cut off and reported.
func TestDrainWaitsForRequestsUnderWay(t *testing.T) {
	t.Parallel()
	begun, finish := make(chan struct{}), make(chan struct{})
	s := startWithRoutes(t, nil, route{"GET /slow", anyone(), func(w http.ResponseWriter, _ *http.Request) error {
		close(begun)
		<-finish
		return reply(w, http.StatusOK, "whole")
	}})
	got := make(chan response, 1)
	go func() { got <- s.anonymous().do("GET", "/slow", "") }()
	<-begun
	ended := make(chan error, 1)
	go func() { ended <- s.stop() }()
	require.Eventually(t, func() bool { return !s.listening() }, 10*time.Second, time.Millisecond)
	close(finish)
	require.Equal(t, "\"whole\"\n", (<-got).wants(200).body)
	require.NoError(t, <-ended)
}

func TestDrainCutsOffAfterTheGrace(t *testing.T) {
	t.Parallel()
	begun := make(chan struct{})
	s := startWith(t, nil, func(a *app) {
		a.config.ShutdownGrace = 50 * time.Millisecond
		a.router = newRouter([]route{{"GET /slow", anyone(), func(_ http.ResponseWriter, r *http.Request) error {
			close(begun)
			<-r.Context().Done()
			return r.Context().Err()
		}}}, a.guard, a.act)
		a.handler = a.layers(a.router)
	})
	s.cut = true
	failed := make(chan error, 1)
	go func() {
		resp, err := s.client.Get(s.base + "/slow")
		if err == nil {
			resp.Body.Close()
		}
		failed <- err
	}()
	<-begun
	require.ErrorContains(t, s.stop(), "requests were cut off after 50ms")
	require.Error(t, <-failed)
}

// A handler that waits for what never comes is answered for.
func TestRequestsTimeOut(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a := &app{log: slog.New(slog.DiscardHandler)}
		began := time.Now()
		w := httptest.NewRecorder()
		a.recovered(a.act(route{act: func(_ http.ResponseWriter, r *http.Request) error {
			<-r.Context().Done()
			return r.Context().Err()
		}})).ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/", nil))
		require.Equal(t, http.StatusServiceUnavailable, w.Code)
		require.Equal(t, requestTimeout, time.Since(began))
	})
}

func (s *running) listening() bool {
	conn, err := net.Dial("tcp", strings.TrimPrefix(s.base, "http://"))
	if err != nil {
		return false
	}
	conn.Close()
	return true
}

// A body has less time than a request: who sends it slowly is told so, and the
// database is not blamed.
func TestBodiesEndBeforeRequestsDo(t *testing.T) {
	t.Parallel()
	require.Less(t, bodyTimeout, requestTimeout)
}

// The process itself: started as make run does, used with the lines it prints,
// ended by SIGTERM.
func TestProcess(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	program := filepath.Join(dir, "saas")
	out, err := exec.CommandContext(t.Context(), "go", "build", "-buildvcs=false", "-o", program, ".").CombinedOutput()
	require.NoError(t, err, string(out))
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, program, "serve", "--insecure-dev-identity")
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "ENVIRONMENT=development", "LISTEN_ADDR=127.0.0.1:0", "SHUTDOWN_DELAY=10ms")
	stderr, err := cmd.StderrPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	lines := bufio.NewScanner(stderr)
	base := ""
	for base == "" && lines.Scan() {
		if m := regexp.MustCompile(`serving .*address=(\S+)`).FindStringSubmatch(lines.Text()); m != nil {
			base = "http://" + m[1]
		}
	}
	require.NotEmpty(t, base)
	resp, err := http.Get(base + "/readyz")
	require.NoError(t, err)
	resp.Body.Close()
	require.Equal(t, http.StatusOK, resp.StatusCode)
	require.NoError(t, cmd.Process.Signal(syscall.SIGTERM))
	var rest strings.Builder
	for lines.Scan() {
		rest.WriteString(lines.Text() + "\n")
	}
	require.NoError(t, cmd.Wait(), "exit status 0")
	require.Contains(t, rest.String(), "msg=drained")
	info, err := os.Stat(filepath.Join(dir, "saas.db"))
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode().Perm())
	leftovers, err := filepath.Glob(filepath.Join(dir, "saas.db-*"))
	require.NoError(t, err)
	require.Empty(t, leftovers, "the database was closed")
}
