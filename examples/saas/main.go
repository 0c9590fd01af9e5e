// Command saas is a multi-tenant HTTP service built of Rowhouse's packages: people
// with tokens of an OpenID provider found organizations, add others to them and
// are refused what their role forbids.
//
// README.md tells how to run it, docs/configuration.md what can be set.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"strings"
	"syscall"
)

const usage = `usage: saas <command> [flags]

commands:
  serve   serve until SIGINT or SIGTERM, then drain; a second signal ends at once
          --insecure-dev-identity  sign anybody in without a password; needs
                                   ENVIRONMENT=development and a loopback LISTEN_ADDR
  migrate bring the schema up to date and tell what that took; serve does it itself
          for SQLite, and never for PostgreSQL, where the login that serves can't
  plan    put an organization on a plan of PLAN_LIMITS, for the next request on
          --organization ID --name NAME
  demo    walk the service's main job over real HTTP and tell how it went
          --postgres URL  in a database of its own, made and dropped with its logins;
                          URL is of a login that may do that
          --redis URL     with limits kept there
  help    print this

The configuration comes from environment variables: docs/configuration.md.
Exit status: 0 done, 1 failed, 2 wrong usage or configuration.
`

// The exit statuses.
const (
	exitDone = iota
	exitFailed
	exitUsage
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // from then on a signal has its default effect
	os.Exit(run(ctx, os.Args[1:], os.Environ(), os.Stdout, os.Stderr))
}

// run is the program with all it touches as arguments.
func run(ctx context.Context, args, environ []string, stdout, stderr io.Writer) int {
	if len(args) == 0 {
		say(stderr, "%s", usage)
		return exitUsage
	}
	flags := flag.NewFlagSet("saas "+args[0], flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.Usage = func() { say(stderr, "%s", usage) }
	var command func() int
	switch args[0] {
	case "serve":
		insecure := flags.Bool("insecure-dev-identity", false, "")
		command = func() int { return serve(ctx, environMap(environ), *insecure, stderr) }
	case "migrate":
		command = func() int { return migrate(ctx, environMap(environ), stdout, stderr) }
	case "plan":
		org, name := flags.String("organization", "", ""), flags.String("name", "", "")
		command = func() int { return changePlan(ctx, environMap(environ), *org, *name, stdout, stderr) }
	case "demo":
		postgres := flags.String("postgres", "", "")
		redis := flags.String("redis", "", "")
		command = func() int { return demo(ctx, *postgres, *redis, stdout, stderr) }
	case "help", "-h", "-help", "--help":
		say(stdout, "%s", usage)
		return exitDone
	default:
		say(stderr, "saas: there is no command %.64q\n\n%s", args[0], usage)
		return exitUsage
	}
	switch err := flags.Parse(args[1:]); {
	case errors.Is(err, flag.ErrHelp):
		return exitDone
	case err != nil:
		return exitUsage
	case flags.NArg() > 0:
		say(stderr, "saas: %s takes no arguments\n\n%s", args[0], usage)
		return exitUsage
	}
	return command()
}

// serve runs the service until ctx is done.
func serve(ctx context.Context, environ map[string]string, insecureDevIdentity bool, stderr io.Writer) int {
	c, err := loadConfig(environ, insecureDevIdentity)
	if err != nil {
		say(stderr, "saas: the configuration is not right:\n  %s\n", strings.ReplaceAll(err.Error(), "\n", "\n  "))
		return exitUsage
	}
	log := newLog(c, stderr)
	if err := serveWith(ctx, c, log, stderr); err != nil {
		log.Error("ended", slog.Any("error", err))
		return exitFailed
	}
	return exitDone
}

func serveWith(ctx context.Context, c config, log *slog.Logger, stderr io.Writer) (err error) {
	ln, err := listen(ctx, &c)
	if err != nil {
		return fmt.Errorf("LISTEN_ADDR: %w", err)
	}
	c.ListenAddr = ln.Addr().String() // with the port found
	id, err := newIdentity(&c, log)   //nolint:contextcheck // keys are refreshed until close
	if err != nil {
		return errors.Join(err, ln.Close())
	}
	a, err := openApp(ctx, c, log, id)
	if err != nil {
		return errors.Join(err, ln.Close())
	}
	defer func() { err = errors.Join(err, a.close()) }()
	log.Info("serving", slog.String("address", c.ListenAddr),
		slog.String("environment", c.Environment), slog.String("issuer", id.issuer))
	if a.identity.hint != "" {
		say(stderr, "%s", a.identity.hint)
	}
	return a.serve(ctx, ln)
}

// newLog writes JSON, or text where a developer reads it. It goes to stderr and
// never buffers.
func newLog(c config, w io.Writer) *slog.Logger {
	options := &slog.HandlerOptions{Level: c.LogLevel}
	var h slog.Handler = slog.NewJSONHandler(w, options)
	if c.Environment == development {
		h = slog.NewTextHandler(w, options)
	}
	return slog.New(h).With(slog.String("app", c.AppName))
}

func environMap(environ []string) map[string]string {
	m := make(map[string]string, len(environ))
	for _, line := range environ {
		name, value, _ := strings.Cut(line, "=")
		m[name] = value
	}
	return m
}

// say writes to the terminal. One that has gone has nobody to tell.
func say(w io.Writer, format string, args ...any) { _, _ = fmt.Fprintf(w, format, args...) }
