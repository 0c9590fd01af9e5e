//go:build unix

package auth_test

import (
	"syscall"
	"testing"
	"time"
)

// measure runs op until the benchmark has enough of it, and reports the CPU time
// of the whole process: what other threads spend for it, the garbage
// collector's above all, counts, and what other processes take does not.
func measure(b *testing.B, op func()) {
	b.Helper()
	b.ReportAllocs()
	op() // fetches keys, fills caches
	start := cpu(b)
	for b.Loop() {
		op()
	}
	b.ReportMetric(float64(cpu(b)-start)/float64(b.N), "cpu-ns/op")
}

func cpu(b *testing.B) time.Duration {
	b.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
