package auth_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/golang-jwt/jwt/v5"
	"github.com/stretchr/testify/require"

	"github.com/rowhouse-go/rowhouse/auth"
)

// No text but the signed one verifies, and none panics.
func FuzzToken(f *testing.F) {
	cfg := config(f)
	cfg.TokenCache = 16
	v := newVerifier(f, cfg)
	good := token(f, nil)
	for _, s := range []string{"", ".", "..", "a.b.c", good, good + "=", good + "\n", strings.ToUpper(good), good[:len(good)-2], "e30.e30.e30"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		_, err := v.Verify(t.Context(), s)
		if s == good {
			require.NoError(t, err)
		} else {
			require.ErrorIs(t, err, auth.ErrInvalidToken)
		}
	})
}

// Whatever is signed under the issuer's key, the claims let through are those
// the rules allow.
func FuzzSigned(f *testing.F) {
	v := newVerifier(f, config(f))
	for _, h := range []string{`{"alg":"EdDSA","kid":"ed"}`, `{"alg":"EdDSA"}`, `{"alg":"Ed25519","typ":"JWT"}`, `{"alg":"EdDSA","crit":["b64"],"b64":false}`, `{"alg":"EdDSA","alg":"none"}`} {
		for _, p := range []string{`{}`, encode(f, claims(nil)), encode(f, claims(object{"aud": []any{1}})), `{"exp":1e300,"iss":"` + issuer + `"}`, `{"exp":9e9,"exp":1}`, `[]`} {
			f.Add(h, p)
		}
	}
	f.Fuzz(func(t *testing.T, header, payload string) {
		c, err := v.Verify(t.Context(), forge(t, jwt.SigningMethodEdDSA, keys().ed, header, payload))
		if err != nil {
			require.ErrorIs(t, err, auth.ErrInvalidToken)
			return
		}
		require.Equal(t, issuer, c.Issuer())
		require.Contains(t, c.Principal(), issuer)
		require.True(t, c.Expires().After(epoch.Add(-61e9)))
		found := false
		for a := range c.Audience() {
			found = found || a == audience
		}
		require.True(t, found)
		for _, name := range []string{"nonce", "at_hash", "c_hash"} {
			_, ok := c.Get(name)
			require.False(t, ok)
		}
	})
}

func FuzzAuthorization(f *testing.F) {
	for _, s := range []string{"", "Bearer", "Bearer ", "Bearer x", "bearer  x", "Basic x", "Bearer x y", "Bearer\tx", "Bearer x,Bearer y", "BearerX x"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, value string) {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.Header["Authorization"] = []string{value}
		got, err := auth.BearerToken(r)
		if err != nil {
			require.ErrorIs(t, err, auth.ErrRequest)
			require.Empty(t, got)
			return
		}
		require.NotEmpty(t, got)
		require.True(t, strings.EqualFold("bearer ", value[:7]))
		require.Equal(t, got, strings.TrimLeft(value[7:], " "))
		require.NotContains(t, got, " ")
	})
}
