package rbac

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"
)

// A Lookup finds the role of the request's subject in the organization the
// request is about. [ErrNotMember] makes the answer 404; any other error, and a
// role the policy does not know, make it 503.
//
// Read the role from the database, or from a context that a middleware filled
// from the database during this request; never from a claim of the token.
type Lookup func(*http.Request) (Role, error)

// HTTPOptions holds the optional parts of [Require] and [RequireRole]. The zero
// value, like a nil *HTTPOptions, means the defaults.
type HTTPOptions struct {
	// OnError writes the answer to a refused request. err matches ErrNotMember
	// or ErrForbidden or is a *LookupError, and has HTTPStatus() int. Nil means
	// an RFC 9457 problem document with status 404, 403 or 503 whose content
	// depends on nothing but the status.
	OnError func(w http.ResponseWriter, r *http.Request, err error)

	// Observe, if not nil, is called once for each request after the decision
	// and before the handler or OnError, on the request's goroutine.
	Observe func(context.Context, Decision)
}

// A Decision is what [HTTPOptions.Observe] is told.
type Decision struct {
	Start      time.Time
	Duration   time.Duration // of lookup and decision together
	Role       Role          // as looked up; empty if there was none
	Permission Permission    // what Require asked for
	Need       Role          // what RequireRole asked for
	Allowed    bool
	Err        error // nil if allowed; otherwise as for OnError
}

// Require returns a middleware that lets a request pass if the role found by who
// holds perm, and puts the role into the request's context for [FromContext].
//
// It panics if p or who is nil or if no role of p holds perm: as with a malformed
// pattern of [http.ServeMux], the fault is in the program, and a route that
// serves nobody or everybody must not get past its start.
func Require(p *Policy, perm Permission, who Lookup, o *HTTPOptions) func(http.Handler) http.Handler {
	mustBeSet("Require", p, who)
	if !p.Can(p.owner, perm) {
		panic(fmt.Sprintf("rbac: Require: no role of the policy holds %q", perm))
	}
	return gate(p, who, o, Decision{Permission: perm}, func(have Role) bool { return p.Can(have, perm) })
}

// RequireRole is like [Require] for requests whose role holds every permission of
// need, see [Policy.Allows]. It panics if p or who is nil or need is unknown to p.
//
// Prefer Require: it names what is done, and goes on being right when roles are
// added.
func RequireRole(p *Policy, need Role, who Lookup, o *HTTPOptions) func(http.Handler) http.Handler {
	mustBeSet("RequireRole", p, who)
	if !p.Allows(need, need) {
		panic(fmt.Sprintf("rbac: RequireRole: the policy has no role %q", need))
	}
	return gate(p, who, o, Decision{Need: need}, func(have Role) bool { return p.Allows(have, need) })
}

func mustBeSet(caller string, p *Policy, who Lookup) {
	if p == nil {
		panic("rbac: " + caller + ": nil Policy")
	}
	if who == nil {
		panic("rbac: " + caller + ": nil Lookup")
	}
}

// gate builds the middleware; asked is copied for each request.
func gate(p *Policy, who Lookup, o *HTTPOptions, asked Decision, allowed func(Role) bool) func(http.Handler) http.Handler {
	if o == nil {
		o = &HTTPOptions{}
	}
	onError, observe := o.OnError, o.Observe
	if onError == nil {
		onError = writeProblem
	}
	return func(next http.Handler) http.Handler {
		if next == nil {
			panic("rbac: nil Handler")
		}
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			d := asked
			if observe != nil {
				d.Start = time.Now()
			}
			d.Role, d.Err = find(p, who, r)
			if d.Err == nil && !allowed(d.Role) {
				d.Err = fmt.Errorf("%w: %q lacks %s%s", ErrForbidden, d.Role, d.Permission, d.Need)
			}
			d.Allowed = d.Err == nil
			if observe != nil {
				d.Duration = time.Since(d.Start)
				observe(r.Context(), d)
			}
			if !d.Allowed {
				onError(w, r, d.Err)
				return
			}
			next.ServeHTTP(w, r.WithContext(NewContext(r.Context(), d.Role)))
		})
	}
}

// find calls who and sorts its answer: a role of the policy, ErrNotMember or a
// *LookupError.
func find(p *Policy, who Lookup, r *http.Request) (Role, error) {
	role, err := who(r)
	if errors.Is(err, ErrNotMember) {
		return "", err
	}
	if err == nil {
		role, err = p.ParseRole(string(role))
	}
	if err != nil {
		return "", &LookupError{err}
	}
	return role, nil
}
