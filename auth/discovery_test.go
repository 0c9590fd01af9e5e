package auth_test

import (
	"encoding/json"
	"log/slog"
	"maps"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rowhouse-go/rowhouse/auth"
	"github.com/rowhouse-go/rowhouse/auth/authtest"
)

// What a verifier without Keys makes of its issuer's metadata.
func TestDiscovery(t *testing.T) {
	t.Parallel()

	good := object{"issuer": worldIssuer, "jwks_uri": worldKeys}
	but := func(name string, v any) string {
		doc := maps.Clone(good)
		if doc[name] = v; v == nil {
			delete(doc, name)
		}
		b, err := json.Marshal(doc)
		require.NoError(t, err)
		return string(b)
	}
	for name, c := range map[string]struct {
		doc, want string // an empty want: accepted
	}{
		"a good document":             {but("scopes_supported", []string{"openid"}), ""},
		"keys elsewhere":              {but("jwks_uri", mirrorKeys), ""},
		"64 KiB":                      {but("x", strings.Repeat("x", 64<<10-len(but("x", "")))), ""},
		"more than 64 KiB":            {but("x", strings.Repeat("x", 64<<10+1-len(but("x", "")))), "too large"},
		"another issuer":              {but("issuer", "https://other.test"), "another issuer's"},
		"a slash more":                {but("issuer", worldIssuer+"/"), "another issuer's"},
		"other case":                  {but("issuer", "https://ID.test"), "another issuer's"},
		"no issuer":                   {but("issuer", nil), "missing"},
		"issuer no string":            {but("issuer", []string{worldIssuer}), "missing"},
		"no jwks_uri":                 {but("jwks_uri", nil), "missing"},
		"jwks_uri is null":            {`{"issuer":"` + worldIssuer + `","jwks_uri":null}`, "missing"},
		"jwks_uri http":               {but("jwks_uri", "http://id.test/jwks.json"), "plain http"},
		"jwks_uri http, on loopback":  {but("jwks_uri", "http://127.0.0.1/jwks.json"), "http though the issuer is https"},
		"jwks_uri relative":           {but("jwks_uri", "/jwks.json"), "not an absolute"},
		"jwks_uri a file":             {but("jwks_uri", "file:///etc/passwd"), "not an absolute"},
		"jwks_uri with credentials":   {but("jwks_uri", "https://a:b@id.test/jwks.json"), "credentials"},
		"two jwks_uris":               {`{"issuer":"` + worldIssuer + `","jwks_uri":"` + worldKeys + `","jwks_uri":"https://evil.test"}`, "duplicate"},
		"two jwks_uris, one escaped":  {`{"issuer":"` + worldIssuer + `","jwks_uri":"` + worldKeys + `","jwks\u005furi":"https://evil.test"}`, "duplicate"},
		"JWKS_URI":                    {`{"issuer":"` + worldIssuer + `","JWKS_URI":"` + worldKeys + `"}`, "missing"},
		"trailing data":               {but("x", 1) + "{}", "after"},
		"an array":                    {"[" + but("x", 1) + "]", "malformed"},
		"HTML":                        {"<!doctype html>", "malformed"},
		"nothing":                     {"", "malformed"},
		"cut off":                     {but("x", 1)[:40], "malformed"},
		"nested beyond reason":        {`{"x":` + strings.Repeat("[", 50) + strings.Repeat("]", 50) + `}`, "nested"},
		"a jwks_uri inside an object": {`{"issuer":"` + worldIssuer + `","x":{"jwks_uri":"` + worldKeys + `"}}`, "missing"},
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, setup{cold: true, discovery: true, config: func(w *world, _ *auth.Config) {
				w.net.serve("mirror.test", w.issuer)
				w.net.serve("id.test", http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
					if r.URL.String() == discoveryDoc {
						_, _ = rw.Write([]byte(c.doc))
						return
					}
					w.issuer.ServeHTTP(rw, r)
				}))
			}}, func(w *world) {
				if c.want == "" {
					w.accepts(w.sign())
					return
				}
				e := w.unavailable(w.sign())
				require.ErrorContains(w, e, c.want)
				require.ErrorContains(w, e, discoveryDoc)
				require.NotContains(w, e.Error(), "evil")
				require.Zero(w, w.issuer.Fetches())
			})
		})
	}

	t.Run("an issuer with a slash and a path", func(t *testing.T) {
		t.Parallel()
		issuer, err := authtest.New("https://id.test/realms/a/", nil)
		require.NoError(t, err)
		c := issuer.Config()
		c.HTTPClient = issuer.Client()
		v := newVerifier(t, c)
		require.NoError(t, v.Ready(t.Context()))
		_, err = v.Verify(t.Context(), issuer.Sign(nil))
		require.NoError(t, err)
	})

	t.Run("an issuer with a query has no discovery", func(t *testing.T) {
		t.Parallel()
		v := newVerifier(t, auth.Config{Issuer: "https://id.test/?tenant=1", Audience: []string{"a"}, Logger: slog.New(slog.DiscardHandler)})
		require.ErrorContains(t, v.Ready(t.Context()), "query")
	})

	t.Run("the document is read once an hour", func(t *testing.T) {
		inWorld(t, setup{discovery: true}, func(w *world) {
			w.pass(6*time.Hour + time.Minute)
			n := len(w.net.requests(discoveryDoc))
			require.GreaterOrEqual(w, n, 6)
			require.LessOrEqual(w, n, 7)
			require.Greater(w, w.issuer.Fetches(), 30)
		})
	})

	t.Run("keys that moved are found after a failure", func(t *testing.T) {
		inWorld(t, setup{discovery: true}, func(w *world) {
			w.net.serve("mirror.test", w.issuer)
			w.net.serve("id.test", http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
				if r.URL.String() == discoveryDoc {
					_, _ = rw.Write([]byte(but("jwks_uri", mirrorKeys)))
					return
				}
				http.NotFound(rw, r)
			}))
			w.issuer.Rotate()
			w.unavailable(w.sign())
			w.pass(2 * time.Second)
			w.accepts(w.sign())
			require.Equal(w, mirrorKeys, w.last(auth.EventKeys).URL)
		})
	})

	t.Run("a document that broke does not stop the keys, and is logged once", func(t *testing.T) {
		inWorld(t, setup{discovery: true}, func(w *world) {
			w.net.serve("id.test", http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
				if r.URL.String() == discoveryDoc {
					_, _ = rw.Write([]byte(but("issuer", "https://other.test")))
					return
				}
				w.issuer.ServeHTTP(rw, r)
			}))
			w.pass(12 * time.Hour)
			w.issuer.Rotate()
			w.accepts(w.sign())
			require.Equal(w, []slog.Level{slog.LevelWarn}, w.log.levels())
			require.Contains(w, w.log.text(), "another issuer's")
		})
	})

	t.Run("keys don't wait each time for a document that can't be had", func(t *testing.T) {
		inWorld(t, setup{discovery: true}, func(w *world) {
			w.net.serve("id.test", http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
				if r.URL.String() == discoveryDoc {
					http.Error(rw, "down", http.StatusInternalServerError)
					return
				}
				w.issuer.ServeHTTP(rw, r)
			}))
			w.pass(time.Hour)
			docs, keys := len(w.net.requests(discoveryDoc)), w.issuer.Fetches()
			w.pass(6 * time.Hour)
			docs, keys = len(w.net.requests(discoveryDoc))-docs, w.issuer.Fetches()-keys
			require.Greater(w, keys, 40)
			require.Less(w, docs, keys*2/3)
			w.accepts(w.sign())
		})
	})

	t.Run("issuers never share keys", func(t *testing.T) {
		t.Parallel()
		a, b := authtest.NewIssuer(t), authtest.NewIssuer(t)
		v := newVerifier(t, a.Config(), b.Config())
		require.NoError(t, v.Ready(t.Context()))
		for _, i := range []*authtest.Issuer{a, b} {
			_, err := v.Verify(t.Context(), i.Sign(nil))
			require.NoError(t, err)
		}
		_, err := v.Verify(t.Context(), a.SignToken(authtest.Token{Key: new(b.Key(""))}))
		require.ErrorIs(t, err, auth.ErrInvalidToken)
		_, err = v.Verify(t.Context(), a.Sign(object{"iss": b.URL()}))
		require.ErrorIs(t, err, auth.ErrInvalidToken)
	})
}
