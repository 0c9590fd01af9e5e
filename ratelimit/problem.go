package ratelimit

import (
	"errors"
	"net/http"
	"strconv"
)

// A LimitedError is a refusal, as [HTTPOptions.OnError] gets it and [Limiter.Wait]
// returns it. It matches [ErrLimited] and has its HTTPStatus() int. It does not say the
// key, which may be a secret.
type LimitedError struct {
	Limiter  string // the name given to New
	Decision Decision
}

func (e *LimitedError) Error() string {
	text := ErrLimited.Error() + ": " + e.Limiter
	if l, ok := e.Decision.binding(); ok {
		text += ": " + l.Name
	}
	if e.Decision.RetryAfter == Never {
		return text + ", for good"
	}
	return text + ", for " + e.Decision.RetryAfter.String()
}

// Unwrap returns [ErrLimited].
func (e *LimitedError) Unwrap() error { return ErrLimited }

// HTTPStatus returns 429.
func (e *LimitedError) HTTPStatus() int { return http.StatusTooManyRequests }

// writeProblem answers with an RFC 9457 problem document: of a refusal the type
// quota-exceeded that draft-ietf-httpapi-ratelimit-headers-11 §5.1 registers, with the
// names of the windows that refuse; of anything else a constant 503, as no reason but
// an unavailable store is the client's to know.
func writeProblem(w http.ResponseWriter, _ *http.Request, err error) {
	status := http.StatusServiceUnavailable
	body := []byte(`{"type":"about:blank","title":"Service Unavailable","status":503,"detail":"The service can't tell your quota at the moment. Try again later."}` + "\n")
	if e, ok := errors.AsType[*LimitedError](err); ok {
		status, body = http.StatusTooManyRequests, quotaExceeded(e.Decision)
	}
	writeDocument(w, status, body)
}

// writeDocument answers with a problem document.
func writeDocument(w http.ResponseWriter, status int, body []byte) {
	h := w.Header()
	h.Set("Content-Type", "application/problem+json")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cache-Control", "no-store") // the quota of one client is not another's
	w.WriteHeader(status)
	_, _ = w.Write(body) // the client may be gone
}

func quotaExceeded(d Decision) []byte {
	detail := "You sent too many requests. Try again later."
	if d.RetryAfter == Never {
		detail = "The request asks for more than its quota ever holds."
	}
	b := make([]byte, 0, 320)
	b = append(b, `{"type":"https://iana.org/assignments/http-problem-types#quota-exceeded","title":"Quota Exceeded","status":`...)
	b = strconv.AppendInt(b, http.StatusTooManyRequests, 10)
	b = append(b, `,"detail":"`...)
	b = append(b, detail...)
	b = append(b, `","violated-policies":[`...)
	comma := false
	for i, l := range d.Limits {
		if d.Refused&(1<<i) == 0 {
			continue
		}
		if comma {
			b = append(b, ',')
		}
		comma = true
		b = appendName(b, l.Name)
	}
	return append(b, "]}\n"...)
}
