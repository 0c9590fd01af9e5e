//go:build unix

package retry_test

import (
	"syscall"
	"testing"
	"time"
)

// cpuTime starts counting the CPU time of the whole process, and returns what
// ends and reports it: the garbage collector's threads count, other processes
// do not.
func cpuTime(b *testing.B) func() {
	b.ReportAllocs()
	start := cpu(b)
	return func() { b.ReportMetric(float64(cpu(b)-start)/float64(b.N), "cpu-ns/op") }
}

func cpu(b *testing.B) time.Duration {
	b.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
