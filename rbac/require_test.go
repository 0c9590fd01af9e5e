package rbac_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rowhouse-go/rowhouse/rbac"
)

var errDown = errors.New("pq: password authentication failed for user app")

func lookup(role rbac.Role, err error) rbac.Lookup {
	return func(*http.Request) (rbac.Role, error) { return role, err }
}

// serve sends one request through mw and returns the answer and whether the
// handler ran, with the role it found in its context.
func serve(mw func(http.Handler) http.Handler) (*httptest.ResponseRecorder, bool, rbac.Role) {
	ran, role := false, rbac.Role("")
	h := mw(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ran = true
		role, _ = rbac.FromContext(r.Context())
		w.WriteHeader(http.StatusNoContent)
	}))
	rec := httptest.NewRecorder()
	h.ServeHTTP(rec, httptest.NewRequest(http.MethodDelete, "/organizations/7", nil))
	return rec, ran, role
}

func TestRequire(t *testing.T) {
	t.Parallel()
	p := rbac.DefaultPolicy()
	for name, c := range map[string]struct {
		role   rbac.Role
		err    error
		status int
		is     error
	}{
		"owner":                 {rbac.Owner, nil, 204, nil},
		"admin":                 {rbac.Admin, nil, 204, nil},
		"member":                {rbac.Member, nil, 403, rbac.ErrForbidden},
		"stranger":              {"", rbac.ErrNotMember, 404, rbac.ErrNotMember},
		"stranger, wrapped":     {"", fmt.Errorf("members: role: %w", rbac.ErrNotMember), 404, rbac.ErrNotMember},
		"stranger with a role":  {rbac.Owner, rbac.ErrNotMember, 404, rbac.ErrNotMember},
		"outage":                {"", errDown, 503, errDown},
		"outage with a role":    {rbac.Owner, errDown, 503, errDown},
		"outage, cancelled":     {"", context.Canceled, 503, context.Canceled},
		"lookup says forbidden": {"", rbac.ErrForbidden, 503, rbac.ErrForbidden},
		"no role, no error":     {"", nil, 503, rbac.ErrUnknownRole},
		"role of another time":  {"retired", nil, 503, rbac.ErrUnknownRole},
		"role in capitals":      {"OWNER", nil, 503, rbac.ErrUnknownRole},
	} {
		for gate, mw := range map[string]func(*rbac.HTTPOptions) func(http.Handler) http.Handler{
			"Require": func(o *rbac.HTTPOptions) func(http.Handler) http.Handler {
				return rbac.Require(p, rbac.OrganizationUpdate, lookup(c.role, c.err), o)
			},
			"RequireRole": func(o *rbac.HTTPOptions) func(http.Handler) http.Handler {
				return rbac.RequireRole(p, rbac.Admin, lookup(c.role, c.err), o)
			},
		} {
			t.Run(gate+"/"+name, func(t *testing.T) {
				t.Parallel()
				rec, ran, role := serve(mw(nil))
				require.Equal(t, c.status, rec.Code)
				require.Equal(t, c.status == 204, ran)
				if ran {
					require.Equal(t, c.role, role, "the handler finds the role in its context")
				} else {
					requireProblem(t, rec)
				}

				var got error
				_, ran, _ = serve(mw(&rbac.HTTPOptions{OnError: func(_ http.ResponseWriter, _ *http.Request, err error) { got = err }}))
				require.Equal(t, c.status == 204, ran, "OnError replaces the answer, never the decision")
				require.ErrorIs(t, got, c.is)
				if got != nil {
					status, ok := errors.AsType[interface {
						error
						HTTPStatus() int
					}](got)
					require.True(t, ok)
					require.Equal(t, c.status, status.HTTPStatus())
				}

				var seen []rbac.Decision
				serve(mw(&rbac.HTTPOptions{Observe: func(_ context.Context, d rbac.Decision) { seen = append(seen, d) }}))
				require.Len(t, seen, 1)
				require.Equal(t, c.status == 204, seen[0].Allowed)
				require.Equal(t, c.status == 204, seen[0].Err == nil)
				require.ErrorIs(t, seen[0].Err, c.is)
				if gate == "Require" {
					require.Equal(t, rbac.OrganizationUpdate, seen[0].Permission)
					require.Empty(t, seen[0].Need)
				} else {
					require.Equal(t, rbac.Admin, seen[0].Need)
					require.Empty(t, seen[0].Permission)
				}
				if c.status == 204 || c.status == 403 {
					require.Equal(t, c.role, seen[0].Role)
				} else {
					require.Empty(t, seen[0].Role)
				}
			})
		}
	}
}

func requireProblem(t *testing.T, rec *httptest.ResponseRecorder) {
	t.Helper()
	require.Equal(t, "application/problem+json", rec.Header().Get("Content-Type"))
	require.Equal(t, "no-store", rec.Header().Get("Cache-Control"))
	require.Equal(t, "nosniff", rec.Header().Get("X-Content-Type-Options"))
	var doc map[string]any
	require.NoError(t, json.Unmarshal(rec.Body.Bytes(), &doc))
	require.Len(t, doc, 4)
	require.Equal(t, "about:blank", doc["type"])
	require.Equal(t, http.StatusText(rec.Code), doc["title"])
	require.InDelta(t, rec.Code, doc["status"], 0)
	require.NotEmpty(t, doc["detail"])
	require.NotContains(t, rec.Body.String(), "pq:", "no internals")
	require.NotContains(t, rec.Body.String(), "rbac:", "no internals")
	require.NotContains(t, rec.Body.String(), "owner", "no roles")
}

func TestStrangersGetOneBody(t *testing.T) {
	t.Parallel()
	p := rbac.DefaultPolicy()
	plain, _, _ := serve(rbac.Require(p, rbac.MemberRead, lookup("", rbac.ErrNotMember), nil))
	wrapped, _, _ := serve(rbac.RequireRole(p, rbac.Owner, lookup("", fmt.Errorf("org 7: %w", rbac.ErrNotMember)), nil))
	require.Equal(t, plain.Body.String(), wrapped.Body.String())
	require.Equal(t, plain.Header(), wrapped.Header())
}

func TestDecisionTimes(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var got rbac.Decision
		slow := func(*http.Request) (rbac.Role, error) {
			time.Sleep(3 * time.Second) // the bubble's clock
			return rbac.Owner, nil
		}
		start := time.Now()
		mw := rbac.Require(rbac.DefaultPolicy(), rbac.MemberRead, slow, &rbac.HTTPOptions{
			Observe: func(_ context.Context, d rbac.Decision) { got = d },
		})
		mw(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { time.Sleep(time.Hour) })).
			ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/", nil))
		require.True(t, start.Equal(got.Start))
		require.Equal(t, 3*time.Second, got.Duration, "lookup and decision, not the handler")
	})
}

func TestLookupRunsOncePerRequestOnItsContext(t *testing.T) {
	t.Parallel()
	type key struct{}
	calls := 0
	who := func(r *http.Request) (rbac.Role, error) {
		calls++
		require.Equal(t, "value", r.Context().Value(key{}))
		return rbac.Member, nil
	}
	ctx := context.WithValue(t.Context(), key{}, "value")
	observed := 0
	var inHandler any
	h := rbac.Require(rbac.DefaultPolicy(), rbac.MemberRead, who, &rbac.HTTPOptions{Observe: func(ctx context.Context, _ rbac.Decision) {
		observed++
		require.Equal(t, "value", ctx.Value(key{}))
		_, ok := rbac.FromContext(ctx)
		require.False(t, ok)
	}})(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { inHandler = r.Context().Value(key{}) }))
	for range 3 {
		h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequestWithContext(ctx, http.MethodGet, "/", nil))
	}
	require.Equal(t, "value", inHandler)
	require.Equal(t, 3, calls, "no role is remembered from one request to the next")
	require.Equal(t, 3, observed)
}

// Two organizations in one request: the inner gate asks again and its answer wins.
func TestNestedGatesDoNotInherit(t *testing.T) {
	t.Parallel()
	p := rbac.DefaultPolicy()
	outer := rbac.Require(p, rbac.MemberRead, lookup(rbac.Owner, nil), nil)
	rec, ran, _ := serve(func(h http.Handler) http.Handler {
		return outer(rbac.Require(p, rbac.OrganizationDelete, lookup(rbac.Member, nil), nil)(h))
	})
	require.False(t, ran)
	require.Equal(t, 403, rec.Code)

	_, ran, role := serve(func(h http.Handler) http.Handler {
		return outer(rbac.Require(p, rbac.MemberRead, lookup(rbac.Member, nil), nil)(h))
	})
	require.True(t, ran)
	require.Equal(t, rbac.Member, role)
}

func TestWiringFaultsPanic(t *testing.T) {
	t.Parallel()
	p, who := rbac.DefaultPolicy(), lookup(rbac.Owner, nil)
	for want, wire := range map[string]func(){
		`rbac: Require: nil Policy`:                                func() { rbac.Require(nil, rbac.MemberRead, who, nil) },
		`rbac: Require: nil Lookup`:                                func() { rbac.Require(p, rbac.MemberRead, nil, nil) },
		`rbac: Require: no role of the policy holds "member:raed"`: func() { rbac.Require(p, "member:raed", who, nil) },
		`rbac: Require: no role of the policy holds ""`:            func() { rbac.Require(p, "", who, nil) },
		`rbac: Require: no role of the policy holds "member:read"`: func() { rbac.Require(&rbac.Policy{}, "member:read", who, nil) },
		`rbac: RequireRole: nil Policy`:                            func() { rbac.RequireRole(nil, rbac.Admin, who, nil) },
		`rbac: RequireRole: nil Lookup`:                            func() { rbac.RequireRole(p, rbac.Admin, nil, nil) },
		`rbac: RequireRole: the policy has no role ""`:             func() { rbac.RequireRole(p, "", who, nil) },
		`rbac: RequireRole: the policy has no role "root"`:         func() { rbac.RequireRole(p, "root", who, nil) },
		`rbac: nil Handler`:                                        func() { rbac.Require(p, rbac.MemberRead, who, nil)(nil) },
	} {
		require.PanicsWithValue(t, want, wire)
	}
}

func TestContext(t *testing.T) {
	t.Parallel()
	role, ok := rbac.FromContext(t.Context())
	require.False(t, ok)
	require.Empty(t, role)
	role, ok = rbac.FromContext(rbac.NewContext(rbac.NewContext(t.Context(), rbac.Owner), rbac.Member))
	require.True(t, ok)
	require.Equal(t, rbac.Member, role, "the inner one counts")
}
