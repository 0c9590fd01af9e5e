package authtest

import (
	"crypto/rand"
	"encoding/json"
	"fmt"
	"maps"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// Lifetime is how long tokens that name no exp are valid.
const Lifetime = time.Hour

// A Token describes a token, right or wrong. The zero Token is right: an access
// token of RFC 9068 for the person "alice" by the client "web".
type Token struct {
	// Alg chooses the issuer's signing key for this algorithm; the first time,
	// the key is made and published. Empty means the issuer's Options.Algorithm.
	Alg string

	// Key signs instead, whether the issuer ever published it or not.
	Key *Key

	// Header holds members that replace those of the header {"alg", "kid", "typ":
	// "at+jwt"}. A nil member is left out. What it says of alg does not change how
	// the token is signed.
	Header map[string]any

	// Claims hold members that replace the defaults of iss, aud, sub, client_id,
	// iat, exp and jti. A nil member is left out.
	Claims map[string]any

	// RawHeader and RawPayload are signed as they are, instead of Header and
	// Claims: JSON with duplicate members, or no JSON at all.
	RawHeader, RawPayload []byte

	// Signature computes the signature over "header.payload" instead of the key:
	// none, one with the public key as an HMAC secret, one that was cut.
	Signature func(signed string) []byte
}

// Sign returns a token with claims in place of the defaults; see
// [Token.Claims]. It panics if they can't be encoded as JSON.
func (i *Issuer) Sign(claims map[string]any) string {
	return i.SignToken(Token{Claims: claims})
}

// SignToken returns the token t describes. It panics if a member can't be
// encoded as JSON and if there is no key for Alg.
func (i *Issuer) SignToken(t Token) string {
	k := t.Key
	if k == nil {
		k = new(i.Key(t.Alg))
	}
	header, payload := t.RawHeader, t.RawPayload
	if header == nil {
		header = object(map[string]any{"alg": k.Alg, "kid": k.Kid, "typ": "at+jwt"}, t.Header)
	}
	if payload == nil {
		now := i.now()
		payload = object(map[string]any{
			"iss":       i.iss,
			"aud":       i.audience,
			"sub":       "alice",
			"client_id": "web",
			"iat":       now.Unix(),
			"exp":       now.Add(Lifetime).Unix(),
			"jti":       rand.Text(),
		}, t.Claims)
	}
	signed := encode(header) + "." + encode(payload)
	if t.Signature != nil {
		return signed + "." + encode(t.Signature(signed))
	}
	return signed + "." + encode(k.sign(signed))
}

func object(defaults, changes map[string]any) []byte {
	maps.Copy(defaults, changes)
	maps.DeleteFunc(defaults, func(_ string, v any) bool { return v == nil })
	b, err := json.Marshal(defaults)
	if err != nil {
		panic(fmt.Sprintf("authtest: %v", err))
	}
	return b
}

func (k Key) sign(signed string) []byte {
	alg := k.Alg
	if alg == "Ed25519" {
		alg = "EdDSA"
	}
	method := jwt.GetSigningMethod(alg)
	if method == nil {
		panic(fmt.Sprintf("authtest: Key.Alg is %q", k.Alg))
	}
	sig, err := method.Sign(signed, k.Private)
	if err != nil {
		panic(fmt.Sprintf("authtest: %v", err))
	}
	return sig
}
