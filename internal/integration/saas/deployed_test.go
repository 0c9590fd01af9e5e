package saas_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/rowhouse-go/rowhouse/internal/integration/server"
)

// The service as it is deployed: three logins made by hand, migrated by a job, and
// served through PgBouncer in transaction mode, where every request of every
// organization shares the same two connections.
func TestDeployed(t *testing.T) {
	t.Parallel()
	cluster := server.Postgres(t)
	database, app, worker, owner := cluster.Database(t), cluster.Login(t, ""), cluster.Login(t, ""), cluster.Login(t, "")
	_, err := cluster.Open(t, "postgres", "postgres").ExecContext(t.Context(), "ALTER DATABASE "+database+" OWNER TO "+owner)
	require.NoError(t, err)
	program := build(t)
	logins := []string{"WORKER_URL=" + cluster.URL(worker, database), "MIGRATE_URL=" + cluster.URL(owner, database)}
	pooler := server.PgBouncer(t, cluster, 2, app)
	environ := []string{
		"ENVIRONMENT=development", "SHUTDOWN_DELAY=0s",
		"DATABASE_URL=" + pooler.URL(app, database) + "?default_query_exec_mode=cache_describe",
	}
	out := run(t, append(environ, logins...), program, "migrate")
	require.Contains(t, out, "applied schema_versions: 0001_organizations.sql\n")

	service := startService(t, program, environ, "--insecure-dev-identity")
	var people sync.WaitGroup
	for i := range 8 {
		people.Go(func() {
			if err := live(t.Context(), "http://"+service.Addr, fmt.Sprintf("person-%d", i)); err != nil {
				t.Errorf("person %d: %v", i, err)
			}
		})
	}
	people.Wait()
}

// startService serves on a port of its own until the end of the test.
func startService(t *testing.T, program string, environ []string, flags ...string) *server.Server {
	t.Helper()
	return server.Start(t, server.Spec{
		Path: "/bin/sh",
		Args: func(port int, _ string) []string {
			script := `export LISTEN_ADDR=127.0.0.1:$1; shift; exec "$@"`
			return append([]string{"-c", script, "sh", fmt.Sprint(port), program, "serve"}, flags...)
		},
		Env:   environ,
		Reads: []string{program},
		Ready: func(ctx context.Context, addr string) error {
			_, err := ask(ctx, "GET", "http://"+addr+"/readyz", "", "")
			return err
		},
	})
}

// live is somebody who keeps an organization and looks after it.
func live(ctx context.Context, base, name string) error {
	token, err := ask(ctx, "POST", base+"/dev-identity/token", "", url.Values{"name": {name}}.Encode())
	if err != nil {
		return err
	}
	token = strings.TrimSpace(token)
	found, err := ask(ctx, "POST", base+"/organizations", token, fmt.Sprintf(`{"name":%q}`, name))
	if err != nil {
		return err
	}
	var organization struct{ ID string }
	if err := json.Unmarshal([]byte(found), &organization); err != nil {
		return err
	}
	announcements := base + "/organizations/" + organization.ID + "/announcements"
	for i := range 10 {
		text := fmt.Sprintf("%s says %d", name, i)
		if _, err := ask(ctx, "POST", announcements, token, fmt.Sprintf(`{"text":%q}`, text)); err != nil {
			return err
		}
		for _, from := range []string{announcements, base + "/organizations"} {
			got, err := ask(ctx, "GET", from, token, "")
			if err != nil {
				return err
			}
			if !strings.Contains(got, name) || strings.Contains(strings.ReplaceAll(got, name, ""), "person-") {
				return fmt.Errorf("%s sees %s", name, got)
			}
		}
	}
	return nil
}

// ask returns the body of a good answer. A body that is no JSON object is a form.
func ask(ctx context.Context, method, to, token, body string) (string, error) {
	r, err := http.NewRequestWithContext(ctx, method, to, strings.NewReader(body))
	if err != nil {
		return "", err
	}
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	switch {
	case strings.HasPrefix(body, "{"):
		r.Header.Set("Content-Type", "application/json")
	case body != "":
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	content, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode >= 300 {
		err = fmt.Errorf("%s %s: %d %s", method, to, resp.StatusCode, content)
	}
	return string(content), err
}

// build builds the service where an unprivileged account can read it, too.
func build(t *testing.T) string {
	t.Helper()
	//nolint:usetesting // t.TempDir is closed to other accounts
	dir, err := os.MkdirTemp("", "rowhouse-saas-")
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, os.RemoveAll(dir)) })
	require.NoError(t, os.Chmod(dir, 0o755))
	program := filepath.Join(dir, "saas")
	run(t, nil, "go", "build", "-buildvcs=false", "-o", program, ".")
	return program
}
