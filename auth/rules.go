package auth

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// An issuer is a Config made ready.
type issuer struct {
	Config
	algs   []*algorithm
	leeway int64 // µs
}

func newIssuer(c Config) *issuer {
	is := &issuer{Config: c, leeway: c.Leeway.Microseconds()}
	for _, name := range c.Algorithms {
		is.algs = append(is.algs, algorithmNamed(name))
	}
	return is
}

// allowHeader judges what can be judged without a key.
func (is *issuer) allowHeader(h header) *Error {
	if h.alg == nil || !slices.Contains(is.algs, h.alg) {
		return refuse(ReasonAlgorithm, nil)
	}
	if !slices.ContainsFunc(is.Types, func(t string) bool { return strings.EqualFold(t, h.typ) }) {
		return refuse(ReasonType, nil)
	}
	return nil
}

// allow applies every rule that depends on the claims alone, Check aside. It
// also tells plausible tokens from junk before a key is fetched for them.
func (is *issuer) allow(c *claims, now time.Time) *Error {
	if c.issuer != is.Issuer && !slices.Contains(is.Aliases, c.issuer) {
		return refuse(ReasonIssuer, nil)
	}
	if err := is.allowTime(&c.times, now); err != nil {
		return err
	}
	if c.idToken {
		return refuse(ReasonIDToken, nil)
	}
	if c.event {
		return refuse(ReasonType, nil)
	}
	if !is.allowAudience(c) {
		return refuse(ReasonAudience, nil)
	}
	for name, want := range is.Require {
		raw, ok := lookup(c.payload, c.members, []string{name})
		if !ok || raw[0] != '"' || stringValue(raw, true) != want {
			return refuse(ReasonRequired, fmt.Errorf("%q", name))
		}
	}
	return nil
}

// allowTime is applied to cached tokens as well.
func (is *issuer) allowTime(t *times, now time.Time) *Error {
	us := now.UnixMicro()
	switch {
	case us >= t.expires+is.leeway:
		return refuse(ReasonExpired, nil)
	case t.notBefore > us+is.leeway:
		return refuse(ReasonNotYetValid, errors.New("nbf"))
	case t.issuedAt > us+is.leeway:
		return refuse(ReasonNotYetValid, errors.New("iat"))
	}
	return nil
}

func (is *issuer) allowAudience(c *claims) bool {
	named := false
	for _, a := range c.audience {
		if slices.Contains(is.Audience, a) {
			return true
		}
		named = named || !slices.Contains(is.IgnoredAudiences, a)
	}
	if named {
		return false // for somebody else
	}
	for _, id := range []string{c.azp, c.clientID} {
		if id != "" && !slices.Contains(is.Clients, id) {
			return false
		}
	}
	return c.azp != "" || c.clientID != ""
}

// identify fills in who the verified claims speak of. A token that names no
// client may be anybody's: its principal is no client's, so that a client which
// got itself an id equal to a person's sub does not become that person even
// where Kind can't tell the two apart.
func (is *issuer) identify(c *claims) *Error {
	c.kind = KindClient
	if is.Kind(Claims{c}) == KindUser {
		c.kind = KindUser
	}
	subject := c.subject
	if subject == "" && c.kind == KindClient {
		subject = Claims{c}.ClientID()
	}
	if subject == "" {
		return refuse(ReasonSubject, nil)
	}
	kind := c.kind
	if kind == KindClient && c.clientID == "" && c.azp == "" {
		kind = unnamed
	}
	c.principal = principal(is.Issuer, kind, subject)
	return nil
}
