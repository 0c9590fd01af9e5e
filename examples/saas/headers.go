package main

import "net/http"

// secured sets the headers every answer has. The service answers machines with
// JSON: nothing of it may be cached, framed, sniffed or run.
func (a *app) secured(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Cache-Control", "no-store")
		h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("X-Content-Type-Options", "nosniff")
		if a.config.Environment == production { // RFC 6797; TLS ends in front of us
			h.Set("Strict-Transport-Security", "max-age=31536000; includeSubDomains")
		}
		if a.health.draining.Load() { // let keep-alive clients move before the listener closes
			h.Set("Connection", "close")
		}
		next.ServeHTTP(w, r)
	})
}

// bounded limits what a handler can read of the body. A body that says it is
// larger is refused when a handler asks for it, not before: whoever may not call
// the route learns that first.
func (a *app) bounded(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.Body = http.MaxBytesReader(w, r.Body, a.config.MaxBodyBytes)
		next.ServeHTTP(w, r)
	})
}
