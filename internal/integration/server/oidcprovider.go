package server

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
)

// OIDCProvider starts npm's oidc-provider, a certified OpenID provider, for the
// test and returns its issuer and the credentials of its one client.
//
// The client asks the token endpoint (ISSUER/token, Basic authentication) for
// grant_type=client_credentials with the scopes read and write. The resource
// names the audience and the algorithm of the RFC 9068 access token it gets:
// https://api.example/rs256, https://api.example/es256 or
// https://api.example/ed25519. Without oidc-provider, see [Require].
func OIDCProvider(t testing.TB) (issuer, clientID, clientSecret string) {
	t.Helper()
	return oidcProvider(t, 0, "")
}

// RotatedOIDCProvider starts the provider again under the name of one whose test
// has ended, with new keys under new ids.
func RotatedOIDCProvider(t testing.TB, issuer string) (clientID, clientSecret string) {
	t.Helper()
	u, err := url.Parse(issuer)
	if err != nil {
		t.Fatalf("server: %v", err)
	}
	port, err := strconv.Atoi(u.Port())
	if err != nil {
		t.Fatalf("server: %q has no port: %v", issuer, err)
	}
	_, clientID, clientSecret = oidcProvider(t, port, "-"+rand.Text())
	return clientID, clientSecret
}

func oidcProvider(t testing.TB, port int, kidSuffix string) (issuer, clientID, clientSecret string) {
	t.Helper()
	dir := filepath.Join(moduleDir(t), "oidcprovider")
	library := filepath.Join(dir, "node_modules", "oidc-provider", "package.json")
	node, nodeErr := exec.LookPath("node")
	_, libraryErr := os.Stat(library)
	Require(t, "oidc-provider", nodeErr == nil && libraryErr == nil,
		"install node 20 or newer, then run scripts/need/oidcprovider.sh")

	clientID, clientSecret = "rowhouse", rand.Text()
	script := filepath.Join(dir, "server.mjs")
	s := Start(t, Spec{
		Path:  node,
		Args:  func(port int, _ string) []string { return []string{script, strconv.Itoa(port)} },
		Port:  port,
		Env:   []string{"CLIENT_ID=" + clientID, "CLIENT_SECRET=" + clientSecret, "KID_SUFFIX=" + kidSuffix},
		Reads: []string{script, library},
		Ready: discovered,
	})
	return "http://" + s.Addr, clientID, clientSecret
}

// discovered returns nil once the issuer at addr describes itself.
func discovered(ctx context.Context, addr string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+addr+"/.well-known/openid-configuration", nil)
	if err != nil {
		return err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	var doc struct {
		Issuer string `json:"issuer"`
	}
	if err := json.NewDecoder(resp.Body).Decode(&doc); err != nil {
		return err
	}
	if doc.Issuer != "http://"+addr {
		return fmt.Errorf("the issuer calls itself %q", doc.Issuer)
	}
	return nil
}

// moduleDir returns the folder of the module that the running test belongs to.
func moduleDir(t testing.TB) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatalf("server: %v", err)
	}
	for ; ; dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir
		}
		if dir == filepath.Dir(dir) {
			t.Fatal("server: no go.mod above the test's folder")
		}
	}
}
