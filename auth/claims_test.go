package auth_test

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rowhouse-go/rowhouse/auth"
)

func TestClaimsAccessors(t *testing.T) {
	t.Parallel()
	cfg := config(t)
	cfg.Claims = auth.ClaimNames{
		Roles:  []auth.ClaimPath{{"realm_access", "roles"}, {"resource_access", "a.b/c", "roles"}, {"https://example.com/roles"}},
		Tenant: []auth.ClaimPath{{"missing"}, {"org", "id"}},
	}
	v := newVerifier(t, cfg)
	c, err := v.Verify(t.Context(), token(t, object{
		"jti": "t-1", "sid": "s-1", "aud": []string{"x", audience}, "scope": "read  write", "scp": []string{"admin all"},
		"permissions": []string{"p1", "p2"}, "groups": "one", "email": "a@example.com", "email_verified": true,
		"realm_access":              object{"roles": []string{"r1", "r2"}},
		"resource_access":           object{"a.b/c": object{"roles": []string{"r3"}}},
		"https://example.com/roles": []any{"r4", 5}, // not all strings: counts as absent
		"org":                       object{"id": "acme"},
		"n":                         json.Number("12345678901234567890"),
	}))
	require.NoError(t, err)
	require.Equal(t, issuer, c.Issuer())
	require.Equal(t, "alice", c.Subject())
	require.Equal(t, "web", c.ClientID())
	require.Equal(t, "t-1", c.ID())
	require.Equal(t, "s-1", c.SessionID())
	require.Equal(t, epoch.Add(time.Hour), c.Expires())
	require.Equal(t, epoch.Add(-time.Minute), c.IssuedAt())
	require.Equal(t, []string{"x", audience}, slices.Collect(c.Audience()))
	require.Equal(t, []string{"read", "write", "admin all"}, slices.Collect(c.Scopes()))
	require.True(t, c.HasScope("write"))
	require.False(t, c.HasScope("rea"))
	require.Equal(t, []string{"r1", "r2", "r3"}, slices.Collect(c.Roles()))
	require.Equal(t, []string{"p1", "p2"}, slices.Collect(c.Permissions()))
	require.Equal(t, []string{"one"}, slices.Collect(c.Groups()))
	require.Equal(t, "acme", c.TenantHint())
	require.Equal(t, "a@example.com", c.Email())
	require.True(t, c.EmailVerified())
	require.Equal(t, auth.KindUser, c.Kind())

	n, ok := c.Get("n")
	require.True(t, ok)
	require.Equal(t, json.Number("12345678901234567890"), n)
	roles, ok := c.Get("resource_access", "a.b/c", "roles")
	require.True(t, ok)
	require.Equal(t, []any{"r3"}, roles)
	for _, path := range [][]string{{}, {"nope"}, {"realm_access", "nope"}, {"sub", "x"}, {"realm_access.roles"}, {"Sub"}} {
		_, ok := c.Get(path...)
		require.False(t, ok, "%q", path)
	}
}

func TestClaimsZero(t *testing.T) {
	t.Parallel()
	var c auth.Claims
	require.True(t, c.IsZero())
	require.Empty(t, c.Subject()+c.Principal()+c.Issuer()+c.ClientID()+c.ID()+c.Email())
	require.Equal(t, auth.KindClient, c.Kind())
	require.True(t, c.Expires().IsZero())
	require.Empty(t, slices.Collect(c.Scopes()))
	_, ok := c.Get("sub")
	require.False(t, ok)
}

func TestEmailVerifiedIsATrueAndNothingElse(t *testing.T) {
	t.Parallel()
	v := newVerifier(t, config(t))
	for _, value := range []any{"true", 1, "TRUE", []bool{true}, false, json.RawMessage("null")} {
		c, err := v.Verify(t.Context(), token(t, object{"email": "a@example.com", "email_verified": value}))
		require.NoError(t, err)
		require.False(t, c.EmailVerified(), "%v", value)
	}
}

// A log line names the principal and nothing personal.
func TestClaimsInLogs(t *testing.T) {
	t.Parallel()
	c := auth.NewClaims(auth.ClaimSet{Issuer: issuer, Subject: "alice", Email: "alice@example.com"})
	var out bytes.Buffer
	slog.New(slog.NewTextHandler(&out, nil)).Info("x", "who", c)
	require.Contains(t, out.String(), "who.subject=alice")
	require.NotContains(t, out.String(), "@example.com")
}

func TestPrincipal(t *testing.T) {
	t.Parallel()
	first, second := config(t), config(t)
	first.Aliases = []string{"https://alias.example.com"}
	second.Issuer, second.Now = "https://second.example.com", nil
	v := newVerifier(t, first, second)
	of := func(changes object) string {
		c, err := v.Verify(t.Context(), token(t, changes))
		require.NoError(t, err)
		return c.Principal()
	}
	alice := of(nil)
	require.Equal(t, "23:https://id.example.com/4:user5:alice", alice)
	require.Equal(t, alice, of(object{"iss": "https://alias.example.com"}), "an alias is the same issuer")
	require.Equal(t, alice, of(object{"client_id": "mobile"}), "whatever the client")
	for name, changes := range map[string]object{
		"another subject":                   {"sub": "bob"},
		"another issuer":                    {"iss": "https://second.example.com", "exp": time.Now().Add(time.Hour).Unix(), "iat": 1},
		"a client whose id is alice":        {"client_id": "alice"},
		"a client by azp":                   {"client_id": nil, "azp": "alice"},
		"undecidable":                       {"client_id": nil},
		"a client by azp and client_id":     {"azp": "alice"},
		"a client without sub, named alice": {"sub": nil, "client_id": "alice"},
	} {
		require.NotEqual(t, alice, of(changes), name)
	}
	// A client that got itself alice's id is not the alice whose token names none.
	require.NotEqual(t, of(object{"client_id": nil}), of(object{"client_id": "alice"}))
	require.NotEqual(t, of(object{"client_id": nil}), of(object{"sub": nil, "client_id": "alice"}))
	require.Equal(t, of(object{"client_id": "alice"}), of(object{"sub": nil, "client_id": "alice"}), "one client")
	// Lengths keep parts apart.
	require.NotEqual(t,
		auth.NewClaims(auth.ClaimSet{Issuer: "a", Subject: "4:user1:b"}).Principal(),
		auth.NewClaims(auth.ClaimSet{Issuer: "a4:user9:4", Subject: "b"}).Principal())
}

func TestNewClaims(t *testing.T) {
	t.Parallel()
	at := time.Unix(1_800_000_000, 0).UTC()
	c := auth.NewClaims(auth.ClaimSet{
		Issuer: issuer, Subject: "alice", ClientID: "web", ID: "1", Audience: []string{"a"}, Expires: at, IssuedAt: at,
		Scopes: []string{"read", "write"}, Roles: []string{"r"}, Permissions: []string{"p"}, Groups: []string{"g"},
		TenantHint: "acme", SessionID: "s", Email: "a@example.com", EmailVerified: true, Extra: object{"plan": "pro"},
	})
	require.Equal(t, auth.KindUser, c.Kind())
	require.True(t, c.HasScope("write"))
	require.Equal(t, []string{"a"}, slices.Collect(c.Audience()))
	require.Equal(t, at, c.Expires())
	require.Equal(t, "acme", c.TenantHint())
	require.True(t, c.EmailVerified())
	plan, _ := c.Get("plan")
	require.Equal(t, "pro", plan)
	require.Panics(t, func() { auth.NewClaims(auth.ClaimSet{Extra: object{"f": func() {}}}) })
	client := auth.NewClaims(auth.ClaimSet{Issuer: issuer, Subject: "alice", Kind: auth.KindClient})
	require.NotEqual(t, c.Principal(), client.Principal())
}
