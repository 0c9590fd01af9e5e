package auth

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	_ "crypto/sha256" // the hashes of the table below
	_ "crypto/sha512"
	"slices"

	"github.com/golang-jwt/jwt/v5"
)

// An algorithm is a JWS signature algorithm of RFC 7518 §3.1 or RFC 8037 §3.1.
// Symmetric algorithms and "none" are not in the table, so they can't be
// configured: a service that verifies tokens of others never shares a secret
// with them.
type algorithm struct {
	name   string // canonical: Ed25519 of RFC 9864 is EdDSA with the one curve we take
	method jwt.SigningMethod
	fits   func(public any) bool
}

var algorithms = []*algorithm{
	{"RS256", jwt.SigningMethodRS256, isRSA},
	{"RS384", jwt.SigningMethodRS384, isRSA},
	{"RS512", jwt.SigningMethodRS512, isRSA},
	{"PS256", pss("PS256", crypto.SHA256), isRSA},
	{"PS384", pss("PS384", crypto.SHA384), isRSA},
	{"PS512", pss("PS512", crypto.SHA512), isRSA},
	{"ES256", jwt.SigningMethodES256, onCurve(elliptic.P256())},
	{"ES384", jwt.SigningMethodES384, onCurve(elliptic.P384())},
	{"ES512", jwt.SigningMethodES512, onCurve(elliptic.P521())},
	{"EdDSA", jwt.SigningMethodEdDSA, isEd25519},
}

var defaultAlgorithms = []string{"RS256", "PS256", "ES256", "EdDSA"}

// pss differs from the library's methods in one point: RFC 7518 §3.5 fixes the
// salt to the length of the hash, theirs take any.
func pss(name string, h crypto.Hash) *jwt.SigningMethodRSAPSS {
	o := &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash, Hash: h}
	return &jwt.SigningMethodRSAPSS{
		SigningMethodRSA: &jwt.SigningMethodRSA{Name: name, Hash: h},
		Options:          o,
		VerifyOptions:    o,
	}
}

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
