package auth_test

import (
	"crypto"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rowhouse-go/rowhouse/auth/authtest"
)

// TestAttacks shows the same hostile tokens to every library. Each is good but
// for one thing that RFC 7515, 7519, 8725 or 9068 has a verifier of access tokens
// refuse, or lets it refuse: of two members with one name it may also take the
// last. Ours accepts none. What peers accept is logged; a caller's own checks
// may catch some of it.
func TestAttacks(t *testing.T) {
	f := setup(t)
	attacks := f.attacks(t)
	names := slices.Sorted(maps.Keys(attacks))
	for _, p := range peers {
		verify := p.make(t, f)
		for _, alg := range algorithms {
			require.NoError(t, verify(f.tokens[alg]), "%s: a good token", p.name)
		}
		var accepted []string
		for _, name := range names {
			if verify(attacks[name]) == nil {
				accepted = append(accepted, name)
			}
		}
		t.Logf("%s accepts %d of %d hostile tokens: %s", p.name, len(accepted), len(attacks), strings.Join(accepted, "; "))
		if path := os.Getenv("BENCH_ATTACKS"); path != "" {
			record(t, path, fmt.Sprintf("attacks\t%s\t%d\t%d\n", p.name, len(accepted), len(attacks)))
		}
		if p.name == ours {
			require.Empty(t, accepted)
		}
	}
}

func record(t *testing.T, path, line string) {
	t.Helper()
	out, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	require.NoError(t, err)
	_, err = out.WriteString(line)
	require.NoError(t, err)
	require.NoError(t, out.Close())
}

func (f *fixture) attacks(t *testing.T) map[string]string {
	t.Helper()
	now := time.Now().Unix()
	claims := map[string]any{
		"iss": f.url, "aud": audience, "sub": "alice", "client_id": "web", "iat": now - 60, "exp": now + 3600, "jti": "1",
	}
	encode := func(v any) []byte {
		b, err := json.Marshal(v)
		require.NoError(t, err)
		return b
	}
	key := f.issuer.Key("RS256")
	header := func(more string) string { // a correct one, and more members
		return `{"alg":"RS256","kid":"` + key.Kid + `","typ":"at+jwt"` + more + `}`
	}
	// But for headers and payloads as they are, tokens are made of changes; nil
	// drops a member.
	claim := func(changes map[string]any) string { return f.issuer.SignToken(authtest.Token{Claims: changes}) }
	headers := func(changes map[string]any) string { return f.issuer.SignToken(authtest.Token{Header: changes}) }
	rawHeader := func(h string) string {
		return f.issuer.SignToken(authtest.Token{RawHeader: []byte(h), RawPayload: encode(claims)})
	}
	rawPayload := func(p string) string {
		return f.issuer.SignToken(authtest.Token{RawHeader: []byte(header("")), RawPayload: []byte(p)})
	}
	signature := func(h string, sign func(string) []byte) string {
		return f.issuer.SignToken(authtest.Token{RawHeader: []byte(h), RawPayload: encode(claims), Signature: sign})
	}
	body := string(encode(claims))
	body = body[:len(body)-1] // open to further members

	good := claim(nil)
	h, rest, _ := strings.Cut(good, ".")
	p, s, _ := strings.Cut(rest, ".")
	spki, err := x509.MarshalPKIXPublicKey(f.public["RS256"])
	require.NoError(t, err)
	public := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: spki})
	mac := func(secret []byte) func(string) []byte {
		return func(signed string) []byte {
			m := hmac.New(sha256.New, secret)
			m.Write([]byte(signed))
			return m.Sum(nil)
		}
	}
	own, err := authtest.NewKey("own", "RS256")
	require.NoError(t, err)
	ps, err := authtest.NewKey("ps", "PS256")
	require.NoError(t, err)
	// A key published for every algorithm, as many issuers do: authtest's Key.JWK
	// always names one, so PS256 tokens are signed with the key of RS256.
	longSalt := func(signed string) []byte {
		sum := sha256.Sum256([]byte(signed))
		sig, err := rsa.SignPSS(rand.Reader, key.Private.(*rsa.PrivateKey), crypto.SHA256, sum[:], &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthAuto})
		require.NoError(t, err)
		return sig
	}

	return map[string]string{
		// The signature does not cover what is read, or is none.
		"alg none":                           signature(`{"alg":"none","kid":"`+key.Kid+`"}`, func(string) []byte { return nil }),
		"alg nOnE":                           signature(`{"alg":"nOnE","kid":"`+key.Kid+`"}`, func(string) []byte { return nil }),
		"HS256 with the public key (PEM)":    signature(`{"alg":"HS256","kid":"`+key.Kid+`"}`, mac(public)),
		"HS256 with the public key (DER)":    signature(`{"alg":"HS256","kid":"`+key.Kid+`"}`, mac(spki)),
		"HS256 with an empty secret":         signature(`{"alg":"HS256","kid":"`+key.Kid+`"}`, mac(nil)),
		"the sender's key in jwk":            f.issuer.SignToken(authtest.Token{Key: &own, Header: map[string]any{"jwk": own.JWK()}}),
		"the sender's key under a known kid": f.issuer.SignToken(authtest.Token{Key: &authtest.Key{Kid: key.Kid, Alg: "RS256", Private: own.Private}}),
		"an unpublished key":                 f.issuer.SignToken(authtest.Token{Key: &ps}),
		"PS256 with the key of RS256":        signature(`{"alg":"PS256","kid":"`+key.Kid+`"}`, longSalt),
		"payload exchanged":                  h + "." + strings.Split(claim(map[string]any{"sub": "bob"}), ".")[1] + "." + s,
		"signature cut":                      h + "." + p + "." + s[:len(s)-4],
		"non-canonical signature bits":       h + "." + p + "." + uncanonical(s),
		"padding":                            h + "." + p + "." + s + "==",
		"line end in the signature":          h + "." + p + "." + s[:20] + "\n" + s[20:],
		"line end behind the token":          good + "\r\n",
		"space before the token":             " " + good,

		// The header says more than the verifier knows.
		"unknown critical header":       rawHeader(header(`,"crit":["https://example.com/must"],"https://example.com/must":true`)),
		"critical header of RFC 7519":   rawHeader(header(`,"crit":["exp"],"exp":1`)),
		"crit empty":                    rawHeader(header(`,"crit":[]`)),
		"b64 false":                     rawHeader(header(`,"b64":false,"crit":["b64"]`)),
		"alg twice":                     rawHeader(header(`,"alg":"RS256"`)),
		"kid twice":                     rawHeader(`{"kid":"other",` + header("")[1:]),
		"data behind the header":        rawHeader(header("") + `{"alg":"none"}`),
		"header with an invalid escape": rawHeader(header(`,"x":"\ud800"`)),
		"header in invalid UTF-8":       rawHeader(header(",\"x\":\"\xff\"")),
		"logout token":                  headers(map[string]any{"typ": "logout+jwt"}),
		"DPoP proof":                    headers(map[string]any{"typ": "dpop+jwt"}),
		"security event":                headers(map[string]any{"typ": "secevent+jwt"}),
		"introspection response":        headers(map[string]any{"typ": "token-introspection+jwt"}),

		// The payload can be read in two ways.
		"exp twice":               rawPayload(body + `,"exp":9999999999}`),
		"exp twice, escaped":      rawPayload(body + `,"e\u0078p":9999999999}`),
		"sub twice":               rawPayload(body + `,"sub":"admin"}`),
		"iss twice":               rawPayload(`{"iss":"https://evil.example",` + body[1:] + "}"),
		"aud twice":               rawPayload(`{"aud":"https://other.example",` + body[1:] + "}"),
		"data behind the claims":  rawPayload(body + "}{}"),
		"claims in invalid UTF-8": rawPayload(body + ",\"x\":\"\xc0\xaf\"}"),
		"Exp for exp":             claim(map[string]any{"exp": nil, "Exp": now + 3600}),
		"nested twice":            rawPayload(body + `,"realm_access":{"roles":[],"roles":["admin"]}}`),

		// The claims are another's, or of another time.
		"no exp":            claim(map[string]any{"exp": nil}),
		"exp a string":      claim(map[string]any{"exp": "9999999999"}),
		"exp null":          rawPayload(strings.Replace(body, `"exp":`, `"exp":null,"y":`, 1) + "}"),
		"exp negative":      claim(map[string]any{"exp": -1}),
		"expired":           claim(map[string]any{"exp": now - 3600}),
		"nbf ahead":         claim(map[string]any{"nbf": now + 3600}),
		"nbf a string":      claim(map[string]any{"nbf": "soon"}),
		"no iss":            claim(map[string]any{"iss": nil}),
		"iss with a slash":  claim(map[string]any{"iss": f.url + "/"}),
		"other issuer":      claim(map[string]any{"iss": "https://evil.example"}),
		"no aud":            claim(map[string]any{"aud": nil}),
		"aud empty":         claim(map[string]any{"aud": []string{}}),
		"other audience":    claim(map[string]any{"aud": "https://other.example"}),
		"aud with a number": claim(map[string]any{"aud": []any{audience, 1}}),
		"nobody":            claim(map[string]any{"sub": nil, "client_id": nil}),
		"ID token, nonce":   claim(map[string]any{"nonce": "n"}),
	}
}

// uncanonical sets the last bit of a segment, which decoding drops.
func uncanonical(segment string) string {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	return segment[:len(segment)-1] + string(alphabet[strings.IndexByte(alphabet, segment[len(segment)-1])|1])
}
