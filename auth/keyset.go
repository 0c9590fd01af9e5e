package auth

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
)

// A KeySource supplies the keys of one issuer. [RemoteKeySet] and [KeySet] are
// the two kinds of this package; an implementation must be safe for concurrent
// use.
type KeySource interface {
	// Current returns the keys in force now. It is asked for every token, so it
	// must not block. Without usable keys it returns an error that matches
	// ErrKeysUnavailable.
	Current() (*KeySet, error)

	// Renew is called when a plausible token names a key that seen lacks; seen is
	// nil when Current failed. It returns a newer set if one can be had soon, and
	// seen if there is none. It returns an error that matches ErrKeysUnavailable
	// if there are no keys at all, and if it could not find out whether there are
	// newer ones: the token may be good. It must bound its own wait and heed ctx.
	Renew(ctx context.Context, seen *KeySet) (*KeySet, error)
}

// A KeySet is an immutable set of public signature keys. It is a [KeySource]
// that never changes. It is safe for concurrent use.
type KeySet struct {
	keys    []*verifyKey
	skipped []SkippedKey

	// memo maps raw header segments to the key they resolved to, so that a
	// header is parsed once. Only headers of verified tokens get in, and only so
	// many: a client can't fill it.
	memo     atomic.Pointer[map[string]memoEntry]
	memoLock sync.Mutex
}

// maxMemo bounds KeySet.memo: an issuer uses one header per key and algorithm.
const maxMemo = 64

type memoEntry struct {
	header header
	key    *verifyKey
}

// A verifyKey is one usable public key.
type verifyKey struct {
	kid    string
	alg    *algorithm // nil: any algorithm that fits the key
	public any        // *rsa.PublicKey, *ecdsa.PublicKey or ed25519.PublicKey

	// identity holds all that decides whether the key may still verify: kid,
	// alg, use, key_ops and the RFC 7638 thumbprint. The thumbprint alone would
	// hide that a set now restricts the same key to another use.
	identity string

	thumbprint string // RFC 7638, of the key alone
}

// A SkippedKey is an entry of a set that verifies nothing, and why.
type SkippedKey struct {
	Index  int    // position in the "keys" array
	Kid    string // empty if the entry has none that can be read
	Reason string
}

// Limits of a key set document.
const (
	maxKeySetBytes = 512 << 10
	maxKeys        = 100
)

// StaticKeys returns a set that never changes from a JWK Set document (RFC 7517
// §5). Entries that can't verify signatures (other key types, use "enc",
// symmetric, private, weak or malformed keys) are skipped; a set in which
// nothing is left is an error, as is a document over 512 KiB or 100 keys.
func StaticKeys(jwks []byte) (*KeySet, error) {
	s, err := parseKeySet(jwks)
	if err != nil {
		return nil, fmt.Errorf("auth: %w", err)
	}
	if len(s.keys) == 0 {
		return nil, fmt.Errorf("auth: key set: no usable key in %d entries", len(s.skipped))
	}
	return s, nil
}

// Current returns s.
func (s *KeySet) Current() (*KeySet, error) { return s, nil }

// Renew returns s: a static set has nothing newer.
func (s *KeySet) Renew(context.Context, *KeySet) (*KeySet, error) { return s, nil }

// problem is for New: a set that StaticKeys did not return verifies nothing.
func (s *KeySet) problem() error {
	if s == nil || len(s.keys) == 0 {
		return errors.New("is a KeySet without keys: was the error of StaticKeys ignored?")
	}
	return nil
}

// Len returns the number of usable keys.
func (s *KeySet) Len() int { return len(s.keys) }

// Skipped returns the entries of the document that were left out.
func (s *KeySet) Skipped() []SkippedKey { return slices.Clone(s.skipped) }

// find returns the only key that fits (kid, alg), or nil. Without a kid the set
// must hold exactly one candidate: trying several keys in turn would let a
// client choose the key.
func (s *KeySet) find(kid string, alg *algorithm) *verifyKey {
	var found *verifyKey
	for _, k := range s.keys {
		if kid != "" && k.kid != kid || k.alg != nil && k.alg != alg || !alg.fits(k.public) {
			continue
		}
		if found != nil {
			return nil
		}
		found = k
	}
	return found
}

// has reports whether k, or a key that is the same in every respect, is in s.
func (s *KeySet) has(k *verifyKey) bool {
	return slices.ContainsFunc(s.keys, func(o *verifyKey) bool {
		return o == k || o.identity == k.identity
	})
}

// without returns a copy of s that lacks the keys whose thumbprint is in
// dropped, whatever else the set says of them.
func (s *KeySet) without(dropped map[string]struct{}) *KeySet {
	return &KeySet{
		keys: slices.DeleteFunc(slices.Clone(s.keys), func(k *verifyKey) bool {
			_, gone := dropped[k.thumbprint]
			return gone
		}),
		skipped: s.skipped,
	}
}

// same reports whether both sets hold the same keys, in any order.
func (s *KeySet) same(o *KeySet) bool {
	return len(s.keys) == len(o.keys) && !slices.ContainsFunc(s.keys, func(k *verifyKey) bool { return !o.has(k) })
}

func (s *KeySet) recall(segment string) (memoEntry, bool) {
	m := s.memo.Load()
	if m == nil {
		return memoEntry{}, false
	}
	e, ok := (*m)[segment]
	return e, ok
}

// remember is called with headers of tokens whose signature was right.
func (s *KeySet) remember(segment string, e memoEntry) {
	s.memoLock.Lock()
	defer s.memoLock.Unlock()
	next := make(map[string]memoEntry)
	if old := s.memo.Load(); old != nil {
		if len(*old) >= maxMemo {
			return
		}
		maps.Copy(next, *old)
	}
	next[string([]byte(segment))] = e // a copy: segment would keep its whole token alive
	s.memo.Store(&next)
}
