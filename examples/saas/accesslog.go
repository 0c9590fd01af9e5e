package main

import (
	"log/slog"
	"net/http"
	"time"
)

// logged writes one line for each request when it is over. The line names the
// route, not the path, and nothing in it is longer or wilder than this program
// allows: the id is checked, methods are a closed set.
func (a *app) logged(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		start, ctx := time.Now(), r.Context()
		x := exchangeOf(ctx)
		defer func() {
			attrs := []slog.Attr{
				slog.String("request_id", x.id),
				slog.String("client", a.limits.clientIP.Addr(r).String()),
				slog.String("method", methodLabel(r.Method)),
				slog.String("route", x.route),
				slog.Int("status", x.status),
				slog.Int64("bytes", x.bytes),
				slog.Duration("duration", time.Since(start)),
			}
			if x.status == 0 { // the handler panicked: recovered answers
				attrs[4] = slog.Int("status", http.StatusInternalServerError)
			}
			if x.refused != "" {
				attrs = append(attrs, slog.String("refused", x.refused))
			}
			a.log.LogAttrs(ctx, a.requestLevel(x), "request", attrs...)
		}()
		next.ServeHTTP(w, r)
	})
}

// requestLevel keeps health checks that succeed out of the everyday log.
func (a *app) requestLevel(x *exchange) slog.Level {
	if (x.route == livePattern || x.route == readyPattern) && x.status == http.StatusOK {
		return slog.LevelDebug
	}
	return slog.LevelInfo
}

func methodLabel(m string) string {
	switch m {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch,
		http.MethodDelete, http.MethodOptions, http.MethodConnect, http.MethodTrace:
		return m
	}
	return "other"
}
