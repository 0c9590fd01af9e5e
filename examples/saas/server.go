package main

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"
)

// listen opens the configured address. The check of the address found, and not
// only of the one asked for, keeps an insecure identity on the loopback
// interface.
func listen(ctx context.Context, c *config) (net.Listener, error) {
	var lc net.ListenConfig
	ln, err := lc.Listen(ctx, "tcp", c.ListenAddr)
	if err != nil {
		return nil, err
	}
	if c.insecureDevIdentity && !isLoopback(ln.Addr().String()) {
		_ = ln.Close()
		return nil, fmt.Errorf("%s is no loopback address", ln.Addr())
	}
	return ln, nil
}

// bodyTimeout is what a client has to send a request. It ends before
// requestTimeout does, so that a slow client is told so and the database is not
// blamed.
const bodyTimeout = requestTimeout - 2*time.Second

// serve answers on ln until ctx is done. Then /readyz fails, SHUTDOWN_DELAY
// passes in which requests are served as ever, the listener closes, and what is
// under way has SHUTDOWN_GRACE to end.
func (a *app) serve(ctx context.Context, ln net.Listener) error {
	srv := &http.Server{
		Handler:           a.handler,
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       bodyTimeout,
		WriteTimeout:      requestTimeout + 30*time.Second,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    32 << 10,

		DisableGeneralOptionsHandler: true, // OPTIONS * is no resource either

		ErrorLog: slog.NewLogLogger(a.log.Handler(), slog.LevelWarn),
	}
	failed := make(chan error, 1)
	go func() { failed <- srv.Serve(ln) }() // ends with Shutdown below
	select {
	case err := <-failed:
		return fmt.Errorf("serve: %w", err)
	case <-ctx.Done():
	}
	a.health.draining.Store(true)
	a.log.Info("draining", slog.Duration("delay", a.config.ShutdownDelay), slog.Duration("grace", a.config.ShutdownGrace))
	select {
	case err := <-failed:
		return fmt.Errorf("serve: %w", err)
	case <-time.After(a.config.ShutdownDelay):
	}
	grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), a.config.ShutdownGrace)
	defer cancel()
	if err := srv.Shutdown(grace); err != nil {
		_ = srv.Close() // frees what Shutdown waited for
		return fmt.Errorf("drain: requests were cut off after %v: %w", a.config.ShutdownGrace, err)
	}
	a.log.Info("drained")
	return nil
}
