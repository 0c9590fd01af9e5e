//go:build !production

package main

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rowhouse-go/rowhouse/auth/authtest"
)

func (w *walk) refuseLies() {
	w.part("Tokens that lie")
	key := w.issuer.Key("")
	other, err := authtest.NewKey(key.Kid, key.Alg)
	public, pkixErr := x509.MarshalPKIXPublicKey(key.Private.Public())
	if err := errors.Join(err, pkixErr); err != nil {
		w.note("keys to lie with", "made", err.Error())
		return
	}
	ada := map[string]any{"sub": "ada", "client_id": devClient}
	with := func(name string, value any) string { return w.sign(map[string]any{"sub": "ada", name: value}) }
	asSecret := func(signed string) []byte { // RFC 8725 §2.1
		mac := hmac.New(sha256.New, pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: public}))
		mac.Write([]byte(signed))
		return mac.Sum(nil)
	}
	unsigned := w.issuer.SignToken(authtest.Token{Claims: ada, Header: map[string]any{"alg": "none"}})
	for _, lie := range []struct{ what, token string }{
		{"forged with another key under the right name", w.issuer.SignToken(authtest.Token{Claims: ada, Key: &other})},
		{"expired an hour ago", with("exp", ago(time.Hour))},
		{"signed with the public key as an HMAC secret", w.issuer.SignToken(authtest.Token{
			Claims: ada, Header: map[string]any{"alg": "HS256"}, Signature: asSecret,
		})},
		{"alg none, signature kept", unsigned},
		{"alg none, no signature", unsigned[:strings.LastIndex(unsigned, ".")+1]},
		{"for another service", with("aud", "https://other.example")},
		{"of another issuer", with("iss", "https://other.example")},
		{"not valid before tomorrow", with("nbf", ago(-24*time.Hour))},
		{"cut off", w.tokens["ada"][:len(w.tokens["ada"])/2]},
	} {
		w.step(lie.what, request{token: lie.token, do: "GET /users/me"}, 401, func(a answer) string {
			if !strings.HasPrefix(a.header.Get("WWW-Authenticate"), `Bearer error="invalid_token"`) {
				return "there should be a challenge"
			}
			return ""
		})
	}
	claimed := map[string]any{"sub": "carol", "roles": []string{"owner"}, "org_id": strings.TrimPrefix(w.acme, "/organizations/")}
	w.step("a true token that claims to own Acme", request{token: w.sign(claimed), do: "DELETE " + w.acme}, 404)
	w.step("two tokens at once", request{do: "GET /users/me", header: map[string][]string{
		"Authorization": {"Bearer " + w.tokens["ada"], "Bearer " + w.tokens["bob"]},
	}}, 400)
}

func (w *walk) refuseMalformed() {
	w.part("Malformed requests")
	found := func(body string) request { return request{as: "ada", do: "POST /organizations", body: body} }
	w.step("no JSON", request{
		as: "ada", do: "POST /organizations", body: "name=Acme",
		header: map[string][]string{"Content-Type": {"application/x-www-form-urlencoded"}},
	}, 415)
	w.step("too much", found(`{"name":"`+strings.Repeat("x", 70_000)+`"}`), 413)
	w.step("nothing", found(" "), 400)
	w.step("half", found(`{"name":"Ac`), 400)
	w.step("a name twice", found(`{"name":"Acme","name":"Globex"}`), 400, says("twice"))
	w.step("more than an object", found(`{"name":"Acme"} {}`), 400)
	w.step("two wrong fields, both named", found(`{"name":7,"owner":"ada"}`), 422, says(`"field":"name"`), says(`"field":"owner"`))
	w.step("a role there is none of", request{as: "bob", do: "PATCH " + w.member(w.acme, "ada"), body: `{"role":"root"}`}, 422, says(`"field":"role"`))
	w.step("a method there is none of", request{as: "ada", do: "PUT /organizations", body: `{}`}, 405)
	w.step("a path there is none of", request{as: "ada", do: "GET /admin"}, 404)
	w.step("none of it changed anything", request{as: "ada", do: "GET /organizations"}, 200, says("Acme Ltd"), silentOn("Globex"))
}

// drain ends the service under load, as SIGTERM does. Like a load balancer, the
// load goes elsewhere once /readyz fails; until then each request is answered.
func (w *walk) drain(terminate context.CancelFunc, served <-chan error) error {
	w.part("The service is told to end under load")
	var asked, lost atomic.Int64
	var load sync.WaitGroup
	warm, enough := make(chan struct{}), make(chan struct{})
	for range 8 {
		load.Go(func() {
			for {
				if a, err := w.send(request{as: "ada", do: "GET " + w.acme}); err != nil || a.status != 200 {
					lost.Add(1)
				}
				if asked.Add(1) == 200 {
					close(warm)
				}
				select {
				case <-enough:
					return
				default:
				}
			}
		})
	}
	select {
	case <-warm:
	case <-w.ctx.Done():
	}
	terminate()
	// It hears of it a moment later. A second is half of SHUTDOWN_DELAY.
	for heard := time.Now(); time.Since(heard) < time.Second; {
		if a, err := w.send(request{do: "GET /readyz"}); err != nil || a.status != http.StatusOK {
			break
		}
		<-time.After(5 * time.Millisecond)
	}
	w.step("first it says that it is not ready", request{do: "GET /readyz"}, 503)
	w.step("while it still serves", request{as: "bob", do: "GET " + w.acme}, 200)
	w.step("and is alive", request{do: "GET /livez"}, 200)
	close(enough)
	load.Wait()
	fault := ""
	if lost.Load() > 0 {
		fault = "there should be no lost request"
	}
	w.note("every request is answered meanwhile", fmt.Sprintf("%d of %d requests lost", lost.Load(), asked.Load()), fault)
	w.finishLate()
	select {
	case err := <-served:
		if err != nil {
			return err
		}
	case <-w.ctx.Done():
		return w.ctx.Err()
	}
	w.note("then it ends", "the server returned without an error", "")
	return nil
}

// finishLate sends half a request, waits until the service takes no new
// connections, and sends the rest: what is under way then must be answered.
func (w *walk) finishLate() {
	const first, rest = `{"name":"La`, `te"}`
	body, send := io.Pipe()
	r, err := http.NewRequestWithContext(w.ctx, http.MethodPost, w.base+"/organizations", body)
	if err != nil {
		w.note("a request under way", "none", err.Error())
		return
	}
	r.ContentLength = int64(len(first) + len(rest))
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Authorization", "Bearer "+w.tokens["ada"])
	go func() {
		_, _ = io.WriteString(send, first)
		var d net.Dialer
		for w.ctx.Err() == nil {
			conn, err := d.DialContext(w.ctx, "tcp", r.URL.Host)
			if err != nil {
				break // the listener has closed
			}
			_ = conn.Close()
			<-time.After(10 * time.Millisecond)
		}
		_, _ = io.WriteString(send, rest)
		_ = send.Close()
	}()
	resp, err := w.client.Do(r)
	if err != nil {
		w.note("a request half sent when it stopped listening", "no answer", err.Error())
		return
	}
	_ = resp.Body.Close()
	fault := ""
	if resp.StatusCode != http.StatusCreated {
		fault = "the status should be 201"
	}
	w.note("a request half sent when it stopped listening", fmt.Sprintf("POST /organizations → %d", resp.StatusCode), fault)
}
