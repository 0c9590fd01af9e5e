package auth_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/rowhouse-go/rowhouse/auth"
)

// whoami answers with the principal, or "nobody".
var whoami = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
	c, ok := auth.FromContext(r.Context())
	if !ok {
		_, _ = io.WriteString(w, "nobody")
		return
	}
	_, _ = io.WriteString(w, c.Subject())
})

func serve(h http.Handler, change func(*http.Request)) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	change(r)
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func bearer(token string) func(*http.Request) {
	return func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+token) }
}

func TestMiddleware(t *testing.T) {
	t.Parallel()
	v := newVerifier(t, config(t))
	good := token(t, object{"scope": "read"})
	raw := func(values ...string) func(*http.Request) {
		return func(r *http.Request) { r.Header["Authorization"] = values }
	}
	const invalid = `Bearer error="invalid_token", error_description="`
	for name, c := range map[string]struct {
		request   func(*http.Request)
		status    int
		challenge string
		optional  int // status behind Optional
	}{
		"good":                       {bearer(good), 200, "", 200},
		"scheme in lower case":       {raw("bearer " + good), 200, "", 200},
		"no credentials":             {raw(), 401, "Bearer", 200},
		"token in the query":         {func(r *http.Request) { r.URL.RawQuery = "access_token=" + good }, 401, "Bearer", 200},
		"token in a cookie":          {func(r *http.Request) { r.AddCookie(&http.Cookie{Name: "access_token", Value: good}) }, 401, "Bearer", 200},
		"two headers":                {raw("Bearer "+good, "Bearer "+good), 400, `Bearer error="invalid_request", error_description="malformed Authorization header"`, 400},
		"two tokens in one":          {raw("Bearer " + good + ", Bearer " + good), 400, `Bearer error="invalid_request", error_description="malformed Authorization header"`, 400},
		"two tokens without a space": {raw("Bearer " + good + ",x"), 400, `Bearer error="invalid_request", error_description="malformed Authorization header"`, 400},
		"empty header":               {raw(""), 400, `Bearer error="invalid_request", error_description="malformed Authorization header"`, 400},
		"scheme alone":               {raw("Bearer"), 400, `Bearer error="invalid_request", error_description="malformed Authorization header"`, 400},
		"scheme and a space":         {raw("Bearer "), 400, `Bearer error="invalid_request", error_description="malformed Authorization header"`, 400},
		"Basic":                      {raw("Basic dXNlcjpwYXNz"), 400, `Bearer error="invalid_request", error_description="malformed Authorization header"`, 400},
		"junk":                       {bearer("junk"), 401, invalid + `the token is not a compact JWS"`, 401},
		"expired":                    {bearer(token(t, object{"exp": 1})), 401, invalid + `the token has expired"`, 401},
		"expired behind empty scope": {bearer(token(t, object{"exp": 1, "scope": ""})), 401, invalid + `the token has expired"`, 401},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := serve(v.Middleware(whoami), c.request)
			require.Equal(t, c.status, w.Code)
			require.Equal(t, c.challenge, w.Header().Get("WWW-Authenticate"))
			if c.status == 200 {
				require.Equal(t, "alice", w.Body.String())
			} else {
				requireProblem(t, w)
			}
			o := serve(v.Optional(whoami), c.request)
			require.Equal(t, c.optional, o.Code)
			if c.optional == 200 && c.status != 200 {
				require.Equal(t, "nobody", o.Body.String())
			}
		})
	}
}

func requireProblem(t *testing.T, w *httptest.ResponseRecorder) {
	t.Helper()
	require.Equal(t, "application/problem+json", w.Header().Get("Content-Type"))
	require.Equal(t, "no-store", w.Header().Get("Cache-Control"))
	require.Equal(t, "nosniff", w.Header().Get("X-Content-Type-Options"))
	var p struct {
		Type, Title, Detail string
		Status              int
	}
	require.NoError(t, json.Unmarshal(w.Body.Bytes(), &p))
	require.Equal(t, w.Code, p.Status)
	require.Equal(t, http.StatusText(w.Code), p.Title)
	require.NotEmpty(t, p.Type)
	require.NotEmpty(t, p.Detail)
}

func TestRequireScope(t *testing.T) {
	t.Parallel()
	v := newVerifier(t, config(t))
	h := v.Middleware(v.RequireScope("read", "write")(whoami))
	require.Equal(t, 200, serve(h, bearer(token(t, object{"scope": "write read"}))).Code)
	w := serve(h, bearer(token(t, object{"scope": "read"})))
	require.Equal(t, 403, w.Code)
	require.Equal(t, `Bearer error="insufficient_scope", error_description="the token lacks a required scope", scope="read write"`, w.Header().Get("WWW-Authenticate"))
	requireProblem(t, w)
	require.Equal(t, 401, serve(v.RequireScope("read")(whoami), func(*http.Request) {}).Code)
	require.Equal(t, 401, serve(v.Optional(v.RequireScope("read")(whoami)), func(*http.Request) {}).Code)
}

func TestOwnOutageIs503(t *testing.T) {
	t.Parallel()
	cfg := config(t)
	cfg.Keys = &source{}
	w := serve(newVerifier(t, cfg).Middleware(whoami), bearer(token(t, nil)))
	require.Equal(t, 503, w.Code)
	require.Equal(t, "7", w.Header().Get("Retry-After"))
	require.Empty(t, w.Header().Get("WWW-Authenticate"))
	requireProblem(t, w)

	cfg = config(t)
	cfg.Revoked = func(context.Context, auth.Claims) (bool, error) {
		return false, errors.New("redis at 10.0.0.1 is down")
	}
	w = serve(newVerifier(t, cfg).Middleware(whoami), bearer(token(t, nil)))
	require.Equal(t, 503, w.Code)
	require.Equal(t, "1", w.Header().Get("Retry-After"))
	require.NotContains(t, w.Body.String(), "redis")
}

// The cause of a refusal is for logs: no answer repeats it.
func TestAnswersHoldNoCause(t *testing.T) {
	t.Parallel()
	cfg := config(t)
	cfg.Check = func(auth.Claims) error { return errors.New("table users: column blocked") }
	w := serve(newVerifier(t, cfg).Middleware(whoami), bearer(token(t, nil)))
	require.Equal(t, 401, w.Code)
	require.NotContains(t, w.Body.String()+w.Header().Get("WWW-Authenticate"), "blocked")
	w = httptest.NewRecorder()
	auth.WriteError(w, httptest.NewRequest(http.MethodGet, "/", nil), errors.New("secret detail"))
	require.Equal(t, 503, w.Code)
	require.NotContains(t, w.Body.String(), "secret")
}

func TestOnErrorReplacesTheAnswer(t *testing.T) {
	t.Parallel()
	cfg := config(t)
	cfg.OnError = func(w http.ResponseWriter, _ *http.Request, err error) {
		require.ErrorIs(t, err, auth.ErrNoToken)
		w.WriteHeader(http.StatusTeapot)
	}
	require.Equal(t, http.StatusTeapot, serve(newVerifier(t, cfg).Middleware(whoami), func(*http.Request) {}).Code)
}

func TestInsecureAnonymous(t *testing.T) {
	t.Parallel()
	h := auth.InsecureAnonymous(auth.NewClaims(auth.ClaimSet{Issuer: issuer, Subject: "dev"}))(whoami)
	require.Equal(t, "dev", serve(h, func(*http.Request) {}).Body.String())
}

func TestErrorsMatch(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		err    error
		is     []error
		isNot  []error
		status int
	}{
		{auth.ErrNoToken, []error{auth.ErrNoToken}, []error{auth.ErrInvalidToken, auth.ErrUnavailable}, 401},
		{&auth.Error{Reason: auth.ReasonExpired}, []error{auth.ErrExpired, auth.ErrInvalidToken}, []error{auth.ErrRevoked, auth.ErrNoToken}, 401},
		{&auth.Error{Reason: auth.ReasonSignature}, []error{auth.ErrInvalidToken}, []error{auth.ErrExpired, auth.ErrUnavailable}, 401},
		{&auth.Error{Reason: auth.ReasonRequest}, []error{auth.ErrRequest}, []error{auth.ErrInvalidToken}, 400},
		{&auth.Error{Reason: auth.ReasonScope}, []error{auth.ErrInsufficientScope}, []error{auth.ErrInvalidToken}, 403},
		{&auth.Error{Reason: auth.ReasonKeysUnready, RetryAfter: 1, Err: io.EOF}, []error{auth.ErrKeysUnavailable, auth.ErrUnavailable, io.EOF}, []error{auth.ErrInvalidToken}, 503},
		{&auth.Error{Reason: auth.ReasonRevocationErr}, []error{auth.ErrUnavailable}, []error{auth.ErrKeysUnavailable, auth.ErrRevoked}, 503},
	} {
		for _, target := range c.is {
			require.ErrorIs(t, c.err, target)
		}
		for _, target := range c.isNot {
			require.NotErrorIs(t, c.err, target)
		}
		var status interface{ HTTPStatus() int }
		require.ErrorAs(t, c.err, &status)
		require.Equal(t, c.status, status.HTTPStatus())
	}
}
