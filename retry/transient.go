package retry

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"io/fs"
	"net"
)

// TransientNet reports whether err is a failure of the network that may be gone on
// the next try. It looks through wrapped errors.
//
//	transient                                     not transient
//	connection refused, reset, aborted, EPIPE     certificate and TLS alert errors
//	host or network unreachable                   no such host (NXDOMAIN)
//	time-outs, an attempt's deadline among them   context.Canceled
//	DNS time-outs and SERVFAIL                    permission denied (EPERM, EACCES)
//	unexpected EOF; EOF in place of an answer     malformed addresses, unknown networks
//	                                              net.ErrClosed: it was closed on this side
//	                                              everything else
//
// It says nothing about whether the failed call took effect: a connection that is
// reset while the answer is awaited is transient, and repeating the call may repeat
// its effect.
func TransientNet(err error) bool {
	if err == nil || errors.Is(err, context.Canceled) || errors.Is(err, net.ErrClosed) || errors.Is(err, fs.ErrPermission) {
		return false
	}
	if _, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return false
	}
	if dns, ok := errors.AsType[*net.DNSError](err); ok {
		return !dns.IsNotFound && (dns.IsTimeout || dns.IsTemporary)
	}
	if t, ok := errors.AsType[timeouter](err); ok && t.Timeout() {
		return true
	}
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return true
	}
	op, ok := errors.AsType[*net.OpError](err)
	return ok && transientOp(op)
}

// timeouter is the part of [net.Error] that is not deprecated.
type timeouter interface {
	error
	Timeout() bool
}

// transientOp reports whether a failed operation of package net may do better next
// time. The list is of what can't, as the numbers of what can differ by platform.
func transientOp(op *net.OpError) bool {
	switch op.Op {
	case "remote error", "local error": // alerts of crypto/tls
		return false
	}
	switch op.Err.(type) { //nolint:errorlint // OpError itself holds these, nothing wraps them
	case *net.AddrError, *net.ParseError, net.UnknownNetworkError, net.InvalidAddrError:
		return false
	}
	return op.Err != nil
}

// dialFailed reports whether err is of a connection that was never made, so that
// nothing was sent on it. A proxy's dial is wrapped in an operation of its own. Errors
// that are joined it does not look into: another one may be of a request that was sent.
func dialFailed(err error) bool {
	for ; err != nil; err = errors.Unwrap(err) {
		if op, ok := err.(*net.OpError); ok && op.Op == "dial" { //nolint:errorlint // unwrapped one by one
			return true
		}
	}
	return false
}
