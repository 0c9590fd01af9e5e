package auth_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"math/big"
	"strings"
	"testing"

	"github.com/golang-jwt/jwt/v5"
	"github.com/stretchr/testify/require"

	"github.com/rowhouse-go/rowhouse/auth"
)

// One odd entry takes no other down: each document holds a good key beside it.
func TestKeySetSkips(t *testing.T) {
	t.Parallel()
	k := keys()
	weak, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil { // refused by the library: describe one
		weak = &rsa.PrivateKey{PublicKey: rsa.PublicKey{N: new(big.Int).SetBit(big.NewInt(1), 1023, 1), E: 65537}}
	}
	huge := &rsa.PrivateKey{PublicKey: rsa.PublicKey{N: new(big.Int).SetBit(big.NewInt(1), 8200, 1), E: 65537}}
	p224, err := ecdsa.GenerateKey(elliptic.P224(), rand.Reader)
	require.NoError(t, err)
	private, err := k.ec.Bytes()
	require.NoError(t, err)
	raw := func(s string) object {
		var o object
		require.NoError(t, json.Unmarshal([]byte(s), &o))
		return o
	}
	for name, c := range map[string]struct {
		entry  object
		reason string
	}{
		"symmetric":             {object{"kty": "oct", "kid": "x", "k": b64([]byte("0123456789abcdef0123456789abcdef"))}, "private or symmetric"},
		"private EC":            {jwkOf(t, k.ec, "x", object{"d": b64(private)}), "private or symmetric"},
		"private Ed25519":       {jwkOf(t, k.ed, "x", object{"d": b64(k.ed.Seed())}), "private or symmetric"},
		"use enc":               {jwkOf(t, k.ec, "x", object{"use": "enc"}), "not for signatures (use)"},
		"use of another case":   {jwkOf(t, k.ec, "x", object{"use": "SIG"}), "not for signatures (use)"},
		"key_ops without":       {jwkOf(t, k.ec, "x", object{"key_ops": []string{"sign"}}), "not for signatures (key_ops)"},
		"key_ops empty":         {jwkOf(t, k.ec, "x", object{"key_ops": []string{}}), "not for signatures (key_ops)"},
		"RSA of 1,024 bits":     {jwkOf(t, weak, "x", nil), "malformed"},
		"RSA of 8,201 bits":     {jwkOf(t, huge, "x", nil), "RSA key of 8201 bits"},
		"RSA with an even n":    {jwkOf(t, k.rsa, "x", object{"n": b64(new(big.Int).Add(k.rsa.N, big.NewInt(1)).Bytes())}), "malformed RSA key"},
		"RSA with e = 1":        {jwkOf(t, k.rsa, "x", object{"e": "AQ"}), "malformed"},
		"RSA with an even e":    {jwkOf(t, k.rsa, "x", object{"e": "BA"}), "malformed"},
		"RSA without n":         {jwkOf(t, k.rsa, "x", object{"n": nil}), "malformed or of an unknown type"},
		"P-224":                 {jwkOf(t, p224, "x", nil), "malformed or of an unknown type"},
		"a point off its curve": {jwkOf(t, k.ec, "x", object{"y": b64(make([]byte, 32))}), "malformed"},
		"Ed25519 too short":     {jwkOf(t, k.ed, "x", object{"x": "AAAA"}), "malformed"},
		"X25519":                {jwkOf(t, k.ed, "x", object{"crv": "X25519"}), "of an unsupported type or curve"},
		"unknown kty":           {object{"kty": "AKP", "kid": "x", "alg": "ML-DSA-44", "pub": "AAAA"}, "malformed or of an unknown type"},
		"no kty":                {object{"kid": "x"}, "malformed or of an unknown type"},
		"kid a number":          {jwkOf(t, k.ec, "x", object{"kid": 5}), "malformed or of an unknown type"},
		"alg of another type":   {jwkOf(t, k.ec, "x", object{"alg": "RS256"}), "alg does not fit"},
		"alg of another curve":  {jwkOf(t, k.ec, "x", object{"alg": "ES384"}), "alg does not fit"},
		"alg for encryption":    {jwkOf(t, k.rsa, "x", object{"alg": "RSA-OAEP"}), "alg does not fit"},
		"alg symmetric":         {jwkOf(t, k.rsa, "x", object{"alg": "HS256"}), "alg does not fit"},
		"nothing":               {raw(`{}`), "malformed or of an unknown type"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			set, err := auth.StaticKeys(jwks(t, c.entry, jwkOf(t, k.ed, "good", nil)))
			require.NoError(t, err)
			require.Equal(t, 1, set.Len())
			require.Len(t, set.Skipped(), 1)
			require.Equal(t, 0, set.Skipped()[0].Index)
			require.Contains(t, set.Skipped()[0].Reason, c.reason)
			_, err = auth.StaticKeys(jwks(t, c.entry))
			require.ErrorContains(t, err, "no usable key")
		})
	}
}

func TestKeySetSkipsDuplicateMembers(t *testing.T) {
	t.Parallel()
	good := encode(t, jwkOf(t, keys().ec, "x", nil))
	doc := `{"keys":[` + good[:len(good)-1] + `,"kid":"y"},` + encode(t, jwkOf(t, keys().ed, "good", nil)) + `,7,null,"x",[]]}`
	set, err := auth.StaticKeys([]byte(doc))
	require.NoError(t, err)
	require.Equal(t, 1, set.Len())
	require.Len(t, set.Skipped(), 5)
}

func TestKeySetRefuses(t *testing.T) {
	t.Parallel()
	good := encode(t, jwkOf(t, keys().ed, "good", nil))
	for name, c := range map[string]struct{ doc, want string }{
		"empty":             {``, "malformed JSON"},
		"HTML":              {`<html>`, "malformed JSON"},
		"a bare key":        {good, `"keys" array`},
		"keys an object":    {`{"keys":` + good + `}`, `"keys" array`},
		"keys twice":        {`{"keys":[` + good + `],"keys":[]}`, "duplicate"},
		"cut short":         {`{"keys":[` + good, "malformed JSON"},
		"data behind":       {`{"keys":[` + good + `]}x`, "data after"},
		"101 keys":          {`{"keys":[` + strings.Repeat(good+",", 100) + good + `]}`, "more than 100 keys"},
		"512 KiB and more":  {`{"keys":[` + good + `],"pad":"` + strings.Repeat("x", 512<<10) + `"}`, "more than 524288 bytes"},
		"none":              {`{"keys":[]}`, "no usable key"},
		"keys in uppercase": {`{"KEYS":[` + good + `]}`, `"keys" array`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := auth.StaticKeys([]byte(c.doc))
			require.ErrorContains(t, err, c.want)
		})
	}
	_, err := auth.StaticKeys([]byte(`{"keys":[` + strings.Repeat(good+",", 99) + good + `],"more":{"is":"fine"}}`))
	require.NoError(t, err)
}

// What a set may hold besides the usual.
func TestKeySetAccepts(t *testing.T) {
	t.Parallel()
	k := keys()
	set, err := auth.StaticKeys(jwks(t,
		jwkOf(t, k.rsa, "same", object{"alg": "RS256"}),
		jwkOf(t, k.rsa, "same", object{"alg": "PS256"}), // one kid, several algorithms
		jwkOf(t, k.ec, "same", nil),
		jwkOf(t, k.ed, "ops", object{"use": nil, "key_ops": []string{"verify", "sign"}}),
		jwkOf(t, k.ed, "", object{"kid": nil, "x5c": []string{}, "custom": object{"a": 1}}),
		jwkOf(t, k.rsa, "same", object{"alg": "RS256"}), // twice the same
	))
	require.NoError(t, err)
	require.Equal(t, 5, set.Len())
	require.Empty(t, set.Skipped())
}

// Two keys under one kid and algorithm are no key: a verifier that tried both
// would let the sender choose.
func TestAmbiguousKid(t *testing.T) {
	t.Parallel()
	k := keys()
	set, err := auth.StaticKeys(jwks(t, jwkOf(t, k.rsa, "rsa", nil), jwkOf(t, k.rsaAny, "rsa", nil)))
	require.NoError(t, err)
	cfg := config(t)
	cfg.Keys = set
	v := newVerifier(t, cfg)
	for _, key := range []*rsa.PrivateKey{k.rsa, k.rsaAny} {
		_, err := v.Verify(t.Context(), forge(t, jwt.SigningMethodRS256, key, object{"alg": "RS256", "kid": "rsa"}, claims(nil)))
		require.Equal(t, auth.ReasonKey, reason(t, err))
	}
}
