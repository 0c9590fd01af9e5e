package main

import (
	"errors"
	"fmt"
	"log/slog"
	"reflect"
	"time"

	"github.com/caarlos0/env/v11"
)

// A config is read from the environment, where a variable set to nothing counts
// as not set. The doc tags are the text of .env.example and
// docs/configuration.md; a test holds both to this struct.
type config struct {
	AppName     string     `env:"APP_NAME" envDefault:"rowhouse-saas" doc:"Name of the service in its log, 1 to 64 characters."`
	Environment string     `env:"ENVIRONMENT" doc:"development, staging or production. Required: no default is right for all three." example:"development"`
	LogLevel    slog.Level `env:"LOG_LEVEL" envDefault:"info" doc:"debug, info, warn or error. Health checks that succeed are logged at debug."`
	ListenAddr  string     `env:"LISTEN_ADDR" envDefault:"127.0.0.1:8080" doc:"Host and port to listen on; port 0 takes a free one. Terminate TLS in front of it."`

	DatabaseURL       string        `env:"DATABASE_URL" envDefault:"sqlite:saas.db" doc:"sqlite: followed by the path of a file, which is made if it does not exist, or postgres://LOGIN:PASSWORD@HOST:PORT/DATABASE of the login that serves, which owns nothing."`
	WorkerURL         string        `env:"WORKER_URL" doc:"PostgreSQL only: the same database, as the login of background work. migrate gives it its rights."`
	MigrateURL        string        `env:"MIGRATE_URL" doc:"PostgreSQL only: the same database, as the login that owns the tables. Read by migrate alone; keep it from the serving process. It must reach the server itself, not a pooler."`
	DBPoolMaxConns    int           `env:"DB_POOL_MAX_CONNS" envDefault:"10" doc:"PostgreSQL only: the most connections this process opens, 1 to 1000."`
	DBPoolMaxLifetime time.Duration `env:"DB_POOL_MAX_LIFETIME" envDefault:"30m" doc:"PostgreSQL only: how long a connection is used, 1m to 24h."`

	AuthProviderType       string   `env:"AUTH_PROVIDER_TYPE" doc:"oidc, auth0, keycloak, cognito or ory. Required, except with the flag --insecure-dev-identity, which brings its own issuer; none, where everybody is the same person, needs that flag."`
	AuthIssuer             string   `env:"AUTH_ISSUER" doc:"The exact iss of the tokens, an https URL (http on the loopback interface). Required for oidc and ory."`
	AuthAuth0Domain        string   `env:"AUTH_AUTH0_DOMAIN" doc:"Tenant domain, such as example.eu.auth0.com. Required for auth0."`
	AuthKeycloakURL        string   `env:"AUTH_KEYCLOAK_URL" doc:"Address of the server without /realms. Required for keycloak."`
	AuthKeycloakRealm      string   `env:"AUTH_KEYCLOAK_REALM" doc:"Realm. Required for keycloak."`
	AuthCognitoRegion      string   `env:"AUTH_COGNITO_REGION" doc:"AWS region, such as eu-central-1. Required for cognito."`
	AuthCognitoUserPoolID  string   `env:"AUTH_COGNITO_USER_POOL_ID" doc:"User pool, such as eu-central-1_AbCdEfGhI. Required for cognito."`
	AuthAudience           []string `env:"AUTH_AUDIENCE" doc:"Names this service goes by in aud, separated by commas. Required, except for cognito and where AUTH_CLIENTS stands in."`
	AuthClients            []string `env:"AUTH_CLIENTS" doc:"Clients (azp, client_id) whose tokens are accepted although they have no aud, separated by commas. Required for cognito."`
	AuthTokenCache         int      `env:"AUTH_TOKEN_CACHE" envDefault:"1024" doc:"Number of verified tokens to remember, at most 2 KiB each; 0 for none, at most 1000000."`
	AuthEmailAuthoritative bool     `env:"AUTH_EMAIL_AUTHORITATIVE" envDefault:"false" doc:"true says that the issuer itself makes sure of the addresses it calls email_verified. Invitations are accepted on its word, and are off without it."`
	AuthUserInfoURL        string   `env:"AUTH_USERINFO_URL" doc:"UserInfo endpoint of the issuer, an https URL (http on the loopback interface). It is asked for the e-mail address of whoever accepts an invitation with a token that has none; without it there is none then."`
	InvitationKey          string   `env:"INVITATION_KEY" doc:"Secret of the tokens of invitations, base64 of at least 32 random bytes (openssl rand -base64 32). Required except in development, where one is made up at each start."`

	RateLimits        string   `env:"RATE_LIMITS" envDefault:"100/minute; 2000/hour" doc:"What a person may ask for in an organization, and outside of all. Ten times as much, or as the greatest plan, is let in from one address, and from one person in all organizations together."`
	PlanLimits        []string `env:"PLAN_LIMITS" doc:"What a person may ask for in an organization on a plan, instead: pro=1000/minute; 20000/hour, with commas between plans. Organizations begin on free; the command plan puts them on another."`
	AuthFailureLimits string   `env:"AUTH_FAILURE_LIMITS" envDefault:"30/minute; 300/hour" doc:"How many tokens may fail from one address; those that have only expired don't count. Who fails more often is told nothing but to wait."`
	RedisURL          string   `env:"REDIS_URL" doc:"redis://LOGIN:PASSWORD@HOST:PORT/NUMBER, or rediss: for TLS, where replicas share their limits. Without it each has its own."`
	TrustedProxies    []string `env:"TRUSTED_PROXIES" doc:"Networks of the proxies in front, such as 10.0.0.0/8, separated by commas: their X-Forwarded-For says whose address a request is from. Without any, whoever connects is the client."`

	RequestIDHeader string        `env:"REQUEST_ID_HEADER" envDefault:"X-Request-ID" doc:"Header that carries the request id in and out. An id that is not 1 to 64 letters, digits, dots, dashes and underscores is replaced."`
	MaxBodyBytes    int64         `env:"MAX_BODY_BYTES" envDefault:"65536" doc:"Greatest size of a request's body, from 1024 to 1048576."`
	ShutdownDelay   time.Duration `env:"SHUTDOWN_DELAY" envDefault:"3s" doc:"How long to serve on after /readyz has begun to fail, so that load balancers notice; 0s to 5m."`
	ShutdownGrace   time.Duration `env:"SHUTDOWN_GRACE" envDefault:"20s" doc:"How long requests may take to end after that; 1s to 10m."`

	insecureDevIdentity bool // the flag of serve, never a variable
}

// The environments.
const (
	development = "development"
	staging     = "staging"
	production  = "production"
)

// loadConfig reads the configuration of serve from environ. Its error lists every
// fault, one a line, each beginning with the variable's name. It never holds a
// value: any of them may be a secret, or a secret pasted into the wrong line.
func loadConfig(environ map[string]string, insecureDevIdentity bool) (config, error) {
	c := config{insecureDevIdentity: insecureDevIdentity}
	err := c.read(environ, c.faults)
	return c, err
}

// loadMigrateConfig is loadConfig for the command migrate, which needs to know
// where the database is and who works on it, and no secret of serve's.
func loadMigrateConfig(environ map[string]string) (config, error) {
	var c config
	err := c.read(environ, c.migrateFaults)
	return c, err
}

// loadPlanConfig is loadConfig for the command plan.
func loadPlanConfig(environ map[string]string) (config, error) {
	var c config
	err := c.read(environ, c.planFaults)
	return c, err
}

func (c *config) read(environ map[string]string, judge func() []configFault) error {
	err := env.ParseWithOptions(c, env.Options{Environment: environ})
	faults, unread := parseFaults(err)
	for _, f := range judge() {
		if !unread[f.variable] { // it holds its zero value, which says nothing more
			faults = append(faults, f)
		}
	}
	return errors.Join(faults...)
}

// A configFault is one thing wrong with one variable.
type configFault struct {
	variable, text string
}

func (f configFault) Error() string { return f.variable + ": " + f.text }

// parseFaults turns the parser's errors, whose texts hold values, into our own.
func parseFaults(err error) (faults []error, unread map[string]bool) {
	unread = make(map[string]bool)
	if err == nil {
		return nil, unread
	}
	all, ok := errors.AsType[env.AggregateError](err)
	if !ok {
		return []error{errors.New("environment: can't be read")}, unread
	}
	for _, one := range all.Errors {
		e, ok := errors.AsType[env.ParseError](one)
		if !ok {
			faults = append(faults, errors.New("environment: can't be read"))
			continue
		}
		field, _ := reflect.TypeFor[config]().FieldByName(e.Name)
		name := field.Tag.Get("env")
		unread[name] = true
		faults = append(faults, configFault{name, "must be " + kindText(field.Type)})
	}
	return faults, unread
}

func kindText(t reflect.Type) string {
	switch t {
	case reflect.TypeFor[time.Duration]():
		return "a duration such as 20s or 1m30s"
	case reflect.TypeFor[slog.Level]():
		return "debug, info, warn or error"
	case reflect.TypeFor[bool]():
		return "true or false"
	case reflect.TypeFor[int](), reflect.TypeFor[int64]():
		return "a whole number"
	}
	return fmt.Sprintf("a %s", t)
}
