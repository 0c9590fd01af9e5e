package retry_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"database/sql"
	sqldriver "database/sql/driver"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/rowhouse-go/rowhouse/retry"
)

// op is the error of an operation of package net.
func op(name string, err error) error {
	return &url.Error{Op: "Get", URL: "http://example.com", Err: &net.OpError{Op: name, Net: "tcp", Err: err}}
}

func TestTransientNet(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		err  error
		want bool
	}{
		"refused":               {op("dial", os.NewSyscallError("connect", syscall.ECONNREFUSED)), true},
		"reset":                 {op("read", os.NewSyscallError("read", syscall.ECONNRESET)), true},
		"broken pipe":           {op("write", os.NewSyscallError("write", syscall.EPIPE)), true},
		"aborted":               {op("read", syscall.ECONNABORTED), true},
		"host unreachable":      {op("dial", syscall.EHOSTUNREACH), true},
		"network unreachable":   {op("dial", syscall.ENETUNREACH), true},
		"kernel's time-out":     {op("read", syscall.ETIMEDOUT), true},
		"deadline of a socket":  {op("read", os.ErrDeadlineExceeded), true},
		"an attempt's deadline": {fmt.Errorf("get: %w", context.DeadlineExceeded), true},
		"unexpected EOF":        {fmt.Errorf("read: %w", io.ErrUnexpectedEOF), true},
		"EOF for an answer":     {&url.Error{Op: "Get", Err: io.EOF}, true},
		"DNS time-out":          {op("dial", &net.DNSError{Err: "i/o timeout", IsTimeout: true}), true},
		"DNS SERVFAIL":          {op("dial", &net.DNSError{Err: "server misbehaving", IsTemporary: true}), true},

		"nil":               {nil, false},
		"canceled":          {op("dial", context.Canceled), false},
		"canceled, wrapped": {fmt.Errorf("%w: %w", context.Canceled, io.ErrUnexpectedEOF), false},
		"no such host":      {op("dial", &net.DNSError{Err: "no such host", IsNotFound: true}), false},
		"another DNS error": {op("dial", &net.DNSError{Err: "unrecognized address"}), false},
		"closed here":       {op("read", net.ErrClosed), false},
		"permission":        {op("dial", os.NewSyscallError("connect", syscall.EPERM)), false},
		"TLS alert":         {op("remote error", tls.AlertError(42)), false},
		"unknown authority": {&tls.CertificateVerificationError{Err: x509.UnknownAuthorityError{}}, false},
		"not TLS":           {tls.RecordHeaderError{Msg: "first record does not look like a TLS handshake"}, false},
		"malformed address": {op("dial", &net.AddrError{Err: "missing port in address", Addr: "x"}), false},
		"unknown network":   {op("dial", net.UnknownNetworkError("tpc")), false},
		"anything else":     {errors.New("unsupported protocol scheme"), false},
	} {
		require.Equal(t, test.want, retry.TransientNet(test.err), name)
	}
}

// What the operating system and the resolver say, not what this test thinks they say.
func TestTransientNetReal(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, l.Close())
	var dialer net.Dialer
	_, err = dialer.DialContext(t.Context(), "tcp", l.Addr().String())
	require.Error(t, err)
	require.True(t, retry.TransientNet(err), err)

	for _, address := range []string{"127.0.0.1", "127.0.0.1:99999", "[::1%:1"} {
		_, err = dialer.DialContext(t.Context(), "tcp", address)
		require.Error(t, err)
		require.False(t, retry.TransientNet(err), err)
	}
	_, err = dialer.DialContext(t.Context(), "tpc", "127.0.0.1:1")
	require.False(t, retry.TransientNet(err), err)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = dialer.DialContext(ctx, "tcp", l.Addr().String())
	require.False(t, retry.TransientNet(err), err)
}

func TestTransientHTTP(t *testing.T) {
	t.Parallel()
	transient := map[int]bool{429: true, 502: true, 503: true, 504: true}
	for status := 100; status < 600; status++ {
		require.Equal(t, transient[status], retry.TransientHTTP(&http.Response{StatusCode: status}, nil), status)
	}
	require.False(t, retry.TransientHTTP(nil, nil))
	require.True(t, retry.TransientHTTP(nil, op("dial", syscall.ECONNREFUSED)))
	require.False(t, retry.TransientHTTP(&http.Response{StatusCode: http.StatusServiceUnavailable}, errors.New("no")), "the error counts")
	require.False(t, retry.TransientHTTP(nil, context.Canceled))
}

type pgError struct{ state string }

func (e pgError) Error() string    { return "SQLSTATE " + e.state }
func (e pgError) SQLState() string { return e.state }

type sqliteError struct{ code int }

func (e sqliteError) Error() string { return fmt.Sprint("SQLite code ", e.code) }
func (e sqliteError) Code() int     { return e.code }

type unsentError struct{ unsent bool }

func (e unsentError) Error() string     { return "write failed" }
func (e unsentError) SafeToRetry() bool { return e.unsent }

func TestTransientSQL(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		err  error
		want bool
	}{
		{pgError{"40001"}, true},
		{pgError{"40P01"}, true},
		{pgError{"08000"}, true},
		{pgError{"08006"}, true},
		{pgError{"57P01"}, true},
		{pgError{"57P02"}, true},
		{pgError{"57P03"}, true},
		{pgError{"53300"}, true},
		{sqliteError{5}, true},
		{sqliteError{6}, true},
		{sqliteError{261}, true}, // BUSY_RECOVERY
		{sqliteError{517}, true}, // BUSY_SNAPSHOT
		{sqliteError{262}, true}, // LOCKED_SHAREDCACHE
		{unsentError{true}, true},
		{fmt.Errorf("x: %w", sqldriver.ErrBadConn), true},
		{op("read", syscall.ECONNRESET), true},
		{fmt.Errorf("x: %w", io.ErrUnexpectedEOF), true},

		{nil, false},
		{pgError{"40000"}, false},
		{pgError{"40002"}, false},
		{pgError{"40003"}, false}, // statement completion unknown
		{pgError{"57014"}, false}, // query canceled
		{pgError{"57P04"}, false}, // database dropped
		{pgError{"53100"}, false}, // disk full
		{pgError{"23505"}, false},
		{pgError{""}, false},
		{pgError{"0"}, false},
		{sqliteError{19}, false},
		{sqliteError{2067}, false}, // CONSTRAINT_UNIQUE
		{sqliteError{0}, false},
		{sqliteError{-1}, false},
		{unsentError{false}, false},
		{sql.ErrNoRows, false},
		{sql.ErrTxDone, false},
		{context.Canceled, false},
		{errors.New("40001"), false},
	} {
		require.Equal(t, test.want, retry.TransientSQL(test.err), "%v", test.err)
		if test.err != nil {
			require.Equal(t, test.want, retry.TransientSQL(fmt.Errorf("orders: %w", test.err)), "%v wrapped", test.err)
		}
	}
}
