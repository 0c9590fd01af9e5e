package saas_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rowhouse-go/rowhouse/auth/authtest"
	"github.com/rowhouse-go/rowhouse/internal/integration/server"
)

// Two replicas on one Redis have one quota. When it crashes, both go on with quotas of
// their own and stay ready, but say nothing of tokens that fail: these can't be counted
// together any more. When it is back, they share again.
func TestReplicasShareLimits(t *testing.T) {
	t.Parallel()
	redis, cluster, issuer := server.Redis(t), server.Postgres(t), authtest.NewIssuer(t)
	database, app, owner := cluster.Database(t), cluster.Login(t, ""), cluster.Login(t, "")
	_, err := cluster.Open(t, "postgres", "postgres").ExecContext(t.Context(), "ALTER DATABASE "+database+" OWNER TO "+owner)
	require.NoError(t, err)
	environ := []string{
		"ENVIRONMENT=development", "SHUTDOWN_DELAY=0s", "DATABASE_URL=" + cluster.URL(app, database), "REDIS_URL=redis://" + redis.Addr,
		"AUTH_PROVIDER_TYPE=oidc", "AUTH_ISSUER=" + issuer.URL(), "AUTH_AUDIENCE=" + authtest.Audience,
		"RATE_LIMITS=20/hour", "AUTH_FAILURE_LIMITS=3/hour",
	}
	program := build(t)
	run(t, append(environ, "MIGRATE_URL="+cluster.URL(owner, database)), program, "migrate")
	replicas := []string{
		"http://" + startService(t, program, environ).Addr,
		"http://" + startService(t, program, environ).Addr,
	}
	ada, bob := issuer.Sign(map[string]any{"sub": "ada"}), issuer.Sign(map[string]any{"sub": "bob"})
	found, err := ask(t.Context(), "POST", replicas[0]+"/organizations", ada, `{"name":"Acme"}`)
	require.NoError(t, err)
	var acme struct{ ID string }
	require.NoError(t, json.Unmarshal([]byte(found), &acme))

	for i := range 20 {
		require.Equal(t, 200, status(t, replicas[i%2]+"/organizations/"+acme.ID, ada))
	}
	for _, replica := range replicas {
		require.Equal(t, 429, status(t, replica+"/organizations/"+acme.ID, ada))
		require.Equal(t, 401, status(t, replica+"/users/me", "junk"))
	}

	redis.Kill(t)
	for _, replica := range replicas {
		for range 10 {
			began := time.Now()
			require.Equal(t, 200, status(t, replica+"/users/me", bob))
			require.Less(t, time.Since(began), 2*time.Second)
			require.Equal(t, 503, status(t, replica+"/users/me", "junk"))
			require.Equal(t, 200, status(t, replica+"/readyz", ""))
		}
	}

	redis.Restart(t)
	told := 0 // that a token is not accepted
	for _, replica := range replicas {
		require.Eventually(t, func() bool {
			got := status(t, replica+"/users/me", "junk")
			if got == 401 {
				told++
			}
			return got == 429
		}, 20*time.Second, 20*time.Millisecond)
		require.Equal(t, 200, status(t, replica+"/users/me", bob))
	}
	require.LessOrEqual(t, told, 3, "by both replicas together")
}

// status asks with GET.
func status(t *testing.T, url, token string) int {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, strings.NewReader(""))
	require.NoError(t, err)
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	resp, err := http.DefaultClient.Do(r)
	require.NoError(t, err)
	resp.Body.Close()
	return resp.StatusCode
}
