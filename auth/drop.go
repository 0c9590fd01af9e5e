package auth

// Drop stops using the keys now in the set under kid, for as long as the process
// runs: they don't come back with the next refresh, under this or another kid,
// while another key under the same kid may. Use it when a private key leaked
// before its issuer acts. It returns how many keys it dropped; every instance of
// a service needs the call.
func (r *RemoteKeySet) Drop(kid string) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.effective == nil {
		return 0
	}
	before := r.effective.Len()
	for _, k := range r.effective.keys {
		if k.kid == kid {
			if r.dropped == nil {
				r.dropped = make(map[string]struct{})
			}
			r.dropped[k.thumbprint] = struct{}{}
		}
	}
	next := r.effective.without(r.dropped)
	if next.Len() == before {
		return 0
	}
	r.effective = next
	r.publish()
	return before - next.Len()
}
