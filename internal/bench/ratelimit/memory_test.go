package ratelimit_test

import (
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rowhouse-go/rowhouse/internal/bench/cpu"
)

// heap returns how many bytes of the heap are in use.
func heap() uint64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC() // what the first one's finalizers freed
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// held fills p's limiter with n keys that all have something to remember, and
// returns how many bytes they keep. Each key is a string of its own, as that of
// a request: a library that keeps it pays for it.
func held(t testing.TB, p peer, n int) (take takeFunc, bytes uint64) {
	t.Helper()
	before := heap()
	take = p.make(t, quota{60, time.Hour}) // a unit is missed for a minute
	for i := range n {
		if !take(key(i)) {
			t.Fatalf("key %d: refused", i)
		}
	}
	return take, heap() - before
}

// keptOfPassers sends p n keys that come once and never again, 10,000 a second,
// under "100/minute; 2000/hour" (the peers: "100/minute"), and returns how many
// bytes are kept at the end. All of it happens a hundred times faster: a minute
// takes 600 ms, and with it whatever p does once in so many seconds.
func keptOfPassers(t testing.TB, p peer, n int) uint64 {
	t.Helper()
	before := heap()
	take := p.make(t, quota{100, 600 * time.Millisecond})
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for i := range n {
		if i%1000 == 0 {
			<-tick.C
		}
		if !take(key(i)) {
			t.Fatalf("key %d: refused", i)
		}
	}
	kept := heap() - before
	runtime.KeepAlive(take)
	return kept
}

func TestBytesPerKey(t *testing.T) {
	const n = 1_000_000
	take, bytes := held(t, peers[0], n)
	t.Logf("%d bytes a key", bytes/n)
	require.LessOrEqual(t, bytes/n, uint64(64))
	runtime.KeepAlive(take)
}

func TestKeptOfPassers(t *testing.T) {
	kept := keptOfPassers(t, peers[0], 2_000_000)
	t.Logf("%.1f MB", float64(kept)/(1<<20))
	require.LessOrEqual(t, kept, uint64(16<<20))
}

// BenchmarkHeld is what a million keys keep and what a garbage collection takes
// that finds them.
func BenchmarkHeld(b *testing.B) {
	const n = 1_000_000
	for _, p := range peers {
		b.Run(p.name, func(b *testing.B) {
			for b.Loop() {
				take, bytes := held(b, p, n)
				start := cpu.Time(b)
				const collections = 5
				for range collections {
					runtime.GC()
				}
				b.ReportMetric(float64(cpu.Time(b)-start)/collections, "gc-ns")
				b.ReportMetric(float64(bytes)/n, "B/key")
				runtime.KeepAlive(take)
			}
		})
	}
}

// BenchmarkPassers is what two million keys leave behind.
func BenchmarkPassers(b *testing.B) {
	for _, p := range peers {
		b.Run(p.name, func(b *testing.B) {
			for b.Loop() {
				b.ReportMetric(float64(keptOfPassers(b, p, 2_000_000)), "kept-B")
			}
		})
	}
}
