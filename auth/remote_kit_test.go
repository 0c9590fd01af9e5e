package auth_test

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rowhouse-go/rowhouse/auth"
	"github.com/rowhouse-go/rowhouse/auth/authtest"
)

// A world is one verifier, its issuer and the network between them, inside a
// synctest bubble: hours pass in microseconds, and a goroutine that is left
// behind fails the test.
type world struct {
	*testing.T
	issuer *authtest.Issuer
	net    *network
	keys   *auth.RemoteKeySet // nil with discovery
	v      *auth.Verifier
	log    *logBook
	skew   atomic.Int64 // of the wall clock, against the monotonic one

	mu     sync.Mutex
	events []auth.Event
}

const (
	worldIssuer  = "https://id.test"
	worldKeys    = worldIssuer + "/jwks.json"
	mirrorKeys   = "https://mirror.test/jwks.json"
	discoveryDoc = worldIssuer + "/.well-known/openid-configuration"
)

// A setup changes a world before it starts; nil fields change nothing.
type setup struct {
	options   func(*world, *auth.RemoteKeysOptions)
	config    func(*world, *auth.Config)
	discovery bool
	metadata  object
	cold      bool // don't load the keys first
	down      bool // the issuer is, and so cold
}

func inWorld(t *testing.T, s setup, run func(*world)) {
	t.Helper()
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := &world{T: t, net: &network{hosts: make(map[string]http.Handler)}, log: &logBook{}}
		now := func() time.Time { return time.Now().Round(0).Add(time.Duration(w.skew.Load())) }
		var err error
		w.issuer, err = authtest.New(worldIssuer, &authtest.Options{Now: now, Metadata: s.metadata})
		require.NoError(t, err)
		w.net.serve("id.test", w.issuer)
		w.issuer.Outage(s.down)
		c := w.issuer.Config()
		c.Now = now
		c.HTTPClient = &http.Client{Transport: w.net}
		c.Logger = slog.New(w.log)
		c.Observe = w.observe
		if !s.discovery {
			o := &auth.RemoteKeysOptions{Now: now, HTTPClient: c.HTTPClient, Logger: c.Logger, Observe: w.observe}
			if s.options != nil {
				s.options(w, o)
			}
			w.keys = auth.RemoteKeys(worldKeys, o)
			defer w.keys.Close()
			c.Keys = w.keys
		}
		if s.config != nil {
			s.config(w, &c)
		}
		w.v, err = auth.New(c)
		require.NoError(t, err)
		defer w.v.Close()
		if !s.cold && !s.down {
			require.NoError(t, w.v.Ready(t.Context()))
			synctest.Wait()
		}
		run(w)
	})
}

func (w *world) observe(_ context.Context, e auth.Event) {
	if e.Kind == auth.EventVerify {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.events = append(w.events, e)
}

// count returns how many events of a kind there were.
func (w *world) count(k auth.EventKind) (n int) {
	synctest.Wait() // events come after the answer
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, e := range w.events {
		if e.Kind == k {
			n++
		}
	}
	return n
}

// last returns the latest event of a kind.
func (w *world) last(k auth.EventKind) (last auth.Event) {
	synctest.Wait()
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, e := range w.events {
		if e.Kind == k {
			last = e
		}
	}
	return last
}

// pass lets time go by and all that is due in it happen.
func (w *world) pass(d time.Duration) {
	time.Sleep(d) // of the bubble
	synctest.Wait()
}

// sign returns a good token by the issuer's present key, or by k.
func (w *world) sign(k ...authtest.Key) string {
	t := authtest.Token{}
	if len(k) > 0 {
		t.Key = &k[0]
	}
	return w.issuer.SignToken(t)
}

// forge returns a token that is good but for a key nobody published, under kid.
func (w *world) forge(kid string) string {
	w.Helper()
	k, err := authtest.NewKey(kid, "ES256")
	require.NoError(w, err)
	return w.sign(k)
}

func (w *world) accepts(token string) {
	w.Helper()
	_, err := w.v.Verify(w.Context(), token)
	require.NoError(w, err)
}

func (w *world) refuses(token string, want auth.Reason) *auth.Error {
	w.Helper()
	_, err := w.v.Verify(w.Context(), token)
	var e *auth.Error
	require.ErrorAs(w, err, &e)
	require.Equal(w, want, e.Reason, "%v", err)
	return e
}

// unavailable is a refusal that is ours, with a time to come again.
func (w *world) unavailable(token string) *auth.Error {
	w.Helper()
	e := w.refuses(token, auth.ReasonKeysUnready)
	require.ErrorIs(w, e, auth.ErrUnavailable)
	require.Equal(w, http.StatusServiceUnavailable, e.HTTPStatus())
	require.GreaterOrEqual(w, e.RetryAfter, time.Second)
	require.LessOrEqual(w, e.RetryAfter, time.Minute)
	return e
}

// A network carries requests to handlers without sockets.
type network struct {
	mu    sync.Mutex
	hosts map[string]http.Handler
	asked []request
	after time.Duration // answers are made, then take this long
}

type request struct {
	url string
	at  time.Time
}

func (n *network) serve(host string, h http.Handler) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.hosts[host] = h
}

// answer serves one fixed answer at a host.
func (n *network) answer(host string, status int, body string, header ...string) {
	n.serve(host, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		for i := 0; i+1 < len(header); i += 2 {
			w.Header().Add(header[i], header[i+1])
		}
		w.WriteHeader(status)
		_, _ = w.Write([]byte(body))
	}))
}

func (n *network) lag(d time.Duration) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.after = d
}

// requests returns those to URLs that end with suffix.
func (n *network) requests(suffix string) (out []request) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, r := range n.asked {
		if strings.HasSuffix(r.url, suffix) {
			out = append(out, r)
		}
	}
	return out
}

func (n *network) RoundTrip(r *http.Request) (resp *http.Response, err error) {
	n.mu.Lock()
	n.asked = append(n.asked, request{r.URL.String(), time.Now()})
	h, after := n.hosts[r.URL.Host], n.after
	n.mu.Unlock()
	if h == nil {
		return nil, &net.DNSError{Err: "no such host", Name: r.URL.Host, IsNotFound: true}
	}
	w := httptest.NewRecorder()
	defer func() {
		p := recover()
		if e, ok := p.(error); ok && errors.Is(e, http.ErrAbortHandler) {
			resp, err = nil, &net.OpError{Op: "read", Err: syscall.ECONNRESET}
		} else if p != nil {
			panic(p)
		}
	}()
	h.ServeHTTP(w, r)
	if after > 0 {
		late := time.NewTimer(after)
		defer late.Stop()
		select {
		case <-late.C:
		case <-r.Context().Done():
		}
	}
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	resp = w.Result()
	resp.Request = r
	return resp, nil
}

// A logBook keeps what was logged.
type logBook struct {
	mu    sync.Mutex
	lines []slog.Record
}

func (*logBook) Enabled(context.Context, slog.Level) bool { return true }
func (b *logBook) WithAttrs([]slog.Attr) slog.Handler     { return b }
func (b *logBook) WithGroup(string) slog.Handler          { return b }

func (b *logBook) Handle(_ context.Context, r slog.Record) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.lines = append(b.lines, r)
	return nil
}

// levels returns the level of each line.
func (b *logBook) levels() (levels []slog.Level) {
	synctest.Wait()
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, r := range b.lines {
		levels = append(levels, r.Level)
	}
	return levels
}

// text returns all lines with their attributes.
func (b *logBook) text() string {
	synctest.Wait()
	b.mu.Lock()
	defer b.mu.Unlock()
	var s strings.Builder
	for _, r := range b.lines {
		s.WriteString(r.Level.String() + " " + r.Message)
		r.Attrs(func(a slog.Attr) bool {
			s.WriteString(" " + a.String())
			return true
		})
		s.WriteByte('\n')
	}
	return s.String()
}
