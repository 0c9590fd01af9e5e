package main

import (
	"maps"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// Each case is one change to a working configuration, and the variable at fault.
func TestConfigFaults(t *testing.T) {
	t.Parallel()
	working := environment(t, "https://id.example")
	_, err := loadConfig(working, false)
	require.NoError(t, err)

	long := strings.Repeat("x", 65)
	for _, c := range []struct{ name, value, fault string }{
		{"APP_NAME", long, ""},
		{"APP_NAME", "a\nb", ""},
		{"ENVIRONMENT", "", "must be development, staging or production"},
		{"ENVIRONMENT", "prod", ""},
		{"ENVIRONMENT", "Production", ""},
		{"LOG_LEVEL", "verbose", "must be debug, info, warn or error"},
		{"LOG_LEVEL", "INFO+3", ""},
		{"LISTEN_ADDR", "8080", ""},
		{"LISTEN_ADDR", "127.0.0.1:http", ""},
		{"LISTEN_ADDR", "127.0.0.1:65536", ""},
		{"LISTEN_ADDR", "http://127.0.0.1:80", ""},
		{"DATABASE_URL", "saas.db", ""},
		{"DATABASE_URL", "sqlite:", ""},
		{"DATABASE_URL", "sqlite://host/saas.db", ""},
		{"DATABASE_URL", "sqlite:postgres://u:hunter2@h/db", ""},
		{"DATABASE_URL", "sqlite::memory:", "must name a file"},
		{"DATABASE_URL", "postgres://localhost/saas", "must be postgres://LOGIN:PASSWORD@HOST:PORT/DATABASE"},
		{"DATABASE_URL", "postgres://app@/saas", ""},
		{"DATABASE_URL", "postgres://app@localhost", ""},
		{"DATABASE_URL", "postgres://app@localhost/saas?sslmode=maybe", ""},
		{"DATABASE_URL", "postgres://app@localhost:port/saas", ""},
		{"WORKER_URL", "postgres://worker@localhost/saas", "has no meaning without PostgreSQL"},
		{"MIGRATE_URL", "postgres://owner@localhost/saas", "has no meaning without PostgreSQL"},
		{"DB_POOL_MAX_CONNS", "0", "must be from 1 to 1000"},
		{"DB_POOL_MAX_CONNS", "1001", ""},
		{"DB_POOL_MAX_LIFETIME", "59s", ""},
		{"DB_POOL_MAX_LIFETIME", "25h", ""},
		{"INVITATION_KEY", "", "is required except in development"},
		{"INVITATION_KEY", "c2hvcnQ=", "must be base64 of at least 32 bytes"},
		{"INVITATION_KEY", strings.Repeat("!", 44), ""},
		{"AUTH_EMAIL_AUTHORITATIVE", "perhaps", "must be true or false"},
		{"DATABASE_URL", "mysql://localhost/saas", ""},
		{"AUTH_PROVIDER_TYPE", "", "must be oidc, auth0, keycloak, cognito or ory"},
		{"AUTH_PROVIDER_TYPE", "okta", ""},
		{"AUTH_PROVIDER_TYPE", "none", "none also needs the flag"},
		{"AUTH_ISSUER", "", "is required for oidc"},
		{"AUTH_ISSUER", "id.example", "leads to no issuer"},
		{"AUTH_ISSUER", "http://id.example", ""},
		{"AUTH_ISSUER", "http://localhost.id.example", ""},
		{"AUTH_ISSUER", "https://me:secret@id.example", ""},
		{"AUTH_ISSUER", "https://id.example?x=1", ""},
		{"AUTH_ISSUER", "ftp://id.example", ""},
		{"AUTH_ISSUER", "https://id.example/?", ""},
		{"AUTH_ISSUER", "https://id.example/#", ""},
		{"AUTH_ISSUER", "https://id.example/ ", ""},
		{"AUTH_ISSUER", "https://:443/", ""},
		{"AUTH_ISSUER", "https://id.example:99999/", ""},
		{"AUTH_ISSUER", "https://id.example/a/../b", ""},
		{"AUTH_AUDIENCE", "", "is required unless AUTH_CLIENTS is set"},
		{"AUTH_AUDIENCE", "a,,b", "has an empty entry"},
		{"AUTH_AUDIENCE", "a, b", "white space"},
		{"AUTH_CLIENTS", "a,", ""},
		{"AUTH_AUTH0_DOMAIN", "example.eu.auth0.com", "has no meaning for this AUTH_PROVIDER_TYPE"},
		{"AUTH_TOKEN_CACHE", "-1", ""},
		{"AUTH_TOKEN_CACHE", "many", "must be a whole number"},
		{"AUTH_TOKEN_CACHE", "1000001", ""},
		{"AUTH_USERINFO_URL", "http://id.example/userinfo", "must be an https URL"},
		{"AUTH_USERINFO_URL", "https://me:secret@id.example/userinfo", ""},
		{"RATE_LIMITS", "100", "must be limits such as"},
		{"RATE_LIMITS", "0/minute", ""},
		{"RATE_LIMITS", "100/minute; 5/minute", ""},
		{"RATE_LIMITS", "100/minute;;", ""},
		{"RATE_LIMITS", "1000000001/day", "at most 1000000000"},
		{"RATE_LIMITS", "100/32d", "at most 31d"},
		{"RATE_LIMITS", "10/20d burst 20", ""},
		{"AUTH_FAILURE_LIMITS", "1e9/ns", ""},
		{"PLAN_LIMITS", "pro", "must be plans such as"},
		{"PLAN_LIMITS", "Pro=1/minute", ""},
		{"PLAN_LIMITS", "pro=1/minute,pro=2/minute", ""},
		{"PLAN_LIMITS", "pro=1/minute,", ""},
		{"PLAN_LIMITS", "pro=1/60d", ""},
		{"REDIS_URL", "127.0.0.1:6379", "must be redis://"},
		{"REDIS_URL", "http://127.0.0.1:6379", ""},
		{"REDIS_URL", "redis://127.0.0.1:6379/first", ""},
		{"TRUSTED_PROXIES", "10.0.0.1", "must be networks such as"},
		{"TRUSTED_PROXIES", "10.0.0.1/8", ""},
		{"TRUSTED_PROXIES", "0.0.0.0/1,128.0.0.0/1", "none may be wider"},
		{"TRUSTED_PROXIES", "10.0.0.0/8,::/0", ""},
		{"TRUSTED_PROXIES", "::ffff:10.0.0.0/104", ""},
		{"REQUEST_ID_HEADER", "Authorization", "must be at most 64"},
		{"REQUEST_ID_HEADER", "Content-Type", ""},
		{"REQUEST_ID_HEADER", "X Request-ID", ""},
		{"REQUEST_ID_HEADER", "X-Request-ID\n", ""},
		{"REQUEST_ID_HEADER", long + "-Request-ID", ""},
		{"MAX_BODY_BYTES", "1023", ""},
		{"MAX_BODY_BYTES", "1048577", ""},
		{"MAX_BODY_BYTES", "64KiB", "must be a whole number"},
		{"SHUTDOWN_DELAY", "-1s", ""},
		{"SHUTDOWN_DELAY", "3", "must be a duration such as 20s or 1m30s"},
		{"SHUTDOWN_GRACE", "0s", ""},
		{"SHUTDOWN_GRACE", "11m", ""},
	} {
		vars := maps.Clone(working)
		vars[c.name] = c.value
		_, err := loadConfig(vars, false)
		require.Error(t, err, "%s=%q", c.name, c.value)
		found := false
		for line := range strings.Lines(err.Error()) {
			found = found || strings.HasPrefix(line, c.name+": ") && strings.Contains(line, c.fault)
		}
		require.True(t, found, "%s=%q: %v", c.name, c.value, err)
	}
}

// Serving, background work and migrations are three logins of one database.
func TestConfigOfPostgres(t *testing.T) {
	t.Parallel()
	working := environment(t, "https://id.example")
	maps.Copy(working, map[string]string{
		"DATABASE_URL": "postgres://app:a@db.internal/saas",
		"WORKER_URL":   "postgresql://worker:b@db.internal/saas",
		"MIGRATE_URL":  "postgres://owner:c@other.internal:5433/saas?sslmode=verify-full",
	})
	c, err := loadConfig(working, false)
	require.NoError(t, err)
	require.Equal(t, []string{"app", "worker"}, []string{c.isolation().App, c.isolation().Worker})
	_, err = loadMigrateConfig(map[string]string{"DATABASE_URL": working["DATABASE_URL"], "MIGRATE_URL": working["MIGRATE_URL"]})
	require.NoError(t, err, "no secret of serve's")

	for change, fault := range map[string]string{
		"MIGRATE_URL=postgres://app:a@db.internal/saas":    "MIGRATE_URL: must be a login of its own",
		"WORKER_URL=postgres://owner:c@db.internal/saas":   "MIGRATE_URL: must be a login of its own",
		"MIGRATE_URL=postgres://owner:c@db.internal/other": "MIGRATE_URL: must lead to the database of DATABASE_URL",
		"WORKER_URL=sqlite:x.db":                           "WORKER_URL: must be postgres://",
		"MIGRATE_URL=hunter2":                              "MIGRATE_URL: must be postgres://",
	} {
		vars := maps.Clone(working)
		name, value, _ := strings.Cut(change, "=")
		vars[name] = value
		_, err := loadConfig(vars, false)
		require.ErrorContains(t, err, fault, change)
		require.NotContains(t, err.Error(), value)
	}
	delete(working, "MIGRATE_URL")
	_, err = loadConfig(working, false)
	require.NoError(t, err, "serve has no use for it")
	_, err = loadMigrateConfig(working)
	require.EqualError(t, err, "MIGRATE_URL: is required to migrate PostgreSQL")
}

// Everything wrong is told at once, and no value with it.
func TestConfigFaultsAllAtOnceWithoutValues(t *testing.T) {
	t.Parallel()
	const secret = "s3cr3t"
	vars := map[string]string{}
	for _, v := range variables() {
		vars[v.name] = secret + "\x7f," // wrong for every one of them
	}
	_, err := loadConfig(vars, false)
	require.Error(t, err)
	require.NotContains(t, err.Error(), secret)
	faulted := map[string]bool{}
	for line := range strings.Lines(err.Error()) {
		name, _, _ := strings.Cut(line, ":")
		require.False(t, faulted[name], "%s is faulted twice", name)
		faulted[name] = true
	}
	for _, v := range variables() {
		if !strings.HasPrefix(v.name, "AUTH_") { // which of these count depends on the provider
			require.True(t, faulted[v.name], v.name)
		}
	}
	require.True(t, faulted["AUTH_PROVIDER_TYPE"])
	require.True(t, faulted["AUTH_TOKEN_CACHE"])
}

// The program ends before it opens or listens, with every fault on a line.
func TestServeRefusesAWrongConfiguration(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "saas.db")
	var out logBuffer
	require.Equal(t, exitUsage, run(t.Context(), []string{"serve"}, []string{"DATABASE_URL=sqlite:" + file, "MAX_BODY_BYTES=1"}, &out, &out))
	require.Equal(t, `saas: the configuration is not right:
  ENVIRONMENT: must be development, staging or production
  AUTH_PROVIDER_TYPE: must be oidc, auth0, keycloak, cognito or ory
  INVITATION_KEY: is required except in development
  MAX_BODY_BYTES: must be from 1024 to 1048576
`, out.String())
	require.NoFileExists(t, file)
}

func TestConfigOfEveryProvider(t *testing.T) {
	t.Parallel()
	base := map[string]string{"ENVIRONMENT": "production", "INVITATION_KEY": strings.Repeat("a", 44)}
	for provider, c := range map[string]struct {
		vars   map[string]string
		issuer string
	}{
		"oidc":  {map[string]string{"AUTH_ISSUER": "https://id.example/", "AUTH_AUDIENCE": "api"}, "https://id.example/"},
		"ory":   {map[string]string{"AUTH_ISSUER": "https://x.projects.oryapis.com", "AUTH_CLIENTS": "web"}, "https://x.projects.oryapis.com"},
		"auth0": {map[string]string{"AUTH_AUTH0_DOMAIN": "x.eu.auth0.com", "AUTH_AUDIENCE": "api"}, "https://x.eu.auth0.com/"},
		"keycloak": {map[string]string{
			"AUTH_KEYCLOAK_URL": "https://id.example", "AUTH_KEYCLOAK_REALM": "main", "AUTH_AUDIENCE": "api",
		}, "https://id.example/realms/main"},
		"cognito": {map[string]string{
			"AUTH_COGNITO_REGION": "eu-central-1", "AUTH_COGNITO_USER_POOL_ID": "eu-central-1_AbCdEfGhI", "AUTH_CLIENTS": "a,b",
		}, "https://cognito-idp.eu-central-1.amazonaws.com/eu-central-1_AbCdEfGhI"},
	} {
		vars := maps.Clone(base)
		maps.Copy(vars, c.vars)
		vars["AUTH_PROVIDER_TYPE"] = provider
		got, err := loadConfig(vars, false)
		require.NoError(t, err, provider)
		require.Equal(t, c.issuer, got.verifierConfig().Issuer)
		require.Equal(t, got.AuthAudience, got.verifierConfig().Audience)
		require.Equal(t, got.AuthClients, got.verifierConfig().Clients)
		for name := range c.vars {
			less := maps.Clone(vars)
			delete(less, name)
			_, err := loadConfig(less, false)
			require.Error(t, err, "%s without %s", provider, name)
		}
	}
}

func TestSQLitePaths(t *testing.T) {
	t.Parallel()
	for text, path := range map[string]string{
		"sqlite:saas.db": "saas.db", "sqlite:/var/x y.db": "/var/x y.db", "sqlite:///var/saas.db": "/var/saas.db", "sqlite:a?b#c%20.db": "a?b#c%20.db",
	} {
		got, ok := (&config{DatabaseURL: text}).sqlitePath()
		require.True(t, ok, text)
		require.Equal(t, path, got)
	}
}
