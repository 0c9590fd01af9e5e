package authtest_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"time"

	"github.com/rowhouse-go/rowhouse/auth"
	"github.com/rowhouse-go/rowhouse/auth/authtest"
)

// A service under test sees a real issuer.
func ExampleIssuer() {
	issuer, err := authtest.Start(nil) // in a test: authtest.NewIssuer(t)
	if err != nil {
		panic(err)
	}
	defer issuer.Close()

	v, err := auth.New(issuer.Config())
	if err != nil {
		panic(err)
	}
	defer v.Close()
	service := v.Middleware(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, _ := auth.FromContext(r.Context())
		fmt.Fprintf(w, "hello %s", c.Subject())
	}))

	ask := func(token string) {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.Header.Set("Authorization", "Bearer "+token)
		w := httptest.NewRecorder()
		service.ServeHTTP(w, r)
		fmt.Println(w.Code)
	}
	ask(issuer.Sign(map[string]any{"sub": "alice"}))
	issuer.Rotate()
	ask(issuer.Sign(map[string]any{"sub": "alice"}))
	ask(issuer.Sign(map[string]any{"exp": time.Now().Add(-time.Hour).Unix()}))
	// Output:
	// 200
	// 200
	// 401
}

// Tokens that must be refused are described by what is wrong with them.
func ExampleIssuer_SignToken() {
	issuer, err := authtest.New("https://id.test", nil)
	if err != nil {
		panic(err)
	}
	keys, err := auth.StaticKeys(issuer.JWKS())
	if err != nil {
		panic(err)
	}
	config := issuer.Config()
	config.Keys = keys
	v, err := auth.New(config)
	if err != nil {
		panic(err)
	}
	defer v.Close()

	forged, err := authtest.NewKey(issuer.Key("").Kid, "ES256")
	if err != nil {
		panic(err)
	}
	for _, token := range []authtest.Token{
		{},
		{Key: &forged},
		{Header: map[string]any{"alg": "none"}, Signature: func(string) []byte { return []byte{0} }},
		{Claims: map[string]any{"aud": "https://other.test"}},
	} {
		_, err := v.Verify(context.Background(), issuer.SignToken(token))
		if e, ok := errors.AsType[*auth.Error](err); ok {
			fmt.Println(e.Reason)
		} else {
			fmt.Println("accepted")
		}
	}
	// Output:
	// accepted
	// signature
	// algorithm
	// audience
}

// An issuer without a listener is mounted where the service listens anyway: its
// own issuer for development.
func ExampleNew() {
	mux := http.NewServeMux()
	server := httptest.NewServer(mux)
	defer server.Close()

	issuer, err := authtest.New(server.URL+"/dev-issuer", nil)
	if err != nil {
		panic(err)
	}
	mux.Handle("/dev-issuer/", issuer)

	v, err := auth.New(auth.OIDC(issuer.URL(), authtest.Audience))
	if err != nil {
		panic(err)
	}
	defer v.Close()
	c, err := v.Verify(context.Background(), issuer.SignToken(authtest.ClientToken("robot", "read")))
	fmt.Println(c.Subject(), c.Kind(), err)
	// Output: robot client <nil>
}
