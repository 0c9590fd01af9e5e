package main

import (
	"context"
	"encoding/base64"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/rowhouse-go/rowhouse/auth"
)

// A user is what people see of themselves.
type user struct {
	ID      string    `json:"id"` // what an owner or admin needs to add this person
	Issuer  string    `json:"issuer"`
	Subject string    `json:"subject"`
	Kind    auth.Kind `json:"kind"`
}

func (a *app) getMe(w http.ResponseWriter, r *http.Request) error {
	claims, _ := auth.FromContext(r.Context())
	return reply(w, http.StatusOK, user{
		ID:      personID(claims.Principal()),
		Issuer:  a.identity.issuer,
		Subject: claims.Subject(),
		Kind:    claims.Kind(),
	})
}

// caller returns the principal of a request behind the guard.
func caller(r *http.Request) string { return callerOf(r.Context()) }

func callerOf(ctx context.Context) string {
	claims, ok := auth.FromContext(ctx)
	if !ok {
		panic("a route asks for its caller without a guard")
	}
	return claims.Principal()
}

// personID is the form of a principal in paths and bodies: unpadded base64url, as
// subjects may hold slashes and anything else.
func personID(principal string) string {
	return base64.RawURLEncoding.EncodeToString([]byte(principal))
}

// parsePersonID returns the principal behind an id that this service may have
// given out: one of a person or client of the issuer it trusts, in the one
// spelling personID has for it.
func (a *app) parsePersonID(id string) (principal string, ok bool) {
	raw, err := base64.RawURLEncoding.DecodeString(id)
	if err != nil || personID(string(raw)) != id { // the decoder takes other spellings, too
		return "", false
	}
	principal = string(raw)
	issuer, rest := cutPart(principal)
	kind, rest := cutPart(rest)
	subject, rest := cutPart(rest)
	known := slices.Contains([]string{"user", "client", "unnamed"}, kind) // of auth.Claims.Principal
	return principal, issuer == a.identity.issuer && known && subject != "" && rest == "" && storable(principal)
}

// maxPrincipal is what the table of members holds.
const maxPrincipal = 1024

// storable reports whether a principal can be a member.
func storable(principal string) bool {
	return len(principal) <= maxPrincipal && utf8.ValidString(principal) && !strings.ContainsRune(principal, 0)
}

// cutPart takes the first part off a principal, which is a list of texts each
// preceded by its length in bytes and a colon. A malformed one has no parts.
func cutPart(s string) (part, rest string) {
	digits, rest, ok := strings.Cut(s, ":")
	n, err := strconv.ParseUint(digits, 10, 16)
	if !ok || err != nil || strconv.FormatUint(n, 10) != digits || n > uint64(len(rest)) {
		return "", ""
	}
	return rest[:n], rest[n:]
}
