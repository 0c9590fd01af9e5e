package authtest

import (
	"slices"
	"time"
)

// Key returns the key that signs tokens of alg; empty means the issuer's
// Options.Algorithm. For another algorithm the key is made and published when
// it is first asked for. It panics if there are no keys for alg.
//
// Keep the result to sign with a key after it was rotated out.
func (i *Issuer) Key(alg string) Key {
	if alg == "" {
		alg = i.alg
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	k, ok := i.signing[alg]
	if !ok {
		k = mustKey(alg)
		i.signing[alg] = k
		i.published = append(i.published, k)
	}
	return k
}

// Rotate replaces every key: the new ones sign, the old ones are published no
// more, and tokens signed with them are refused from the verifier's next refresh.
func (i *Issuer) Rotate() { i.rotate(false) }

// RotateKeepOld replaces every signing key and keeps the old ones published, as
// a careful issuer does.
func (i *Issuer) RotateKeepOld() { i.rotate(true) }

func (i *Issuer) rotate(keep bool) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if !keep {
		i.published = nil
	}
	for alg := range i.signing {
		k := mustKey(alg)
		i.signing[alg] = k
		i.published = append(i.published, k)
	}
}

func mustKey(alg string) Key {
	k, err := NewKey(newKid(alg), alg)
	if err != nil {
		panic(err.Error())
	}
	return k
}

// Publish adds a key to the set without signing with it, such as one that
// another program signs with.
func (i *Issuer) Publish(k Key) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.published = append(i.published, k)
}

// Revoke takes the keys with this kid out of the published set. If one is the
// signing key it goes on signing.
func (i *Issuer) Revoke(kid string) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.published = slices.DeleteFunc(i.published, func(k Key) bool { return k.Kid == kid })
}

func (i *Issuer) set(change func(*faults)) {
	i.mu.Lock()
	defer i.mu.Unlock()
	change(&i.faults)
}

// Outage makes every request end without an answer.
func (i *Issuer) Outage(on bool) { i.set(func(f *faults) { f.outage = on }) }

// Slow delays every answer; 0 no longer does.
func (i *Issuer) Slow(d time.Duration) { i.set(func(f *faults) { f.slow = d }) }

// Garbage answers every request with status 200 and an HTML page, as a proxy in
// front of an issuer may.
func (i *Issuer) Garbage(on bool) { i.set(func(f *faults) { f.garbage = on }) }

// EmptySet publishes a key set without keys.
func (i *Issuer) EmptySet(on bool) { i.set(func(f *faults) { f.empty = on }) }
