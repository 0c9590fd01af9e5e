package auth_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"math/big"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/stretchr/testify/require"

	"github.com/rowhouse-go/rowhouse/auth"
)

const (
	issuer   = "https://id.example.com/"
	audience = "https://api.example.com"
)

// epoch is the time of every test whose clock stands still.
var epoch = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// keyring holds one key of each type, made once per run.
type keyring struct {
	rsa, rsaAny, rsaEnc, foreign *rsa.PrivateKey
	ec                           *ecdsa.PrivateKey
	ed                           ed25519.PrivateKey
}

var keys = sync.OnceValue(func() *keyring {
	must := func(k *rsa.PrivateKey, err error) *rsa.PrivateKey {
		if err != nil {
			panic(err)
		}
		return k
	}
	k := &keyring{
		rsa:     must(rsa.GenerateKey(rand.Reader, 2048)),
		rsaAny:  must(rsa.GenerateKey(rand.Reader, 2048)),
		rsaEnc:  must(rsa.GenerateKey(rand.Reader, 2048)),
		foreign: must(rsa.GenerateKey(rand.Reader, 2048)),
	}
	var err error
	if k.ec, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
		panic(err)
	}
	if _, k.ed, err = ed25519.GenerateKey(rand.Reader); err != nil {
		panic(err)
	}
	return k
})

func b64(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

type object = map[string]any

// jwkOf describes the public half of a key; more overrides or, with nil, drops.
func jwkOf(t testing.TB, key crypto.Signer, kid string, more object) object {
	t.Helper()
	o := object{"kid": kid, "use": "sig"}
	switch k := key.(type) {
	case *rsa.PrivateKey:
		maps.Copy(o, object{"kty": "RSA", "n": b64(k.N.Bytes()), "e": b64(big.NewInt(int64(k.E)).Bytes())})
	case *ecdsa.PrivateKey:
		raw, err := k.PublicKey.Bytes()
		require.NoError(t, err)
		half := (len(raw) - 1) / 2
		maps.Copy(o, object{"kty": "EC", "crv": k.Curve.Params().Name, "x": b64(raw[1 : 1+half]), "y": b64(raw[1+half:])})
	case ed25519.PrivateKey:
		maps.Copy(o, object{"kty": "OKP", "crv": "Ed25519", "x": b64(k.Public().(ed25519.PublicKey))})
	}
	for name, v := range more {
		if o[name] = v; v == nil {
			delete(o, name)
		}
	}
	return o
}

func jwks(t testing.TB, keys ...object) []byte {
	t.Helper()
	doc, err := json.Marshal(object{"keys": keys})
	require.NoError(t, err)
	return doc
}

// ourKeys is the key set of the tests' issuer.
func ourKeys(t testing.TB) *auth.KeySet {
	t.Helper()
	k := keys()
	set, err := auth.StaticKeys(jwks(t,
		jwkOf(t, k.rsa, "rsa", object{"alg": "RS256"}),
		jwkOf(t, k.rsaAny, "any", nil),
		jwkOf(t, k.ec, "ec", object{"alg": "ES256"}),
		jwkOf(t, k.ed, "ed", object{"alg": "EdDSA"}),
		jwkOf(t, k.rsaEnc, "enc", object{"use": "enc", "alg": "RSA-OAEP"}),
	))
	require.NoError(t, err)
	return set
}

func config(t testing.TB) auth.Config {
	return auth.Config{
		Issuer:   issuer,
		Audience: []string{audience},
		Keys:     ourKeys(t),
		Now:      func() time.Time { return epoch },
	}
}

func newVerifier(t testing.TB, c auth.Config, more ...auth.Config) *auth.Verifier {
	t.Helper()
	v, err := auth.New(c, more...)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, v.Close()) })
	return v
}

// claims returns good claims with changes; nil drops a claim.
func claims(changes object) object {
	c := object{
		"iss": issuer, "aud": audience, "sub": "alice", "client_id": "web",
		"iat": epoch.Add(-time.Minute).Unix(), "exp": epoch.Add(time.Hour).Unix(),
	}
	for name, v := range changes {
		if c[name] = v; v == nil {
			delete(c, name)
		}
	}
	return c
}

func encode(t testing.TB, v any) string {
	t.Helper()
	if s, ok := v.(string); ok {
		return s
	}
	b, err := json.Marshal(v)
	require.NoError(t, err)
	return string(b)
}

// forge signs any header over any payload: objects are encoded, strings taken
// as they are.
func forge(t testing.TB, method jwt.SigningMethod, key any, header, payload any) string {
	t.Helper()
	return sign(t, method, key, b64([]byte(encode(t, header)))+"."+b64([]byte(encode(t, payload))))
}

func sign(t testing.TB, method jwt.SigningMethod, key any, signed string) string {
	t.Helper()
	sig, err := method.Sign(signed, key)
	require.NoError(t, err)
	return signed + "." + b64(sig)
}

// token is a good one, but for its changes.
func token(t testing.TB, changes object) string {
	return forge(t, jwt.SigningMethodES256, keys().ec, object{"alg": "ES256", "kid": "ec", "typ": "at+jwt"}, claims(changes))
}

func reason(t testing.TB, err error) auth.Reason {
	t.Helper()
	var e *auth.Error
	require.ErrorAs(t, err, &e)
	return e.Reason
}

func cut(token string) (header, payload, signature string) {
	p := strings.Split(token, ".")
	if len(p) != 3 {
		panic(fmt.Sprintf("%d segments", len(p)))
	}
	return p[0], p[1], p[2]
}
