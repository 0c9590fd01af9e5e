package auth_test

import (
	"crypto"
	"encoding/base64"
	"maps"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rowhouse-go/rowhouse/auth/authtest"
)

const (
	audience  = "https://api.example.com"
	tokenSize = 1200 // bytes: an access token with a handful of roles
)

var algorithms = []string{"RS256", "ES256", "EdDSA"}

// A fixture is an issuer on loopback, whose keys every verifier fetches by HTTP
// before it is measured.
type fixture struct {
	issuer *authtest.Issuer
	url    string
	jwks   string            // the URL of its keys
	tokens map[string]string // by algorithm, each of tokenSize bytes
	public map[string]crypto.PublicKey
}

// The process ends before the issuer does.
var fixtures = sync.OnceValues(func() (*fixture, error) {
	is, err := authtest.Start(&authtest.Options{Audience: audience, Algorithm: "RS256"})
	if err != nil {
		return nil, err
	}
	f := &fixture{
		issuer: is, url: is.URL(), jwks: is.KeysURL(),
		tokens: make(map[string]string), public: make(map[string]crypto.PublicKey),
	}
	for _, alg := range algorithms {
		f.tokens[alg] = f.padded(alg)
		f.public[alg] = is.Key(alg).Private.Public()
	}
	return f, nil
})

func setup(t testing.TB) *fixture {
	t.Helper()
	f, err := fixtures()
	require.NoError(t, err)
	return f
}

// sign returns an access token that lives for a day.
func (f *fixture) sign(alg string, claims map[string]any) string {
	all := map[string]any{
		"sub": "5be86359-073c-434b-ad2d-a3932222dabe", "client_id": "web", "scope": "openid profile orders.read orders.write",
		"roles": []string{"editor", "approver"}, "org_id": "acme", "exp": time.Now().Add(24 * time.Hour).Unix(),
	}
	maps.Copy(all, claims)
	return f.issuer.SignToken(authtest.Token{Alg: alg, Claims: all})
}

// padded returns a token of tokenSize bytes, or as near as base64 allows.
func (f *fixture) padded(alg string) string {
	missing := tokenSize - len(f.sign(alg, map[string]any{"pad": ""}))
	return f.sign(alg, map[string]any{"pad": strings.Repeat("x", missing*3/4)})
}

// hostile is a token of size bytes that costs its sender nothing: a header that
// names a known key, a payload of one long claim, a random signature.
func (f *fixture) hostile(size int) string {
	header, _, _ := strings.Cut(f.tokens["RS256"], ".")
	room := (size - len(header) - 2 - 342) * 3 / 4
	claims := `{"iss":"` + f.url + `","aud":"` + audience + `","exp":9999999999,"pad":"`
	payload := claims + strings.Repeat("x", room-len(claims)-2) + `"}`
	return header + "." + base64.RawURLEncoding.EncodeToString([]byte(payload)) + "." + strings.Repeat("A", 342)
}
