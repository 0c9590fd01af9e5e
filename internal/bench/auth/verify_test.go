package auth_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/asn1"
	"encoding/base64"
	"math/big"
	"strings"
	"testing"
)

// BenchmarkVerify is one verification of a token of 1.2 KB: by raw crypto, that
// is hash and signature alone, by each library with its keys at hand, and by
// ours when it has seen the token before, for which it hashes the token.
func BenchmarkVerify(b *testing.B) {
	f := setup(b)
	for _, alg := range algorithms {
		token := f.tokens[alg]
		b.Run(alg+"/raw crypto", func(b *testing.B) {
			verify := raw(b, f.public[alg], token)
			measure(b, func() {
				if !verify() {
					b.Fatal("refused")
				}
			})
		})
		b.Run(alg+"/SHA-256 of the token", func(b *testing.B) {
			text := []byte(token)
			measure(b, func() { sha256.Sum256(text) })
		})
		for _, p := range append(peers, peer{ours + ", token cache", rowhouse(10_000)}) {
			b.Run(alg+"/"+p.name, func(b *testing.B) {
				verify := p.make(b, f)
				measure(b, func() {
					if err := verify(token); err != nil {
						b.Fatal(err)
					}
				})
			})
		}
	}
}

// BenchmarkHostile is the refusal of a token of 1 MB.
func BenchmarkHostile(b *testing.B) {
	f := setup(b)
	token := f.hostile(1 << 20)
	for _, p := range peers {
		b.Run(p.name, func(b *testing.B) {
			verify := p.make(b, f)
			if err := verify(f.tokens["RS256"]); err != nil {
				b.Fatal(err)
			}
			measure(b, func() {
				if verify(token) == nil {
					b.Fatal("accepted")
				}
			})
		})
	}
}

// raw returns the least any verifier has to do, with everything decoded before.
func raw(b *testing.B, public crypto.PublicKey, token string) func() bool {
	b.Helper()
	dot := strings.LastIndexByte(token, '.')
	signed := []byte(token[:dot])
	sig, err := base64.RawURLEncoding.DecodeString(token[dot+1:])
	if err != nil {
		b.Fatal(err)
	}
	switch k := public.(type) {
	case *rsa.PublicKey:
		return func() bool {
			sum := sha256.Sum256(signed)
			return rsa.VerifyPKCS1v15(k, crypto.SHA256, sum[:], sig) == nil
		}
	case *ecdsa.PublicKey:
		der, err := asn1.Marshal(struct{ R, S *big.Int }{new(big.Int).SetBytes(sig[:32]), new(big.Int).SetBytes(sig[32:])})
		if err != nil {
			b.Fatal(err)
		}
		return func() bool {
			sum := sha256.Sum256(signed)
			return ecdsa.VerifyASN1(k, sum[:], der)
		}
	case ed25519.PublicKey:
		return func() bool { return ed25519.Verify(k, signed, sig) }
	}
	b.Fatalf("%T", public)
	return nil
}
