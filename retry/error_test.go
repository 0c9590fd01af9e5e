package retry_test

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/url"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/rowhouse-go/rowhouse/retry"
)

func TestErrorText(t *testing.T) {
	t.Parallel()
	tests := map[string]*retry.Error{
		"retry: attempts exhausted after 3 attempts: backend down": {Attempts: 3, Last: errBackend, Reason: retry.ErrExhausted},
		"retry: budget spent after 1 attempt: backend down":        {Attempts: 1, Last: errBackend, Reason: retry.ErrBudget},
		"retry: breaker open": {Reason: retry.ErrBreakerOpen},
		"retry: context canceled after 2 attempts: backend down":              {Attempts: 2, Last: errBackend, Reason: context.Canceled},
		"retry: no time left after 2 attempts: backend down; backend down":    {Attempts: 2, Last: errors.Join(errBackend, errBackend), Reason: retry.ErrDeadline},
		"retry: no time left after 2 attempts: retry: breaker open: no route": {Attempts: 2, Last: &retry.Error{Reason: retry.ErrBreakerOpen, Last: errors.New("no route")}, Reason: retry.ErrDeadline},
	}
	for want, err := range tests {
		require.Equal(t, want, err.Error())
	}
}

func TestErrorMatches(t *testing.T) {
	t.Parallel()
	err := error(&retry.Error{Attempts: 2, Last: &numbered{2}, Reason: retry.ErrBudget})
	require.ErrorIs(t, err, retry.ErrBudget)
	require.NotErrorIs(t, err, retry.ErrExhausted)
	last, ok := errors.AsType[*numbered](err)
	require.True(t, ok)
	require.Equal(t, 2, last.n)

	never := error(&retry.Error{Reason: retry.ErrBreakerOpen})
	require.ErrorIs(t, never, retry.ErrBreakerOpen)
	_, ok = errors.AsType[*numbered](never)
	require.False(t, ok)
}

func TestErrorStatus(t *testing.T) {
	t.Parallel()
	type statused interface {
		error
		HTTPStatus() int
	}
	for _, err := range []error{
		retry.ErrExhausted, retry.ErrBudget, retry.ErrDeadline, retry.ErrBreakerOpen, &retry.Error{Reason: context.Canceled},
	} {
		s, ok := errors.AsType[statused](err)
		require.True(t, ok)
		require.Equal(t, http.StatusServiceUnavailable, s.HTTPStatus())
	}
}

func TestErrorTimeout(t *testing.T) {
	t.Parallel()
	tests := []struct {
		reason, last error
		want         bool
	}{
		{retry.ErrExhausted, errBackend, false},
		{retry.ErrBreakerOpen, nil, false},
		{context.Canceled, errBackend, false},
		{retry.ErrDeadline, errBackend, true},
		{context.DeadlineExceeded, errBackend, true},
		{retry.ErrExhausted, context.DeadlineExceeded, true},
		{retry.ErrExhausted, &net.DNSError{IsTimeout: true}, true},
		{retry.ErrExhausted, &net.DNSError{}, false},
	}
	for _, test := range tests {
		err := &url.Error{Op: "Get", URL: "http://backend", Err: &retry.Error{Attempts: 1, Reason: test.reason, Last: test.last}}
		require.Equal(t, test.want, err.Timeout(), "%v", err)
	}
}
