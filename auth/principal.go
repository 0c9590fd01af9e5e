package auth

import "strconv"

// Kind tells people from programs.
type Kind string

// A token's subject is a person or, with the client credentials grant, a
// program. Where an issuer leaves that open, it is a program.
const (
	KindClient Kind = "client"
	KindUser   Kind = "user"
)

// Kind says whether the subject is a person or a program, by [Config].Kind.
func (c Claims) Kind() Kind {
	if k := c.get().kind; k != "" {
		return k
	}
	return KindClient
}

// unnamed stands in principals for KindClient of tokens that name no client.
const unnamed Kind = "unnamed"

// Principal returns one string for (issuer, kind, subject), each part preceded
// by its length; a program whose token names no client has a kind of its own
// there. Memberships, limits and audit records key by it: with several
// issuers the same sub is two people, and a client that got itself an id equal
// to a person's sub is not that person (RFC 9700 §4.15). The issuer is the
// configured spelling, so a person keeps one principal when an issuer changes
// between its aliases. The zero Claims have an empty principal.
func (c Claims) Principal() string { return c.get().principal }

func principal(issuer string, kind Kind, subject string) string {
	return strconv.Itoa(len(issuer)) + ":" + issuer +
		strconv.Itoa(len(kind)) + ":" + string(kind) +
		strconv.Itoa(len(subject)) + ":" + subject
}

// UserUnlessClient is the rule of the generic preset: a person if the token
// names a client and that is not the subject itself, as RFC 9068 §2.2 makes it
// (for client credentials sub is the client). Undecidable is a client.
func UserUnlessClient(c Claims) Kind {
	cl := c.get()
	named := cl.clientID != "" || cl.azp != ""
	if named && cl.subject != "" && cl.subject != cl.clientID && cl.subject != cl.azp {
		return KindUser
	}
	return KindClient
}

// AlwaysUser is the rule for issuers that sign for people only, such as session
// tokens.
func AlwaysUser(Claims) Kind { return KindUser }
