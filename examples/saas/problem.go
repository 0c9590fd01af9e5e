package main

import (
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"

	"github.com/rowhouse-go/rowhouse/ratelimit"
	"github.com/rowhouse-go/rowhouse/rbac"
	"github.com/rowhouse-go/rowhouse/rbac/members"
	"github.com/rowhouse-go/rowhouse/retry"
	"github.com/rowhouse-go/rowhouse/tenant"
)

// A problem is the body of every answer that refuses or fails: a problem detail
// of RFC 9457. Its texts are constants of this program or name a field of the
// request; the text of an error never gets into one.
type problem struct {
	Type   string       `json:"type"`
	Title  string       `json:"title"`
	Status int          `json:"status"`
	Detail string       `json:"detail"`
	Errors []fieldFault `json:"errors,omitempty"`

	Violated []string `json:"violated-policies,omitempty"` // windows of a 429, as the RateLimit fields name them

	allow string // of a 405
}

// A fieldFault is one thing wrong with one field of the body or the query.
type fieldFault struct {
	Field  string `json:"field"`
	Detail string `json:"detail"`
}

func (p *problem) Error() string { return p.Title + ": " + p.Detail }

// The problem types a client may want to tell apart by more than their status.
// docs/problems.md describes each under a heading of its name.
const (
	aboutBlank    = "about:blank"
	problemDocs   = "https://github.com/rowhouse-go/rowhouse/blob/main/examples/saas/docs/problems.md#"
	malformedBody = problemDocs + "malformed-body"
	invalidFields = problemDocs + "invalid-fields"
	alreadyMember = problemDocs + "already-member"
	lastOwner     = problemDocs + "last-owner"
	noInvitation  = problemDocs + "no-invitation"
	unknownEnd    = problemDocs + "outcome-unknown"
	quotaExceeded = "https://iana.org/assignments/http-problem-types#quota-exceeded" // of the draft of the RateLimit fields
)

// plain is a problem that its status says all about (RFC 9457 §4.2.1).
func plain(status int, detail string) *problem {
	return &problem{Type: aboutBlank, Title: http.StatusText(status), Status: status, Detail: detail}
}

func malformed(detail string) *problem {
	return &problem{Type: malformedBody, Title: "Malformed body", Status: http.StatusBadRequest, Detail: detail}
}

func invalid(faults ...fieldFault) *problem {
	return &problem{
		Type: invalidFields, Title: "Invalid fields", Status: http.StatusUnprocessableEntity,
		Detail: "The request is well-formed, but some of its fields are not acceptable.", Errors: faults,
	}
}

// notFound is the one answer for what does not exist, for what the caller may not
// know of, and for ids that can't exist.
func notFound() *problem {
	return plain(http.StatusNotFound, "There is no such resource, or it is not visible to you.")
}

func internalError() *problem {
	return plain(http.StatusInternalServerError, "Something went wrong on our side. The request id of this answer finds it in our log.")
}

func unavailable() *problem {
	return plain(http.StatusServiceUnavailable, "The service can't do this at the moment. Try again later.")
}

// outcomeUnknown: the database was lost between the end of the change and its answer.
func outcomeUnknown() *problem {
	return &problem{
		Type: unknownEnd, Title: "Outcome unknown", Status: http.StatusServiceUnavailable,
		Detail: "The change may have been made or not: the answer of the database was lost. Look before you ask for it again.",
	}
}

// tooMany names the windows that are exhausted. The fields of the answer say the rest.
func tooMany(d ratelimit.Decision) *problem {
	p := &problem{
		Type: quotaExceeded, Title: "Quota exceeded", Status: http.StatusTooManyRequests,
		Detail: "You sent too many requests. Retry-After says in how many seconds to go on.",
	}
	for i, l := range d.Limits {
		if d.Refused&(1<<i) != 0 {
			p.Violated = append(p.Violated, l.Name)
		}
	}
	return p
}

// invitationsOff: the operator has not said that the issuer verifies addresses, so
// nobody could accept.
func invitationsOff() *problem {
	return plain(http.StatusNotImplemented, "Invitations are off: they need a sign-in provider that is known to verify e-mail addresses.")
}

// fail answers with the problem that err stands for. What the caller can't be
// told is logged with the request's id.
func (a *app) fail(w http.ResponseWriter, r *http.Request, err error) {
	p := problemOf(err)
	known := errors.Is(err, ratelimit.ErrBusy) || errors.Is(err, ratelimit.ErrUnavailable) // the caller's own doing, and what limits log once
	if error(p) != err && p.Status >= http.StatusInternalServerError && !known {           //nolint:errorlint // a problem itself hides nothing
		x, level := exchangeOf(r.Context()), slog.LevelError
		if r.Context().Err() != nil { // the client has gone, which is no fault of ours
			level = slog.LevelInfo
		}
		a.log.LogAttrs(r.Context(), level, "request failed",
			slog.String("request_id", x.id), slog.String("route", x.route), slog.Any("error", err))
	}
	writeProblem(w, p)
}

func problemOf(err error) *problem {
	if p, ok := errors.AsType[*problem](err); ok {
		return p
	}
	if e, ok := errors.AsType[*ratelimit.LimitedError](err); ok {
		return tooMany(e.Decision)
	}
	if errors.Is(err, retry.ErrCommitUnknown) { // before isOutage: to ask again may be to do it twice
		return outcomeUnknown()
	}
	if _, ok := errors.AsType[*rbac.LookupError](err); ok { // before the rest: it may wrap any of them
		return unavailable()
	}
	if _, ok := errors.AsType[*tenant.LookupError](err); ok {
		return unavailable()
	}
	switch {
	case errors.Is(err, ratelimit.ErrBusy):
		return plain(http.StatusServiceUnavailable, "Too many of your requests are under way. Try again when one has ended.")
	case errors.Is(err, rbac.ErrNotMember), errors.Is(err, tenant.ErrNotMember), errors.Is(err, tenant.ErrInvalidID), isGone(err):
		return notFound()
	case errors.Is(err, members.ErrInvitation):
		return &problem{
			Type: noInvitation, Title: "No such invitation", Status: http.StatusNotFound,
			Detail: "There is no such invitation for you: it is unknown, used, expired, withdrawn, or for another address.",
		}
	case errors.Is(err, members.ErrInvalidEmail):
		return invalid(fieldFault{"email", "must be a plain address such as ada@example.com, of at most 254 bytes"})
	case errors.Is(err, members.ErrTooManyInvitations):
		return plain(http.StatusConflict, "The organization has too many pending invitations. Withdraw some first.")
	case errors.Is(err, rbac.ErrLastOwner):
		return &problem{
			Type: lastOwner, Title: "Last owner", Status: http.StatusConflict,
			Detail: "The organization would be left without an owner. Make somebody else an owner first.",
		}
	case errors.Is(err, rbac.ErrAlreadyMember):
		return &problem{
			Type: alreadyMember, Title: "Already a member", Status: http.StatusConflict,
			Detail: "This person is a member of the organization already.",
		}
	case errors.Is(err, rbac.ErrForbidden):
		return plain(http.StatusForbidden, "Your role does not allow this.")
	case errors.Is(err, rbac.ErrEscalation):
		return plain(http.StatusForbidden, "You can't give a role that exceeds your own.")
	case errors.Is(err, rbac.ErrOutranked):
		return plain(http.StatusForbidden, "This person's role exceeds yours.")
	case errors.Is(err, rbac.ErrSelf):
		return plain(http.StatusForbidden, "You can't do this to yourself.")
	case errors.Is(err, members.ErrInvalidPage):
		return invalid(fieldFault{"cursor", "is not one that this listing returned"})
	case isOutage(err), errors.Is(err, errNoUserinfo), errors.Is(err, ratelimit.ErrUnavailable):
		return unavailable()
	}
	return internalError()
}

func writeProblem(w http.ResponseWriter, p *problem) {
	h := w.Header()
	if p.allow != "" {
		h.Set("Allow", p.allow)
	}
	if p.Status == http.StatusServiceUnavailable && p.Type != unknownEnd && h.Get("Retry-After") == "" {
		h.Set("Retry-After", "1")
	}
	h.Set("Content-Type", "application/problem+json")
	w.WriteHeader(p.Status)
	_ = json.NewEncoder(w).Encode(p) // the client may have gone
}
