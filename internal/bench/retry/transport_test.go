package retry_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/failsafe-go/failsafe-go/failsafehttp"
	"github.com/hashicorp/go-retryablehttp"
	"github.com/stretchr/testify/require"

	"github.com/rowhouse-go/rowhouse/internal/bench/cpu"
	"github.com/rowhouse-go/rowhouse/retry"
)

// A transporter is a library's transport with its defaults, but for waits, which
// are short.
type transporter struct {
	name string
	wrap func(testing.TB, http.RoundTripper) http.RoundTripper
}

var transporters = []transporter{
	{bare, func(_ testing.TB, base http.RoundTripper) http.RoundTripper { return base }},
	{ours, func(t testing.TB, base http.RoundTripper) http.RoundTripper {
		return retry.NewTransport(base, nil)
	}},
	{"go-retryablehttp v0.7.8", func(_ testing.TB, base http.RoundTripper) http.RoundTripper {
		c := retryablehttp.NewClient()
		c.HTTPClient.Transport = base
		c.Logger = nil
		c.RetryWaitMin, c.RetryWaitMax = time.Millisecond, time.Millisecond
		return &retryablehttp.RoundTripper{Client: c}
	}},
	{"failsafehttp v0.9.8", func(_ testing.TB, base http.RoundTripper) http.RoundTripper {
		return failsafehttp.NewRoundTripper(base, failsafehttp.NewRetryPolicyBuilder().Build())
	}},
}

// A canned transport answers each request at once.
type canned struct{}

func (canned) RoundTrip(r *http.Request) (*http.Response, error) {
	return &http.Response{StatusCode: http.StatusOK, Body: http.NoBody, Request: r}, nil
}

// fetched returns what sends one GET through x, over no network.
func fetched(t testing.TB, x transporter) func() {
	rt := x.wrap(t, canned{})
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "https://api.example/orders", nil)
	r.RequestURI = ""
	return func() {
		resp, err := rt.RoundTrip(r)
		if err != nil || resp.StatusCode != http.StatusOK {
			t.Fatal(resp, err)
		}
		_ = resp.Body.Close()
	}
}

func TestTransportAllocations(t *testing.T) { // not parallel: it counts the process's allocations
	least := testing.AllocsPerRun(1000, fetched(t, transporters[0]))
	require.LessOrEqual(t, testing.AllocsPerRun(1000, fetched(t, transporters[1]))-least, 3.0)
}

// BenchmarkTransport is a GET that is answered at once.
func BenchmarkTransport(b *testing.B) {
	for _, x := range transporters {
		b.Run(x.name, func(b *testing.B) {
			fetch := fetched(b, x)
			defer cpu.PerOp(b)()
			for b.Loop() {
				fetch()
			}
		})
	}
}

// effects sends five POSTs to a server that does what they ask and answers 502, as
// a proxy does that lost the answer, and returns how often it was done.
func effects(t testing.TB, x transporter) int64 {
	t.Helper()
	var done atomic.Int64
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		done.Add(1)
		w.WriteHeader(http.StatusBadGateway)
	}))
	defer s.Close()
	c := &http.Client{Transport: x.wrap(t, s.Client().Transport)}
	for range 5 {
		resp, err := c.Post(s.URL, "application/json", strings.NewReader(`{"amount":1}`))
		if err == nil { // some make an error of the last answer
			_ = resp.Body.Close()
		}
	}
	return done.Load()
}

func TestEffects(t *testing.T) {
	t.Parallel()
	require.Equal(t, int64(5), effects(t, transporters[1]))
}

// BenchmarkEffects counts what five POSTs do.
func BenchmarkEffects(b *testing.B) {
	for _, x := range transporters {
		b.Run(x.name, func(b *testing.B) {
			for b.Loop() {
				b.ReportMetric(float64(effects(b, x)), "effects")
			}
		})
	}
}
