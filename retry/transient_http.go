package retry

import (
	"errors"
	"net/http"
	"net/textproto"
	"strings"
)

// TransientHTTP reports whether what [http.RoundTripper.RoundTrip] returned may be
// better on the next try: the statuses
//
//	429 Too Many Requests     RFC 6585, section 4
//	502 Bad Gateway           RFC 9110, section 15.6.3
//	503 Service Unavailable   RFC 9110, section 15.6.4
//	504 Gateway Timeout       RFC 9110, section 15.6.5
//
// the errors of [TransientNet], and those of net/http that say that the server left:
// an idle connection closed as it was used, a header that broke off, GOAWAY, and
// streams ended by HTTP/2's REFUSED_STREAM, INTERNAL_ERROR or ENHANCE_YOUR_CALM. The
// response is not looked at if err is not nil. As with TransientNet, the request may
// have taken effect.
func TransientHTTP(resp *http.Response, err error) bool {
	if err != nil {
		return TransientNet(err) || serverLeft(err)
	}
	if resp == nil {
		return false
	}
	switch resp.StatusCode {
	case http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return true
	}
	return false
}

// streamError has the fields of net/http's own, unexported one, which fills any type
// with these through its As method: https://go.dev/issue/53896.
type streamError struct {
	StreamID uint32
	Code     uint32
	Cause    error
}

func (streamError) Error() string { return "HTTP/2 stream error" }

// The codes of RFC 9113, section 7, with which a server ends one stream for reasons of
// its own.
const (
	http2InternalError   = 0x2
	http2RefusedStream   = 0x7
	http2EnhanceYourCalm = 0xb
)

// serverLeft reports whether err is net/http's that the server closed the connection
// or the stream. Those about connections have no exported name; tests against real
// servers hold their texts.
func serverLeft(err error) bool {
	if stream, ok := errors.AsType[streamError](err); ok {
		switch stream.Code {
		case http2InternalError, http2RefusedStream, http2EnhanceYourCalm:
			return true
		}
		return false
	}
	// A header that broke off within a line looks malformed to net/textproto.
	if _, ok := errors.AsType[textproto.ProtocolError](err); ok {
		return true
	}
	text := err.Error()
	return strings.HasSuffix(text, "http: server closed idle connection") ||
		strings.Contains(text, "http2: server sent GOAWAY") ||
		strings.HasSuffix(text, "http2: client connection lost")
}
