package ratelimit_test

import (
	"context"
	"errors"
	"net/http"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rowhouse-go/rowhouse/ratelimit"
)

var errStore = errors.New("dial tcp: connection refused")

// A flaky store can be taken down.
type flaky struct {
	ratelimit.Store
	down atomic.Bool
}

func (f *flaky) Take(ctx context.Context, name, key string, limits ratelimit.Limits, n int) (ratelimit.Decision, error) {
	if f.down.Load() {
		return ratelimit.Decision{Allowed: true}, errStore // what a failed store says is not to be believed
	}
	return f.Store.Take(ctx, name, key, limits, n)
}

func (f *flaky) Reset(context.Context, string, string) error {
	if f.down.Load() {
		return errStore
	}
	return nil
}

func TestOutage(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		mode ratelimit.Outage
		want func(t *testing.T, l *ratelimit.Limiter)
	}{
		{ratelimit.FallbackLocal, func(t *testing.T, l *ratelimit.Limiter) {
			for _, allowed := range []bool{true, true, false} { // the whole quota again
				d, err := l.Allow(t.Context(), "k")
				require.NoError(t, err)
				require.Equal(t, allowed, d.Allowed)
				require.True(t, d.Degraded)
				require.Len(t, d.Limits, 1)
			}
		}},
		{ratelimit.FailOpen, func(t *testing.T, l *ratelimit.Limiter) {
			for range 10 {
				d, err := l.Allow(t.Context(), "k")
				require.NoError(t, err)
				require.Equal(t, ratelimit.Decision{Allowed: true, Degraded: true}, d)
			}
		}},
		{ratelimit.FailClosed, func(t *testing.T, l *ratelimit.Limiter) {
			d, err := l.Allow(t.Context(), "k")
			require.ErrorIs(t, err, ratelimit.ErrUnavailable)
			require.ErrorIs(t, err, errStore)
			require.ErrorContains(t, err, "test")
			requireStatus(t, err, http.StatusServiceUnavailable)
			require.Equal(t, ratelimit.Decision{}, d)
		}},
	} {
		t.Run(c.mode.String(), func(t *testing.T) {
			t.Parallel()
			store := &flaky{Store: ratelimit.NewMemory(nil)}
			var last ratelimit.Event
			l := mustNew(t, ratelimit.Limits{ratelimit.PerHour(2)}, &ratelimit.Options{
				Store: store, OnOutage: c.mode,
				Observe: func(_ context.Context, e ratelimit.Event) { last = e },
			})
			d, err := l.Allow(t.Context(), "k")
			require.NoError(t, err)
			require.False(t, d.Degraded)
			require.NoError(t, last.Err)

			store.down.Store(true)
			c.want(t, l)
			require.ErrorIs(t, last.Err, errStore)
			require.Equal(t, c.mode != ratelimit.FailClosed, last.Decision.Degraded)

			store.down.Store(false) // its count is what was charged to it
			d, err = l.Allow(t.Context(), "k")
			require.NoError(t, err)
			require.True(t, d.Allowed)
			require.False(t, d.Degraded)
			require.Zero(t, d.Remaining)
			require.NoError(t, last.Err)
		})
	}
}

// The end of the caller's context is no outage: who cancels must not pass.
func TestOutageIsNotTheCallersContext(t *testing.T) {
	t.Parallel()
	for _, mode := range []ratelimit.Outage{ratelimit.FallbackLocal, ratelimit.FailOpen, ratelimit.FailClosed} {
		t.Run(mode.String(), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				l := mustNew(t, ratelimit.Limits{ratelimit.PerHour(2)}, &ratelimit.Options{
					OnOutage: mode,
					Store: storeFunc(func(ctx context.Context, _, _ string, _ ratelimit.Limits, _ int) (ratelimit.Decision, error) {
						<-ctx.Done()
						return ratelimit.Decision{}, errors.Join(errStore, ctx.Err())
					}),
				})
				cancelled, cancel := context.WithCancel(t.Context())
				cancel()
				d, err := l.Allow(cancelled, "k")
				require.ErrorIs(t, err, context.Canceled)
				require.NotErrorIs(t, err, ratelimit.ErrUnavailable)
				require.False(t, d.Allowed)

				late, cancel := context.WithTimeout(t.Context(), time.Second)
				defer cancel()
				d, err = l.Allow(late, "k")
				require.ErrorIs(t, err, context.DeadlineExceeded)
				require.NotErrorIs(t, err, ratelimit.ErrUnavailable)
				require.False(t, d.Allowed)
			})
		})
	}
}

// A store's own deadline is one.
func TestOutageIsTheStoresDeadline(t *testing.T) {
	t.Parallel()
	l := mustNew(t, ratelimit.Limits{ratelimit.PerHour(2)}, &ratelimit.Options{
		OnOutage: ratelimit.FailClosed,
		Store: storeFunc(func(context.Context, string, string, ratelimit.Limits, int) (ratelimit.Decision, error) {
			return ratelimit.Decision{Allowed: true}, context.DeadlineExceeded
		}),
	})
	_, err := l.Allow(t.Context(), "k")
	require.ErrorIs(t, err, ratelimit.ErrUnavailable)
}

func TestResetInAnOutage(t *testing.T) {
	t.Parallel()
	store := &flaky{Store: ratelimit.NewMemory(nil)}
	l := mustNew(t, ratelimit.Limits{ratelimit.PerHour(2)}, &ratelimit.Options{Store: store})
	store.down.Store(true)
	requireAllows(t, l, "k", 2)
	err := l.Reset(t.Context(), "k")
	require.ErrorIs(t, err, ratelimit.ErrUnavailable)
	require.ErrorIs(t, err, errStore)
	requireAllows(t, l, "k", 2) // here it is reset
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	err = l.Reset(ctx, "k")
	require.ErrorIs(t, err, context.Canceled)
	require.NotErrorIs(t, err, ratelimit.ErrUnavailable)
}
