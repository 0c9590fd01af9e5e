//go:build !production

package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/rowhouse-go/rowhouse/tenant"
)

// limit shows what a plan allows, and what who wants more is told.
func (w *walk) limit(a *app) {
	w.part("Limits: by person and organization, as its plan allows")
	initech := "/organizations/" + text(w.step("carol founds Initech",
		request{as: "carol", do: "POST /organizations", body: `{"name":"Initech"}`}, 201), "id")
	id, err := tenant.ParseID(strings.TrimPrefix(initech, "/organizations/"))
	if err == nil {
		err = a.db.setPlan(tenant.NewContext(w.ctx, id), "trial")
	}
	w.note("the operator puts it on the plan trial", "PLAN_LIMITS "+strings.Join(a.config.PlanLimits, ", "), textOf(err))
	read := request{as: "carol", do: "GET " + initech}
	for left := 4; left >= 0; left-- {
		w.step(fmt.Sprintf("she asks; %d left", left), read, 200,
			field("RateLimit-Policy", `"minute";q=5;w=60, "hour";q=100;w=3600`), field("RateLimit", fmt.Sprintf(`"minute";r=%d;`, left)))
	}
	refused := w.step("then she has to wait", read, 429, says("quota-exceeded"), says(`"violated-policies":["minute"]`), field("RateLimit", `"minute";r=0;`))
	var fields []string
	for _, name := range []string{"RateLimit-Policy", "RateLimit", "Retry-After"} {
		fields = append(fields, name+": "+refused.header.Get(name))
	}
	fault := ""
	if refused.header.Get("Retry-After") == "" {
		fault = "there should be a Retry-After"
	}
	w.note("how long, its fields say", strings.Join(fields, "\n        "), fault)
	w.step("elsewhere she goes on", request{as: "carol", do: "GET " + w.globex}, 200)
	if a.limits.client != nil {
		n, err := a.limits.client.DBSize(w.ctx).Result()
		if err == nil && (n == 0 || a.limits.degraded.Load()) {
			err = errors.New("it should be kept there")
		}
		w.note("all replicas know it", fmt.Sprintf("Redis holds %d keys", n), textOf(err))
	}
}

// field wants a header field that begins like this.
func field(name, begin string) wish {
	return func(a answer) string {
		if !strings.HasPrefix(a.header.Get(name), begin) {
			return fmt.Sprintf("%s should begin with %s", name, begin)
		}
		return ""
	}
}

// surviveHiccup takes the database away for a moment, in the way that each has.
func (w *walk) surviveHiccup(a *app) {
	w.part("The database has a hiccup")
	before := a.db.retries.repeated.Load()
	announce := request{as: "bob", do: "POST " + w.acme + "/announcements", body: `{"text":"Still here."}`}
	if w.scene != nil {
		n, err := w.scene.killSessions(w.ctx)
		w.note("its operator ends the sessions of the service", fmt.Sprintf("pg_terminate_backend → %d", n), textOf(err))
	} else {
		released, err := w.holdLock(a)
		w.note("another process holds the write lock for longer than SQLite waits", "BEGIN IMMEDIATE", textOf(err))
		defer func() { <-released }()
	}
	w.step("the next request is answered as ever", announce, 201)
	w.step("and done once", request{as: "bob", do: "GET " + w.acme + "/announcements"}, 200, func(a answer) string {
		if strings.Count(string(a.body), "Still here.") != 1 {
			return "it should be there once"
		}
		return ""
	})
	repeated, fault := a.db.retries.repeated.Load()-before, ""
	if repeated == 0 {
		fault = "there was no hiccup"
	}
	w.note("because its transaction was run again", fmt.Sprintf("transactions begun again: %d", repeated), fault)
}

// holdLock takes the write lock of the SQLite file for lockHeld.
func (w *walk) holdLock(a *app) (released <-chan struct{}, err error) {
	done := make(chan struct{})
	path, _ := a.config.sqlitePath()
	other, err := sql.Open("sqlite", dataSource(path, "_txlock=immediate"))
	if err != nil {
		close(done)
		return done, err
	}
	tx, err := other.BeginTx(w.ctx, nil)
	if err != nil {
		close(done)
		return done, errors.Join(err, other.Close())
	}
	go func() {
		defer close(done)
		<-time.After(lockHeld)
		_ = tx.Rollback()
		_ = other.Close()
	}()
	return done, nil
}

const lockHeld = 1500 * time.Millisecond

// killSessions ends those of the login that serves.
func (s *scene) killSessions(ctx context.Context) (n int, err error) {
	err = s.admin.QueryRow(ctx, `SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE usename = $1`, s.names[1]).Scan(&n)
	if err == nil && n == 0 {
		err = errors.New("there was none")
	}
	return n, err
}

// A slowIssuer is the UserInfo endpoint of the walk: it knows erin, and answers the
// statuses it is told to before that. Whoever else asks has the wrong scope.
type slowIssuer struct {
	ln net.Listener

	lock   sync.Mutex
	faults []int
	asked  int
}

func newSlowIssuer(ctx context.Context) (*slowIssuer, error) {
	var lc net.ListenConfig
	ln, err := lc.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	i := &slowIssuer{ln: ln}
	srv := &http.Server{Handler: i, ReadHeaderTimeout: 5 * time.Second}
	go func() { _ = srv.Serve(ln) }() // ends with the listener
	return i, nil
}

func (i *slowIssuer) url() string { return "http://" + i.ln.Addr().String() + "/userinfo" }

func (i *slowIssuer) fail(statuses ...int) {
	i.lock.Lock()
	defer i.lock.Unlock()
	i.faults, i.asked = statuses, 0
}

func (i *slowIssuer) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	i.lock.Lock()
	defer i.lock.Unlock()
	i.asked++
	switch {
	case i.faults == nil:
		w.WriteHeader(http.StatusForbidden)
	case i.asked <= len(i.faults):
		w.WriteHeader(i.faults[i.asked-1])
	default:
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write([]byte(`{"sub":"erin","email":"erin@example.com","email_verified":true}`))
	}
}

// askIssuer shows an outbound request that takes several attempts.
func (w *walk) askIssuer() {
	w.part("The issuer is slow to say whose address a token's bearer has")
	made := w.step("bob invites erin to Globex", request{as: "bob", do: "POST " + w.globex + "/invitations", body: `{"email":"erin@example.com","role":"member"}`}, 201)
	w.slow.fail(503, 502)
	w.step("she accepts with a token that names no address", request{
		token: w.sign(map[string]any{"sub": "erin"}), do: "POST /invitations/accept", body: fmt.Sprintf(`{"token":%q}`, text(made, "token")),
	}, 200, has("name", "Globex"))
	w.slow.lock.Lock()
	defer w.slow.lock.Unlock()
	fault := ""
	if w.slow.asked != 3 {
		fault = "there should be three requests"
	}
	w.note("the third answer of the issuer counted", fmt.Sprintf("GET /userinfo → 503, 502, 200 (%d requests)", w.slow.asked), fault)
}
