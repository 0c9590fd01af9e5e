package auth

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/asn1"
	"math/big"
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

// Our ECDSA and the library's agree on good signatures and on bad ones.
func TestECDSAMethods(t *testing.T) {
	t.Parallel()
	for m, curve := range map[*jwt.SigningMethodECDSA]elliptic.Curve{
		jwt.SigningMethodES256: elliptic.P256(), jwt.SigningMethodES384: elliptic.P384(), jwt.SigningMethodES512: elliptic.P521(),
	} {
		t.Run(m.Alg(), func(t *testing.T) {
			t.Parallel()
			k, err := ecdsa.GenerateKey(curve, rand.Reader)
			require.NoError(t, err)
			other, err := ecdsa.GenerateKey(curve, rand.Reader)
			require.NoError(t, err)
			ours := es(m)
			for range 40 {
				sig, err := m.Sign("header.payload", k)
				require.NoError(t, err)
				require.NoError(t, ours.Verify("header.payload", sig, &k.PublicKey))
				require.Error(t, ours.Verify("header.payloaD", sig, &k.PublicKey))
			}
			sig, err := m.Sign("header.payload", k)
			require.NoError(t, err)
			require.Error(t, ours.Verify("header.payload", sig, &other.PublicKey))
			require.Error(t, ours.Verify("header.payload", sig, k.PublicKey))
			require.Error(t, ours.Verify("header.payload", nil, &k.PublicKey))
			require.Error(t, ours.Verify("header.payload", make([]byte, len(sig)), &k.PublicKey))
			require.Error(t, ours.Verify("header.payload", sig[1:], &k.PublicKey))
			require.Error(t, ours.Verify("header.payload", append([]byte{0}, sig...), &k.PublicKey))
			sig[0] ^= 1
			require.Error(t, ours.Verify("header.payload", sig, &k.PublicKey))
		})
	}
}
