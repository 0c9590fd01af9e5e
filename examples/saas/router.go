package main

import (
	"fmt"
	"net/http"
	"net/url"
	"path"
	"strings"

	"github.com/rowhouse-go/rowhouse/rbac"
)

// access says who may call a route: anyone, any person, or a member of the
// organization in the path whose role holds a permission. The zero value is
// refused, so no route is open by omission.
type access struct {
	kind       int
	permission rbac.Permission
}

const (
	accessAnyone = iota + 1
	accessPerson
	accessMember
)

func anyone() access { return access{kind: accessAnyone} }

func person() access { return access{kind: accessPerson} }

func may(p rbac.Permission) access { return access{kind: accessMember, permission: p} }

// A route is one line of the service's table.
type route struct {
	pattern string // of http.ServeMux, with a method
	access  access
	act     func(http.ResponseWriter, *http.Request) error
}

// A router is a ServeMux that keeps its table and answers with problems where
// the ServeMux has plain text.
type router struct {
	mux    *http.ServeMux
	routes []route
}

// newRouter puts each route behind the guard of its access. It panics on a fault
// of the table, like ServeMux itself: a service with one must not start.
func newRouter(routes []route, guard func(access, http.Handler) http.Handler, act func(route) http.Handler) *router {
	rt := &router{mux: http.NewServeMux(), routes: routes}
	for _, one := range routes {
		inOrganization := strings.Contains(one.pattern, "{org}")
		if inOrganization != (one.access.kind == accessMember) {
			panic(fmt.Sprintf("route %q: the organization of the path and the access don't fit", one.pattern))
		}
		guarded := guard(one.access, act(one))
		rt.mux.Handle(one.pattern, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			exchangeOf(r.Context()).route = r.Pattern
			guarded.ServeHTTP(w, r)
		}))
	}
	return rt
}

func (rt *router) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	// ServeMux would redirect //x and /x/../y to their clean form. A path that no
	// client of this API builds on purpose is no path of it.
	if p := r.URL.EscapedPath(); p != "/" && p != cleanPath(p) {
		writeProblem(w, notFound())
		return
	}
	h, pattern := rt.mux.Handler(r)
	if pattern != "" {
		rt.mux.ServeHTTP(w, r)
		return
	}
	own := muxAnswer{header: make(http.Header)}
	h.ServeHTTP(&own, &http.Request{Method: r.Method, URL: &url.URL{Path: "/"}, Header: http.Header{}})
	if own.status == http.StatusMethodNotAllowed {
		p := plain(http.StatusMethodNotAllowed, "The resource has other methods: see the Allow header.")
		p.allow = own.header.Get("Allow")
		writeProblem(w, p)
		return
	}
	writeProblem(w, notFound())
}

// cleanPath is the path that p should be, without a slash at the end.
func cleanPath(p string) string {
	return path.Clean("/" + p)
}

// A muxAnswer keeps what ServeMux says about a request no route takes.
type muxAnswer struct {
	header http.Header
	status int
}

func (m *muxAnswer) Header() http.Header         { return m.header }
func (m *muxAnswer) Write(p []byte) (int, error) { return len(p), nil }
func (m *muxAnswer) WriteHeader(status int)      { m.status = status }
