package auth

import (
	"container/heap"
	"crypto/sha256"
	"encoding/binary"
	"sync"
	"sync/atomic"
	"time"
)

const (
	maxCachedToken = 4 << 10 // longer tokens are verified each time
	maxCacheAge    = 5 * time.Minute
	bytesPerToken  = 2 << 10 // of the memory bound
	entryOverhead  = 1280    // an entry and the fixed part of its claims, map and heap slots
	memberSize     = 32
	stringSize     = 16
)

// A tokenCache remembers verdicts that were positive in every respect. A hit
// must equal what a cold verification would say now, so all that can change
// without the token changing is asked again: the time, and whether the signing
// key is still in force. The key of an entry is the SHA-256 of the whole token;
// anything shorter could be steered into a collision.
type tokenCache struct {
	shards []cacheShard // a power of two
	purges atomic.Uint64
}

type cacheKey [sha256.Size]byte

type cacheShard struct {
	mu      sync.Mutex
	entries map[cacheKey]*cacheEntry
	order   expiryHeap
	bytes   int

	maxEntries, maxBytes int
	_                    [64]byte // shards don't share cache lines
}

type cacheEntry struct {
	key      cacheKey
	claims   *claims
	issuer   *issuer
	signer   memoEntry
	seen     atomic.Pointer[KeySet] // the last set signer was found in
	added    int64                  // µs
	deadline int64                  // µs; when the entry is of no use
	size     int
	index    int // in the heap
}

func newTokenCache(tokens int) *tokenCache {
	shards := 1
	for shards < 64 && shards*16 < tokens {
		shards *= 2
	}
	t := &tokenCache{shards: make([]cacheShard, shards)}
	for i := range t.shards {
		s := &t.shards[i]
		s.entries = make(map[cacheKey]*cacheEntry)
		s.maxEntries = tokens / shards
		if i < tokens%shards {
			s.maxEntries++
		}
		s.maxBytes = s.maxEntries * bytesPerToken
	}
	return t
}

// keyOf hashes from the stack: converting token to bytes would allocate.
// The usual token fits the smaller array, which is cheaper to clear.
func keyOf(token string) cacheKey {
	if len(token) <= 1536 {
		var buf [1536]byte
		return sha256.Sum256(buf[:copy(buf[:], token)])
	}
	var buf [maxCachedToken]byte
	return sha256.Sum256(buf[:copy(buf[:], token)])
}

func (t *tokenCache) shard(k *cacheKey) *cacheShard {
	return &t.shards[binary.LittleEndian.Uint32(k[:])&uint32(len(t.shards)-1)]
}

// lookup returns nil claims for a token that needs a cold verification.
func (t *tokenCache) lookup(token string, now time.Time) (*claims, *issuer, *Error) {
	if len(token) > maxCachedToken {
		return nil, nil, nil
	}
	k := keyOf(token)
	s := t.shard(&k)
	s.mu.Lock()
	e := s.entries[k]
	s.mu.Unlock()
	if e == nil {
		return nil, nil, nil
	}
	set, err := e.issuer.Keys.Current()
	if err != nil {
		return nil, nil, nil //nolint:nilerr // past their stale bound, keys serve no cached token: the cold path says so
	}
	if e.seen.Load() != set {
		// Not only gone: a key may also have become one of two candidates.
		k := set.find(e.signer.header.kid, e.signer.header.alg)
		if k == nil || k.identity != e.signer.key.identity {
			s.remove(e)
			return nil, nil, nil
		}
		e.seen.Store(set)
	}
	if age := now.UnixMicro() - e.added; age < 0 || age > maxCacheAge.Microseconds() {
		s.remove(e)
		return nil, nil, nil
	}
	if err := e.issuer.allowTime(&e.claims.times, now); err != nil {
		s.remove(e)
		return e.claims, e.issuer, err
	}
	return e.claims, e.issuer, nil
}

// store remembers a verdict. purges is the count from before the verification
// began: what was judged before an Invalidate must not outlive it.
func (t *tokenCache) store(token string, c *claims, is *issuer, signer memoEntry, now time.Time, purges uint64) {
	if len(token) > maxCachedToken {
		return
	}
	added := now.UnixMicro()
	e := &cacheEntry{
		key:      keyOf(token),
		claims:   c,
		issuer:   is,
		signer:   signer,
		added:    added,
		deadline: min(c.expires+is.leeway, added+maxCacheAge.Microseconds()),
		size:     entryOverhead + c.size(),
	}
	s := t.shard(&e.key)
	s.mu.Lock()
	defer s.mu.Unlock()
	if t.purges.Load() == purges {
		s.add(e)
	}
}

// size is what the claims keep alive.
func (c *claims) size() int {
	n := len(c.payload) + len(c.principal)
	if cap(c.members) > len(c.few) {
		n += cap(c.members) * memberSize
	}
	for _, l := range [][]string{c.audience, c.scopes, c.roles, c.permissions, c.groups} {
		n += cap(l) * stringSize
	}
	return n
}

// add is called under the lock.
func (s *cacheShard) add(e *cacheEntry) {
	if old := s.entries[e.key]; old != nil {
		s.drop(old)
	}
	if e.size > s.maxBytes || s.maxEntries == 0 {
		return
	}
	// The heap's first entry is the one that expires first, or has.
	for len(s.entries) >= s.maxEntries || s.bytes+e.size > s.maxBytes {
		s.drop(s.order[0])
	}
	s.entries[e.key] = e
	s.bytes += e.size
	heap.Push(&s.order, e)
}

func (s *cacheShard) remove(e *cacheEntry) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.entries[e.key] == e {
		s.drop(e)
	}
}

func (s *cacheShard) drop(e *cacheEntry) {
	delete(s.entries, e.key)
	s.bytes -= e.size
	heap.Remove(&s.order, e.index)
}

// invalidate removes the entries whose claims match.
func (t *tokenCache) invalidate(match func(Claims) bool) int {
	n := 0
	t.purges.Add(1) // before the first lock: later stores of earlier verdicts see it
	for i := range t.shards {
		s := &t.shards[i]
		s.mu.Lock()
		all := make([]*cacheEntry, 0, len(s.entries))
		for _, e := range s.entries {
			all = append(all, e)
		}
		s.mu.Unlock()
		for _, e := range all { // match is foreign code: not under the lock
			if match(Claims{e.claims}) {
				s.remove(e)
				n++
			}
		}
	}
	return n
}

// Invalidate forgets the remembered tokens whose claims match, and returns how
// many. Their next use is verified from the start, Check included. It does not
// revoke them: that is what [Config].Revoked is for.
func (v *Verifier) Invalidate(match func(Claims) bool) int {
	if v.cache == nil {
		return 0
	}
	return v.cache.invalidate(match)
}

// Purge forgets all remembered tokens.
func (v *Verifier) Purge() { v.Invalidate(func(Claims) bool { return true }) }

// expiryHeap orders entries by deadline, for container/heap.
type expiryHeap []*cacheEntry

func (h expiryHeap) Len() int           { return len(h) }
func (h expiryHeap) Less(i, j int) bool { return h[i].deadline < h[j].deadline }
func (h expiryHeap) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].index, h[j].index = i, j
}

func (h *expiryHeap) Push(x any) {
	e := x.(*cacheEntry)
	e.index = len(*h)
	*h = append(*h, e)
}

func (h *expiryHeap) Pop() any {
	old := *h
	e := old[len(old)-1]
	old[len(old)-1] = nil
	*h = old[:len(old)-1]
	return e
}
