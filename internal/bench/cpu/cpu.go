//go:build unix

// Package cpu measures the CPU time of the whole process: what other threads spend,
// the garbage collector's above all, counts, and what other processes take does not.
package cpu

import (
	"syscall"
	"testing"
	"time"
)

// PerOp starts counting for b, and returns what ends it and reports cpu-ns/op.
func PerOp(b *testing.B) func() {
	b.ReportAllocs()
	start := Time(b)
	return func() { b.ReportMetric(float64(Time(b)-start)/float64(b.N), "cpu-ns/op") }
}

// Time is what the process has taken so far.
func Time(b *testing.B) time.Duration {
	b.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
