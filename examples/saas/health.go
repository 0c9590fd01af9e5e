package main

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

const (
	livePath     = "/livez"
	readyPath    = "/readyz"
	livePattern  = "GET " + livePath
	readyPattern = "GET " + readyPath

	readyFresh   = time.Second // how long one answer of the checks serves everybody
	readyTimeout = 2 * time.Second
)

// A check is one thing the service can't work without.
type check struct {
	name string
	ask  func(context.Context) error
}

// A health knows whether the service should get requests. It is safe for
// concurrent use.
type health struct {
	draining atomic.Bool
	checks   []check
	log      *slog.Logger

	lock    sync.Mutex // held while the checks run: who comes meanwhile takes their answer
	asked   time.Time
	failing []string
}

// failures returns the names of the checks that fail, in their order. However
// often it is called, each check runs once a second at most, all at the same
// time.
func (h *health) failures() []string {
	h.lock.Lock()
	defer h.lock.Unlock()
	if !h.asked.IsZero() && time.Since(h.asked) < readyFresh {
		return h.failing
	}
	// Not the request's context: a probe that gives up must not decide for the others.
	ctx, cancel := context.WithTimeout(context.Background(), readyTimeout)
	defer cancel()
	errs := make([]error, len(h.checks))
	var wg sync.WaitGroup
	for i, c := range h.checks {
		wg.Go(func() { errs[i] = c.ask(ctx) })
	}
	wg.Wait()
	var failing []string
	for i, c := range h.checks {
		if errs[i] != nil {
			failing = append(failing, c.name)
		}
	}
	switch { // only the log hears why, and only news
	case len(failing) > 0 && !slices.Equal(failing, h.failing):
		h.log.LogAttrs(ctx, slog.LevelWarn, "not ready", slog.Any("failing", failing), slog.Any("error", errors.Join(errs...)))
	case len(failing) == 0 && len(h.failing) > 0:
		h.log.LogAttrs(ctx, slog.LevelInfo, "ready again")
	}
	h.failing, h.asked = failing, time.Now()
	return failing
}

// live says that the process answers, and nothing about what it depends on:
// restarting it mends no database.
func (a *app) live(w http.ResponseWriter, _ *http.Request) error {
	return reply(w, http.StatusOK, map[string]string{"status": "ok"})
}

// ready says whether to send requests here. It names what fails, never why.
func (a *app) ready(w http.ResponseWriter, _ *http.Request) error {
	if a.health.draining.Load() {
		return plain(http.StatusServiceUnavailable, "The service is shutting down.")
	}
	if failing := a.health.failures(); len(failing) > 0 {
		return plain(http.StatusServiceUnavailable, "Not working: "+strings.Join(failing, ", ")+".")
	}
	return reply(w, http.StatusOK, map[string]string{"status": "ok"})
}
