package auth

import (
	"net/http"
	"time"
)

// Reason is the stable, lower-case word for why a token was refused. It is made
// for metrics and logs: the set is closed and small, and a Reason never
// holds anything the client sent.
type Reason string

// The reasons of an [Error].
const (
	ReasonNoToken       Reason = "no_token"           // no credentials in the request: 401 without an error code
	ReasonRequest       Reason = "bad_request"        // the Authorization header is malformed or not single: 400
	ReasonSize          Reason = "size"               // larger than MaxTokenBytes, or a header segment over 2 KiB
	ReasonFormat        Reason = "format"             // not three non-empty segments of canonical base64url
	ReasonHeader        Reason = "header"             // the JOSE header is not strict JSON, or holds crit, b64 or a wrong type
	ReasonAlgorithm     Reason = "algorithm"          // alg is not in the allow-list
	ReasonType          Reason = "type"               // typ is not in the allow-list
	ReasonKey           Reason = "key"                // no key of the issuer fits (kid, alg), or more than one does
	ReasonSignature     Reason = "signature"          // the signature is not the key's
	ReasonClaims        Reason = "claims"             // the payload is not strict JSON, or a claim has a wrong type
	ReasonIssuer        Reason = "issuer"             // iss is missing or not a configured issuer
	ReasonAudience      Reason = "audience"           // aud does not match, or the client is not in the list
	ReasonExpired       Reason = "expired"            // exp has passed
	ReasonNotYetValid   Reason = "not_yet_valid"      // nbf or iat is in the future
	ReasonIDToken       Reason = "id_token"           // an ID token, which is not for APIs
	ReasonSubject       Reason = "subject"            // neither sub nor, for clients, client_id
	ReasonRequired      Reason = "required_claim"     // a claim of Config.Require is missing or differs
	ReasonCheck         Reason = "check"              // Config.Check refused the claims
	ReasonRevoked       Reason = "revoked"            // Config.Revoked said so
	ReasonScope         Reason = "insufficient_scope" // valid, but lacks a scope: 403
	ReasonKeysUnready   Reason = "keys_unavailable"   // no usable keys: 503, our own outage
	ReasonRevocationErr Reason = "revocation_failed"  // Config.Revoked failed: 503
)

// An Error says why a token was refused. Its text is safe to log: it never
// holds the token or a part of it. Errors of this type match one of the
// sentinels below through [errors.Is], whatever their Reason.
type Error struct {
	Reason     Reason
	RetryAfter time.Duration // with a 503: when asking again can help; 0 is unknown
	Err        error         // the cause, such as the error of Check or Revoked; may be nil
}

// Sentinels to compare with [errors.Is].
var (
	// ErrNoToken: the request holds no bearer token (401).
	ErrNoToken error = &Error{Reason: ReasonNoToken}
	// ErrRequest: the Authorization header can't be read as one bearer token (400).
	ErrRequest error = &Error{Reason: ReasonRequest}
	// ErrInvalidToken matches every refusal that is the token's fault (401),
	// ErrExpired and ErrRevoked included.
	ErrInvalidToken error = &Error{Reason: "invalid_token"}
	// ErrExpired: the token was good once; the client should get a new one (401).
	ErrExpired error = &Error{Reason: ReasonExpired}
	// ErrRevoked: [Config.Revoked] named the token revoked (401).
	ErrRevoked error = &Error{Reason: ReasonRevoked}
	// ErrInsufficientScope: a valid token without a scope the route needs (403).
	ErrInsufficientScope error = &Error{Reason: ReasonScope}
	// ErrUnavailable matches every failure of ours (503): keys that can't be
	// had, a revocation list that does not answer. The token may be good.
	ErrUnavailable error = &Error{Reason: "unavailable"}
	// ErrKeysUnavailable: no keys, or only keys older than MaxStale, or a new key
	// that the issuer could not be asked for (503).
	ErrKeysUnavailable error = &Error{Reason: ReasonKeysUnready}
)

var reasonText = map[Reason]string{
	ReasonNoToken:       "no bearer token in the request",
	ReasonRequest:       "malformed Authorization header",
	ReasonSize:          "the token is too large",
	ReasonFormat:        "the token is not a compact JWS",
	ReasonHeader:        "the token's header is malformed",
	ReasonAlgorithm:     "the token's algorithm is not allowed",
	ReasonType:          "the token's type is not allowed",
	ReasonKey:           "the token's key is unknown",
	ReasonSignature:     "the token's signature is wrong",
	ReasonClaims:        "the token's claims are malformed",
	ReasonIssuer:        "the token's issuer is not accepted",
	ReasonAudience:      "the token is for another audience",
	ReasonExpired:       "the token has expired",
	ReasonNotYetValid:   "the token is not valid yet",
	ReasonIDToken:       "an ID token is not an access token",
	ReasonSubject:       "the token names no subject",
	ReasonRequired:      "a required claim is missing or differs",
	ReasonCheck:         "the token's claims were refused",
	ReasonRevoked:       "the token has been revoked",
	ReasonScope:         "the token lacks a required scope",
	ReasonKeysUnready:   "the issuer's keys are unavailable",
	ReasonRevocationErr: "the revocation check failed",
	"invalid_token":     "invalid token",
	"unavailable":       "token verification is unavailable",
}

// Error returns the refusal in one line, with the cause if there is one.
func (e *Error) Error() string {
	s := "auth: " + reasonText[e.Reason]
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	return s
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// Is reports whether target is the sentinel of e's Reason, or the sentinel of
// the class e's status belongs to.
func (e *Error) Is(target error) bool {
	t, ok := target.(*Error)
	if !ok {
		return false
	}
	switch t {
	case ErrInvalidToken:
		return e.HTTPStatus() == http.StatusUnauthorized && e.Reason != ReasonNoToken
	case ErrUnavailable:
		return e.HTTPStatus() == http.StatusServiceUnavailable
	}
	return t.Err == nil && t.RetryAfter == 0 && t.Reason == e.Reason
}

// HTTPStatus returns the status the refusal deserves: 400, 401, 403 or 503.
func (e *Error) HTTPStatus() int {
	switch e.Reason {
	case ReasonRequest:
		return http.StatusBadRequest
	case ReasonScope:
		return http.StatusForbidden
	case ReasonKeysUnready, ReasonRevocationErr, "unavailable":
		return http.StatusServiceUnavailable
	}
	return http.StatusUnauthorized
}

func refuse(r Reason, cause error) *Error { return &Error{Reason: r, Err: cause} }
