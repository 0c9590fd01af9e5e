package retry_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rowhouse-go/rowhouse/internal/bench/cpu"
)

var errDown = errors.New("down")

// succeed is the call that is measured: next to nothing.
func succeed(context.Context) error { return nil }

// bare is the name of the call without a library.
const bare = "bare call"

var direct = peer{bare, func(testing.TB, time.Duration) doFunc {
	return func(ctx context.Context, f func(context.Context) error) error { return f(ctx) }
}}

// Almost every call succeeds at once, and none of those should pay for the others.
func TestFirstTryAllocatesNothing(t *testing.T) { // not parallel: it counts the process's allocations
	ctx := t.Context()
	for _, p := range []peer{direct, peers[0], peers[1], breakers[0], breakers[1]} {
		do := p.make(t, 50*time.Millisecond)
		require.Zero(t, testing.AllocsPerRun(1000, func() {
			if err := do(ctx, succeed); err != nil {
				t.Fatal(err)
			}
		}), p.name)
	}
}

// BenchmarkFirstTry is a call that succeeds at once.
func BenchmarkFirstTry(b *testing.B) {
	ctx := b.Context()
	all := append([]peer{direct}, peers...)
	for _, p := range append(all, breakers...) {
		b.Run(p.name, func(b *testing.B) {
			do := p.make(b, 50*time.Millisecond)
			defer cpu.PerOp(b)()
			for b.Loop() {
				if err := do(ctx, succeed); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkParallel is the same by every processor at once, of what they share:
// ns/op is the time until the next success of them all.
func BenchmarkParallel(b *testing.B) {
	ctx := b.Context()
	all := append([]peer{direct}, peers...)
	for _, p := range append(all, breakers...) {
		b.Run(p.name, func(b *testing.B) {
			do := p.make(b, 50*time.Millisecond)
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					if err := do(ctx, succeed); err != nil {
						b.Error(err)
						return
					}
				}
			})
		})
	}
}
