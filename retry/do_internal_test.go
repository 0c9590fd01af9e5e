package retry

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"
)

// Where the wait and the context end at the same instant, the driver makes another
// attempt by chance. It finds the door closed.
func TestNoAttemptAfterTheEnd(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	last := errors.New("backend down")
	s := &series{policy: standard, ctx: ctx, attempts: 1, more: true, last: last, f: func(context.Context) error {
		t.Error("f ran")
		return nil
	}}
	require.Equal(t, errAgain, s.attempt())
	require.False(t, s.more)
	require.ErrorIs(t, s.result, context.Canceled)
	require.ErrorIs(t, s.result, last)
}
