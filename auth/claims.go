package auth

import (
	"encoding/json"
	"iter"
	"log/slog"
	"slices"
	"strings"
	"time"
)

// Claims are the verified claims of one token. The value is immutable and safe
// for concurrent use: requests that carry the same token share it, and nothing
// a handler does with it can reach another request. The zero Claims hold
// nothing and name nobody.
type Claims struct{ c *claims }

// claims are parsed once. Strings point into payload where they can.
type claims struct {
	payload string
	members []member
	few     [14]member // room for the members of most tokens

	issuer    string // as in the token
	principal string
	kind      Kind

	subject, id, azp, clientID string
	audience                   []string
	single                     [1]string // audience, if it is one
	times

	scopes, roles, permissions, groups []string
	tenant, session, email             string
	emailVerified                      bool
	idToken, event                     bool
}

// times are in microseconds since 1970; absent is 0 except where noted.
type times struct {
	expires, notBefore, issuedAt int64
}

var noClaims claims

func (c Claims) get() *claims {
	if c.c == nil {
		return &noClaims
	}
	return c.c
}

// IsZero reports whether c holds no claims.
func (c Claims) IsZero() bool { return c.c == nil }

// Issuer returns iss as the token spells it.
func (c Claims) Issuer() string { return c.get().issuer }

// Subject returns sub. It is unique within one issuer only, and an issuer may
// give a client the same one as a person: key your data by [Claims.Principal].
func (c Claims) Subject() string { return c.get().subject }

// ClientID returns client_id (RFC 9068 §2.2), or azp where an issuer uses that.
func (c Claims) ClientID() string {
	if id := c.get().clientID; id != "" {
		return id
	}
	return c.get().azp
}

// Audience ranges over aud.
func (c Claims) Audience() iter.Seq[string] { return slices.Values(c.get().audience) }

// Expires returns exp in UTC.
func (c Claims) Expires() time.Time { return fromMicros(c.get().expires) }

// IssuedAt returns iat in UTC, or the zero time.
func (c Claims) IssuedAt() time.Time { return fromMicros(c.get().issuedAt) }

// ID returns jti.
func (c Claims) ID() string { return c.get().id }

// HasScope reports whether the token grants scope.
func (c Claims) HasScope(scope string) bool { return slices.Contains(c.get().scopes, scope) }

// Scopes ranges over the scopes (RFC 8693 §4.2), from the claims of
// [ClaimNames].Scopes.
func (c Claims) Scopes() iter.Seq[string] { return slices.Values(c.get().scopes) }

// Roles ranges over the roles the issuer claims, from [ClaimNames].Roles. They
// are the issuer's opinion at the time it signed; who may do what in an
// organization belongs in your database.
func (c Claims) Roles() iter.Seq[string] { return slices.Values(c.get().roles) }

// Permissions ranges over the claims of [ClaimNames].Permissions.
func (c Claims) Permissions() iter.Seq[string] { return slices.Values(c.get().permissions) }

// Groups ranges over the claims of [ClaimNames].Groups.
func (c Claims) Groups() iter.Seq[string] { return slices.Values(c.get().groups) }

// TenantHint returns the organization the issuer names, if any. It is a hint:
// that the subject belongs to it must be looked up.
func (c Claims) TenantHint() string { return c.get().tenant }

// SessionID returns the issuer's session.
func (c Claims) SessionID() string { return c.get().session }

// Email returns the address, which proves nothing unless [Claims.EmailVerified].
func (c Claims) Email() string { return c.get().email }

// EmailVerified reports whether the issuer says, with a JSON true, that the
// address belongs to the subject.
func (c Claims) EmailVerified() bool { return c.get().emailVerified }

// Get returns a copy of the claim at the path of member names, such as
// Get("realm_access", "roles"): nil, bool, string, [json.Number], []any or
// map[string]any. Names are exact and may hold dots and slashes.
func (c Claims) Get(path ...string) (any, bool) {
	cl := c.get()
	raw, ok := lookup(cl.payload, cl.members, path)
	if !ok {
		return nil, false
	}
	d := json.NewDecoder(strings.NewReader(raw))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return nil, false
	}
	return v, true
}

// LogValue names the principal and nothing personal.
func (c Claims) LogValue() slog.Value {
	return slog.GroupValue(
		slog.String("issuer", c.Issuer()),
		slog.String("subject", c.Subject()),
		slog.String("kind", string(c.Kind())))
}

// lookup returns the raw text of the value at path.
func lookup(text string, members []member, path []string) (string, bool) {
	for n, name := range path {
		i := slices.IndexFunc(members, func(m member) bool { return m.name == name })
		if i < 0 {
			return "", false
		}
		m := members[i]
		text = text[m.start:m.end]
		if n == len(path)-1 {
			return text, true
		}
		if m.kind != '{' {
			return "", false
		}
		sc := scanner{lenient: true} // accepted before, duplicates included
		var err error
		if members, err = sc.object(text, nil); err != nil {
			return "", false
		}
	}
	return "", false
}

func fromMicros(us int64) time.Time {
	if us == 0 {
		return time.Time{}
	}
	return time.UnixMicro(us).UTC()
}
