package authtest

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"
)

const (
	discoveryPath = "/.well-known/openid-configuration"
	keysPath      = "/jwks.json"
)

// faults are what the switches set.
type faults struct {
	outage, garbage, empty bool
	slow                   time.Duration
}

// KeysURL returns where the key set is, for auth.RemoteKeys.
func (i *Issuer) KeysURL() string { return strings.TrimSuffix(i.iss, "/") + keysPath }

// ServeHTTP serves the discovery document and the key set, and with the faults
// that are switched on.
func (i *Issuer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	base := strings.TrimSuffix(i.url.Path, "/")
	isKeys := r.URL.Path == base+keysPath
	if !isKeys && r.URL.Path != base+discoveryPath {
		http.NotFound(w, r)
		return
	}
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		http.Error(w, http.StatusText(http.StatusMethodNotAllowed), http.StatusMethodNotAllowed)
		return
	}
	i.mu.Lock()
	if isKeys {
		i.fetches++
	}
	f := i.faults
	i.mu.Unlock()

	if f.slow > 0 {
		late := time.NewTimer(f.slow)
		defer late.Stop()
		select {
		case <-late.C:
		case <-r.Context().Done():
		}
	}
	if f.outage {
		panic(http.ErrAbortHandler) // the connection ends without an answer
	}
	body := i.metadataDoc()
	if isKeys {
		body = i.JWKS()
	}
	switch {
	case f.garbage:
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, _ = w.Write([]byte("<!doctype html><title>Down for maintenance</title>\n"))
		return
	case f.empty && isKeys:
		body = []byte(`{"keys":[]}`)
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "public, max-age=600")
	_, _ = w.Write(body) // the client may have gone
}

func (i *Issuer) metadataDoc() []byte {
	i.mu.Lock()
	algs := slices.Sorted(maps.Keys(i.signing))
	i.mu.Unlock()
	doc := map[string]any{
		"issuer":                                i.iss,
		"jwks_uri":                              i.KeysURL(),
		"subject_types_supported":               []string{"public"},
		"id_token_signing_alg_values_supported": algs,
	}
	maps.Copy(doc, i.metadata)
	b, err := json.Marshal(doc)
	if err != nil {
		panic(fmt.Sprintf("authtest: Options.Metadata: %v", err))
	}
	return b
}

// JWKS returns the key set as it is published when no fault is switched on, for
// auth.StaticKeys.
func (i *Issuer) JWKS() []byte {
	i.mu.Lock()
	defer i.mu.Unlock()
	entries := make([]map[string]any, 0, len(i.published))
	for _, k := range i.published {
		entries = append(entries, k.JWK())
	}
	b, err := json.Marshal(map[string]any{"keys": entries})
	if err != nil {
		panic(fmt.Sprintf("authtest: %v", err)) // strings only
	}
	return b
}

// Fetches returns how often the key set was asked for, faults included.
func (i *Issuer) Fetches() int {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.fetches
}
