package auth

import (
	"context"
	"errors"
	"slices"
	"time"
)

// An attempt is one token on its way through cold.
type attempt struct {
	*scratch
	token  compact
	now    time.Time
	is     *issuer
	header *header // nil until parsed
	claims *claims // nil until parsed
}

func (a *attempt) parse() *Error {
	if a.claims != nil {
		return nil
	}
	var err *Error
	a.claims, err = a.parseClaims(a.token.payload)
	return err
}

// choose finds the Config of the token's own iss, still unverified: it decides
// which keys may verify the token, and those decide whether iss was true. The
// header goes first: most junk ends there.
func (a *attempt) choose(v *Verifier) *Error {
	h, err := a.parseHeader(a.token.header)
	if err != nil {
		return err
	}
	if !slices.ContainsFunc(v.issuers, func(is *issuer) bool { return slices.Contains(is.algs, h.alg) }) {
		return refuse(ReasonAlgorithm, nil)
	}
	a.header = &h
	iss, err := a.peekIssuer(a.token.payload)
	if err != nil {
		return err
	}
	if a.is = v.byName[iss]; a.is == nil {
		return refuse(ReasonIssuer, nil)
	}
	return nil
}

// plausible is what a token must be before it may cause traffic or be answered
// 503: all but signed.
func (a *attempt) plausible() *Error {
	if err := a.decodeSignature(); err != nil {
		return err
	}
	if err := a.parse(); err != nil {
		return err
	}
	return a.is.allow(a.claims, a.now)
}

func (a *attempt) decodeSignature() *Error {
	if len(a.token.signature) > segments.EncodedLen(maxSignatureBytes) {
		return refuse(ReasonSignature, nil)
	}
	var err error
	if a.sig, err = segments.AppendDecode(a.sig[:0], []byte(a.token.signature)); err != nil {
		return refuse(ReasonFormat, nil)
	}
	return nil
}

// signature finds the key and verifies. It asks the source for a newer set at
// most once.
func (a *attempt) signature(ctx context.Context) (memoEntry, *Error) {
	set, kerr := a.is.Keys.Current()
	if kerr != nil {
		set = nil
	}
	h, k, known, err := a.resolve(set)
	if err != nil {
		return memoEntry{}, err
	}
	if k != nil {
		err := a.check(h, k)
		if err == nil {
			if !known {
				set.remember(a.token.header, memoEntry{h, k})
			}
			return memoEntry{h, k}, nil
		}
		if h.kid != "" {
			return memoEntry{}, err // the key is known, the token is not its
		}
		// Without a kid a wrong signature may be a rotated key.
	}
	unknown := ReasonKey
	if k != nil {
		unknown = ReasonSignature
	}
	if err := a.plausible(); err != nil {
		if set != nil { // what an unverified payload says is no reason: a forgery never "expired"
			err = refuse(unknown, nil)
		}
		return memoEntry{}, err
	}
	newer, rerr := a.is.Keys.Renew(ctx, set)
	if rerr != nil || newer == nil {
		return memoEntry{}, unavailable(rerr)
	}
	if newer == set {
		return memoEntry{}, refuse(unknown, nil)
	}
	if k = newer.find(h.kid, h.alg); k == nil {
		return memoEntry{}, refuse(ReasonKey, nil)
	}
	if err := a.check(h, k); err != nil {
		return memoEntry{}, err
	}
	newer.remember(a.token.header, memoEntry{h, k})
	return memoEntry{h, k}, nil
}

// resolve reads the header, or recalls it, and finds its key in set.
func (a *attempt) resolve(set *KeySet) (h header, k *verifyKey, known bool, err *Error) {
	if set != nil {
		if e, ok := set.recall(a.token.header); ok {
			return e.header, e.key, true, a.is.allowHeader(e.header)
		}
	}
	if a.header != nil {
		h = *a.header
	} else if h, err = a.parseHeader(a.token.header); err != nil {
		return h, nil, false, err
	}
	if err = a.is.allowHeader(h); err != nil {
		return h, nil, false, err
	}
	if set != nil {
		k = set.find(h.kid, h.alg)
	}
	return h, k, false, nil
}

func (a *attempt) check(h header, k *verifyKey) *Error {
	if err := a.decodeSignature(); err != nil {
		return err
	}
	if h.alg.method.Verify(a.token.signed, a.sig, k.public) != nil {
		return refuse(ReasonSignature, nil)
	}
	return nil
}

// unavailable keeps the source's own *Error, with its RetryAfter.
func unavailable(err error) *Error {
	if e, ok := errors.AsType[*Error](err); ok && e.Reason == ReasonKeysUnready {
		return e
	}
	return refuse(ReasonKeysUnready, err)
}
