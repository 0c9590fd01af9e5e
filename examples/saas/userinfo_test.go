package main

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
)

// An issuer whose tokens name no address is asked for it, with the caller's token and
// the id of the request, and again if it can't answer at first.
func TestUserinfo(t *testing.T) {
	t.Parallel()
	const good = `{"sub":"bob","email":"bob@example.com","email_verified":true}`
	for name, c := range map[string]struct {
		answers []string // a status, a kind and a body; the last again and again
		status  int
		asked   int
	}{
		"answers":              {[]string{"200 application/json " + good}, 200, 1},
		"answers in time":      {[]string{"503 text/plain x", "502 text/plain x", "200 application/json; charset=utf-8 " + good}, 200, 3},
		"says it in a text":    {[]string{`200 application/json {"sub":"bob","email":"bob@example.com","email_verified":"true"}`}, 200, 1},
		"is down":              {[]string{"503 text/plain x"}, 503, 3},
		"is at fault":          {[]string{"500 text/plain x"}, 503, 1},
		"wants another scope":  {[]string{"403 text/plain x"}, 403, 1},
		"has not verified it":  {[]string{`200 application/json {"sub":"bob","email":"bob@example.com","email_verified":false}`}, 403, 1},
		"does not say so":      {[]string{`200 application/json {"sub":"bob","email":"bob@example.com"}`}, 403, 1},
		"knows no address":     {[]string{`200 application/json {"sub":"bob","email_verified":true}`}, 403, 1},
		"knows another":        {[]string{`200 application/json {"sub":"bob","email":"eve@example.com","email_verified":true}`}, 404, 1},
		"means somebody else":  {[]string{`200 application/json {"sub":"eve","email":"bob@example.com","email_verified":true}`}, 503, 1},
		"means nobody":         {[]string{`200 application/json {"email":"bob@example.com","email_verified":true}`}, 503, 1},
		"sends a token":        {[]string{"200 application/jwt " + good}, 503, 1},
		"sends nonsense":       {[]string{`200 application/json {"sub":`}, 503, 1},
		"sends too much":       {[]string{`200 application/json {"x":"` + strings.Repeat("x", maxUserinfo) + `",` + good[1:]}, 503, 1},
		"leads somewhere else": {[]string{"302 text/plain /elsewhere"}, 503, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var lock sync.Mutex
			var asked []*http.Request
			issuer := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				lock.Lock()
				defer lock.Unlock()
				answer := strings.SplitN(c.answers[min(len(asked), len(c.answers)-1)], " ", 2)
				asked = append(asked, r)
				kind, body, _ := strings.Cut(answer[1], " ")
				if strings.HasPrefix(body, "charset=") {
					charset, rest, _ := strings.Cut(body, " ")
					kind, body = kind+" "+charset, rest
				}
				var status int
				_, _ = fmt.Sscan(answer[0], &status)
				w.Header().Set("Content-Type", kind)
				w.Header().Set("Location", body)
				w.WriteHeader(status)
				_, _ = w.Write([]byte(body))
			}))
			t.Cleanup(issuer.Close)
			s := start(t, map[string]string{"AUTH_USERINFO_URL": issuer.URL + "/userinfo"})
			ada := s.person("ada")
			invited := s.invite(ada, s.found(ada, "Acme"), "bob@example.com", "member").text("token")
			token := s.issuer.Sign(map[string]any{"sub": "bob"})
			s.withToken(token).with("X-Request-ID", "the-same").do("POST", "/invitations/accept", acceptJSON(invited)).wants(c.status)
			lock.Lock()
			defer lock.Unlock()
			require.Len(t, asked, c.asked)
			for _, r := range asked {
				require.Equal(t, "GET /userinfo", r.Method+" "+r.URL.Path)
				require.Equal(t, "Bearer "+token, r.Header.Get("Authorization"))
				require.Equal(t, "the-same", r.Header.Get("X-Request-ID"))
				require.Contains(t, r.UserAgent(), "rowhouse-saas")
			}
			require.NotContains(t, s.log.String(), token)
		})
	}
}

// Nobody is asked about a token that says it all, nor about a program.
func TestUserinfoIsNotNeeded(t *testing.T) {
	t.Parallel()
	issuer := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("asked") }))
	t.Cleanup(issuer.Close)
	s := start(t, map[string]string{"AUTH_USERINFO_URL": issuer.URL})
	ada, bob := s.person("ada"), s.person("bob")
	invited := s.invite(ada, s.found(ada, "Acme"), "bob@example.com", "member").text("token")
	for _, claims := range []map[string]any{
		{"sub": "bob", "email": "bob@example.com", "email_verified": false},
		{"sub": "bob", "client_id": "bob"},
	} {
		s.withToken(s.issuer.Sign(claims)).do("POST", "/invitations/accept", acceptJSON(invited)).wants(403)
	}
	s.as(bob).do("POST", "/invitations/accept", acceptJSON(invited)).wants(200)
}

// An issuer that hangs is asked twice, and does not use up the time of the request.
func TestUserinfoHangs(t *testing.T) {
	t.Parallel()
	var asked atomic.Int64
	issuer := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		<-r.Context().Done()
	}))
	t.Cleanup(issuer.Close)
	s := start(t, map[string]string{"AUTH_USERINFO_URL": issuer.URL})
	bob := s.issuer.Sign(map[string]any{"sub": "bob"})
	s.withToken(bob).do("POST", "/invitations/accept", acceptJSON("any")).wants(503)
	require.EqualValues(t, 2, asked.Load())
}
