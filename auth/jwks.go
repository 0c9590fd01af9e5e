package auth

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/lestrrat-go/jwx/v3/jwk"
)

// RSA keys below 2048 bits are too weak (RFC 7518 §3.3); above 8192 a
// signature costs so much that the set's owner could stall its readers.
const (
	minRSABits = 2048
	maxRSABits = 8192
)

var errNoKeySet = errors.New(`not a JSON object with a "keys" array`)

// parseKeySet reads a JWK Set (RFC 7517 §5). Only a document that is no key set
// at all is an error: one odd entry must not take the other keys down.
func parseKeySet(doc []byte) (*KeySet, error) {
	if len(doc) > maxKeySetBytes {
		return nil, fmt.Errorf("key set: more than %d bytes", maxKeySetBytes)
	}
	entries, err := keySetEntries(string(doc))
	if err != nil {
		return nil, fmt.Errorf("key set: %w", err)
	}
	if len(entries) > maxKeys {
		return nil, fmt.Errorf("key set: more than %d keys", maxKeys)
	}
	s := &KeySet{}
	for i, raw := range entries {
		k, kid, err := parseKey(raw)
		switch {
		case err != nil:
			s.skipped = append(s.skipped, SkippedKey{Index: i, Kid: clip(kid), Reason: err.Error()})
		case !s.has(k): // listed twice is listed once
			s.keys = append(s.keys, k)
		}
	}
	return s, nil
}

// keySetEntries returns the raw entries of "keys". Duplicate members inside an
// entry are the entry's own fault and found later.
func keySetEntries(doc string) ([]string, error) {
	sc := scanner{lenient: true}
	members, err := sc.object(doc, nil)
	if err != nil {
		return nil, err
	}
	i := slices.IndexFunc(members, func(m member) bool { return m.name == "keys" })
	if i < 0 || members[i].kind != '[' {
		return nil, errNoKeySet
	}
	return elements(doc[members[i].start:members[i].end]), nil
}

// parseKey is the one place that reads JWKs, through jwk.ParseKey: it knows the
// encodings of RFC 7518 §6 and RFC 8037 §2, the rules below are ours.
func parseKey(raw string) (*verifyKey, string, error) {
	var sc scanner
	if _, err := sc.object(raw, nil); err != nil {
		return nil, "", err
	}
	parsed, err := jwk.ParseKey([]byte(raw))
	if err != nil {
		return nil, "", errors.New("malformed or of an unknown type")
	}
	kid, _ := parsed.KeyID()
	if private, err := jwk.IsPrivateKey(parsed); err != nil || private {
		// Symmetric keys end here too. Whoever reads the set can sign with it.
		return nil, kid, errors.New("private or symmetric")
	}
	use, _ := parsed.KeyUsage()
	if use != "" && use != "sig" {
		return nil, kid, errors.New("not for signatures (use)")
	}
	var ops []string
	if l, ok := parsed.KeyOps(); ok {
		for _, op := range l {
			ops = append(ops, string(op))
		}
		if !slices.Contains(ops, "verify") {
			return nil, kid, errors.New("not for signatures (key_ops)")
		}
	}
	k := &verifyKey{kid: kid}
	if k.public, err = publicKey(parsed); err != nil {
		return nil, kid, err
	}
	name := ""
	if a, ok := parsed.Algorithm(); ok && a.String() != "" {
		name = a.String()
		if k.alg = algorithmNamed(name); k.alg == nil || !k.alg.fits(k.public) {
			return nil, kid, errors.New("alg does not fit")
		}
	}
	thumb, err := parsed.Thumbprint(crypto.SHA256)
	if err != nil {
		return nil, kid, errors.New("no thumbprint")
	}
	slices.Sort(ops)
	k.thumbprint = hex.EncodeToString(thumb)
	k.identity = fmt.Sprintf("%q %q %q %q %s", kid, name, use, ops, k.thumbprint)
	return k, kid, nil
}

func publicKey(parsed jwk.Key) (any, error) {
	var raw any
	if err := jwk.Export(parsed, &raw); err != nil {
		return nil, errors.New("malformed")
	}
	switch k := raw.(type) {
	case *rsa.PublicKey:
		if n := k.N.BitLen(); n < minRSABits || n > maxRSABits {
			return nil, fmt.Errorf("RSA key of %d bits", n)
		}
		if k.E < 3 || k.E&1 == 0 || k.E > 1<<31-1 || k.N.Bit(0) == 0 {
			return nil, errors.New("malformed RSA key")
		}
		if roca(k.N) {
			return nil, errors.New("RSA key of a broken generator (CVE-2017-15361)")
		}
		return k, nil
	case *ecdsa.PublicKey:
		if !slices.ContainsFunc(algorithms, func(a *algorithm) bool { return a.fits(k) }) {
			return nil, errors.New("of an unsupported curve")
		}
		if _, err := k.ECDH(); err != nil { // checks that the point is on the curve
			return nil, errors.New("malformed EC key")
		}
		return k, nil
	case ed25519.PublicKey:
		if len(k) != ed25519.PublicKeySize {
			return nil, errors.New("malformed Ed25519 key")
		}
		return k, nil
	}
	return nil, errors.New("of an unsupported type or curve")
}

// clip bounds what an event says of a foreign document.
func clip(s string) string {
	const most = 128
	if len(s) > most {
		s = s[:most]
	}
	return strings.ToValidUTF8(s, "�")
}
