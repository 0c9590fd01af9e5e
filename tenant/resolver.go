package tenant

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"
)

// A Resolver finds the tenant that a request claims to be about: an id or a slug as
// the client wrote it, which [Membership] then judges. It returns [ErrNoTenant] if
// the request names none, [ErrConflict] if it names several, [ErrInvalidID] if what
// it names can't be a tenant. Any other error says that the request could not be
// judged.
//
// The resolvers of this package return 1 to 253 bytes (the longest host name) of
// visible ASCII; [First], [Agree] and [Middleware] refuse anything else of other
// resolvers as well, before a database hears of it. Resolvers are safe for
// concurrent use.
type Resolver func(*http.Request) (claimed string, err error)

const maxClaim = 253

// claim returns s if it can be asked about.
func claim(s string) (string, error) {
	if s == "" {
		return "", ErrNoTenant
	}
	if len(s) > maxClaim {
		return "", fmt.Errorf("%w: longer than %d bytes", ErrInvalidID, maxClaim)
	}
	for i := range len(s) {
		if s[i] <= ' ' || s[i] > '~' {
			return "", fmt.Errorf("%w: a character that is not visible ASCII", ErrInvalidID)
		}
	}
	return s, nil
}

// ask is r(req), held to the contract.
func (r Resolver) ask(req *http.Request) (string, error) {
	claimed, err := r(req)
	if err != nil {
		return "", err
	}
	return claim(claimed)
}

// isNone reports whether err says that a source makes no claim. A look-up that
// failed, for want of a tenant perhaps, says nothing.
func isNone(err error) bool {
	_, unknown := errors.AsType[*LookupError](err)
	return !unknown && errors.Is(err, ErrNoTenant)
}

// First returns a resolver whose claim is that of the first source that has one: it
// goes on only after [ErrNoTenant], and any other error is its own. The rest are
// asked too, and if one of them claims another tenant, or fails, the request is
// refused: a request with two answers, of which different parts of a system see one
// each, is how checks are passed with the one and data is read with the other.
// Claims are compared as written, so the sources of one First have to use one form.
//
// It panics without a source and if one is nil.
func First(sources ...Resolver) Resolver {
	mustBeSources("First", sources)
	return func(r *http.Request) (string, error) {
		found := ""
		for i, source := range sources {
			claimed, err := source.ask(r)
			switch {
			case isNone(err):
			case err != nil:
				return "", err
			case found == "":
				found = claimed
			case claimed != found:
				return "", fmt.Errorf("%w: source %d differs", ErrConflict, i+1)
			}
		}
		return claim(found)
	}
}

// Agree returns a resolver whose claim is the one that all sources make. It is
// [ErrNoTenant] if none makes one, and [ErrConflict] if one makes another or only
// some make one: a First around this one must not pass over what they claim. Use it
// where one source is trusted and another is convenient, as a claim of the token
// and the path.
//
// It panics without a source and if one is nil.
func Agree(sources ...Resolver) Resolver {
	mustBeSources("Agree", sources)
	return func(r *http.Request) (string, error) {
		found := ""
		for i, source := range sources {
			claimed, err := source.ask(r)
			if err != nil && !isNone(err) {
				return "", err
			}
			if i > 0 && claimed != found {
				return "", fmt.Errorf("%w: source %d differs", ErrConflict, i+1)
			}
			found = claimed
		}
		return claim(found)
	}
}

func mustBeSources(caller string, sources []Resolver) {
	if len(sources) == 0 {
		panic("tenant: " + caller + ": no Resolver")
	}
	for i, source := range sources {
		if source == nil {
			panic("tenant: " + caller + ": source " + strconv.Itoa(i+1) + " is nil")
		}
	}
}
