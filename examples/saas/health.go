package main

import (
	"context"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

const (
	livePattern  = "GET /livez"
	readyPattern = "GET /readyz"

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
	h.failing = nil
	for i, c := range h.checks {
		if errs[i] != nil {
			h.failing = append(h.failing, c.name)
		}
	}
	h.asked = time.Now()
	return h.failing
}

// live says that the process answers, and nothing about what it depends on:
// restarting it mends no database.
func (a *app) live(w http.ResponseWriter, _ *http.Request) error {
	return reply(w, http.StatusOK, map[string]string{"status": "ok"})
}

// ready says whether to send requests here. It names what fails, never why.
func (a *app) ready(w http.ResponseWriter, _ *http.Request) error {
	if a.health.draining.Load() {
		return notReady("The service is shutting down.")
	}
	if failing := a.health.failures(); len(failing) > 0 {
		return notReady("Not working: " + strings.Join(failing, ", ") + ".")
	}
	return reply(w, http.StatusOK, map[string]string{"status": "ok"})
}

func notReady(detail string) error { return plain(http.StatusServiceUnavailable, detail) }
