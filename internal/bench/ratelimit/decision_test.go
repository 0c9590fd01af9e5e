package ratelimit_test

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/rowhouse-go/rowhouse/internal/bench/cpu"
)

// key returns the i-th of 2^24 keys: an address.
func key(i int) string {
	return netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)}).String()
}

// keys returns n keys that lie one behind the other in memory, as the key of a
// request lies in the processor's cache when its turn comes: what a benchmark
// that visits them in order waits for is the library's own memory.
func keys(n int) []string {
	ends := make([]int, n)
	var all strings.Builder
	for i := range n {
		all.WriteString(key(i))
		ends[i] = all.Len()
	}
	found, begin := make([]string, n), 0
	for i, end := range ends {
		found[i], begin = all.String()[begin:end], end
	}
	return found
}

// seen has take see every key, in an order of its own.
func seen(b *testing.B, take takeFunc, keys []string) {
	b.Helper()
	for _, i := range rand.New(rand.NewPCG(1, 2)).Perm(len(keys)) {
		if !take(keys[i]) {
			b.Fatal("refused")
		}
	}
}

// What is compared decides alike: as many as the quota, no more, each key for
// itself.
func TestPeersDecideAlike(t *testing.T) {
	t.Parallel()
	for _, p := range peers {
		t.Run(p.name, func(t *testing.T) {
			t.Parallel()
			q := quota{10, plenty.window}
			if p.name == "tollbooth v8.0.1" {
				q.n = 1 // a second is the only window it has
			}
			take := p.make(t, q)
			for _, k := range []string{"a", "b"} {
				for i := range q.n {
					require.True(t, take(k), "%s: %d", k, i)
				}
				require.False(t, take(k), k)
			}
		})
	}
}

// BenchmarkDecision is one decision that lets a request pass, with so many keys
// in turn.
func BenchmarkDecision(b *testing.B) {
	for _, n := range []int{1, 10_000, 1_000_000} {
		keys := keys(n)
		for _, p := range peers {
			b.Run(fmt.Sprintf("%d/%s", n, p.name), func(b *testing.B) {
				take := p.make(b, plenty)
				seen(b, take, keys)
				i := 0
				b.ResetTimer()
				defer cpu.PerOp(b)()
				for b.Loop() {
					if !take(keys[i]) {
						b.Fatal("refused")
					}
					if i++; i == n {
						i = 0
					}
				}
			})
		}
	}
}

// inTurn has all processors take the keys in turn, each from another place on.
func inTurn(b *testing.B, take func(string) bool, keys []string) {
	b.Helper()
	n := len(keys)
	var begin atomic.Int64
	b.RunParallel(func(pb *testing.PB) {
		i := int(begin.Add(int64(n/7))) % n
		for pb.Next() {
			if !take(keys[i]) {
				b.Error("refused")
				return
			}
			if i++; i == n {
				i = 0
			}
		}
	})
}

// BenchmarkParallel is the same by every processor at once: ns/op is what counts
// here, the time until the next decision of them all.
func BenchmarkParallel(b *testing.B) {
	const n = 10_000
	keys := keys(n)
	for _, p := range peers {
		b.Run(p.name, func(b *testing.B) {
			take := p.make(b, plenty)
			seen(b, take, keys)
			b.ResetTimer()
			inTurn(b, take, keys)
		})
	}
}
