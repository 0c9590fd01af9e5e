//go:build !production

package main

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"io"
	"log/slog"
	"maps"
	"net"
	"os"
	"path/filepath"
	"time"

	"github.com/rowhouse-go/rowhouse/auth/authtest"
)

// demoTimeout bounds the whole walk, which takes a few seconds.
const demoTimeout = 2 * time.Minute

// demo starts the service on a free port and in a temporary folder, and walks its
// main job over real HTTP. It returns exitFailed if any step went otherwise than
// it should.
func demo(ctx context.Context, postgres, redis string, stdout, stderr io.Writer) int {
	ctx, cancel := context.WithTimeout(ctx, demoTimeout)
	defer cancel()
	w := newWalk(ctx, stdout)
	w.redis = redis
	if err := w.withDatabase(postgres, stderr); err != nil { //nolint:contextcheck // as in serveWith
		say(stderr, "saas: %v\n", err)
		w.failed++
	}
	say(stdout, "\n%d passed, %d failed\n", w.passed, w.failed)
	if w.failed > 0 {
		return exitFailed
	}
	return exitDone
}

// withDatabase runs the walk on a database that is gone afterwards.
func (w *walk) withDatabase(postgres string, stderr io.Writer) (err error) {
	if postgres != "" {
		return w.withPostgres(postgres, stderr)
	}
	dir, err := os.MkdirTemp("", "rowhouse-demo-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	return w.withService(map[string]string{"DATABASE_URL": "sqlite:" + filepath.Join(dir, "saas.db")}, stderr)
}

// withService runs the walk against a service of its own.
func (w *walk) withService(database map[string]string, stderr io.Writer) (err error) {
	environ := map[string]string{
		"ENVIRONMENT":    development,
		"LISTEN_ADDR":    "127.0.0.1:0",
		"INVITATION_KEY": base64.StdEncoding.EncodeToString([]byte(rand.Text() + rand.Text())),
		"LOG_LEVEL":      "error", // the walk prints what happens
		"SHUTDOWN_DELAY": "2s",
		"RATE_LIMITS":    "100000/minute", // the load at the end is one person's
		"PLAN_LIMITS":    "trial=5/minute; 100/hour",
		"REDIS_URL":      w.redis,
	}
	maps.Copy(environ, database)
	if w.slow, err = newSlowIssuer(w.ctx); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, w.slow.ln.Close()) }()
	environ["AUTH_USERINFO_URL"] = w.slow.url()
	c, err := loadConfig(environ, true)
	if err != nil {
		return err
	}
	ln, err := listen(w.ctx, &c)
	if err != nil {
		return err
	}
	c.ListenAddr = ln.Addr().String()
	issuer, err := newDevIssuer(&c)
	if err != nil {
		return errors.Join(err, ln.Close())
	}
	log := newLog(c, stderr)
	id, err := devIdentity(issuer, &c, log)
	if err != nil {
		return errors.Join(err, ln.Close())
	}
	a, err := openApp(w.ctx, c, log, id)
	if err != nil {
		return errors.Join(err, ln.Close())
	}
	defer func() { err = errors.Join(err, a.close()) }()
	return w.serveAndWalk(a, ln, issuer, log)
}

func (w *walk) serveAndWalk(a *app, ln net.Listener, issuer *authtest.Issuer, log *slog.Logger) error {
	ctx, terminate := context.WithCancel(w.ctx)
	defer terminate()
	served := make(chan error, 1)
	go func() { served <- a.serve(ctx, ln) }()
	w.base, w.issuer = "http://"+ln.Addr().String(), issuer
	log.Debug("walking", slog.String("address", w.base))

	w.signIn()
	w.found()
	w.refuseStrangers()
	w.judgeRoles()
	w.announce()
	w.inviteByMail()
	w.askIssuer()
	w.handOver()
	w.rotateKeys()
	w.surviveOutage()
	w.surviveHiccup(a)
	w.limit(a)
	w.refuseLies()
	w.refuseMalformed()
	w.attackTables()
	return w.drain(terminate, served)
}
