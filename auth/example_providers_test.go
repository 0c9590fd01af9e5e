package auth_test

import (
	"context"
	"fmt"
	"log"
	"time"

	"github.com/rowhouse-go/rowhouse/auth"
)

// A custom domain and the tenant's own name are one issuer; roles come from a
// claim that an Action adds.
func ExampleAuth0() {
	cfg := auth.Auth0("login.example.com", "https://api.example.com")
	cfg.Aliases = []string{"https://example.eu.auth0.com/"}
	cfg.Claims.Roles = []auth.ClaimPath{{"https://example.com/roles"}}
	fmt.Println(cfg.Issuer)
	// Output: https://login.example.com/
}

// Tokens of the client "web" are accepted although Keycloak names no audience in
// them. The steps are those of docs/auth-providers.md.
func ExampleKeycloak() {
	cfg := auth.Keycloak("https://id.example.com", "main", "orders")
	cfg.Clients = []string{"web"} // only without step 2
	fmt.Println(cfg.Issuer)
	// Output: https://id.example.com/realms/main
}

func ExampleCognito() {
	cfg := auth.Cognito("eu-central-1", "eu-central-1_AbCdEfGhI", "57cbishk4j24pabc1234567890")
	fmt.Println(cfg.Issuer)
	// Output: https://cognito-idp.eu-central-1.amazonaws.com/eu-central-1_AbCdEfGhI
}

// A pool whose issuer type is UPDATED publishes its keys elsewhere. Issuer stays
// as it is: it names the people in your database.
func ExampleCognito_updatedIssuer() {
	cfg := auth.Cognito("eu-central-1", "eu-central-1_AbCdEfGhI", "57cbishk4j24pabc1234567890")
	keys := auth.RemoteKeys(cfg.Aliases[0]+"/.well-known/jwks.json", &auth.RemoteKeysOptions{
		Failover: []string{cfg.Issuer + "/.well-known/jwks.json"},
	})
	defer keys.Close()
	cfg.Keys = keys
	verifier, err := auth.New(cfg)
	if err != nil {
		log.Fatal(err)
	}
	defer verifier.Close()
}

// OAuth2 access tokens of a project in the Ory Network, of clients that ask for
// no audience.
func ExampleOry() {
	cfg := auth.Ory("https://slug.projects.oryapis.com", "https://api.example.com")
	cfg.Audience, cfg.Clients = nil, []string{"c5b9f4d2-7a1c-4b65-9d0e-31b6c1c8b1aa"} // clients that ask for no audience
	fmt.Println(cfg.Issuer)
	// Output: https://slug.projects.oryapis.com
}

// Sessions of Ory Kratos as JWTs. Ory publishes no keys for them: the service
// carries the public half of the set that the tokenizer signs with. The claims
// mapper adds aud, and a part to iss that tells sessions from access tokens.
func ExampleOry_kratosSession() {
	keys, err := auth.StaticKeys(publicJWKS)
	if err != nil {
		log.Fatal(err)
	}
	cfg := auth.Ory("https://slug.projects.oryapis.com/sessions", "https://api.example.com")
	cfg.Keys = keys
	cfg.Algorithms = []string{"ES256"}
	cfg.Kind = auth.AlwaysUser     // a session is a person's
	cfg.Leeway = 5 * time.Second   // of tokens that live a minute
	cfg.Claims = auth.ClaimNames{} // top-level names: the mapper knows no ext
	cfg.Now = func() time.Time { return time.Unix(1772366430, 0) }
	verifier, err := auth.New(cfg)
	if err != nil {
		log.Fatal(err)
	}
	defer verifier.Close()

	claims, err := verifier.Verify(context.Background(), sessionToken)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(claims.Kind(), claims.Subject(), "in session", claims.SessionID())
	// Output: user 5be86359-073c-434b-ad2d-a3932222dabe in session 7f3cdb5c-6d1b-4a67-8f0f-5f3f2c1f0d11
}

// Any issuer with OpenID Connect Discovery; here only tokens that declare
// themselves access tokens pass.
func ExampleOIDC() {
	cfg := auth.OIDC("https://id.example.com", "https://api.example.com")
	cfg.Types = []string{"at+jwt", "application/at+jwt"}
	fmt.Println(cfg.Issuer, cfg.Audience)
	// Output: https://id.example.com [https://api.example.com]
}

// A token is judged by the preset of its exact iss alone; the same sub from both
// is two people.
func ExampleNew_presets() {
	const api = "https://api.example.com"
	verifier, err := auth.New(auth.Auth0("example.eu.auth0.com", api), auth.Keycloak("https://id.example.com", "main", "orders"))
	if err != nil {
		log.Fatal(err)
	}
	defer verifier.Close()
}

// Entra ID gives programs a sub of their own. Only tokens with delegated scopes
// are a person's.
func ExampleOIDC_kind() {
	cfg := auth.OIDC("https://login.microsoftonline.com/7b2f0f3e-1111-4a4a-9c9c-000000000000/v2.0", "9e3f1c52-2222-4b4b-8d8d-000000000000")
	cfg.Kind = func(c auth.Claims) auth.Kind {
		if _, delegated := c.Get("scp"); delegated {
			return auth.KindUser
		}
		return auth.KindClient
	}
	fmt.Println(cfg.Kind(auth.NewClaims(auth.ClaimSet{Subject: "ada", ClientID: "web", Scopes: []string{"orders.read"}})))
	fmt.Println(cfg.Kind(auth.NewClaims(auth.ClaimSet{Subject: "batch's object id", ClientID: "batch"})))
	// Output:
	// user
	// client
}

var publicJWKS = []byte(`{"keys":[{"kid":"3045631b-95a8-433c-ab54-93fa52a55ea8","use":"sig","alg":"ES256","kty":"EC","crv":"P-256","x":"PzcKJ45rpmnvwbXPgYkuea-HYCcrRP8PbLprMhN4Dto","y":"GMc3OIIuTp5AL98q8hqHixPgH-B7EGhrdCPY7A0ldJU"}]}`)

const sessionToken = "eyJhbGciOiJFUzI1NiIsImtpZCI6IjMwNDU2MzFiLTk1YTgtNDMzYy1hYjU0LTkzZmE1MmE1NWVhOCIsInR5cCI6IkpXVCJ9.eyJhdWQiOlsiaHR0cHM6Ly9hcGkuZXhhbXBsZS5jb20iXSwiZXhwIjoxNzcyMzY2NDYwLCJpYXQiOjE3NzIzNjY0MDAsImlzcyI6Imh0dHBzOi8vc2x1Zy5wcm9qZWN0cy5vcnlhcGlzLmNvbS9zZXNzaW9ucyIsImp0aSI6IjBhMmYxZjBlLTNhMzgtNGEwZS05ZjUzLTBiNmExZjZmN2ExMCIsIm5iZiI6MTc3MjM2NjQwMCwic2lkIjoiN2YzY2RiNWMtNmQxYi00YTY3LThmMGYtNWYzZjJjMWYwZDExIiwic3ViIjoiNWJlODYzNTktMDczYy00MzRiLWFkMmQtYTM5MzIyMjJkYWJlIn0.tcClZD7YT-OzOzZFY1SrBeTNh237Rj_jm52g9WMSqddo91MBAzMD2Vvdp3xYHbXUoU-gGbIIMw1sSPVsPx6jaQ"
