package auth

import (
	"errors"
	"math"
	"slices"
	"strconv"
	"strings"
)

var (
	errNoExpiry  = errors.New("exp is missing")
	errClaimType = errors.New("a registered claim of a wrong type")
)

// maxNumericDate is the last second of the year 9999.
const maxNumericDate = 253402300799

// parseClaims reads a payload strictly. It judges types and nothing else, and
// leaves out what no rule needs: see named.
func (s *scratch) parseClaims(segment string) (*claims, *Error) {
	raw, ok := s.decode(segment)
	if !ok {
		return nil, refuse(ReasonFormat, nil)
	}
	c := &claims{payload: string(raw)}
	members, err := s.scanner.object(c.payload, s.members[:0])
	if err != nil {
		return nil, refuse(ReasonClaims, err)
	}
	s.members = members
	c.members = append(c.few[:0], members...)
	if err := c.registered(); err != nil {
		return nil, refuse(ReasonClaims, err)
	}
	return c, nil
}

// registered reads the claims whose names are fixed by RFC 7519, RFC 9068 and
// OpenID Connect. Names match exactly: "Exp" is a claim like any other.
func (c *claims) registered() error {
	hasExpiry := false
	for _, m := range c.members {
		var err error
		switch m.name {
		case "iss":
			c.issuer, err = c.text(m)
		case "sub":
			c.subject, err = c.text(m)
		case "jti":
			c.id, err = c.text(m)
		case "azp":
			c.azp, err = c.text(m)
		case "client_id":
			c.clientID, err = c.text(m)
		case "aud":
			c.audience, err = c.audienceList(m)
		case "exp":
			hasExpiry = true
			c.expires, err = c.numericDate(m)
		case "nbf":
			c.notBefore, err = c.numericDate(m)
		case "iat":
			c.issuedAt, err = c.numericDate(m)
		case "email":
			c.email = plainText(c.raw(m))
		case "email_verified":
			c.emailVerified = m.kind == 't'
		case "nonce", "at_hash", "c_hash":
			c.idToken = true
		case "events": // RFC 8417: logout tokens and their kind, whatever their typ
			c.event = true
		}
		if err != nil {
			return err
		}
	}
	if !hasExpiry {
		return errNoExpiry
	}
	return nil
}

func (c *claims) raw(m member) string { return c.payload[m.start:m.end] }

func (c *claims) text(m member) (string, error) {
	if m.kind != '"' {
		return "", errClaimType
	}
	s := stringValue(c.raw(m), m.escaped)
	if !printable(s) {
		return "", errClaimType
	}
	return s, nil
}

// audienceList reads aud: a string or an array of strings (RFC 7519 §4.1.3).
func (c *claims) audienceList(m member) ([]string, error) {
	switch m.kind {
	case '"':
		c.single[0] = stringValue(c.raw(m), m.escaped)
		return c.single[:], nil
	case '[':
		if l, ok := stringList(c.raw(m)); ok {
			return l, nil
		}
	}
	return nil, errClaimType
}

// numericDate reads seconds since 1970 (RFC 7519 §2), which may have a fraction.
func (c *claims) numericDate(m member) (int64, error) {
	if m.kind != 0 {
		return 0, errClaimType
	}
	raw := c.raw(m)
	if n, err := strconv.ParseInt(raw, 10, 64); err == nil {
		if n < 1 || n > maxNumericDate {
			return 0, errClaimType
		}
		return n * 1e6, nil
	}
	f, err := strconv.ParseFloat(raw, 64)
	if err != nil || !(f >= 1e-6 && f <= maxNumericDate) {
		return 0, errClaimType
	}
	return int64(math.Floor(f * 1e6)), nil
}

// named reads the claims whose names are configured, of tokens whose signature
// holds. A value of another shape counts as absent: it grants nothing.
func (c *claims) named(n *ClaimNames) {
	for _, p := range n.Scopes {
		raw, _ := lookup(c.payload, c.members, p)
		if raw != "" && raw[0] == '"' {
			c.scopes = union(c.scopes, words(stringValue(raw, true)))
		} else {
			c.scopes = union(c.scopes, list(raw))
		}
	}
	lists := func(dst *[]string, paths []ClaimPath) {
		for _, p := range paths {
			raw, _ := lookup(c.payload, c.members, p)
			*dst = union(*dst, list(raw))
		}
	}
	lists(&c.roles, n.Roles)
	lists(&c.permissions, n.Permissions)
	lists(&c.groups, n.Groups)
	first := func(paths []ClaimPath) string {
		for _, p := range paths {
			raw, _ := lookup(c.payload, c.members, p)
			if s := plainText(raw); s != "" {
				return s
			}
		}
		return ""
	}
	c.tenant = first(n.Tenant)
	c.session = first(n.Session)
}

// words splits a scope (RFC 6749 §3.3).
func words(s string) []string {
	l := make([]string, 0, min(strings.Count(s, " ")+1, 32))
	for w := range strings.SplitSeq(s, " ") {
		if w != "" {
			l = append(l, w)
		}
	}
	return l
}

// union appends what of more is not in l: issuers mirror claims to other names.
func union(l, more []string) []string {
	if len(l) == 0 || len(more) == 0 {
		return append(l, more...)
	}
	if len(l)+len(more) > 64 { // an issuer's own doing, but never quadratic
		seen := make(map[string]struct{}, len(l))
		for _, s := range l {
			seen[s] = struct{}{}
		}
		for _, s := range more {
			if _, mirrored := seen[s]; !mirrored {
				l = append(l, s)
			}
		}
		return l
	}
	for _, s := range more {
		if !slices.Contains(l, s) {
			l = append(l, s)
		}
	}
	return l
}

// plainText returns a string without control characters, or nothing: such text
// ends up in logs and databases.
func plainText(raw string) string {
	if raw == "" || raw[0] != '"' {
		return ""
	}
	if s := stringValue(raw, true); printable(s) {
		return s
	}
	return ""
}

// list reads a string or an array of strings.
func list(raw string) []string {
	if raw == "" {
		return nil
	}
	switch raw[0] {
	case '"':
		return []string{stringValue(raw, true)}
	case '[':
		l, _ := stringList(raw)
		return l
	}
	return nil
}

// peekIssuer reads the iss of an unverified payload, to choose the keys that may
// verify it.
func (s *scratch) peekIssuer(segment string) (string, *Error) {
	raw, ok := s.decode(segment)
	if !ok {
		return "", refuse(ReasonFormat, nil)
	}
	text := string(raw)
	members, err := s.scanner.object(text, s.members[:0])
	if err != nil {
		return "", refuse(ReasonClaims, err)
	}
	s.members = members
	for _, m := range members {
		if m.name == "iss" && m.kind == '"' {
			return stringValue(text[m.start:m.end], m.escaped), nil
		}
	}
	return "", refuse(ReasonIssuer, nil)
}
