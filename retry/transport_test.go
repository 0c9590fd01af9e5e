package retry_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rowhouse-go/rowhouse/retry"
)

func TestTransportWhatIsRepeated(t *testing.T) {
	t.Parallel()
	methods := []string{"GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE", "POST", "PATCH", "CONNECT", "PROPFIND", "get"}
	safe := map[string]bool{"GET": true, "HEAD": true, "OPTIONS": true, "TRACE": true, "PUT": true, "DELETE": true}
	noName := &net.OpError{Op: "dial", Err: &net.DNSError{Err: "no such host", IsNotFound: true}}
	for _, method := range methods {
		for name, test := range map[string]struct {
			base  *fakeBase
			times func(idempotent bool) int
		}{
			"200":           {answering(200), func(bool) int { return 1 }},
			"404":           {answering(404), func(bool) int { return 1 }},
			"500":           {answering(500), func(bool) int { return 1 }},
			"429":           {answering(429), thrice},
			"502":           {answering(502), thrice},
			"503":           {answering(503), thrice},
			"504":           {answering(504), thrice},
			"reset":         {downBase(errReset), thrice},
			"refused":       {downBase(errRefused), func(bool) int { return 3 }},
			"proxy refused": {downBase(&net.OpError{Op: "proxyconnect", Err: errRefused}), func(bool) int { return 3 }},
			"joined":        {downBase(errors.Join(errRefused, errReset)), thrice}, // a base that tried twice
			"no such host":  {downBase(noName), func(bool) int { return 1 }},
			"other error":   {downBase(errors.New("unsupported protocol scheme")), func(bool) int { return 1 }},
		} {
			for _, key := range []bool{false, true} {
				for _, body := range []string{"none", "replayable", "stream"} {
					base := &fakeBase{answer: test.base.answer}
					var reader io.Reader
					switch body {
					case "replayable":
						reader = strings.NewReader("hello")
					case "stream":
						reader = io.MultiReader(strings.NewReader("hello"))
					}
					req := request(t, method, reader)
					if key {
						req.Header.Set("Idempotency-Key", "k")
					}
					want := test.times(safe[method] || key)
					if body == "stream" {
						want = 1
					}
					resp, err := retry.NewTransport(base, &retry.TransportOptions{Policy: eager}).RoundTrip(req)
					require.Equal(t, want, base.sent, "%s, %s, key %v, body %s", method, name, key, body)
					if body != "none" {
						for _, text := range base.bodies {
							require.Equal(t, "hello", text)
						}
						require.Len(t, base.bodies, want)
					}
					if resp != nil {
						require.NoError(t, err)
						text, err := io.ReadAll(resp.Body)
						require.NoError(t, err, "the last response can be read")
						require.Equal(t, http.StatusText(resp.StatusCode), string(text))
						require.Equal(t, 1, base.left)
						require.NoError(t, resp.Body.Close())
					} else {
						require.Error(t, err)
					}
					require.Zero(t, base.left, "bodies left open")
				}
			}
		}
	}
}

func thrice(idempotent bool) int {
	if idempotent {
		return 3
	}
	return 1
}

func TestTransportRetry500(t *testing.T) {
	t.Parallel()
	for method, want := range map[string]int{"GET": 3, "POST": 1} {
		base := answering(500)
		resp, err := retry.NewTransport(base, &retry.TransportOptions{Policy: eager, Retry500: true}).RoundTrip(request(t, method, nil))
		require.NoError(t, err)
		require.NoError(t, resp.Body.Close())
		require.Equal(t, want, base.sent, method)
	}
}

// As in net/http, the presence of the field counts: an empty slice is not sent.
func TestTransportIdempotencyKeyUnsent(t *testing.T) {
	t.Parallel()
	base := answering(503)
	req := request(t, "POST", nil)
	req.Header["Idempotency-Key"] = []string{}
	resp, err := retry.NewTransport(base, &retry.TransportOptions{Policy: eager}).RoundTrip(req)
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	require.Equal(t, 3, base.sent)
}

func TestTransportErrors(t *testing.T) {
	t.Parallel()
	rt := retry.NewTransport(downBase(errReset), &retry.TransportOptions{Policy: eager})
	_, err := rt.RoundTrip(request(t, "GET", nil))
	require.ErrorIs(t, err, retry.ErrExhausted)
	require.ErrorIs(t, err, syscall.ECONNRESET)
	ended, ok := errors.AsType[*retry.Error](err)
	require.True(t, ok)
	require.Equal(t, 3, ended.Attempts)

	_, err = rt.RoundTrip(request(t, "POST", nil))
	require.Same(t, errReset, err, "what is not retried is returned as it is")

	_, err = retry.NewTransport(answering(503), &retry.TransportOptions{Policy: &retry.Policy{Base: -1, Jitter: 9}}).
		RoundTrip(request(t, "GET", nil))
	require.ErrorContains(t, err, "Policy.Jitter")
	_, err = retry.NewTransport(answering(503), &retry.TransportOptions{Policy: &retry.Policy{AttemptTimeout: -1}}).
		RoundTrip(request(t, "GET", nil))
	require.ErrorContains(t, err, "Policy.AttemptTimeout")
	base := answering(503)
	_, err = retry.NewTransport(base, &retry.TransportOptions{Breaker: &retry.BreakerOptions{OpenFor: -1}}).RoundTrip(request(t, "GET", nil))
	require.ErrorContains(t, err, "BreakerOptions.OpenFor")
	require.Zero(t, base.sent)
}

func TestTransportRetryable(t *testing.T) {
	t.Parallel()
	odd := errors.New("odd")
	policy := &retry.Policy{Base: -1, Retryable: func(err error) bool { return errors.Is(err, odd) }}
	for _, test := range []struct {
		method string
		base   *fakeBase
		want   int
	}{
		{"GET", downBase(odd), 3},
		{"POST", downBase(odd), 1},
		{"GET", downBase(errReset), 1},
		{"GET", answering(503), 3},
	} {
		resp, _ := retry.NewTransport(test.base, &retry.TransportOptions{Policy: policy}).RoundTrip(request(t, test.method, nil))
		if resp != nil {
			require.NoError(t, resp.Body.Close())
		}
		require.Equal(t, test.want, test.base.sent)
	}
}

func TestTransportWaits(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		policy retry.Policy
		fields []string
		least  time.Duration
		most   time.Duration
		sent   int
	}{
		"backoff":         {retry.Policy{Jitter: retry.NoJitter}, nil, 150 * time.Millisecond, 150 * time.Millisecond, 3},
		"seconds":         {retry.Policy{Jitter: retry.NoJitter}, []string{"Retry-After", "7"}, 14 * time.Second, 14 * time.Second, 3},
		"jitter on top":   {retry.Policy{}, []string{"Retry-After", "7"}, 14 * time.Second, 14*time.Second + 150*time.Millisecond, 3},
		"at the cap":      {retry.Policy{Jitter: retry.NoJitter}, []string{"Retry-After", "20"}, 40 * time.Second, 40 * time.Second, 3},
		"beyond the cap":  {retry.Policy{}, []string{"Retry-After", "21"}, 0, 0, 1},
		"400 days":        {retry.Policy{}, []string{"Retry-After", "34560000"}, 0, 0, 1},
		"no duration":     {retry.Policy{}, []string{"Retry-After", "99999999999999999999"}, 0, 0, 1},
		"negative":        {retry.Policy{Jitter: retry.NoJitter}, []string{"Retry-After", "-7"}, 150 * time.Millisecond, 150 * time.Millisecond, 3},
		"garbage":         {retry.Policy{Jitter: retry.NoJitter}, []string{"Retry-After", "a while"}, 150 * time.Millisecond, 150 * time.Millisecond, 3},
		"date":            {retry.Policy{Jitter: retry.NoJitter}, []string{"Retry-After", "Sun, 01 Mar 2026 12:00:05 GMT", "Date", "Sun, 01 Mar 2026 12:00:00 GMT"}, 10 * time.Second, 10 * time.Second, 3},
		"a raised cap":    {retry.Policy{Max: time.Hour, Jitter: retry.NoJitter}, []string{"Retry-After", "1800"}, time.Hour, time.Hour, 3},
		"beyond the time": {retry.Policy{MaxElapsed: 10 * time.Second, Jitter: retry.NoJitter}, []string{"Retry-After", "7"}, 7 * time.Second, 7 * time.Second, 2},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				base := answering(503, test.fields...)
				start := time.Now()
				resp, err := retry.NewTransport(base, &retry.TransportOptions{Policy: &test.policy}).RoundTrip(request(t, "GET", nil))
				require.NoError(t, err, "the last response is returned")
				require.Equal(t, 503, resp.StatusCode)
				require.NoError(t, resp.Body.Close())
				require.Equal(t, test.sent, base.sent)
				elapsed := time.Since(start)
				require.GreaterOrEqual(t, elapsed, test.least)
				require.LessOrEqual(t, elapsed, test.most)
				require.Zero(t, base.left)
			})
		})
	}
}

func TestTransportContext(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		base := answering(503, "Retry-After", "10")
		rt := retry.NewTransport(base, nil)

		// A wait that does not fit ends now, with the response.
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		start := time.Now()
		resp, err := rt.RoundTrip(request(t, "GET", nil).WithContext(ctx))
		require.NoError(t, err)
		require.NoError(t, resp.Body.Close())
		require.Zero(t, time.Since(start))
		require.Equal(t, 1, base.sent)
		cancel()

		// A context that ends in the wait is the error, and the response is closed.
		ctx, cancel = context.WithCancel(t.Context())
		time.AfterFunc(3*time.Second, cancel)
		resp, err = rt.RoundTrip(request(t, "GET", nil).WithContext(ctx))
		require.ErrorIs(t, err, context.Canceled)
		require.Nil(t, resp)
		require.Equal(t, 3*time.Second, time.Since(start))
		require.Equal(t, 2, base.sent)
		require.Zero(t, base.left)

		// One that ends as an answer comes takes nothing from the caller, and makes no
		// other error of what net/http says.
		for _, answer := range []*fakeBase{answering(503), downBase(context.DeadlineExceeded)} {
			ending, cancel := context.WithCancel(t.Context())
			once := retry.NewTransport(answer, &retry.TransportOptions{
				Observe: func(context.Context, retry.Exchange) { cancel() },
			})
			resp, err = once.RoundTrip(request(t, "GET", nil).WithContext(ending))
			require.Equal(t, 1, answer.sent)
			if err != nil {
				require.Equal(t, context.DeadlineExceeded, err)
				continue
			}
			require.Equal(t, 503, resp.StatusCode)
			require.NoError(t, resp.Body.Close())
			require.Zero(t, answer.left)
		}

		// A context that is done already sends nothing, and the body is closed.
		req := request(t, "PUT", nil).WithContext(ctx)
		body := &closeCounter{Reader: strings.NewReader("x")}
		req.Body = body
		_, err = rt.RoundTrip(req)
		require.ErrorIs(t, err, context.Canceled)
		require.Equal(t, 2, base.sent)
		require.Equal(t, 1, body.closed)
	})
}

type closeCounter struct {
	io.Reader
	closed int
}

func (c *closeCounter) Close() error { c.closed++; return nil }

func TestTransportUpgrade(t *testing.T) {
	t.Parallel()
	base := answering(503)
	req := request(t, "GET", nil)
	req.Header.Set("Upgrade", "websocket")
	resp, err := retry.NewTransport(base, &retry.TransportOptions{Policy: eager}).RoundTrip(req)
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	require.Equal(t, 1, base.sent)
}

func TestTransportBody(t *testing.T) {
	t.Parallel()
	base := answering(503)
	rt := retry.NewTransport(base, &retry.TransportOptions{Policy: eager})

	// A body that can't be had again ends with an error: the response has made room.
	req := request(t, "PUT", strings.NewReader("x"))
	lost := errors.New("file is gone")
	req.GetBody = func() (io.ReadCloser, error) { return nil, lost }
	_, err := rt.RoundTrip(req)
	require.ErrorIs(t, err, lost)
	require.ErrorContains(t, err, "HTTP status 503")
	require.Equal(t, 1, base.sent)
	require.Zero(t, base.left)

	req = request(t, "PUT", strings.NewReader("x"))
	req.GetBody = func() (io.ReadCloser, error) { return nil, lost }
	_, err = retry.NewTransport(downBase(errReset), &retry.TransportOptions{Policy: eager}).RoundTrip(req)
	require.ErrorIs(t, err, lost)
	require.ErrorIs(t, err, syscall.ECONNRESET)
}

// What is sent again is what was sent: a GetBody whose body was taken away has no say.
func TestTransportBodyTakenAway(t *testing.T) {
	t.Parallel()
	for _, body := range []io.ReadCloser{nil, http.NoBody} {
		base := answering(503)
		req := request(t, "PUT", strings.NewReader("x"))
		req.Body, req.ContentLength = body, 0
		resp, err := retry.NewTransport(base, &retry.TransportOptions{Policy: eager}).RoundTrip(req)
		require.NoError(t, err)
		require.NoError(t, resp.Body.Close())
		require.Equal(t, 3, base.sent)
		require.Empty(t, strings.Join(base.bodies, ""))
	}
}

func TestTransportFields(t *testing.T) {
	t.Parallel()
	type key struct{}
	for name, test := range map[string]struct {
		id            string
		header        http.Header
		wantID, agent []string
	}{
		"both":                 {"r-1", http.Header{}, []string{"r-1"}, []string{"svc/2"}},
		"appended":             {"", http.Header{"User-Agent": {"app/1"}}, nil, []string{"app/1 svc/2"}},
		"suppressed":           {"", http.Header{"User-Agent": {""}}, nil, []string{""}},
		"suppressed otherwise": {"", http.Header{"User-Agent": nil}, nil, nil},
		"has an id":            {"r-1", http.Header{"X-Request-Id": {"own"}}, []string{"own"}, []string{"svc/2"}},
		"CR and LF":            {"r\r\nX-Admin: yes", http.Header{}, nil, []string{"svc/2"}},
		"no ASCII":             {"été", http.Header{}, nil, []string{"svc/2"}},
		"128 bytes":            {strings.Repeat("x", 128), http.Header{}, []string{strings.Repeat("x", 128)}, []string{"svc/2"}},
		"129 bytes":            {strings.Repeat("x", 129), http.Header{}, nil, []string{"svc/2"}},
	} {
		var seen []http.Header
		base := &fakeBase{answer: func(_ int, req *http.Request) (*http.Response, error) {
			seen = append(seen, req.Header)
			return status(503), nil
		}}
		rt := retry.NewTransport(base, &retry.TransportOptions{
			Policy: eager, UserAgent: "svc/2",
			RequestID: func(ctx context.Context) string { id, _ := ctx.Value(key{}).(string); return id },
		})
		req := request(t, "GET", nil).WithContext(context.WithValue(t.Context(), key{}, test.id))
		req.Header = test.header.Clone()
		before := *req
		resp, err := rt.RoundTrip(req)
		require.NoError(t, err)
		require.NoError(t, resp.Body.Close())
		require.Len(t, seen, 3)
		for _, h := range seen {
			require.Equal(t, test.wantID, h["X-Request-Id"], name)
			require.Equal(t, test.agent, h["User-Agent"], name)
		}
		require.Equal(t, test.header, req.Header, "the caller's request is left alone")
		require.Equal(t, before.Body, req.Body)
	}
}

func TestTransportObserve(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var told []retry.Exchange
		var failed []retry.Attempt
		start := time.Now()
		base := &fakeBase{answer: func(n int, _ *http.Request) (*http.Response, error) {
			time.Sleep(time.Second)
			switch n {
			case 1:
				return nil, errReset
			case 2:
				return status(503), nil
			}
			return status(200), nil
		}}
		resp, err := retry.NewTransport(base, &retry.TransportOptions{
			Policy:  &retry.Policy{Base: -1, Observe: func(_ context.Context, a retry.Attempt) { failed = append(failed, a) }},
			Observe: func(_ context.Context, e retry.Exchange) { told = append(told, e) },
		}).RoundTrip(request(t, "GET", nil))
		require.NoError(t, err)
		require.NoError(t, resp.Body.Close())
		exchange := retry.Exchange{Method: "GET", Host: "example.com", Duration: time.Second}
		first, second, third := exchange, exchange, exchange
		first.Attempt, first.Start, first.Err = 1, start, errReset
		second.Attempt, second.Start, second.Status = 2, start.Add(time.Second), 503
		third.Attempt, third.Start, third.Status = 3, start.Add(2*time.Second), 200
		require.Equal(t, []retry.Exchange{first, second, third}, told)
		require.Len(t, failed, 2)
		require.ErrorIs(t, failed[0].Err, errReset)
		require.EqualError(t, failed[1].Err, "retry: HTTP status 503 Service Unavailable")
	})
}

func TestTransportCloseIdleConnections(t *testing.T) {
	t.Parallel()
	base := answering(200)
	(&http.Client{Transport: retry.NewTransport(base, nil)}).CloseIdleConnections()
	require.Equal(t, 1, base.idleCalls)
	(&http.Client{Transport: retry.NewTransport(roundTripper(base.RoundTrip), nil)}).CloseIdleConnections()
}

// A response that is to be repeated on is closed before the wait, of which the observer
// is told.
func TestTransportRests(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		base := answering(503, "Retry-After", "10")
		rt := retry.NewTransport(base, &retry.TransportOptions{
			Policy: &retry.Policy{Attempts: 2, Observe: func(_ context.Context, a retry.Attempt) {
				require.Equal(t, a.Last, base.left == 1)
			}},
			Breaker: &retry.BreakerOptions{Requests: 2},
		})
		resp, err := rt.RoundTrip(request(t, "GET", nil))
		require.NoError(t, err)
		require.NoError(t, resp.Body.Close())
	})
	synctest.Test(t, func(t *testing.T) { // the breaker opens in the wait
		base := answering(503, "Retry-After", "1")
		rt := retry.NewTransport(base, &retry.TransportOptions{
			Policy: &retry.Policy{Attempts: 2}, Breaker: &retry.BreakerOptions{Requests: 2},
		})
		time.AfterFunc(time.Second/2, func() {
			resp, err := rt.RoundTrip(request(t, "POST", nil))
			require.NoError(t, err)
			require.NoError(t, resp.Body.Close())
		})
		_, err := rt.RoundTrip(request(t, "GET", nil))
		require.ErrorIs(t, err, retry.ErrBreakerOpen)
		require.ErrorContains(t, err, "HTTP status 503")
		require.Equal(t, 2, base.sent)
		require.Zero(t, base.left)
	})
}

// http.Client forgives a transport without bodies, and tests often have one.
func TestTransportBadBase(t *testing.T) {
	t.Parallel()
	for _, timeout := range []time.Duration{0, time.Hour} {
		policy := &retry.Policy{Base: -1, AttemptTimeout: timeout}
		bodiless := roundTripper(func(*http.Request) (*http.Response, error) {
			return &http.Response{StatusCode: http.StatusServiceUnavailable}, nil
		})
		resp, err := retry.NewTransport(bodiless, &retry.TransportOptions{Policy: policy}).RoundTrip(request(t, "GET", nil))
		require.NoError(t, err)
		require.NoError(t, resp.Body.Close())
		silent := roundTripper(func(*http.Request) (*http.Response, error) { return nil, nil }) //nolint:nilnil // it is bad
		_, err = retry.NewTransport(silent, &retry.TransportOptions{Policy: policy, Retry500: true}).RoundTrip(request(t, "GET", nil))
		require.ErrorContains(t, err, "neither a response nor an error")
	}
}

func TestTransportMissingParts(t *testing.T) {
	t.Parallel()
	rt := retry.NewTransport(nil, nil)
	_, err := rt.RoundTrip(&http.Request{})
	require.ErrorContains(t, err, "nil Request.URL")
	_, err = rt.RoundTrip(&http.Request{URL: &url.URL{}})
	require.ErrorContains(t, err, "nil Request.Header")
}

func TestTransportAllocations(t *testing.T) { //nolint:paralleltest // AllocsPerRun counts those of all goroutines
	resp := &http.Response{StatusCode: http.StatusOK, Body: http.NoBody}
	base := roundTripper(func(*http.Request) (*http.Response, error) { return resp, nil })
	rt := retry.NewTransport(base, nil)
	req := request(t, "GET", nil)
	require.LessOrEqual(t, testing.AllocsPerRun(1000, func() { _, _ = rt.RoundTrip(req) }), 3.0)
}
