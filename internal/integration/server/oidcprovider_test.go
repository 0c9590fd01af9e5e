package server_test

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/rowhouse-go/rowhouse/internal/integration/server"
)

func TestOIDCProvider(t *testing.T) {
	t.Parallel()
	issuer, id, secret := server.OIDCProvider(t)
	for resource, alg := range map[string]string{
		"https://api.example/rs256":   "RS256",
		"https://api.example/es256":   "ES256",
		"https://api.example/ed25519": "Ed25519",
	} {
		answer := token(t, issuer, id, secret, resource)
		require.Empty(t, answer.Error)
		segments := strings.Split(answer.AccessToken, ".")
		require.Len(t, segments, 3)
		header, err := base64.RawURLEncoding.DecodeString(segments[0])
		require.NoError(t, err)
		require.JSONEq(t, `{"alg":"`+alg+`","typ":"at+jwt","kid":"`+strings.ToLower(alg)+`"}`, string(header))
		payload, err := base64.RawURLEncoding.DecodeString(segments[1])
		require.NoError(t, err)
		var claims map[string]any
		require.NoError(t, json.Unmarshal(payload, &claims))
		require.Equal(t, issuer, claims["iss"])
		require.Equal(t, resource, claims["aud"])
		require.Equal(t, "read", claims["scope"])
		require.Equal(t, id, claims["client_id"])
	}
	require.Equal(t, "invalid_target", token(t, issuer, id, secret, "https://api.example/none").Error)
	require.Equal(t, "invalid_client", token(t, issuer, id, "guess", "https://api.example/rs256").Error)
}

type tokenAnswer struct {
	AccessToken string `json:"access_token"`
	Error       string `json:"error"`
}

func token(t *testing.T, issuer, id, secret, resource string) tokenAnswer {
	t.Helper()
	form := url.Values{"grant_type": {"client_credentials"}, "scope": {"read"}, "resource": {resource}}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, issuer+"/token", strings.NewReader(form.Encode()))
	require.NoError(t, err)
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.SetBasicAuth(id, secret)
	resp, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	defer resp.Body.Close()
	var answer tokenAnswer
	require.NoError(t, json.NewDecoder(resp.Body).Decode(&answer))
	return answer
}
