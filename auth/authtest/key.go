package authtest

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"fmt"
	"math/big"
)

// A Key signs tokens. Kid may be any text, another key's too.
type Key struct {
	Kid     string
	Alg     string
	Private crypto.Signer // *rsa.PrivateKey, *ecdsa.PrivateKey or ed25519.PrivateKey
}

// NewKey makes a key for alg: RS256, RS384, RS512, PS256, PS384, PS512 (RSA of
// 2048 bits, which takes a tenth of a second or so), ES256, ES384, ES512, EdDSA,
// or Ed25519, the name RFC 9864 gives to the same.
func NewKey(kid, alg string) (Key, error) {
	k := Key{Kid: kid, Alg: alg}
	var err error
	switch alg {
	case "RS256", "RS384", "RS512", "PS256", "PS384", "PS512":
		k.Private, err = rsa.GenerateKey(rand.Reader, 2048)
	case "ES256":
		k.Private, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	case "ES384":
		k.Private, err = ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	case "ES512":
		k.Private, err = ecdsa.GenerateKey(elliptic.P521(), rand.Reader)
	case "EdDSA", "Ed25519":
		_, k.Private, err = ed25519.GenerateKey(rand.Reader)
	default:
		return Key{}, fmt.Errorf("authtest: no key for alg %q", alg)
	}
	if err != nil {
		return Key{}, fmt.Errorf("authtest: %w", err)
	}
	return k, nil
}

// JWK returns the public half as an entry of a JWK Set (RFC 7517 §4, RFC 7518
// §6, RFC 8037 §2), to be changed at will. It panics if Private is of another
// type than a Key may hold.
func (k Key) JWK() map[string]any {
	j := map[string]any{"kid": k.Kid, "alg": k.Alg, "use": "sig"}
	switch private := k.Private.(type) {
	case *rsa.PrivateKey:
		j["kty"] = "RSA"
		j["n"] = encode(private.N.Bytes())
		j["e"] = encode(big.NewInt(int64(private.E)).Bytes())
	case *ecdsa.PrivateKey:
		point, err := private.PublicKey.Bytes() // 4, x, y (SEC 1 §2.3.3)
		if err != nil {
			panic(fmt.Sprintf("authtest: %v", err))
		}
		size := len(point) / 2
		j["kty"], j["crv"] = "EC", private.Curve.Params().Name
		j["x"], j["y"] = encode(point[1:1+size]), encode(point[1+size:])
	case ed25519.PrivateKey:
		j["kty"], j["crv"] = "OKP", "Ed25519"
		j["x"] = encode(private.Public().(ed25519.PublicKey))
	default:
		panic(fmt.Sprintf("authtest: Key.Private is a %T", k.Private))
	}
	return j
}

func encode(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }
