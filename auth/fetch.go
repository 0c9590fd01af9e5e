package auth

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"syscall"
	"time"
)

// maxRedirects is small: a key set has no reason to move within its own origin.
const maxRedirects = 3

var (
	errForeignRedirect = errors.New("redirected to another origin")
	errManyRedirects   = errors.New("redirected too often")
	errHugeBody        = errors.New("the body is too large")
)

// An answer is what one fetch brought.
type answer struct {
	set   *KeySet // nil if err is not
	url   string  // that answered, or the last one tried
	fresh time.Duration
	err   error
	notes []Event // of broken sets
}

// fetch asks the URLs in order until one has a key set.
func (r *RemoteKeySet) fetch(ctx context.Context) (a answer) {
	urls := r.urls
	if r.issuer != "" {
		u, err := r.locate(ctx)
		a.err = err
		if u == "" {
			a.url = discoveryURL(r.issuer)
			return a
		}
		urls = []string{u}
	}
	for _, u := range urls {
		a.url = u
		start, began := r.wallTime(), time.Now()
		doc, header, err := r.get(ctx, u, maxKeySetBytes)
		broken := errors.Is(err, errHugeBody)
		if err == nil {
			if a.set, err = parseKeySet(doc); err == nil {
				a.fresh, a.err = freshness(header), nil
				r.discovered.doubt = false
				return a
			}
			broken = true
		}
		err = fmt.Errorf("keys from %s: %w", plain(u), err)
		if broken {
			a.notes = append(a.notes, Event{Kind: EventBrokenSet, Start: start, Duration: time.Since(began), URL: u, Err: err})
		}
		if a.err == nil {
			a.err = err
		} else {
			a.err = fmt.Errorf("%w; %w", a.err, err)
		}
	}
	r.discovered.doubt = true
	return a
}

// get returns the body of a 200 answer. Its errors hold nothing of any answer.
func (r *RemoteKeySet) get(ctx context.Context, from string, most int) ([]byte, http.Header, error) {
	ctx, cancel := context.WithTimeout(ctx, r.timeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, from, nil)
	if err != nil {
		return nil, nil, err
	}
	req.Header.Set("Accept", "application/json, application/jwk-set+json")
	resp, err := r.client.Do(req)
	if err != nil {
		return nil, nil, &fetchError{err}
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, nil, fmt.Errorf("status %d", resp.StatusCode)
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, int64(most)+1))
	if err != nil {
		return nil, nil, &fetchError{err}
	}
	if len(body) > most {
		return nil, nil, errHugeBody
	}
	return body, resp.Header, nil
}

// A fetchError says in our words why a request failed. The cause may quote what
// the other side sent, or a URL with what is secret in it: it is for errors.Is
// and errors.As, never for the log.
type fetchError struct{ cause error }

func (e *fetchError) Unwrap() error { return e.cause }

func (e *fetchError) Error() string {
	for _, own := range []error{errForeignRedirect, errManyRedirects, context.Canceled, context.DeadlineExceeded} {
		if errors.Is(e.cause, own) {
			return own.Error()
		}
	}
	if timeout, ok := errors.AsType[net.Error](e.cause); ok && timeout.Timeout() {
		return context.DeadlineExceeded.Error()
	}
	if _, ok := errors.AsType[*tls.CertificateVerificationError](e.cause); ok {
		return "the certificate was not accepted"
	}
	if dns, ok := errors.AsType[*net.DNSError](e.cause); ok && dns.IsNotFound {
		return "no such host"
	}
	if dial, ok := errors.AsType[*net.OpError](e.cause); ok {
		if no, ok := errors.AsType[syscall.Errno](dial.Err); ok {
			return dial.Op + ": " + no.Error()
		}
		return dial.Op + ": network error"
	}
	return "the exchange failed"
}

// bound returns a copy of the client that stays where it was sent: whoever may
// redirect us elsewhere chooses our keys.
func bound(c *http.Client) *http.Client {
	own := *c
	own.CheckRedirect = func(req *http.Request, via []*http.Request) error {
		switch {
		case origin(req.URL) != origin(via[0].URL): // http and https differ, too
			return errForeignRedirect
		case len(via) > maxRedirects:
			return errManyRedirects
		case c.CheckRedirect != nil:
			return c.CheckRedirect(req, via)
		}
		return nil
	}
	return &own
}

func origin(u *url.URL) string {
	port := u.Port()
	switch {
	case port != "":
	case u.Scheme == "https":
		port = "443"
	default:
		port = "80"
	}
	return u.Scheme + "://" + strings.ToLower(u.Hostname()) + ":" + port
}

// ownClient is the client for those who bring none: no cookies, few header
// bytes. Connections end with the fetch, the next one is minutes away.
func ownClient() *http.Client {
	t, ok := http.DefaultTransport.(*http.Transport)
	if !ok { // replaced by the program, for tracing perhaps
		return &http.Client{Transport: http.DefaultTransport}
	}
	t = t.Clone()
	t.MaxResponseHeaderBytes = 64 << 10
	t.DisableKeepAlives = true
	return &http.Client{Transport: t}
}

// plain returns a URL without what may be secret in it.
func plain(raw string) string {
	raw, _, _ = strings.Cut(raw, "?")
	return raw
}
