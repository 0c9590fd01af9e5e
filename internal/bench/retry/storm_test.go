package retry_test

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const stormCalls = 1000

// storm makes 1,000 calls, 50 at a time, through three services that each retry the
// next, the last of them a backend that is down, and returns how often that is
// called. It fails after wait.
func storm(t testing.TB, p peer, wait time.Duration) int64 {
	t.Helper()
	var hits atomic.Int64
	call := func(context.Context) error {
		hits.Add(1)
		if wait > 0 {
			<-time.After(wait)
		}
		return errDown
	}
	for range 3 {
		do, next := p.make(t, 0), call // each service has a policy of its own
		call = func(ctx context.Context) error { return do(ctx, next) }
	}
	var callers sync.WaitGroup
	for range 50 {
		callers.Go(func() {
			for range stormCalls / 50 {
				if call(t.Context()) == nil {
					t.Error("the backend is down")
				}
			}
		})
	}
	callers.Wait()
	return hits.Load()
}

func TestStorm(t *testing.T) {
	t.Parallel()
	require.Equal(t, int64(27*stormCalls), storm(t, peers[0], 0), "three times three times three")
	require.LessOrEqual(t, storm(t, peers[1], 0), int64(1.2*stormCalls), "with a budget in each service")
}

// BenchmarkStorm counts what a dead backend that takes a millisecond to say so is
// called for each call.
func BenchmarkStorm(b *testing.B) {
	for _, p := range append([]peer{direct}, peers...) {
		b.Run(p.name, func(b *testing.B) {
			for b.Loop() {
				b.ReportMetric(float64(storm(b, p, time.Millisecond))/stormCalls, "hits/call")
			}
		})
	}
}
