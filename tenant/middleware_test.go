package tenant_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rowhouse-go/rowhouse/rbac"
	"github.com/rowhouse-go/rowhouse/tenant"
)

// serve sends one request through mw and returns the answer and the context that the
// handler got, nil if it did not run.
func serve(mw func(http.Handler) http.Handler, r *http.Request) (*httptest.ResponseRecorder, context.Context) {
	var got *http.Request
	h := mw(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got = r
		w.WriteHeader(http.StatusNoContent)
	}))
	rec := httptest.NewRecorder()
	h.ServeHTTP(rec, r)
	if got == nil {
		return rec, nil
	}
	return rec, got.Context()
}

func TestMiddleware(t *testing.T) {
	t.Parallel()
	acme := slug(t, "acme")
	yes := admits(acme)
	for name, c := range map[string]struct {
		resolve tenant.Resolver
		m       tenant.Membership
		ctx     context.Context
		status  int
		is      error
	}{
		"member":                      {says("acme", nil), yes, t.Context(), 204, nil},
		"member, in the tenant":       {says("acme", nil), yes, in(t, "acme"), 204, nil},
		"none":                        {says("", tenant.ErrNoTenant), yes, t.Context(), 400, tenant.ErrNoTenant},
		"empty":                       {says("", nil), yes, t.Context(), 400, tenant.ErrNoTenant},
		"conflict":                    {says("", tenant.ErrConflict), yes, t.Context(), 400, tenant.ErrConflict},
		"another tenant in ctx":       {says("acme", nil), yes, in(t, "other"), 400, tenant.ErrConflict},
		"a poisoned ctx":              {says("acme", nil), yes, tenant.NewContext(in(t, "other"), acme), 400, tenant.ErrConflict},
		"malformed":                   {says("", tenant.ErrInvalidID), yes, t.Context(), 404, tenant.ErrInvalidID},
		"malformed, custom":           {says("a b", nil), yes, t.Context(), 404, tenant.ErrInvalidID},
		"malformed to the Membership": {says("acme", nil), denies(tenant.ErrInvalidID), t.Context(), 404, tenant.ErrInvalidID},
		"stranger":                    {says("acme", nil), denies(tenant.ErrNotMember), t.Context(), 404, tenant.ErrNotMember},
		"stranger to the Resolver":    {says("", tenant.ErrNotMember), yes, t.Context(), 404, tenant.ErrNotMember},
		"Resolver fails":              {says("acme", errDown), yes, t.Context(), 503, errDown},
		"Membership fails":            {says("acme", nil), denies(errDown), t.Context(), 503, errDown},
		"Membership without an id":    {says("acme", nil), admits(tenant.ID{}), t.Context(), 503, nil},
		"Membership in no tenant":     {says("acme", nil), denies(tenant.ErrNoTenant), t.Context(), 503, tenant.ErrNoTenant},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := request().WithContext(c.ctx)
			rec, got := serve(tenant.Middleware(c.resolve, c.m, nil), r)
			require.Equal(t, c.status, rec.Code)
			if c.status == 204 {
				id, err := tenant.FromContext(got)
				require.NoError(t, err)
				require.Equal(t, acme, id)
				require.Equal(t, "admin", got.Value(roleKey{}), "what the Membership learnt comes along")
			} else {
				require.Nil(t, got)
				requireProblem(t, rec)
			}

			var failed error
			var seen []tenant.Decision
			_, got = serve(tenant.Middleware(c.resolve, c.m, &tenant.Options{
				OnError: func(_ http.ResponseWriter, r *http.Request, err error) {
					require.Len(t, seen, 1, "observed before the answer")
					require.Equal(t, c.ctx, r.Context())
					failed = err
				},
				Observe: func(ctx context.Context, d tenant.Decision) {
					require.Equal(t, c.ctx, ctx)
					seen = append(seen, d)
				},
			}), r)
			require.Equal(t, c.status == 204, got != nil, "OnError replaces the answer, never the decision")
			require.Len(t, seen, 1)
			require.Equal(t, failed, seen[0].Err)
			if c.status == 204 {
				require.NoError(t, failed)
				require.Equal(t, acme, seen[0].Tenant)
				return
			}
			require.Equal(t, c.status, httpStatus(failed))
			require.True(t, seen[0].Tenant.IsZero())
			if c.is != nil {
				require.ErrorIs(t, failed, c.is)
			}
		})
	}
}

func requireProblem(t *testing.T, rec *httptest.ResponseRecorder) {
	t.Helper()
	require.Equal(t, http.Header{
		"Content-Type":           {"application/problem+json"},
		"Cache-Control":          {"no-store"},
		"X-Content-Type-Options": {"nosniff"},
	}, rec.Header())
	var doc map[string]any
	require.NoError(t, json.Unmarshal(rec.Body.Bytes(), &doc))
	require.Len(t, doc, 4)
	require.Equal(t, "about:blank", doc["type"])
	require.Equal(t, http.StatusText(rec.Code), doc["title"])
	require.InDelta(t, rec.Code, doc["status"], 0)
	require.NotEmpty(t, doc["detail"])
	for _, inner := range []string{"pq:", "tenant:", "acme", "other"} {
		require.NotContains(t, rec.Body.String(), inner, "no internals")
	}
}

// Malformed, unknown, foreign: one answer, that of package rbac, and the same work done
// for all that could be a tenant.
func TestStrangersGetOneBody(t *testing.T) {
	t.Parallel()
	want, _ := serve(rbac.Require(rbac.DefaultPolicy(), rbac.MemberRead, func(*http.Request) (rbac.Role, error) {
		return "", rbac.ErrNotMember
	}, nil), request())
	asked := 0
	m := tenant.Membership(func(ctx context.Context, claimed string) (context.Context, tenant.ID, error) {
		asked++
		switch id, err := tenant.ParseSlug(claimed); {
		case err != nil:
			return ctx, tenant.ID{}, err
		case claimed == "foreign":
			return ctx, id, fmt.Errorf("%w of %s", tenant.ErrNotMember, claimed)
		}
		return ctx, tenant.ID{}, tenant.ErrNotMember
	})
	mw := tenant.Middleware(tenant.FromHeader("X-Tenant-ID"), m, nil)
	for claimed, asks := range map[string]int{
		"unknown": 1, "foreign": 1, "MALFORMED": 1, "a/../b": 1, "'--": 1, strings.Repeat("a", 253): 1,
		strings.Repeat("a", 254): 0, "a b": 0, "a\x00": 0, "\xff": 0,
	} {
		r := request()
		r.Header.Set("X-Tenant-ID", claimed)
		asked = 0
		rec, got := serve(mw, r)
		require.Nil(t, got)
		require.Equal(t, want.Code, rec.Code)
		require.Equal(t, want.Body.String(), rec.Body.String())
		require.Equal(t, want.Header(), rec.Header())
		require.Equal(t, asks, asked, "%.20q", claimed)
	}
}

func TestBadRequestsGetOneBody(t *testing.T) {
	t.Parallel()
	yes := admits(slug(t, "acme"))
	none, _ := serve(tenant.Middleware(says("", tenant.ErrNoTenant), yes, nil), request())
	several, _ := serve(tenant.Middleware(says("", fmt.Errorf("%w: seven", tenant.ErrConflict)), yes, nil), request())
	require.Equal(t, none.Body.String(), several.Body.String())
	require.Equal(t, none.Header(), several.Header())
}

func TestMembershipIsAskedOncePerRequest(t *testing.T) {
	t.Parallel()
	type key struct{}
	acme := slug(t, "acme")
	asked, resolved := 0, 0
	mw := tenant.Middleware(func(*http.Request) (string, error) {
		resolved++
		return "acme", nil
	}, func(ctx context.Context, claimed string) (context.Context, tenant.ID, error) {
		asked++
		require.Equal(t, "acme", claimed)
		require.Equal(t, "value", ctx.Value(key{}))
		return ctx, acme, nil
	}, nil)
	for range 3 {
		_, got := serve(mw, request().WithContext(context.WithValue(t.Context(), key{}, "value")))
		require.Equal(t, "value", got.Value(key{}))
	}
	require.Equal(t, 3, asked, "nothing is remembered from one request to the next")
	require.Equal(t, 3, resolved)
}

// An inner route about another tenant does not inherit the outer one's.
func TestNestedMiddleware(t *testing.T) {
	t.Parallel()
	m := tenant.Membership(func(ctx context.Context, claimed string) (context.Context, tenant.ID, error) {
		id, err := tenant.ParseSlug(claimed)
		return ctx, id, err
	})
	nest := func(inner string) func(http.Handler) http.Handler {
		return func(h http.Handler) http.Handler {
			return tenant.Middleware(says("acme", nil), m, nil)(tenant.Middleware(says(inner, nil), m, nil)(h))
		}
	}
	rec, got := serve(nest("other"), request())
	require.Nil(t, got)
	require.Equal(t, 400, rec.Code)
	rec, got = serve(nest("acme"), request())
	require.NotNil(t, got)
	require.Equal(t, 204, rec.Code)
}

// Many people at once, each with a tenant and a role: none gets another's.
func TestConcurrentRequests(t *testing.T) {
	t.Parallel()
	m := tenant.Membership(func(ctx context.Context, claimed string) (context.Context, tenant.ID, error) {
		id, err := tenant.ParseSlug(claimed)
		return context.WithValue(ctx, roleKey{}, "role in "+claimed), id, err
	})
	var wrong atomic.Int64
	h := tenant.Middleware(tenant.FromHeader("X-Tenant-ID"), m, nil)(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		id, err := tenant.FromContext(r.Context())
		want := r.Header.Get("X-Tenant-ID")
		if err != nil || id.String() != want || r.Context().Value(roleKey{}) != "role in "+want {
			wrong.Add(1)
		}
	}))
	var group sync.WaitGroup
	for i := range 64 {
		group.Go(func() {
			for j := range 50 {
				r := request()
				r.Header.Set("X-Tenant-ID", fmt.Sprintf("t-%d-%d", i, j))
				h.ServeHTTP(httptest.NewRecorder(), r)
			}
		})
	}
	group.Wait()
	require.Zero(t, wrong.Load())
}

func TestCancelledRequestIsNoDenial(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	rec, got := serve(tenant.Middleware(says("acme", nil), func(ctx context.Context, _ string) (context.Context, tenant.ID, error) {
		return ctx, tenant.ID{}, ctx.Err()
	}, nil), request().WithContext(ctx))
	require.Nil(t, got)
	require.Equal(t, 503, rec.Code)
}

func TestDecisionTimes(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var got tenant.Decision
		start, acme := time.Now(), slug(t, "acme")
		tenant.Middleware(func(*http.Request) (string, error) {
			time.Sleep(time.Second) // the bubble's clock
			return "acme", nil
		}, func(ctx context.Context, _ string) (context.Context, tenant.ID, error) {
			time.Sleep(2 * time.Second)
			return ctx, acme, nil
		}, &tenant.Options{Observe: func(_ context.Context, d tenant.Decision) { got = d }})(
			http.HandlerFunc(func(http.ResponseWriter, *http.Request) { time.Sleep(time.Hour) }),
		).ServeHTTP(httptest.NewRecorder(), request())
		require.True(t, start.Equal(got.Start))
		require.Equal(t, 3*time.Second, got.Duration, "Resolver and Membership, not the handler")
	})
}

func TestWiringFaultsPanic(t *testing.T) {
	t.Parallel()
	resolve, yes := says("acme", nil), admits(slug(t, "acme"))
	for want, wire := range map[string]func(){
		"tenant: Middleware: nil Resolver":   func() { tenant.Middleware(nil, yes, nil) },
		"tenant: Middleware: nil Membership": func() { tenant.Middleware(resolve, nil, nil) },
		"tenant: nil Handler":                func() { tenant.Middleware(resolve, yes, &tenant.Options{})(nil) },
	} {
		require.PanicsWithValue(t, want, wire)
	}
}
