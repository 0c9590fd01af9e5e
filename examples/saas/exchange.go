package main

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"
)

// An exchange is one request and its answer as the layers around the router see
// them. The router sets Pattern on a copy of the request, which those layers never
// get, so the routes write it here.
type exchange struct {
	http.ResponseWriter
	id      string // of the request
	route   string // the pattern that matched; empty if none did
	refused string // why the caller was not let in; one of a small set of words
	status  int    // 0 until the answer has begun
	bytes   int64
}

type exchangeKey struct{}

// exchangeOf returns the exchange of a request's context. Every request has one.
func exchangeOf(ctx context.Context) *exchange {
	x, ok := ctx.Value(exchangeKey{}).(*exchange)
	if !ok {
		panic("a request came past the outermost layer")
	}
	return x
}

// requestIDOf is empty outside of requests, as in commands.
func requestIDOf(ctx context.Context) string {
	if x, ok := ctx.Value(exchangeKey{}).(*exchange); ok {
		return x.id
	}
	return ""
}

func (x *exchange) WriteHeader(status int) {
	if x.status == 0 && status >= 200 {
		x.status = status
	}
	x.ResponseWriter.WriteHeader(status)
}

func (x *exchange) Write(p []byte) (int, error) {
	if x.status == 0 {
		x.status = http.StatusOK
	}
	n, err := x.ResponseWriter.Write(p)
	x.bytes += int64(n)
	return n, err
}

// Unwrap is for http.ResponseController.
func (x *exchange) Unwrap() http.ResponseWriter { return x.ResponseWriter }

// recovered is the outermost layer: it begins the exchange and answers 500 for a
// handler that panics. An answer that had begun is cut off instead, so that
// nobody takes half of it for all.
func (a *app) recovered(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		x := &exchange{ResponseWriter: w}
		ctx := context.WithValue(r.Context(), exchangeKey{}, x)
		r = r.WithContext(ctx)
		defer func() {
			v := recover()
			if v == nil {
				return
			}
			if v == http.ErrAbortHandler { //nolint:errorlint // the server compares it like this, too
				panic(v)
			}
			a.log.LogAttrs(ctx, slog.LevelError, "panic",
				slog.String("request_id", x.id), slog.String("route", x.route),
				slog.String("panic", fmt.Sprint(v)), slog.String("stack", string(debug.Stack())))
			if x.status != 0 {
				panic(http.ErrAbortHandler)
			}
			writeProblem(x, internalError())
		}()
		next.ServeHTTP(x, r)
	})
}
