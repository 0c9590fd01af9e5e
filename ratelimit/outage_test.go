package ratelimit_test

import (
	"context"
	"errors"
	"sync/atomic"

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
