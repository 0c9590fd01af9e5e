package retry

import (
	"container/list"
	"net/url"
	"strings"
	"sync"
)

// hosts holds the policy of each host that a transport talked to lately. It is safe
// for concurrent use.
type hosts struct {
	max  int
	make func() *Policy

	mu     sync.Mutex
	known  map[host]*list.Element // of recent
	recent list.List              // of *hostPolicy, the host used last in front
}

// A host is named by its URL as it is: two names of one host are two. Of what is too
// long for a name, the beginning will do.
type host struct{ scheme, host string }

// maxHost is more than a DNS name of 253 bytes and a port.
const maxHost = 300

type hostPolicy struct {
	host   host
	policy *Policy
}

// policy returns the policy of u's host. A new one takes the place of the host that
// was used longest ago, if there are too many.
func (h *hosts) policy(u *url.URL) *Policy {
	key := host{u.Scheme, u.Host[:min(len(u.Host), maxHost)]}
	h.mu.Lock()
	defer h.mu.Unlock()
	if e, ok := h.known[key]; ok {
		h.recent.MoveToFront(e)
		return e.Value.(*hostPolicy).policy
	}
	if h.recent.Len() >= h.max {
		oldest := h.recent.Back()
		h.recent.Remove(oldest)
		delete(h.known, oldest.Value.(*hostPolicy).host)
	}
	key = host{strings.Clone(key.scheme), strings.Clone(key.host)} // and let go of the rest of the URL
	p := h.make()
	h.known[key] = h.recent.PushFront(&hostPolicy{key, p})
	return p
}
