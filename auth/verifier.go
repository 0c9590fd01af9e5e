package auth

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"
)

// A Verifier verifies bearer tokens. It is safe for concurrent use. Make one
// with [New]; the zero Verifier refuses every token.
type Verifier struct {
	issuers []*issuer
	byName  map[string]*issuer // Issuer and Aliases
	shared  Config             // the verifier-wide fields
	cache   *tokenCache        // nil without TokenCache
	owned   []io.Closer
}

// New returns a verifier for the issuer of cfg and those of more. A token is
// judged by the Config of its exact iss alone; issuers never share keys. Every
// fault of every Config is reported at once.
//
// For each Config without Keys, New starts to load the issuer's keys in the
// background; the issuer need not be up. [Verifier.Ready] waits for the keys,
// [Verifier.Close] ends the refreshing.
func New(cfg Config, more ...Config) (*Verifier, error) {
	v := &Verifier{byName: make(map[string]*issuer), shared: cfg.withDefaults()}
	var errs []error
	for i, c := range append([]Config{cfg}, more...) {
		at := "auth: Config"
		if len(more) > 0 {
			at = fmt.Sprintf("auth: Config %d", i+1)
		}
		for _, err := range c.problems() {
			errs = append(errs, fmt.Errorf("%s: %w", at, err))
		}
		if i > 0 {
			for _, field := range c.shared() {
				errs = append(errs, fmt.Errorf("%s: %s: belongs in the first Config", at, field))
			}
		}
		is := newIssuer(c.withDefaults())
		v.issuers = append(v.issuers, is)
		for _, name := range append([]string{c.Issuer}, c.Aliases...) {
			if _, twice := v.byName[name]; twice && name != "" {
				errs = append(errs, fmt.Errorf("%s: Issuer: %q is configured twice", at, name))
			}
			v.byName[name] = is
		}
	}
	if len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	for _, is := range v.issuers {
		if is.Keys != nil {
			continue
		}
		keys := DiscoverKeys(is.Issuer, &RemoteKeysOptions{
			HTTPClient:   v.shared.HTTPClient,
			Logger:       v.shared.Logger,
			Observe:      v.shared.Observe,
			Now:          cfg.Now,
			InsecureHTTP: is.InsecureHTTP,
		})
		is.Keys = keys
		v.owned = append(v.owned, keys)
		keys.start()
	}
	if n := v.shared.TokenCache; n > 0 {
		v.cache = newTokenCache(n)
	}
	return v, nil
}

// Close ends the key refreshing that New started. Tokens verify with the keys
// at hand until these are too old. Key sources given in a Config are their
// owner's to close.
func (v *Verifier) Close() error {
	var errs []error
	for _, c := range v.owned {
		errs = append(errs, c.Close())
	}
	return errors.Join(errs...)
}

// Ready returns nil once every issuer's keys are at hand, and waits for them
// until ctx is done. The error names each issuer without keys, the age of its
// last good set and the last failure; it is for logs, not for clients. It
// matches ErrKeysUnavailable.
func (v *Verifier) Ready(ctx context.Context) error {
	var errs []error
	for _, is := range v.issuers {
		var err error
		if k, ok := is.Keys.(interface{ Ready(context.Context) error }); ok {
			err = k.Ready(ctx)
		} else {
			_, err = is.Keys.Current()
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", is.Issuer, err))
		}
	}
	return errors.Join(errs...)
}

// Verify returns the claims of a token that passes every rule of its issuer's
// Config. Its errors are of type [*Error]: the token's fault matches
// ErrInvalidToken, ours ErrUnavailable. It blocks only while a key set is
// fetched for a plausible token with a new key, for at most a second, and in
// Config.Revoked; ctx ends both.
func (v *Verifier) Verify(ctx context.Context, token string) (Claims, error) {
	start := v.shared.now()
	c, is, cached, err := v.verify(ctx, token, start)
	if v.shared.Observe != nil {
		e := Event{Kind: EventVerify, Start: start, Cached: cached}
		if is != nil {
			e.Issuer = is.Issuer
		}
		if err != nil {
			e.Err = err
		}
		e.Duration = v.shared.now().Sub(start)
		v.shared.Observe(ctx, e)
	}
	if err != nil {
		return Claims{}, err
	}
	return Claims{c}, nil
}

func (c *Config) now() time.Time {
	if c.Now == nil {
		return time.Now()
	}
	return c.Now()
}

func (v *Verifier) verify(ctx context.Context, token string, now time.Time) (c *claims, is *issuer, cached bool, err *Error) {
	var purges uint64
	if v.cache != nil {
		purges = v.cache.purges.Load()
		if c, is, err = v.cache.lookup(token, now); c != nil {
			if err == nil {
				err = is.revoked(ctx, c)
			}
			return c, is, true, err
		}
	}
	s := scratches.Get().(*scratch)
	defer s.release()
	c, is, k, err := v.cold(ctx, s, token, now)
	if err != nil {
		return nil, is, false, err
	}
	if v.cache != nil {
		v.cache.store(token, c, is, k, now, purges)
	}
	return c, is, false, is.revoked(ctx, c)
}

// cold verifies a token in the order of RFC 7519 §7.2, cheapest refusals first,
// and nothing of the payload is used before the signature holds but to choose
// the issuer and to tell whether a missing key is worth a fetch.
func (v *Verifier) cold(ctx context.Context, s *scratch, token string, now time.Time) (*claims, *issuer, memoEntry, *Error) {
	t, err := split(token, v.shared.MaxTokenBytes)
	if err != nil {
		return nil, nil, memoEntry{}, err
	}
	a := attempt{scratch: s, token: t, now: now}
	if len(v.issuers) == 1 {
		a.is = v.issuers[0]
	} else if err := a.choose(v); err != nil {
		return nil, nil, memoEntry{}, err
	}
	by, err := a.signature(ctx)
	if err != nil {
		return nil, a.is, memoEntry{}, err
	}
	if err := a.parse(); err != nil {
		return nil, a.is, memoEntry{}, err
	}
	if err := a.is.allow(a.claims, now); err != nil {
		return nil, a.is, memoEntry{}, err
	}
	a.claims.named(&a.is.Claims)
	if err := a.is.identify(a.claims); err != nil {
		return nil, a.is, memoEntry{}, err
	}
	if a.is.Check != nil {
		if err := a.is.Check(Claims{a.claims}); err != nil {
			return nil, a.is, memoEntry{}, refuse(ReasonCheck, err)
		}
	}
	return a.claims, a.is, by, nil
}

func (is *issuer) revoked(ctx context.Context, c *claims) *Error {
	if is.Revoked == nil {
		return nil
	}
	switch yes, err := is.Revoked(ctx, Claims{c}); {
	case err != nil:
		return refuse(ReasonRevocationErr, err)
	case yes:
		return refuse(ReasonRevoked, nil)
	}
	return nil
}
