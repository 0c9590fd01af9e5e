package auth_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rowhouse-go/rowhouse/auth"
	"github.com/rowhouse-go/rowhouse/auth/authtest"
)

// What a verifier does with answers that are not the key set of a good day.
func TestRemoteContent(t *testing.T) {
	t.Parallel()

	ownKey := func(w *world) object { return w.issuer.Key("").JWK() }
	for name, body := range map[string]func(*world) string{
		"an HTML page":     func(*world) string { return "<!doctype html><title>Down</title>" },
		"truncated JSON":   func(w *world) string { return string(w.issuer.JWKS()[:100]) },
		"nothing":          func(*world) string { return "" },
		"an array":         func(*world) string { return "[]" },
		"no keys member":   func(*world) string { return "{}" },
		"keys is null":     func(*world) string { return `{"keys":null}` },
		"two keys members": func(*world) string { return `{"keys":[],"keys":[]}` },
		"trailing data":    func(w *world) string { return string(w.issuer.JWKS()) + "x" },
		"invalid UTF-8":    func(*world) string { return "{\"keys\":[],\"x\":\"\xff\"}" },
		"deep nesting":     func(*world) string { return `{"keys":[` + strings.Repeat("[", 1000) + strings.Repeat("]", 1000) + `]}` },
		"a huge body": func(w *world) string {
			return string(jwks(w, ownKey(w), object{"kty": "x", "x": strings.Repeat("x", 512<<10)}))
		},
		"101 keys": func(w *world) string {
			return string(jwks(w, slices.Repeat([]object{ownKey(w)}, 101)...))
		},
	} {
		t.Run("a broken 200 keeps the last good set: "+name, func(t *testing.T) {
			inWorld(t, setup{}, func(w *world) {
				good := w.sign()
				w.net.answer("id.test", http.StatusOK, body(w))
				err := w.keys.Refresh(w.Context())
				require.ErrorIs(w, err, auth.ErrKeysUnavailable)
				w.pass(0)
				require.Equal(w, 1, w.count(auth.EventBrokenSet))
				require.Equal(w, worldKeys, w.last(auth.EventBrokenSet).URL)
				w.accepts(good)
				w.accepts(w.sign())
				require.NotContains(w, w.log.text(), "doctype", "answers are not logged")
				w.net.serve("id.test", w.issuer)
				w.pass(2 * time.Second)
				require.NoError(w, w.keys.Status().Err)
			})
		})
	}

	t.Run("512 KiB and 100 keys are allowed", func(t *testing.T) {
		inWorld(t, setup{cold: true}, func(w *world) {
			doc := string(jwks(w, append(slices.Repeat([]object{{"kty": "x"}}, 99), ownKey(w))...))
			w.net.answer("id.test", http.StatusOK, doc+strings.Repeat(" ", 512<<10-len(doc)))
			w.accepts(w.sign())
			require.Len(w, w.last(auth.EventKeys).Skipped, 99)
		})
	})

	for name, status := range map[string]int{"204": 204, "206": 206, "304": 304, "404": 404, "429": 429, "500": 500} {
		t.Run("only 200 is an answer: "+name, func(t *testing.T) {
			inWorld(t, setup{}, func(w *world) {
				foreign, err := authtest.NewKey("foreign", "ES256")
				require.NoError(w, err)
				w.net.answer("id.test", status, string(jwks(w, foreign.JWK())))
				require.ErrorContains(w, w.keys.Refresh(w.Context()), "status "+name)
				w.accepts(w.sign())
				w.unavailable(w.sign(foreign))
			})
		})
	}

	t.Run("an empty set takes effect when seen twice, a minute apart", func(t *testing.T) {
		inWorld(t, setup{config: func(_ *world, c *auth.Config) { c.TokenCache = 10 }}, func(w *world) {
			token := w.sign()
			w.accepts(token)
			w.issuer.EmptySet(true)
			require.Error(w, w.keys.Refresh(w.Context()))
			w.pass(30 * time.Second)
			require.Error(w, w.keys.Refresh(w.Context()))
			w.pass(29 * time.Second)
			w.accepts(token)
			w.accepts(w.sign())
			w.refuses(w.forge("unknown"), auth.ReasonKeysUnready) // an answer not believed yet is none
			require.Equal(w, 3, w.count(auth.EventEmptySet))
			w.pass(time.Second)
			w.refuses(token, auth.ReasonKey)
			w.refuses(w.sign(), auth.ReasonKey)
			require.Zero(w, w.last(auth.EventKeys).Keys)
			require.NoError(w, w.keys.Refresh(w.Context()))

			w.issuer.EmptySet(false)
			w.pass(10 * time.Second)
			w.accepts(w.sign())
		})
	})

	t.Run("a set that is empty for a moment loses nobody", func(t *testing.T) {
		inWorld(t, setup{}, func(w *world) {
			for range 3 { // each time, the minute begins anew
				w.issuer.EmptySet(true)
				require.Error(w, w.keys.Refresh(w.Context()))
				w.issuer.EmptySet(false)
				w.pass(50 * time.Second)
				require.NoError(w, w.keys.Refresh(w.Context()))
				w.accepts(w.sign())
			}
			require.Equal(w, 1, w.count(auth.EventKeys))
		})
	})

	t.Run("a clock that is set ahead does not make the minute shorter", func(t *testing.T) {
		inWorld(t, setup{}, func(w *world) {
			w.issuer.EmptySet(true)
			require.Error(w, w.keys.Refresh(w.Context()))
			w.skew.Add(int64(time.Hour))
			require.Error(w, w.keys.Refresh(w.Context()))
			w.accepts(w.sign())
		})
	})

	t.Run("a set of unusable keys counts as empty", func(t *testing.T) {
		inWorld(t, setup{}, func(w *world) {
			w.net.answer("id.test", http.StatusOK, string(jwks(w, object{"kty": "oct", "k": "c2VjcmV0", "kid": "s"})))
			require.Error(w, w.keys.Refresh(w.Context()))
			w.accepts(w.sign())
			w.pass(time.Minute)
			w.refuses(w.sign(), auth.ReasonKey)
			require.Len(w, w.last(auth.EventKeys).Skipped, 1)
		})
	})

	t.Run("a cold start with an empty set is our outage for a minute", func(t *testing.T) {
		inWorld(t, setup{cold: true}, func(w *world) {
			w.issuer.EmptySet(true)
			w.unavailable(w.sign())
			w.pass(time.Minute)
			w.refuses(w.sign(), auth.ReasonKey)
		})
	})

	t.Run("entries that can't verify are skipped, the others work", func(t *testing.T) {
		inWorld(t, setup{cold: true}, func(w *world) {
			weak, err := rsa.GenerateKey(rand.Reader, 1024)
			require.NoError(w, err)
			p224, err := ecdsa.GenerateKey(elliptic.P224(), rand.Reader)
			require.NoError(w, err)
			secret := ownKey(w)
			secret["d"] = secret["x"]
			secret["kid"] = "private"
			w.net.answer("id.test", http.StatusOK, string(jwks(w,
				object{"kty": "oct", "k": "c2VjcmV0", "kid": "oct"},
				jwkOf(w, weak, "weak", object{"alg": "RS256"}),
				jwkOf(w, p224, "p224", nil),
				jwkOf(w, w.issuer.Key("RS256").Private, "enc", object{"use": "enc", "alg": "RSA-OAEP"}),
				object{"kty": "AKP", "alg": "ML-DSA-44", "pub": "AA", "kid": "future"},
				object{"kty": "EC", "crv": "P-256", "x": "AA", "y": "AA", "kid": "malformed"},
				secret,
				ownKey(w),
			)))
			w.accepts(w.sign())
			var kids []string
			for _, s := range w.last(auth.EventKeys).Skipped {
				kids = append(kids, s.Kid)
			}
			require.Len(w, kids, 7)
			require.Equal(w, 1, w.keys.Status().Keys)
		})
	})

	t.Run("one kid with several algorithms is legal", func(t *testing.T) {
		inWorld(t, setup{cold: true}, func(w *world) {
			k := w.issuer.Key("RS256")
			rs, ps := k.JWK(), k.JWK()
			ps["alg"] = "PS256"
			w.net.answer("id.test", http.StatusOK, string(jwks(w, rs, ps)))
			w.accepts(w.sign(k))
			k.Alg = "PS256"
			w.accepts(w.sign(k))
			k.Alg = "RS512"
			w.refuses(w.sign(k), auth.ReasonKey)
		})
	})

	t.Run("two keys under one kid and algorithm verify nothing", func(t *testing.T) {
		inWorld(t, setup{cold: true}, func(w *world) {
			a := w.issuer.Key("")
			b, err := authtest.NewKey(a.Kid, "ES256")
			require.NoError(w, err)
			w.net.answer("id.test", http.StatusOK, string(jwks(w, a.JWK(), b.JWK())))
			w.refuses(w.sign(a), auth.ReasonKey)
			w.refuses(w.sign(b), auth.ReasonKey)
		})
	})

	t.Run("a key listed twice is listed once", func(t *testing.T) {
		inWorld(t, setup{cold: true}, func(w *world) {
			w.net.answer("id.test", http.StatusOK, string(jwks(w, ownKey(w), ownKey(w))))
			w.accepts(w.sign())
			require.Equal(w, 1, w.keys.Status().Keys)
		})
	})
}

// Where a fetch may be sent on to.
func TestRemoteRedirect(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		to   string
		want string // of the error; empty: the keys are taken
	}{
		"within the origin":               {"https://id.test/moved", ""},
		"within the origin, port spelled": {"https://ID.test:443/moved", ""},
		"to another host":                 {"https://other.test/moved", "another origin"},
		"to a subdomain":                  {"https://keys.id.test/moved", "another origin"},
		"to another port":                 {"https://id.test:8443/moved", "another origin"},
		"from https to http":              {"http://id.test/moved", "another origin"},
		"from https to http, same port":   {"http://id.test:443/moved", "another origin"},
		"in a circle":                     {worldKeys, "too often"},
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, setup{cold: true}, func(w *world) {
				doc := w.issuer.JWKS()
				serve := http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
					if r.URL.Path == "/moved" {
						_, _ = rw.Write(doc)
						return
					}
					http.Redirect(rw, r, c.to, http.StatusFound)
				})
				for _, host := range []string{"id.test", "ID.test:443", "other.test", "keys.id.test", "id.test:8443"} {
					w.net.serve(host, serve)
				}
				if c.want == "" {
					w.accepts(w.sign())
					return
				}
				require.ErrorContains(w, w.unavailable(w.sign()), c.want)
				for _, r := range w.net.requests("") {
					require.Equal(w, worldKeys, r.url, "nobody else was asked")
				}
			})
		})
	}

	t.Run("three at most", func(t *testing.T) {
		for hops, ok := range map[int]bool{3: true, 4: false} {
			t.Run(fmt.Sprint(hops), func(t *testing.T) {
				inWorld(t, setup{cold: true}, func(w *world) {
					n := 0
					w.net.serve("id.test", http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
						if n++; n <= hops {
							http.Redirect(rw, r, fmt.Sprint("/hop", n), http.StatusMovedPermanently)
							return
						}
						_, _ = rw.Write(w.issuer.JWKS())
					}))
					require.Equal(w, ok, w.keys.Refresh(w.Context()) == nil)
				})
			})
		}
	})

	t.Run("the client's own rule is asked as well", func(t *testing.T) {
		inWorld(t, setup{cold: true, options: func(_ *world, o *auth.RemoteKeysOptions) {
			o.HTTPClient.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
		}}, func(w *world) {
			w.net.answer("id.test", http.StatusFound, "", "Location", "/moved")
			require.ErrorContains(w, w.unavailable(w.sign()), "status 302")
		})
	})
}
