package auth

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"strings"
	"time"
)

const (
	maxDiscoveryBytes = 64 << 10
	discoveryLife     = time.Hour
	discoveryRetry    = 10 * time.Minute
)

var (
	errDiscoveryMember = errors.New("issuer or jwks_uri is missing or no string")
	errOtherIssuer     = errors.New("the document is another issuer's")
	errDowngrade       = errors.New("jwks_uri is http though the issuer is https")
)

// A discovery is what is known from an issuer's document.
type discovery struct {
	keysURL string
	read    instant
	doubt   bool // a fetch from keysURL failed: it may have moved
	told    bool // the log knows that the document can't be had
}

// discoveryURL follows OpenID Connect Discovery 1.0 §4.
func discoveryURL(issuer string) string {
	return strings.TrimSuffix(issuer, "/") + "/.well-known/openid-configuration"
}

// locate returns the URL of the issuer's keys. The document is read again when
// it is an hour old and after the keys could not be fetched; while it can't be
// had, the URL known from the last one stands.
func (r *RemoteKeySet) locate(ctx context.Context) (string, error) {
	d := &r.discovered
	if d.keysURL != "" && !d.doubt && d.read.since(r.clock()) < discoveryLife {
		return d.keysURL, nil
	}
	doc, _, err := r.get(ctx, discoveryURL(r.issuer), maxDiscoveryBytes)
	found := ""
	if err == nil {
		found, err = parseDiscovery(string(doc), r.issuer, r.insecure)
	}
	if err == nil {
		*d = discovery{keysURL: found, read: r.clock()}
		return found, nil
	}
	err = fmt.Errorf("discovery at %s: %w", plain(discoveryURL(r.issuer)), err)
	if d.keysURL != "" && !d.told {
		d.told = true // the keys may well be had: nobody else would hear of it
		r.tell(nil, &remark{slog.LevelWarn, "auth: reading the issuer's metadata fails", answer{url: discoveryURL(r.issuer), err: err}})
	}
	// Keys that can be had must not wait for a document that can't, each time.
	d.read = r.clock().add(discoveryRetry - discoveryLife)
	return d.keysURL, err
}

// parseDiscovery returns the jwks_uri of an OpenID Provider's metadata. The
// issuer must be the one asked, character by character (OpenID Connect
// Discovery 1.0 §4.3): otherwise one provider could speak for another.
func parseDiscovery(doc, issuer string, insecure bool) (string, error) {
	var sc scanner
	members, err := sc.object(doc, nil)
	if err != nil {
		return "", err
	}
	text := func(name string) (string, bool) {
		raw, ok := lookup(doc, members, []string{name})
		if !ok || raw[0] != '"' {
			return "", false
		}
		return stringValue(raw, true), true
	}
	said, ok := text("issuer")
	uri, ok2 := text("jwks_uri")
	switch {
	case !ok || !ok2:
		return "", errDiscoveryMember
	case said != issuer:
		return "", errOtherIssuer
	}
	if err := checkURL(uri, insecure); err != nil {
		return "", fmt.Errorf("jwks_uri %w", err)
	}
	if secure(issuer) && !secure(uri) {
		return "", errDowngrade
	}
	return uri, nil
}

func secure(raw string) bool {
	u, err := url.Parse(raw)
	return err == nil && u.Scheme == "https"
}
