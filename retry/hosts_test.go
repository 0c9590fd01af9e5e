package retry_test

import (
	"errors"
	"fmt"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/rowhouse-go/rowhouse/retry"
)

// get sends a GET to a host and returns how often it was sent.
func get(t *testing.T, rt http.RoundTripper, base *fakeBase, url string) (sent int, err error) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	require.NoError(t, err)
	before := base.sent
	resp, err := rt.RoundTrip(req)
	if err == nil {
		require.NoError(t, resp.Body.Close())
	}
	return base.sent - before, err
}

func TestHostBudgets(t *testing.T) {
	t.Parallel()
	base := answering(503)
	rt := retry.NewTransport(base, &retry.TransportOptions{
		Policy: eager, Budget: &retry.BudgetOptions{Tokens: 10, Cost: 5}, MaxHosts: 2,
	})
	for i, step := range []struct {
		url  string
		sent int
	}{
		{"http://a", 3},    // two retries, and all is spent
		{"http://a/x", 1},  // of the same host
		{"http://b", 3},    // has its own
		{"http://a", 1},    // is known still, and used after b
		{"https://a", 3},   // is another, and b is forgotten
		{"http://a", 1},    // not so a
		{"http://b", 3},    // begins anew, https://a is forgotten
		{"https://a:1", 3}, // a port makes a host, http://a is forgotten
		{"http://a", 3},
	} {
		sent, err := get(t, rt, base, step.url)
		require.NoError(t, err, "the last response is returned")
		require.Equal(t, step.sent, sent, "step %d, %s", i, step.url)
	}
}

func TestHostBreakers(t *testing.T) {
	t.Parallel()
	base := answering(503)
	rt := retry.NewTransport(base, &retry.TransportOptions{
		Policy: &retry.Policy{Attempts: 1}, Breaker: &retry.BreakerOptions{Requests: 4},
	})
	for range 4 {
		sent, err := get(t, rt, base, "http://a")
		require.NoError(t, err)
		require.Equal(t, 1, sent)
	}
	sent, err := get(t, rt, base, "http://a")
	require.ErrorIs(t, err, retry.ErrBreakerOpen)
	require.Zero(t, sent)
	sent, err = get(t, rt, base, "http://b")
	require.NoError(t, err)
	require.Equal(t, 1, sent)
	require.Zero(t, base.left)
}

// What fails for good reasons, and what can't be repeated, is a failure of the host
// all the same; what the client did wrong is none.
func TestHostBreakerCounts(t *testing.T) {
	t.Parallel()
	narrow := func(error) bool { return false }
	for name, test := range map[string]struct {
		method    string
		base      *fakeBase
		opens     bool
		retryable func(error) bool
	}{
		"POST and 503":   {"POST", answering(503), true, nil},
		"POST and reset": {"POST", downBase(errReset), true, nil},
		"not repeated":   {"GET", downBase(errReset), true, narrow},
		"429":            {"GET", answering(429), false, nil},
		"other error":    {"GET", downBase(errors.New("no")), false, nil},
		"404":            {"GET", answering(404), false, nil},
		"500":            {"GET", answering(500), false, nil},
	} {
		options := &retry.BreakerOptions{Requests: 4}
		for whose, o := range map[string]retry.TransportOptions{
			"host's":   {Policy: &retry.Policy{Attempts: 1, Retryable: test.retryable}, Breaker: options},
			"policy's": {Policy: &retry.Policy{Attempts: 1, Retryable: test.retryable, Breaker: retry.NewBreaker(options)}},
		} {
			rt := retry.NewTransport(test.base, &o)
			var err error
			for range 6 {
				var resp *http.Response
				resp, err = rt.RoundTrip(request(t, test.method, nil))
				if err == nil {
					require.NoError(t, resp.Body.Close())
				}
			}
			require.Equal(t, test.opens, errors.Is(err, retry.ErrBreakerOpen), "%s, %s", name, whose)
		}
	}
}

func TestHostsWithout(t *testing.T) {
	t.Parallel()
	base := answering(503)
	rt := retry.NewTransport(base, &retry.TransportOptions{Policy: eager, MaxHosts: -1})
	for range 200 {
		sent, err := get(t, rt, base, "http://a")
		require.NoError(t, err)
		require.Equal(t, 3, sent)
	}
	// A budget of the policy is one for all hosts.
	shared := &retry.Policy{Base: -1, Budget: retry.NewBudget(&retry.BudgetOptions{Tokens: 10, Cost: 5})}
	rt = retry.NewTransport(base, &retry.TransportOptions{Policy: shared})
	for i, want := range []int{3, 1, 1} {
		sent, err := get(t, rt, base, fmt.Sprintf("http://host%d", i))
		require.NoError(t, err)
		require.Equal(t, want, sent)
	}
}

// Whoever chooses the URLs chooses no more of the memory than a name's.
func TestHostsMemory(t *testing.T) { //nolint:paralleltest // it reads the memory of the process
	rt := retry.NewTransport(answering(200), nil)
	heap := func() uint64 {
		var stats runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&stats)
		return stats.HeapAlloc
	}
	before := heap()
	for i := range 1000 {
		for _, u := range []string{
			fmt.Sprintf("http://host%d/%s", i, strings.Repeat("x", 50<<10)),
			fmt.Sprintf("http://host%d%s/", i, strings.Repeat("x", 50<<10)),
		} {
			req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, u, nil)
			require.NoError(t, err)
			resp, err := rt.RoundTrip(req)
			require.NoError(t, err)
			require.NoError(t, resp.Body.Close())
		}
	}
	require.Less(t, heap(), before+5<<20)
	runtime.KeepAlive(rt)
}

func TestHostsConcurrently(t *testing.T) {
	t.Parallel()
	base := answering(503)
	rt := retry.NewTransport(base, &retry.TransportOptions{Policy: eager, MaxHosts: 3})
	var group sync.WaitGroup
	for g := range 8 {
		group.Go(func() {
			for i := range 100 {
				req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, fmt.Sprintf("http://host%d", (g+i)%7), nil)
				if err != nil {
					t.Error(err)
					return
				}
				resp, err := rt.RoundTrip(req)
				if err == nil {
					_ = resp.Body.Close()
				}
			}
		})
	}
	group.Wait()
	require.Zero(t, base.left)
}
