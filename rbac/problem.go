package rbac

import (
	"errors"
	"net/http"
	"strconv"
)

// writeProblem answers with the RFC 9457 problem document of err's status. The
// bodies are constant: a stranger can't tell an organization of others from
// one that does not exist.
func writeProblem(w http.ResponseWriter, _ *http.Request, err error) {
	status, detail := http.StatusServiceUnavailable, "The service can't tell your role at the moment. Try again later."
	_, unknown := errors.AsType[*LookupError](err) // may wrap anything, ErrForbidden too
	switch {
	case unknown:
	case errors.Is(err, ErrNotMember):
		status, detail = http.StatusNotFound, "There is no such resource, or it is not visible to you."
	case errors.Is(err, ErrForbidden):
		status, detail = http.StatusForbidden, "Your role does not allow this."
	}
	h := w.Header()
	h.Set("Content-Type", "application/problem+json")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cache-Control", "no-store") // RFC 9111 lets caches keep a 404; a membership may begin any moment
	w.WriteHeader(status)
	_, _ = w.Write([]byte(`{"type":"about:blank","title":"` + http.StatusText(status) +
		`","status":` + strconv.Itoa(status) + `,"detail":"` + detail + "\"}\n")) // the client may be gone
}
