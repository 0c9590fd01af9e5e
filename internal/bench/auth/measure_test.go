package auth_test

import (
	"testing"

	"github.com/rowhouse-go/rowhouse/internal/bench/cpu"
)

// measure runs op until the benchmark has enough of it, and reports its CPU time.
func measure(b *testing.B, op func()) {
	b.Helper()
	op() // fetches keys, fills caches
	defer cpu.PerOp(b)()
	for b.Loop() {
		op()
	}
}
