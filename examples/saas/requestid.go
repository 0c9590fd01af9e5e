package main

import (
	"net/http"

	"github.com/google/uuid"
)

const maxRequestID = 64

// identified gives each request an id: the caller's if it is one and harmless,
// a new one otherwise. The answer carries it in the same header.
func (a *app) identified(next http.Handler) http.Handler {
	name := http.CanonicalHeaderKey(a.config.RequestIDHeader)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id := newID()
		if sent := r.Header[name]; len(sent) == 1 && isRequestID(sent[0]) {
			id = sent[0]
		}
		exchangeOf(r.Context()).id = id
		w.Header().Set(name, id)
		next.ServeHTTP(w, r)
	})
}

// isRequestID takes what needs no escaping in any log, header or shell.
func isRequestID(s string) bool {
	if s == "" || len(s) > maxRequestID {
		return false
	}
	for i := range len(s) {
		c := s[i]
		letter := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
		if !letter && (c < '0' || c > '9') && c != '-' && c != '_' && c != '.' {
			return false
		}
	}
	return true
}

// newID returns a lower-case UUID of version 7 (RFC 9562 §5.7).
func newID() string { return uuid.Must(uuid.NewV7()).String() }

// isID reports whether s is spelled as newID does it. Other spellings of a UUID
// are no ids here: one thing has one name.
func isID(s string) bool {
	if len(s) != 36 {
		return false
	}
	id, err := uuid.Parse(s)
	return err == nil && id.Version() == 7 && id.Variant() == uuid.RFC4122 && id.String() == s
}
