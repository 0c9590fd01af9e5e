//go:build !production

package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"strings"
	"time"
)

// The steps of the demo, in the order they are walked.

func (w *walk) signIn() {
	w.part("Three people sign in with the development issuer")
	w.step("the service is ready", request{do: "GET /readyz"}, 200, has("status", "ok"))
	for _, name := range []string{"ada", "bob", "carol"} {
		form := map[string][]string{"Content-Type": {"application/x-www-form-urlencoded"}}
		token := w.step(name+" gets a token", request{do: "POST /dev-identity/token", body: "name=" + name, header: form}, 200)
		w.tokens[name] = strings.TrimSpace(string(token.body))
		me := w.step(name+" learns the id others know "+name+" by", request{as: name, do: "GET /users/me"}, 200, has("subject", name))
		w.people[name] = text(me, "id")
	}
	w.step("without a token there is no way in", request{do: "GET /users/me"}, 401)
}

func (w *walk) found() {
	w.part("Two organizations")
	w.acme = "/organizations/" + text(w.step("ada founds Acme and owns it",
		request{as: "ada", do: "POST /organizations", body: `{"name":"Acme"}`}, 201, has("role", "owner")), "id")
	w.globex = "/organizations/" + text(w.step("bob founds Globex and owns it",
		request{as: "bob", do: "POST /organizations", body: `{"name":"Globex"}`}, 201, has("role", "owner")), "id")
	w.step("ada's list holds Acme only", request{as: "ada", do: "GET /organizations"}, 200, says("Acme"), silentOn("Globex"))
}

func (w *walk) refuseStrangers() {
	w.part("Strangers: what is not yours does not exist")
	seen := w.step("bob can't read Acme", request{as: "bob", do: "GET " + w.acme}, 404)
	same := says(string(seen.body))
	w.step("the answer is that of an organization nobody has", request{as: "bob", do: "GET /organizations/" + newID()}, 404, same)
	w.step("and that of an id nothing can have", request{as: "bob", do: "GET /organizations/42"}, 404, same)
	w.step("bob can't list Acme's people", request{as: "bob", do: "GET " + w.acme + "/memberships"}, 404, same)
	w.step("bob can't delete Acme", request{as: "bob", do: "DELETE " + w.acme}, 404, same)
	w.step("bob can't add himself to Acme", w.add("bob", w.acme, "bob", "owner"), 404, same)
}

func (w *walk) judgeRoles() {
	w.part("Roles: judged in the organization of the path")
	w.step("ada adds bob as a member", w.add("ada", w.acme, "bob", "member"), 201)
	w.step("once is enough", w.add("ada", w.acme, "bob", "member"), 409, says("already-member"))
	w.step("bob can now read Acme", request{as: "bob", do: "GET " + w.acme}, 200, has("role", "member"))
	w.step("an owner of Globex deletes nothing as a member of Acme", request{as: "bob", do: "DELETE " + w.acme}, 403)
	w.step("a member renames nothing", request{as: "bob", do: "PATCH " + w.acme, body: `{"name":"Bob's"}`}, 403)
	w.step("a member adds nobody", w.add("bob", w.acme, "carol", "member"), 403)
	w.step("a member doesn't promote himself", w.give("bob", w.acme, "bob", "owner"), 403)
	w.step("ada makes bob an admin", w.give("ada", w.acme, "bob", "admin"), 200, has("role", "admin"))
	w.step("an admin renames", request{as: "bob", do: "PATCH " + w.acme, body: `{"name":"Acme Ltd"}`}, 200, has("name", "Acme Ltd"))
	w.step("the new name was saved", request{as: "ada", do: "GET " + w.acme}, 200, has("name", "Acme Ltd"))
	w.step("an admin makes no owners", w.add("bob", w.acme, "carol", "owner"), 403)
	w.step("an admin removes no owner", request{as: "bob", do: "DELETE " + w.member(w.acme, "ada")}, 403)
	w.step("an admin adds a member", w.add("bob", w.acme, "carol", "member"), 201)
	w.step("Acme has three members", request{as: "carol", do: "GET " + w.acme + "/memberships"}, 200,
		says(w.people["ada"]), says(w.people["bob"]), says(w.people["carol"]))
}

func (w *walk) announce() {
	w.part("Announcements: what an organization tells its members")
	posted := w.step("an admin announces", request{as: "bob", do: "POST " + w.acme + "/announcements", body: `{"text":"We moved to Paris."}`}, 201)
	w.step("a member reads", request{as: "carol", do: "GET " + w.acme + "/announcements"}, 200, says("Paris"))
	w.step("and announces nothing", request{as: "carol", do: "POST " + w.acme + "/announcements", body: `{"text":"Me too"}`}, 403)
	w.step("a stranger to Globex reads nothing there", request{as: "carol", do: "GET " + w.globex + "/announcements"}, 404)
	w.step("Globex has none", request{as: "bob", do: "GET " + w.globex + "/announcements"}, 200, silentOn("Paris"))
	w.step("nor can it delete Acme's", request{as: "bob", do: "DELETE " + w.globex + "/announcements/" + text(posted, "id")}, 404)
	w.step("which is still there", request{as: "carol", do: "GET " + w.acme + "/announcements"}, 200, says("Paris"))
}

func (w *walk) inviteByMail() {
	w.part("Invitations: by address, once, and as far as the inviter may")
	invite := func(as, who, role string) request {
		return request{as: as, do: "POST " + w.globex + "/invitations", body: fmt.Sprintf(`{"email":"%s@example.com","role":%q}`, who, role)}
	}
	accept := func(as string, made answer) request {
		return request{as: as, do: "POST /invitations/accept", body: fmt.Sprintf(`{"token":%q}`, text(made, "token"))}
	}
	first := w.step("bob invites carol to Globex", invite("bob", "Carol", "admin"), 201)
	again := w.step("and again, as the mail was lost", invite("bob", "carol", "admin"), 201)
	refused := w.step("the token is for carol, not for ada", accept("ada", again), 404, says("no-invitation"))
	w.step("that of the lost mail is void, with the same answer", accept("carol", first), 404, says(string(refused.body)))
	w.step("who has no verified address accepts nothing",
		request{token: w.sign(map[string]any{"sub": "carol"}), do: "POST /invitations/accept", body: accept("", again).body}, 403)
	w.step("carol accepts", accept("carol", again), 200, has("name", "Globex"), has("role", "admin"))
	w.step("once", accept("carol", again), 404, says(string(refused.body)))
	w.step("an admin invites no owners", invite("carol", "ada", "owner"), 403)
	ours := w.step("but an admin", invite("carol", "ada", "admin"), 201)
	w.step("nobody is told the token again", request{as: "bob", do: "GET " + w.globex + "/invitations"}, 200, says("ada@example.com"), silentOn("token"))
	w.step("bob makes carol a member", w.give("bob", w.globex, "carol", "member"), 200)
	w.step("and what she offered is void", accept("ada", ours), 404, says(string(refused.body)))
	withdrawn := w.step("bob invites ada himself", invite("bob", "ada", "member"), 201)
	w.step("thinks better of it", request{as: "bob", do: "DELETE " + w.globex + "/invitations/" + text(withdrawn, "id")}, 204)
	w.step("and she stays a stranger", accept("ada", withdrawn), 404, says(string(refused.body)))
	w.step("to Globex", request{as: "ada", do: "GET " + w.globex}, 404)
}

func (w *walk) handOver() {
	w.part("Owners: there is always one")
	w.step("the last owner can't leave", request{as: "ada", do: "DELETE " + w.member(w.acme, "ada")}, 409, says("last-owner"))
	w.step("nor step down", w.give("ada", w.acme, "ada", "member"), 409, says("last-owner"))
	transfer := fmt.Sprintf(`{"to":%q,"then":"member"}`, w.people["bob"])
	w.step("ada hands Acme over to bob", request{as: "ada", do: "POST " + w.acme + "/transfer", body: transfer}, 204)
	w.step("ada is a member now", request{as: "ada", do: "GET " + w.acme}, 200, has("role", "member"))
	w.step("and no longer deletes Acme", request{as: "ada", do: "DELETE " + w.acme}, 403)
	w.step("a member may leave", request{as: "carol", do: "DELETE " + w.member(w.acme, "carol")}, 204)
	w.step("and is a stranger then", request{as: "carol", do: "GET " + w.acme}, 404)
}

func (w *walk) rotateKeys() {
	w.part("The issuer rotates its keys while the service runs")
	old := w.tokens["ada"]
	w.issuer.RotateKeepOld()
	w.tokens["ada"] = w.sign(map[string]any{"sub": "ada"})
	w.step("a token of the new key works at once", request{as: "ada", do: "GET /users/me"}, 200, has("id", w.people["ada"]))
	w.step("one of the old key goes on working: the key is still published", request{token: old, do: "GET /users/me"}, 200)
	w.issuer.Rotate()
	for name := range w.tokens {
		w.tokens[name] = w.sign(map[string]any{"sub": name})
	}
	w.step("another rotation, without grace", request{as: "ada", do: "GET /users/me"}, 200, has("id", w.people["ada"]))
	w.step("what the withdrawn key signed is refused", request{token: old, do: "GET /users/me"}, 401)
}

func (w *walk) surviveOutage() {
	w.part("The issuer is down")
	w.issuer.Outage(true)
	fault := ""
	if _, err := w.send(request{do: "GET /dev-identity/jwks.json"}); err == nil {
		fault = "there should be no answer"
	}
	w.note("its keys can't be had", "GET /dev-identity/jwks.json → no answer", fault)
	w.step("a token seen before works", request{as: "ada", do: "GET /users/me"}, 200)
	w.step("so does one never seen before", request{token: w.sign(map[string]any{"sub": "dora"}), do: "GET /users/me"}, 200, has("subject", "dora"))
	w.step("the service stays ready", request{do: "GET /readyz"}, 200)
	w.issuer.Outage(false)
}

func (w *walk) add(as, organization, who, role string) request {
	return request{as: as, do: "POST " + organization + "/memberships", body: fmt.Sprintf(`{"id":%q,"role":%q}`, w.people[who], role)}
}

func (w *walk) give(as, organization, who, role string) request {
	return request{as: as, do: "PATCH " + w.member(organization, who), body: fmt.Sprintf(`{"role":%q}`, role)}
}

func (w *walk) member(organization, who string) string {
	return organization + "/memberships/" + w.people[who]
}

// sign returns a token of the development issuer with claims besides its own.
func (w *walk) sign(claims map[string]any) string {
	all := map[string]any{"client_id": devClient}
	maps.Copy(all, claims)
	return w.issuer.Sign(all)
}

// text returns a field of an answer, empty if it has none.
func text(a answer, field string) string {
	var all map[string]any
	if json.Unmarshal(a.body, &all) != nil {
		return ""
	}
	s, _ := all[field].(string)
	return s
}

func ago(d time.Duration) int64 { return time.Now().Add(-d).Unix() }
