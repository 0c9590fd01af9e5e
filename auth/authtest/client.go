package authtest

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
)

// Client returns a client that reaches the issuer without a network, and nothing
// else: for an [Issuer] made with [New], as Config.HTTPClient or
// RemoteKeysOptions.HTTPClient.
func (i *Issuer) Client() *http.Client { return &http.Client{Transport: transport{i}} }

type transport struct{ issuer *Issuer }

// RoundTrip runs the handler on the caller's goroutine.
func (t transport) RoundTrip(r *http.Request) (resp *http.Response, err error) {
	if r.URL.Host != t.issuer.url.Host || r.URL.Scheme != t.issuer.url.Scheme {
		return nil, fmt.Errorf("authtest: %s is not the issuer", r.URL.Host)
	}
	w := &answer{header: make(http.Header), status: http.StatusOK}
	defer func() {
		p := recover()
		if e, ok := p.(error); ok && errors.Is(e, http.ErrAbortHandler) {
			resp, err = nil, errors.New("authtest: the issuer is down")
		} else if p != nil {
			panic(p)
		}
	}()
	t.issuer.ServeHTTP(w, r)
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	return &http.Response{
		Status:        strconv.Itoa(w.status) + " " + http.StatusText(w.status),
		StatusCode:    w.status,
		Proto:         "HTTP/1.1",
		ProtoMajor:    1,
		ProtoMinor:    1,
		Header:        w.header,
		Body:          io.NopCloser(&w.body),
		ContentLength: int64(w.body.Len()),
		Request:       r,
	}, nil
}

// An answer is the http.ResponseWriter of a transport.
type answer struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (a *answer) Header() http.Header         { return a.header }
func (a *answer) WriteHeader(status int)      { a.status = status }
func (a *answer) Write(b []byte) (int, error) { return a.body.Write(b) }
