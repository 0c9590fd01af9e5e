// Package authtest is an OpenID issuer for tests and for development. It signs
// tokens of every shape, right and wrong, publishes its keys over real HTTP, and
// has a switch for each way an issuer fails: rotated and revoked keys, outage,
// slowness, garbage, an emptied key set.
//
//	issuer := authtest.NewIssuer(t)
//	v, err := auth.New(issuer.Config())
//	...
//	r.Header.Set("Authorization", "Bearer "+issuer.Sign(map[string]any{"sub": "alice"}))
//
// A service that verifies tokens with package auth is tested end to end this
// way: nothing in it knows that the issuer is not a real one.
//
// The issuer has no login, no token endpoint and no persistence: its keys are
// made when it starts and end with it. Whoever can call Sign is everybody.
// Nothing here imports testing.
package authtest

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log"
	"maps"
	"net"
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/rowhouse-go/rowhouse/auth"
)

// Audience is the aud of tokens whose issuer was made without another.
const Audience = "https://api.test"

// Options adjust an [Issuer]. The zero value means the defaults.
type Options struct {
	// Audience is the aud of tokens that name none. Empty means [Audience].
	Audience string

	// Algorithm is the alg of tokens that name none. Empty means "ES256", the
	// fastest to make keys for.
	Algorithm string

	// Metadata adds members to the discovery document, such as the
	// "token_endpoint" of a service that has one.
	Metadata map[string]any

	// Now is the clock of iat and exp. Nil means time.Now.
	Now func() time.Time
}

// An Issuer signs tokens and publishes the keys to verify them. It is safe for
// concurrent use. Make one with [NewIssuer], [Start] or [New].
type Issuer struct {
	url      *url.URL
	iss      string
	audience string
	alg      string
	metadata map[string]any
	now      func() time.Time
	stop     func()

	mu        sync.Mutex
	signing   map[string]Key // by alg
	published []Key
	faults    faults
	fetches   int
}

// TB is the part of testing.TB that [NewIssuer] needs.
type TB interface {
	Helper()
	Cleanup(func())
	Fatalf(format string, args ...any)
}

// NewIssuer starts an issuer with the default Options for the time of a test.
func NewIssuer(t TB) *Issuer {
	t.Helper()
	i, err := Start(nil)
	if err != nil {
		t.Fatalf("%v", err)
		return nil
	}
	t.Cleanup(i.Close)
	return i
}

// Start starts an issuer on a free port of the loopback interface. Close ends
// it. A nil o means the defaults.
func Start(o *Options) (*Issuer, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("authtest: %w", err)
	}
	i, err := New("http://"+l.Addr().String(), o)
	if err != nil {
		return nil, errors.Join(err, l.Close())
	}
	server := &http.Server{
		Handler:           i,
		ReadHeaderTimeout: 10 * time.Second,
		ErrorLog:          log.New(io.Discard, "", 0),
	}
	var serving sync.WaitGroup
	serving.Go(func() { _ = server.Serve(l) }) // ends with Close, by an error that says so
	i.stop = sync.OnceFunc(func() {
		_ = server.Close() // what it could report, a test can't act on
		serving.Wait()
	})
	return i, nil
}

// New returns an issuer that listens nowhere: iss is its exact iss, an absolute
// http or https URL. Mount it as the handler of that URL's path (for
// "https://app.test/id" at "/id/"), or let [Issuer.Client] reach it without a
// network, which also works inside a testing/synctest bubble. A nil o means the
// defaults. There is nothing to close.
func New(iss string, o *Options) (*Issuer, error) {
	if o == nil {
		o = &Options{}
	}
	u, err := url.Parse(iss)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" || u.RawQuery != "" || u.Fragment != "" || u.User != nil {
		return nil, fmt.Errorf("authtest: %q is not an absolute http or https URL without query", iss)
	}
	i := &Issuer{
		url:      u,
		iss:      iss,
		audience: o.Audience,
		alg:      o.Algorithm,
		metadata: maps.Clone(o.Metadata),
		now:      o.Now,
		stop:     func() {},
		signing:  make(map[string]Key),
	}
	if i.audience == "" {
		i.audience = Audience
	}
	if i.alg == "" {
		i.alg = "ES256"
	}
	if i.now == nil {
		i.now = time.Now
	}
	k, err := NewKey(newKid(i.alg), i.alg)
	if err != nil {
		return nil, err
	}
	i.signing[i.alg] = k
	i.published = []Key{k}
	return i, nil
}

// Close stops listening and ends the requests in progress.
func (i *Issuer) Close() { i.stop() }

// URL returns the issuer's name, as iss has it.
func (i *Issuer) URL() string { return i.iss }

// Config returns a Config that accepts the issuer's tokens, and finds its keys
// as a service in production would, by discovery.
func (i *Issuer) Config() auth.Config {
	return auth.Config{
		Issuer:     i.iss,
		Audience:   []string{i.audience},
		Algorithms: []string{"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"},
	}
}

func newKid(alg string) string { return alg + "-" + rand.Text()[:10] }
