package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strings"

	"github.com/rowhouse-go/rowhouse/auth"
)

// A userinfo asks the issuer whose address a person has, for access tokens that don't
// say: OpenID Connect Core 1.0 §5.3.
type userinfo struct {
	url    string
	client *http.Client
}

// newUserinfo returns nil if there is none to ask.
func newUserinfo(c *config) *userinfo {
	if c.AuthUserInfoURL == "" {
		return nil
	}
	return &userinfo{c.AuthUserInfoURL, newOutbound()}
}

func (u *userinfo) close() {
	if u != nil {
		u.client.CloseIdleConnections()
	}
}

// errNoUserinfo means that the issuer did not say, and might the next time.
var errNoUserinfo = errors.New("userinfo: no answer to go by")

// verifiedEmail returns the address that the issuer has verified for the caller, empty
// if there is none. What a token says counts; only one that names no address is asked
// about.
func (a *app) verifiedEmail(r *http.Request) (string, error) {
	claims, _ := auth.FromContext(r.Context())
	switch {
	case claims.Email() != "" && claims.EmailVerified():
		return claims.Email(), nil
	case claims.Email() != "" || a.userinfo == nil || claims.Kind() == auth.KindClient:
		return "", nil
	}
	return a.userinfo.verifiedEmail(r, claims.Subject())
}

// verifiedEmail asks with the token of r.
func (u *userinfo) verifiedEmail(r *http.Request, subject string) (string, error) {
	ask, err := http.NewRequestWithContext(r.Context(), http.MethodGet, u.url, http.NoBody)
	if err != nil {
		return "", err
	}
	ask.Header.Set("Authorization", r.Header.Get("Authorization")) // one line with a bearer token, as the guard has found
	ask.Header.Set("Accept", "application/json")
	resp, err := u.client.Do(ask)
	if err != nil {
		return "", fmt.Errorf("%w: %w", errNoUserinfo, err)
	}
	defer resp.Body.Close()
	switch resp.StatusCode {
	case http.StatusOK:
	case http.StatusUnauthorized, http.StatusForbidden: // a good token, but not one for this (§5.3.3)
		return "", nil
	default:
		return "", fmt.Errorf("%w: status %d", errNoUserinfo, resp.StatusCode)
	}
	var said struct {
		Subject  string `json:"sub"`
		Email    string `json:"email"`
		Verified any    `json:"email_verified"` // a text at some issuers
	}
	kind, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	err = json.NewDecoder(io.LimitReader(resp.Body, maxUserinfo)).Decode(&said)
	switch {
	case !strings.EqualFold(kind, "application/json"): // a signed one would be application/jwt
		return "", fmt.Errorf("%w: no JSON", errNoUserinfo)
	case err != nil:
		return "", fmt.Errorf("%w: no JSON of at most %d bytes: %w", errNoUserinfo, maxUserinfo, err)
	case said.Subject == "" || said.Subject != subject: // §5.3.2: must not be used
		return "", fmt.Errorf("%w: it is about somebody else", errNoUserinfo)
	case said.Verified != true && said.Verified != "true":
		return "", nil
	}
	return said.Email, nil
}

const maxUserinfo = 64 << 10
