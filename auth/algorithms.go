package auth

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/sha512"
	"slices"
)

// An algorithm is a JWS signature algorithm of RFC 7518 §3.1 or RFC 8037 §3.1.
// Symmetric algorithms and "none" are not in the table, so they can't be
// configured: a service that verifies tokens of others never shares a secret
// with them.
type algorithm struct {
	name   string // canonical: Ed25519 of RFC 9864 is EdDSA with the one curve we take
	fits   func(public any) bool
	verify func(public any, signed, sig []byte) bool // for a key that fits
}

var algorithms = []*algorithm{
	{"RS256", isRSA, pkcs1(crypto.SHA256)},
	{"RS384", isRSA, pkcs1(crypto.SHA384)},
	{"RS512", isRSA, pkcs1(crypto.SHA512)},
	{"PS256", isRSA, pss(crypto.SHA256)},
	{"PS384", isRSA, pss(crypto.SHA384)},
	{"PS512", isRSA, pss(crypto.SHA512)},
	{"ES256", onCurve(elliptic.P256()), verifyECDSA(crypto.SHA256, 32)},
	{"ES384", onCurve(elliptic.P384()), verifyECDSA(crypto.SHA384, 48)},
	{"ES512", onCurve(elliptic.P521()), verifyECDSA(crypto.SHA512, 66)},
	{"EdDSA", isEd25519, verifyEd25519},
}

var defaultAlgorithms = []string{"RS256", "PS256", "ES256", "EdDSA"}

// algorithmNamed returns nil for an algorithm this package does not know.
// Names are case-sensitive (RFC 7515 §4.1.1).
func algorithmNamed(name string) *algorithm {
	if name == "Ed25519" {
		name = "EdDSA"
	}
	i := slices.IndexFunc(algorithms, func(a *algorithm) bool { return a.name == name })
	if i < 0 {
		return nil
	}
	return algorithms[i]
}

func isRSA(public any) bool { _, ok := public.(*rsa.PublicKey); return ok }

func isEd25519(public any) bool { _, ok := public.(ed25519.PublicKey); return ok }

func onCurve(c elliptic.Curve) func(any) bool {
	return func(public any) bool {
		k, ok := public.(*ecdsa.PublicKey)
		return ok && k.Curve == c
	}
}

// digest appends the hash of signed to dst.
func digest(dst []byte, h crypto.Hash, signed []byte) []byte {
	switch h {
	case crypto.SHA256:
		sum := sha256.Sum256(signed)
		return append(dst, sum[:]...)
	case crypto.SHA384:
		sum := sha512.Sum384(signed)
		return append(dst, sum[:]...)
	default:
		sum := sha512.Sum512(signed)
		return append(dst, sum[:]...)
	}
}

func pkcs1(h crypto.Hash) func(any, []byte, []byte) bool {
	return func(public any, signed, sig []byte) bool {
		var sum [sha512.Size]byte
		return rsa.VerifyPKCS1v15(public.(*rsa.PublicKey), h, digest(sum[:0], h, signed), sig) == nil
	}
}

// pss takes salts as long as the hash and no others: RFC 7518 §3.5.
func pss(h crypto.Hash) func(any, []byte, []byte) bool {
	o := &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash, Hash: h}
	return func(public any, signed, sig []byte) bool {
		var sum [sha512.Size]byte
		return rsa.VerifyPSS(public.(*rsa.PublicKey), h, digest(sum[:0], h, signed), sig, o) == nil
	}
}

// verifyECDSA takes r and s as numbers of size bytes each (RFC 7518 §3.4).
func verifyECDSA(h crypto.Hash, size int) func(any, []byte, []byte) bool {
	return func(public any, signed, sig []byte) bool {
		if len(sig) != 2*size {
			return false
		}
		var sum [sha512.Size]byte
		var der [maxDER]byte
		return ecdsa.VerifyASN1(public.(*ecdsa.PublicKey), digest(sum[:0], h, signed), appendDER(der[:0], sig))
	}
}

func verifyEd25519(public any, signed, sig []byte) bool {
	return ed25519.Verify(public.(ed25519.PublicKey), signed, sig)
}
