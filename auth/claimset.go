package auth

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"time"
)

// A ClaimSet describes claims that no token was verified for: in tests of
// handlers, and for [InsecureAnonymous].
type ClaimSet struct {
	Issuer, Subject, ClientID, ID string
	Kind                          Kind // zero means KindUser
	Audience                      []string
	Expires, IssuedAt             time.Time
	Scopes                        []string
	Roles, Permissions, Groups    []string
	TenantHint, SessionID         string
	Email                         string
	EmailVerified                 bool
	Extra                         map[string]any // for Claims.Get; must encode as JSON
}

// NewClaims makes Claims of a ClaimSet, under the default names of [ClaimNames].
// It panics if Extra can't be encoded as JSON, and if a field holds what no token
// may, such as a Subject with control characters.
func NewClaims(s ClaimSet) Claims {
	all := maps.Clone(s.Extra)
	if all == nil {
		all = make(map[string]any)
	}
	put := func(name string, v any, set bool) {
		if set {
			all[name] = v
		}
	}
	put("iss", s.Issuer, s.Issuer != "")
	put("sub", s.Subject, s.Subject != "")
	put("client_id", s.ClientID, s.ClientID != "")
	put("jti", s.ID, s.ID != "")
	put("aud", s.Audience, len(s.Audience) > 0)
	put("iat", s.IssuedAt.Unix(), !s.IssuedAt.IsZero())
	put("exp", s.Expires.Unix(), !s.Expires.IsZero())
	put("scp", s.Scopes, len(s.Scopes) > 0)
	put("roles", s.Roles, len(s.Roles) > 0)
	put("permissions", s.Permissions, len(s.Permissions) > 0)
	put("groups", s.Groups, len(s.Groups) > 0)
	put("org_id", s.TenantHint, s.TenantHint != "")
	put("sid", s.SessionID, s.SessionID != "")
	put("email", s.Email, s.Email != "")
	put("email_verified", s.EmailVerified, s.EmailVerified)
	payload, err := json.Marshal(all)
	if err != nil {
		panic(fmt.Sprintf("auth: ClaimSet: %v", err))
	}
	c := &claims{payload: string(payload)}
	var sc scanner
	if c.members, err = sc.object(c.payload, nil); err == nil {
		if err = c.registered(); errors.Is(err, errNoExpiry) {
			err = nil
		}
	}
	if err != nil {
		panic(fmt.Sprintf("auth: ClaimSet: %v", err))
	}
	names := ClaimNames{}.withDefaults()
	c.named(&names)
	if c.kind = s.Kind; c.kind == "" {
		c.kind = KindUser
	}
	kind := c.kind
	is := &issuer{Config: Config{Issuer: s.Issuer, Kind: func(Claims) Kind { return kind }}}
	if err := is.identify(c); err != nil {
		c.principal = "" // names nobody
	}
	return Claims{c}
}
