package auth

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/asn1"
	"math/big"
	"slices"
	"testing"

	"github.com/golang-jwt/jwt/v5"
	"github.com/stretchr/testify/require"
)

// What appendDER writes is what the standard library does with the same numbers.
func FuzzDER(f *testing.F) {
	f.Add(make([]byte, 64))
	f.Add([]byte{1, 2})
	f.Add([]byte{0x80, 0x7f})
	f.Add([]byte{0, 0, 0x80, 0, 0, 1})
	f.Add(append(make([]byte, 65), 1))
	full := make([]byte, 2*66)
	for i := range full {
		full[i] = 0xff
	}
	f.Add(full)
	f.Fuzz(func(t *testing.T, rs []byte) {
		if len(rs) == 0 || len(rs) > 2*66 || len(rs)%2 != 0 {
			return
		}
		half := len(rs) / 2
		want, err := asn1.Marshal(struct{ R, S *big.Int }{new(big.Int).SetBytes(rs[:half]), new(big.Int).SetBytes(rs[half:])})
		require.NoError(t, err)
		require.Equal(t, want, appendDER(nil, rs))
		require.LessOrEqual(t, len(want), maxDER)
	})
}

// Our table and golang-jwt's methods agree on good signatures and on bad ones.
func TestAlgorithms(t *testing.T) {
	t.Parallel()
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	require.NoError(t, err)
	otherRSA, err := rsa.GenerateKey(rand.Reader, 2048)
	require.NoError(t, err)
	ec := func(c elliptic.Curve) *ecdsa.PrivateKey {
		k, err := ecdsa.GenerateKey(c, rand.Reader)
		require.NoError(t, err)
		return k
	}
	ed := func() ed25519.PrivateKey {
		_, k, err := ed25519.GenerateKey(rand.Reader)
		require.NoError(t, err)
		return k
	}
	seen := 0
	for name, keys := range map[string][2]crypto.Signer{
		"RS256": {rsaKey, otherRSA}, "RS384": {rsaKey, otherRSA}, "RS512": {rsaKey, otherRSA},
		"PS256": {rsaKey, otherRSA}, "PS384": {rsaKey, otherRSA}, "PS512": {rsaKey, otherRSA},
		"ES256": {ec(elliptic.P256()), ec(elliptic.P256())}, "ES384": {ec(elliptic.P384()), ec(elliptic.P384())},
		"ES512": {ec(elliptic.P521()), ec(elliptic.P521())}, "EdDSA": {ed(), ed()},
	} {
		seen++
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a, reference := algorithmNamed(name), jwt.GetSigningMethod(name)
			public, other := keys[0].Public(), keys[1].Public()
			require.True(t, a.fits(public))
			agree := func(want bool, public any, signed string, sig []byte) {
				t.Helper()
				require.Equal(t, want, a.verify(public, []byte(signed), sig))
				require.Equal(t, want, reference.Verify(signed, sig, public) == nil)
			}
			for range 10 {
				sig, err := reference.Sign("header.payload", keys[0])
				require.NoError(t, err)
				agree(true, public, "header.payload", sig)
				agree(false, public, "header.payloaD", sig)
				agree(false, other, "header.payload", sig)
				agree(false, public, "header.payload", nil)
				agree(false, public, "header.payload", make([]byte, len(sig)))
				agree(false, public, "header.payload", sig[1:])
				agree(false, public, "header.payload", append([]byte{0}, sig...))
				agree(false, public, "header.payload", append(sig[:len(sig):len(sig)], 0))
				half := len(sig) / 2 // r and s, each with a zero before it
				agree(false, public, "header.payload", slices.Concat([]byte{0}, sig[:half], []byte{0}, sig[half:]))
				sig[half] ^= 1
				agree(false, public, "header.payload", sig)
			}
		})
	}
	require.Len(t, algorithms, seen)
}
