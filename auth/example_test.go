package auth_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"

	"github.com/rowhouse-go/rowhouse/auth"
	"github.com/rowhouse-go/rowhouse/auth/authtest"
)

// A service verifies the tokens of its issuer in front of its handlers.
func Example() {
	issuer, err := authtest.Start(nil) // in place of your provider
	if err != nil {
		log.Fatal(err)
	}
	defer issuer.Close()

	verifier, err := auth.New(auth.OIDC(issuer.URL(), authtest.Audience))
	if err != nil {
		log.Fatal(err) // every fault of the configuration at once
	}
	defer verifier.Close()

	hello := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		claims, _ := auth.FromContext(r.Context())
		fmt.Fprintf(w, "hello %s", claims.Subject())
	})
	service := verifier.Middleware(hello)

	for _, header := range []string{"Bearer " + issuer.Sign(map[string]any{"sub": "alice"}), "Bearer junk"} {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.Header.Set("Authorization", header)
		w := httptest.NewRecorder()
		service.ServeHTTP(w, r)
		fmt.Println(w.Code, w.Header().Get("WWW-Authenticate"), w.Body)
	}
	// Output:
	// 200  hello alice
	// 401 Bearer error="invalid_token", error_description="the token is not a compact JWS" {"type":"about:blank","title":"Unauthorized","status":401,"detail":"the token is not a compact JWS"}
}

// A wrong configuration is reported whole, before anything is served.
func ExampleNew() {
	_, err := auth.New(auth.Config{Issuer: "http://id.example.com", Algorithms: []string{"HS256"}})
	fmt.Println(err)
	// Output:
	// auth: Config: Algorithms: "HS256" is not an asymmetric JWS algorithm of this package
	// auth: Config: Audience: is required unless Clients is set: a token for another service must not open this one
	// auth: Config: Issuer: is plain http: set InsecureHTTP if you mean it (without Keys, discovery needs a URL)
}

// Tokens of several issuers are judged by the Config of their own iss. The same
// sub at two issuers is two principals.
func ExampleNew_severalIssuers() {
	staff, customers := start(), start()
	defer staff.Close()
	defer customers.Close()
	verifier, err := auth.New(
		auth.OIDC(staff.URL(), authtest.Audience),
		auth.OIDC(customers.URL(), authtest.Audience),
	)
	if err != nil {
		log.Fatal(err)
	}
	defer verifier.Close()

	alice := map[string]any{"sub": "alice"}
	a, _ := verifier.Verify(context.Background(), staff.Sign(alice))
	b, _ := verifier.Verify(context.Background(), customers.Sign(alice))
	fmt.Println(a.Subject() == b.Subject(), a.Principal() == b.Principal())
	// Output: true false
}

// Errors tell the token's fault from ours, and an expired token from a bad one.
func ExampleVerifier_Verify() {
	issuer := start()
	defer issuer.Close()
	verifier, err := auth.New(auth.OIDC(issuer.URL(), authtest.Audience))
	if err != nil {
		log.Fatal(err)
	}
	defer verifier.Close()

	_, err = verifier.Verify(context.Background(), issuer.Sign(map[string]any{"sub": "alice", "exp": 1}))
	switch {
	case errors.Is(err, auth.ErrExpired):
		fmt.Println("ask for a new token:", err)
	case errors.Is(err, auth.ErrInvalidToken):
		fmt.Println("refused:", err)
	case errors.Is(err, auth.ErrUnavailable):
		fmt.Println("our outage:", err)
	}
	// Output: ask for a new token: auth: the token has expired
}

// RequireScope goes behind Middleware, route by route.
func ExampleVerifier_RequireScope() {
	issuer := start()
	defer issuer.Close()
	verifier, err := auth.New(auth.OIDC(issuer.URL(), authtest.Audience))
	if err != nil {
		log.Fatal(err)
	}
	defer verifier.Close()

	mux := http.NewServeMux()
	mux.Handle("DELETE /documents/{id}", verifier.Middleware(verifier.RequireScope("documents:write")(
		http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) }))))

	for _, scope := range []string{"documents:read", "documents:read documents:write"} {
		r := httptest.NewRequest(http.MethodDelete, "/documents/7", nil)
		r.Header.Set("Authorization", "Bearer "+issuer.Sign(map[string]any{"sub": "alice", "scope": scope}))
		w := httptest.NewRecorder()
		mux.ServeHTTP(w, r)
		fmt.Println(w.Code, w.Header().Get("WWW-Authenticate"))
	}
	// Output:
	// 403 Bearer error="insufficient_scope", error_description="the token lacks a required scope", scope="documents:write"
	// 204
}

// With TokenCache a token is verified once in five minutes. What may change
// sooner goes into Revoked, which is asked every time.
func ExampleConfig_revoked() {
	issuer := start()
	defer issuer.Close()
	blocked := map[string]bool{}
	cfg := auth.OIDC(issuer.URL(), authtest.Audience)
	cfg.TokenCache = 10_000
	cfg.Revoked = func(_ context.Context, c auth.Claims) (bool, error) { return blocked[c.Principal()], nil }
	verifier, err := auth.New(cfg)
	if err != nil {
		log.Fatal(err)
	}
	defer verifier.Close()

	token := issuer.Sign(map[string]any{"sub": "alice"})
	c, err := verifier.Verify(context.Background(), token)
	fmt.Println(err)
	blocked[c.Principal()] = true
	_, err = verifier.Verify(context.Background(), token)
	fmt.Println(err)
	// Output:
	// <nil>
	// auth: the token has been revoked
}

// Handlers are tested without tokens: NewContext carries claims that NewClaims
// made.
func ExampleNewClaims() {
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, ok := auth.FromContext(r.Context())
		fmt.Fprint(w, ok, " ", c.Subject(), " ", c.HasScope("read"))
	})
	claims := auth.NewClaims(auth.ClaimSet{Issuer: "https://id.example.com", Subject: "alice", Scopes: []string{"read"}})
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	w := httptest.NewRecorder()
	handler.ServeHTTP(w, r.WithContext(auth.NewContext(r.Context(), claims)))
	fmt.Println(w.Body)
	// Output: true alice true
}

func start() *authtest.Issuer {
	issuer, err := authtest.Start(nil)
	if err != nil {
		log.Fatal(err)
	}
	return issuer
}
