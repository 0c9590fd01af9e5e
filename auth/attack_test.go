package auth_test

import (
	"crypto"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/asn1"
	"encoding/base64"
	"encoding/pem"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/stretchr/testify/require"

	"github.com/rowhouse-go/rowhouse/auth"
)

type attack struct {
	name  string
	want  auth.Reason
	token string
}

// attacks are tokens of RFC 8725, RFC 7515, RFC 7519, RFC 9068 and of the field's
// history that must not verify, each otherwise as good as a token can be.
func attacks(t *testing.T) []attack {
	k := keys()
	es, rs := jwt.SigningMethodES256, jwt.SigningMethodRS256
	good := token(t, nil)
	h, p, s := cut(good)
	// with signs a good payload under another header, payload a changed one.
	with := func(header any) string { return forge(t, es, k.ec, header, claims(nil)) }
	payload := func(v any) string {
		return forge(t, es, k.ec, object{"alg": "ES256", "kid": "ec", "typ": "at+jwt"}, v)
	}
	claim := func(name string, v any) string { return token(t, object{name: v}) }
	raw := encode(t, claims(nil)) // {"aud":…}
	spki, err := x509.MarshalPKIXPublicKey(&k.rsa.PublicKey)
	require.NoError(t, err)
	public := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: spki})
	foreignJWK := jwkOf(t, k.foreign, "rsa", nil)
	rawSig, err := base64.RawURLEncoding.DecodeString(s)
	require.NoError(t, err)
	resigned := func(sig []byte) string { return h + "." + p + "." + b64(sig) }
	deep := func(n int) string { return strings.Repeat("[", n) + strings.Repeat("]", n) }

	list := []attack{
		// Structure.
		{"empty", auth.ReasonFormat, ""},
		{"one segment", auth.ReasonFormat, h},
		{"two segments", auth.ReasonFormat, h + "." + p},
		{"unsigned, with the dot", auth.ReasonFormat, h + "." + p + "."},
		{"no header", auth.ReasonFormat, "." + p + "." + s},
		{"no payload", auth.ReasonFormat, h + ".." + s},
		{"four segments", auth.ReasonFormat, good + "." + s},
		{"five segments, as JWE", auth.ReasonFormat, good + "." + s + "." + s},
		{"trailing dot", auth.ReasonFormat, good + "."},
		{"padding", auth.ReasonFormat, good + "=="},
		{"standard alphabet", auth.ReasonFormat, h + "." + p + "." + "+/" + s[2:]},
		{"line end in the signature", auth.ReasonFormat, h + "." + p + "." + s[:10] + "\n" + s[10:]},
		{"carriage return in the payload", auth.ReasonFormat, h + "." + p[:10] + "\r" + p[10:] + "." + s},
		{"space before", auth.ReasonFormat, " " + good},
		{"space behind", auth.ReasonFormat, good + " "},
		{"scheme inside", auth.ReasonFormat, "Bearer " + good},
		{"non-canonical signature bits", auth.ReasonFormat, h + "." + p + "." + uncanonical(s)},
		{"non-canonical header bits, signed", auth.ReasonFormat, sign(t, es, k.ec, uncanonical(b64(fit(`{"alg":"ES256","kid":"ec"}`)))+"."+p)},
		{"non-canonical payload bits, signed", auth.ReasonFormat, sign(t, es, k.ec, h+"."+uncanonical(b64(fit(raw))))},
		{"JSON serialization", auth.ReasonFormat, `{"protected":"` + h + `","payload":"` + p + `","signature":"` + s + `"}`},
		{"16 KiB and a byte", auth.ReasonSize, claim("pad", strings.Repeat("x", 12<<10))},
		{"header of 2 KiB and a byte", auth.ReasonSize, strings.Repeat("A", 2<<10+1) + "." + p + "." + s},
		{"header of 2 KiB", auth.ReasonFormat, strings.Repeat("A", 2<<10-1) + "!." + p + "." + s},
		{"header over 2 KiB", auth.ReasonSize, with(object{"alg": "ES256", "kid": "ec", "pad": strings.Repeat("x", 2<<10)})},

		// Header.
		{"none", auth.ReasonAlgorithm, forge(t, jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, object{"alg": "none"}, claims(nil)) + "AA"},
		{"nOnE", auth.ReasonAlgorithm, with(object{"alg": "nOnE", "kid": "ec"})},
		{"HS256 with the PEM as secret", auth.ReasonAlgorithm, forge(t, jwt.SigningMethodHS256, public, object{"alg": "HS256", "kid": "rsa"}, claims(nil))},
		{"HS256 with the DER as secret", auth.ReasonAlgorithm, forge(t, jwt.SigningMethodHS256, spki, object{"alg": "HS256", "kid": "rsa"}, claims(nil))},
		{"HS256 with the modulus as secret", auth.ReasonAlgorithm, forge(t, jwt.SigningMethodHS256, k.rsa.N.Bytes(), object{"alg": "HS256", "kid": "rsa"}, claims(nil))},
		{"HS256 with an empty secret", auth.ReasonAlgorithm, forge(t, jwt.SigningMethodHS256, []byte{}, object{"alg": "HS256"}, claims(nil))},
		{"alg missing", auth.ReasonAlgorithm, with(object{"kid": "ec"})},
		{"alg a number", auth.ReasonHeader, with(object{"alg": 256, "kid": "ec"})},
		{"alg a list", auth.ReasonHeader, with(object{"alg": []string{"ES256"}, "kid": "ec"})},
		{"alg null", auth.ReasonHeader, with(object{"alg": nil, "kid": "ec"})},
		{"alg in lower case", auth.ReasonAlgorithm, with(object{"alg": "es256", "kid": "ec"})},
		{"alg with a space", auth.ReasonAlgorithm, with(object{"alg": "ES256 ", "kid": "ec"})},
		{"alg not in the list", auth.ReasonAlgorithm, forge(t, jwt.SigningMethodRS384, k.rsaAny, object{"alg": "RS384", "kid": "any"}, claims(nil))},
		{"alg twice", auth.ReasonHeader, with(`{"alg":"ES256","kid":"ec","alg":"ES256"}`)},
		{"alg twice, once escaped", auth.ReasonHeader, with(`{"alg":"ES256","kid":"ec","\u0061lg":"none"}`)},
		{"kid twice", auth.ReasonHeader, with(`{"alg":"ES256","kid":"rsa","kid":"ec"}`)},
		{"ALG beside alg", auth.ReasonHeader, with(object{"alg": "ES256", "ALG": "none", "kid": "ec"})},
		{"Kid beside kid", auth.ReasonHeader, with(object{"alg": "ES256", "Kid": "x", "kid": "ec"})},
		{"Crit", auth.ReasonHeader, with(object{"alg": "ES256", "kid": "ec", "Crit": []string{"exp"}})},
		{"crit", auth.ReasonHeader, with(object{"alg": "ES256", "kid": "ec", "crit": []string{"exp"}, "exp": 1})},
		{"crit of a registered name", auth.ReasonHeader, with(object{"alg": "ES256", "kid": "ec", "crit": []string{"alg"}})},
		{"crit empty", auth.ReasonHeader, with(object{"alg": "ES256", "kid": "ec", "crit": []string{}})},
		{"crit null", auth.ReasonHeader, with(object{"alg": "ES256", "kid": "ec", "crit": nil})},
		{"b64 false", auth.ReasonHeader, with(object{"alg": "ES256", "kid": "ec", "b64": false})},
		{"b64 true", auth.ReasonHeader, with(object{"alg": "ES256", "kid": "ec", "b64": true})},
		{"zip", auth.ReasonHeader, with(object{"alg": "ES256", "kid": "ec", "zip": "DEF"})},
		{"enc", auth.ReasonHeader, with(object{"alg": "ES256", "kid": "ec", "enc": "A256GCM"})},
		{"own jwk, unknown kid", auth.ReasonKey, forge(t, rs, k.foreign, object{"alg": "RS256", "kid": "x", "jwk": foreignJWK}, claims(nil))},
		{"own jwk, known kid", auth.ReasonSignature, forge(t, rs, k.foreign, object{"alg": "RS256", "kid": "rsa", "jwk": foreignJWK}, claims(nil))},
		{"own jwk, no kid", auth.ReasonKey, forge(t, rs, k.foreign, object{"alg": "RS256", "jwk": foreignJWK}, claims(nil))},
		{"jku", auth.ReasonKey, forge(t, rs, k.foreign, object{"alg": "RS256", "kid": "x", "jku": "http://127.0.0.1:1/jwks"}, claims(nil))},
		{"x5u", auth.ReasonSignature, forge(t, rs, k.foreign, object{"alg": "RS256", "kid": "rsa", "x5u": "http://127.0.0.1:1/x"}, claims(nil))},
		{"x5c", auth.ReasonSignature, forge(t, rs, k.foreign, object{"alg": "RS256", "kid": "rsa", "x5c": []string{base64.StdEncoding.EncodeToString(spki)}}, claims(nil))},
		{"logout token", auth.ReasonType, with(object{"alg": "ES256", "kid": "ec", "typ": "logout+jwt"})},
		{"DPoP proof", auth.ReasonType, with(object{"alg": "ES256", "kid": "ec", "typ": "dpop+jwt"})},
		{"introspection response", auth.ReasonType, with(object{"alg": "ES256", "kid": "ec", "typ": "token-introspection+jwt"})},
		{"security event", auth.ReasonType, with(object{"alg": "ES256", "kid": "ec", "typ": "secevent+jwt"})},
		{"client assertion", auth.ReasonType, with(object{"alg": "ES256", "kid": "ec", "typ": "client-authentication+jwt"})},
		{"typ padded", auth.ReasonType, with(object{"alg": "ES256", "kid": "ec", "typ": " at+jwt"})},
		{"typ a number", auth.ReasonHeader, with(object{"alg": "ES256", "kid": "ec", "typ": 1})},
		{"header: data behind", auth.ReasonHeader, with(`{"alg":"ES256","kid":"ec"}{}`)},
		{"header: a list", auth.ReasonHeader, with(`[{"alg":"ES256","kid":"ec"}]`)},
		{"header: BOM", auth.ReasonHeader, with("\ufeff" + `{"alg":"ES256","kid":"ec"}`)},
		{"header: invalid UTF-8", auth.ReasonHeader, with(`{"alg":"ES256","kid":"ec","x":"` + "\xff" + `"}`)},
		{"header: lone surrogate", auth.ReasonHeader, with(`{"alg":"ES256","kid":"ec","x":"\ud800"}`)},
		{"header: nine deep", auth.ReasonHeader, with(`{"alg":"ES256","kid":"ec","x":` + deep(8) + `}`)},
		{"header: comment", auth.ReasonHeader, with(`{"alg":"ES256",/**/"kid":"ec"}`)},
		{"header: trailing comma", auth.ReasonHeader, with(`{"alg":"ES256","kid":"ec",}`)},
		{"header: NUL behind", auth.ReasonHeader, with(`{"alg":"ES256","kid":"ec"}` + "\x00")},
		{"header: nested duplicate", auth.ReasonHeader, with(`{"alg":"ES256","kid":"ec","x":{"a":1,"a":2}}`)},

		// Key.
		{"kid a number", auth.ReasonHeader, with(object{"alg": "ES256", "kid": 1})},
		{"kid null", auth.ReasonHeader, with(object{"alg": "ES256", "kid": nil})},
		{"kid with a NUL", auth.ReasonHeader, with(object{"alg": "ES256", "kid": "ec\x00"})},
		{"kid empty", auth.ReasonHeader, with(object{"alg": "ES256", "kid": ""})},
		{"typ empty", auth.ReasonHeader, with(object{"alg": "ES256", "kid": "ec", "typ": ""})},
		{"kid a path", auth.ReasonKey, with(object{"alg": "ES256", "kid": "../../dev/null"})},
		{"kid an injection", auth.ReasonKey, with(object{"alg": "ES256", "kid": "ec' OR '1'='1"})},
		{"kid in another case", auth.ReasonKey, with(object{"alg": "ES256", "kid": "EC"})},
		{"no kid, several candidates", auth.ReasonKey, forge(t, rs, k.rsa, object{"alg": "RS256"}, claims(nil))},
		{"kid of another type", auth.ReasonKey, with(object{"alg": "ES256", "kid": "rsa"})},
		{"kid of an encryption key", auth.ReasonKey, forge(t, rs, k.rsaEnc, object{"alg": "RS256", "kid": "enc"}, claims(nil))},
		{"PS256 on an RS256 key", auth.ReasonKey, forge(t, jwt.SigningMethodPS256, k.rsa, object{"alg": "PS256", "kid": "rsa"}, claims(nil))},

		// Signature.
		{"foreign key", auth.ReasonSignature, forge(t, rs, k.foreign, object{"alg": "RS256", "kid": "rsa"}, claims(nil))},
		{"sibling key", auth.ReasonSignature, forge(t, rs, k.rsaAny, object{"alg": "RS256", "kid": "rsa"}, claims(nil))},
		{"payload of another token", auth.ReasonSignature, swapPayload(good, claim("sub", "bob"))},
		{"header of another token", auth.ReasonSignature, swapHeader(good, with(object{"alg": "ES256", "kid": "ec"}))},
		{"one bit", auth.ReasonSignature, resigned(flip(rawSig))},
		{"cut short", auth.ReasonSignature, resigned(rawSig[:len(rawSig)-1])},
		{"drawn out", auth.ReasonSignature, resigned(append(rawSig[:len(rawSig):len(rawSig)], 0))},
		{"r = s = 0", auth.ReasonSignature, resigned(make([]byte, 64))},
		{"r = s = n", auth.ReasonSignature, resigned(append(elliptic.P256().Params().N.Bytes(), elliptic.P256().Params().N.Bytes()...))},
		{"ECDSA in DER", auth.ReasonSignature, resigned(der(t, rawSig))},
		{"r plus n", auth.ReasonSignature, resigned(plusOrder(rawSig))},
		{"PSS with the longest salt", auth.ReasonSignature, pssToken(t, rsa.PSSSaltLengthAuto)},
		{"PSS with a salt of one byte", auth.ReasonSignature, pssToken(t, 1)},
		{"RS256 over SHA-1", auth.ReasonSignature, sha1Token(t)},
		{"Ed25519 with S plus the order", auth.ReasonSignature, malleable(t)},
		{"a signature of 64 KiB", auth.ReasonSize, h + "." + p + "." + strings.Repeat("A", 64<<10)},
		{"a signature of 2 KiB", auth.ReasonSignature, h + "." + p + "." + strings.Repeat("A", 2<<10)},

		// Claims: JSON.
		{"payload a list", auth.ReasonClaims, payload("[" + raw + "]")},
		{"payload a string", auth.ReasonClaims, payload(`"` + p + `"`)},
		{"payload: data behind", auth.ReasonClaims, payload(raw + "{}")},
		{"payload: invalid UTF-8", auth.ReasonClaims, payload(raw[:len(raw)-1] + `,"x":"` + "\xc0\xaf" + `"}`)},
		{"payload: nine deep", auth.ReasonClaims, payload(raw[:len(raw)-1] + `,"x":` + deep(8) + `}`)},
		{"payload: number with a leading zero", auth.ReasonClaims, payload(raw[:len(raw)-1] + `,"x":01}`)},
		{"exp twice", auth.ReasonClaims, payload(raw[:len(raw)-1] + `,"exp":9999999999}`)},
		{"exp twice, once escaped", auth.ReasonClaims, payload(raw[:len(raw)-1] + `,"e\u0078p":9999999999}`)},
		{"iss twice", auth.ReasonClaims, payload(`{"iss":"https://evil.example/",` + raw[1:])},
		{"nested duplicate", auth.ReasonClaims, payload(raw[:len(raw)-1] + `,"x":{"a":1,"b":{"c":1,"c":1}}}`)},

		// Claims: time.
		{"no exp", auth.ReasonClaims, claim("exp", nil)},
		{"Exp for exp", auth.ReasonClaims, token(t, object{"exp": nil, "Exp": epoch.Add(time.Hour).Unix()})},
		{"exp a string", auth.ReasonClaims, claim("exp", "9999999999")},
		{"exp null", auth.ReasonClaims, payload(strings.Replace(raw, `"exp":`, `"exp":null,"y":`, 1))},
		{"exp true", auth.ReasonClaims, claim("exp", true)},
		{"exp out of range", auth.ReasonClaims, payload(strings.Replace(raw, `"exp":`, `"exp":1e400,"y":`, 1))},
		{"exp past the year 9999", auth.ReasonClaims, claim("exp", 253402300800)},
		{"exp overflowing an int64 of microseconds", auth.ReasonClaims, claim("exp", 1<<62)},
		{"exp negative", auth.ReasonClaims, claim("exp", -1)},
		{"exp zero", auth.ReasonClaims, claim("exp", 0)},
		{"expired", auth.ReasonExpired, claim("exp", epoch.Add(-time.Hour).Unix())},
		{"expired, at the leeway's very end", auth.ReasonExpired, claim("exp", epoch.Add(-time.Minute).Unix())},
		{"nbf ahead", auth.ReasonNotYetValid, claim("nbf", epoch.Add(61*time.Second).Unix())},
		{"nbf a string", auth.ReasonClaims, claim("nbf", "1")},
		{"iat ahead", auth.ReasonNotYetValid, claim("iat", epoch.Add(61*time.Second).Unix())},
		{"iat a string", auth.ReasonClaims, claim("iat", "1")},

		// Claims: issuer, audience, subject.
		{"no iss", auth.ReasonIssuer, claim("iss", nil)},
		{"iss without the slash", auth.ReasonIssuer, claim("iss", strings.TrimSuffix(issuer, "/"))},
		{"iss in upper case", auth.ReasonIssuer, claim("iss", strings.ToUpper(issuer))},
		{"iss longer", auth.ReasonIssuer, claim("iss", issuer+"evil")},
		{"iss a look-alike", auth.ReasonIssuer, claim("iss", "https://id.example.com.evil.example/")},
		{"iss a list", auth.ReasonClaims, claim("iss", []string{issuer})},
		{"no aud", auth.ReasonAudience, claim("aud", nil)},
		{"aud empty", auth.ReasonAudience, claim("aud", []string{})},
		{"aud another", auth.ReasonAudience, claim("aud", "https://other.example.com")},
		{"aud longer", auth.ReasonAudience, claim("aud", audience+"/v2")},
		{"aud a list without us", auth.ReasonAudience, claim("aud", []string{"a", "b"})},
		{"aud in one string", auth.ReasonAudience, claim("aud", audience+" other")},
		{"aud a number", auth.ReasonClaims, claim("aud", 1)},
		{"aud nested", auth.ReasonClaims, claim("aud", []any{[]string{audience}})},
		{"aud with a number", auth.ReasonClaims, claim("aud", []any{audience, 1})},
		{"aud an object", auth.ReasonClaims, claim("aud", object{"0": audience})},
		{"AUD for aud", auth.ReasonAudience, token(t, object{"aud": nil, "AUD": audience})},
		{"sub a number", auth.ReasonClaims, claim("sub", 1)},
		{"sub with a line end", auth.ReasonClaims, claim("sub", "alice\nadmin")},
		{"sub with a NUL", auth.ReasonClaims, claim("sub", "alice\x00")},
		{"nobody", auth.ReasonSubject, token(t, object{"sub": nil, "client_id": nil})},
		{"a person without sub", auth.ReasonSubject, token(t, object{"sub": "", "client_id": nil})},

		// ID tokens, and tokens about events.
		{"logout token without a typ", auth.ReasonType, claim("events", object{"http://schemas.openid.net/event/backchannel-logout": object{}})},
		{"nonce", auth.ReasonIDToken, claim("nonce", "n")},
		{"at_hash", auth.ReasonIDToken, claim("at_hash", "h")},
		{"c_hash", auth.ReasonIDToken, claim("c_hash", "h")},
	}
	return list
}

func TestAttacks(t *testing.T) {
	t.Parallel()
	cfg := config(t)
	cached := cfg
	cached.TokenCache = 1000
	second := config(t)
	second.Issuer, second.Now = "https://second.example.com/", nil
	for name, v := range map[string]*auth.Verifier{
		"cold":           newVerifier(t, cfg),
		"cached":         newVerifier(t, cached),
		"several issuer": newVerifier(t, cfg, second),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			list := attacks(t)
			require.Greater(t, len(list), 60)
			accepted, err := v.Verify(t.Context(), token(t, nil)) // the control: all else being equal
			require.NoError(t, err)
			require.Equal(t, "alice", accepted.Subject())
			for _, a := range list {
				t.Run(a.name, func(t *testing.T) {
					for range 2 { // again, with whatever the first try left behind
						c, err := v.Verify(t.Context(), a.token)
						require.ErrorIs(t, err, auth.ErrInvalidToken)
						require.True(t, c.IsZero())
						if name != "several issuer" { // which reads iss before the rest
							require.Equal(t, a.want, reason(t, err), "%v", err)
						}
						for part := range strings.SplitSeq(a.token, ".") {
							if len(part) > 8 {
								require.NotContains(t, err.Error(), part)
							}
						}
					}
				})
			}
		})
	}
}

// The reason of a token nobody can verify is that: what its payload says is the
// sender's word, and "expired" would mean that it was good once.
func TestForgeryIsNotExpired(t *testing.T) {
	t.Parallel()
	k := keys()
	v := newVerifier(t, config(t))
	set, err := auth.StaticKeys(jwks(t, jwkOf(t, k.ec, "ec", nil)))
	require.NoError(t, err)
	lone := config(t)
	lone.Keys = set
	for _, changes := range []object{
		{"exp": epoch.Add(-time.Hour).Unix()}, {"aud": "other"}, {"iss": "other"}, {"exp": "never"}, {"nonce": "n"},
	} {
		_, err := v.Verify(t.Context(), forge(t, jwt.SigningMethodES256, k.ec, object{"alg": "ES256", "kid": "x"}, claims(changes)))
		require.Equal(t, auth.ReasonKey, reason(t, err), changes)
		unkeyed := forge(t, jwt.SigningMethodES256, k.ec, object{"alg": "ES256"}, claims(changes))
		h, p, s := cut(unkeyed)
		raw, err := base64.RawURLEncoding.DecodeString(s)
		require.NoError(t, err)
		_, err = newVerifier(t, lone).Verify(t.Context(), h+"."+p+"."+b64(flip(raw)))
		require.Equal(t, auth.ReasonSignature, reason(t, err), changes)
	}
}

// The tokens an attack resembles must pass, or the table proves nothing.
func TestAccepted(t *testing.T) {
	t.Parallel()
	k := keys()
	v := newVerifier(t, config(t))
	for name, token := range map[string]string{
		"ES256":                 token(t, nil),
		"RS256":                 forge(t, jwt.SigningMethodRS256, k.rsa, object{"alg": "RS256", "kid": "rsa"}, claims(nil)),
		"RS256, key for any":    forge(t, jwt.SigningMethodRS256, k.rsaAny, object{"alg": "RS256", "kid": "any"}, claims(nil)),
		"PS256":                 forge(t, jwt.SigningMethodPS256, k.rsaAny, object{"alg": "PS256", "kid": "any"}, claims(nil)),
		"EdDSA":                 forge(t, jwt.SigningMethodEdDSA, k.ed, object{"alg": "EdDSA", "kid": "ed"}, claims(nil)),
		"Ed25519 of RFC 9864":   forge(t, jwt.SigningMethodEdDSA, k.ed, object{"alg": "Ed25519", "kid": "ed"}, claims(nil)),
		"no kid, one candidate": forge(t, jwt.SigningMethodEdDSA, k.ed, object{"alg": "EdDSA"}, claims(nil)),
		"no typ":                forge(t, jwt.SigningMethodES256, k.ec, object{"alg": "ES256", "kid": "ec"}, claims(nil)),
		"typ in upper case":     forge(t, jwt.SigningMethodES256, k.ec, object{"alg": "ES256", "kid": "ec", "typ": "AT+JWT"}, claims(nil)),
		"typ as media type":     forge(t, jwt.SigningMethodES256, k.ec, object{"alg": "ES256", "kid": "ec", "typ": "application/at+jwt"}, claims(nil)),
		"unknown parameter":     forge(t, jwt.SigningMethodES256, k.ec, object{"alg": "ES256", "kid": "ec", "x-trace": "1"}, claims(nil)),
		"eight deep":            forge(t, jwt.SigningMethodES256, k.ec, object{"alg": "ES256", "kid": "ec"}, claims(object{"x": []any{[]any{[]any{[]any{[]any{[]any{[]any{}}}}}}}})),
		"white space":           forge(t, jwt.SigningMethodES256, k.ec, " {\n\"alg\" : \"ES256\" ,\t\"kid\":\"ec\"}\r\n", claims(nil)),
		"aud a list":            token(t, object{"aud": []string{"other", audience}}),
		"exp with a fraction":   token(t, object{"exp": float64(epoch.Unix()) + 0.5}),
		"expired in leeway":     token(t, object{"exp": epoch.Add(-59 * time.Second).Unix()}),
		"nbf in leeway":         token(t, object{"nbf": epoch.Add(60 * time.Second).Unix()}),
		"iat in leeway":         token(t, object{"iat": epoch.Add(60 * time.Second).Unix()}),
		"escapes":               forge(t, jwt.SigningMethodES256, k.ec, `{"\u0061lg":"ES256","kid":"e\u0063"}`, claims(nil)),
		"client without sub":    token(t, object{"sub": nil}),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := v.Verify(t.Context(), token)
			require.NoError(t, err)
		})
	}
}

// uncanonical sets a bit that decoding drops; s must not fill its last character.
func uncanonical(s string) string {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	if len(s)%4 == 0 {
		panic("every bit of s counts")
	}
	return s[:len(s)-1] + string(alphabet[strings.IndexByte(alphabet, s[len(s)-1])|1])
}

// fit pads a JSON text until its encoding has bits to spare.
func fit(s string) []byte {
	for len(s)%3 == 0 {
		s += " "
	}
	return []byte(s)
}

func flip(sig []byte) []byte {
	out := append([]byte(nil), sig...)
	out[len(out)/2] ^= 1
	return out
}

func swapPayload(a, b string) string {
	h, _, s := cut(a)
	_, p, _ := cut(b)
	return h + "." + p + "." + s
}

func swapHeader(a, b string) string {
	_, p, s := cut(a)
	h, _, _ := cut(b)
	return h + "." + p + "." + s
}

func der(t *testing.T, sig []byte) []byte {
	out, err := asn1.Marshal(struct{ R, S *big.Int }{new(big.Int).SetBytes(sig[:32]), new(big.Int).SetBytes(sig[32:])})
	require.NoError(t, err)
	return out
}

// plusOrder adds n to r, the same number modulo n; it may need a 33rd byte.
func plusOrder(sig []byte) []byte {
	r := new(big.Int).Add(new(big.Int).SetBytes(sig[:32]), elliptic.P256().Params().N)
	return append(r.Bytes(), sig[32:]...)
}

func pssToken(t *testing.T, salt int) string {
	signed := b64([]byte(`{"alg":"PS256","kid":"any"}`)) + "." + b64([]byte(encode(t, claims(nil))))
	h := crypto.SHA256.New()
	h.Write([]byte(signed))
	sig, err := rsa.SignPSS(rand.Reader, keys().rsaAny, crypto.SHA256, h.Sum(nil), &rsa.PSSOptions{SaltLength: salt})
	require.NoError(t, err)
	return signed + "." + b64(sig)
}

func sha1Token(t *testing.T) string {
	signed := b64([]byte(`{"alg":"RS256","kid":"rsa"}`)) + "." + b64([]byte(encode(t, claims(nil))))
	h := crypto.SHA1.New()
	h.Write([]byte(signed))
	sig, err := rsa.SignPKCS1v15(rand.Reader, keys().rsa, crypto.SHA1, h.Sum(nil))
	require.NoError(t, err)
	return signed + "." + b64(sig)
}

// malleable adds the group order to S, which an unchecked verifier accepts.
func malleable(t *testing.T) string {
	h, p, s := cut(forge(t, jwt.SigningMethodEdDSA, keys().ed, object{"alg": "EdDSA", "kid": "ed"}, claims(nil)))
	sig, err := base64.RawURLEncoding.DecodeString(s)
	require.NoError(t, err)
	order, _ := new(big.Int).SetString("7237005577332262213973186563042994240857116359379907606001950938285454250989", 10)
	le := func(b []byte) []byte {
		out := make([]byte, 32)
		for i := range b {
			out[len(b)-1-i] = b[i]
		}
		return out
	}
	sum := new(big.Int).Add(new(big.Int).SetBytes(le(sig[32:])), order)
	return h + "." + p + "." + b64(append(sig[:32:32], le(sum.FillBytes(make([]byte, 32)))...))
}

// With several issuers the payload is looked at to choose one, but a header that
// no issuer would take ends it before.
func TestHeaderGoesFirst(t *testing.T) {
	t.Parallel()
	second := config(t)
	second.Issuer, second.Now = "https://second.example.com/", nil
	for name, v := range map[string]*auth.Verifier{
		"one issuer": newVerifier(t, config(t)), "two issuers": newVerifier(t, config(t), second),
	} {
		for want, header := range map[auth.Reason]object{
			auth.ReasonAlgorithm: {"alg": "HS256", "kid": "ec"},
			auth.ReasonHeader:    {"alg": "ES256", "kid": "ec", "crit": []string{"exp"}},
		} {
			_, err := v.Verify(t.Context(), forge(t, jwt.SigningMethodES256, keys().ec, header, "no JSON at all"))
			require.Equal(t, want, reason(t, err), name)
		}
	}
}
