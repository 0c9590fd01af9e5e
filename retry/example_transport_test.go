package retry_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"time"

	"github.com/rowhouse-go/rowhouse/retry"
)

// busyTwice is a server that answers 503 twice and then what it was sent.
func busyTwice() *httptest.Server {
	requests := 0
	return httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if requests++; requests <= 2 {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		_, _ = io.Copy(w, r.Body)
	}))
}

// A POST is repeated only if it says that the server will know it again.
func ExampleNewTransport() {
	srv := busyTwice()
	defer srv.Close()
	client := &http.Client{
		Timeout:   10 * time.Second, // of all attempts
		Transport: retry.NewTransport(nil, &retry.TransportOptions{Policy: &retry.Policy{AttemptTimeout: 3 * time.Second}}),
	}
	for _, key := range []string{"", "b7c1"} {
		req, err := http.NewRequestWithContext(context.Background(), http.MethodPost, srv.URL, strings.NewReader("12 €"))
		if err != nil {
			fmt.Println(err)
			return
		}
		if key != "" {
			req.Header.Set("Idempotency-Key", key)
		}
		resp, err := client.Do(req)
		if err != nil {
			fmt.Println(err)
			return
		}
		text, err := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		fmt.Println(resp.Status, string(text), err)
	}
	// Output:
	// 503 Service Unavailable  <nil>
	// 200 OK 12 € <nil>
}

type requestIDKey struct{}

// The id of the incoming request goes along, and each attempt is seen.
func ExampleTransportOptions() {
	srv := busyTwice()
	defer srv.Close()
	client := &http.Client{Transport: retry.NewTransport(http.DefaultTransport, &retry.TransportOptions{
		UserAgent: "shop/1.4",
		RequestID: func(ctx context.Context) string {
			id, _ := ctx.Value(requestIDKey{}).(string)
			return id
		},
		Observe: func(_ context.Context, e retry.Exchange) {
			fmt.Println(e.Method, "attempt", e.Attempt, "status", e.Status, e.Err)
		},
	})}
	ctx := context.WithValue(context.Background(), requestIDKey{}, "req-17")
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, srv.URL, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	resp, err := client.Do(req)
	if err != nil {
		fmt.Println(err)
		return
	}
	_ = resp.Body.Close()
	// Output:
	// GET attempt 1 status 503 <nil>
	// GET attempt 2 status 503 <nil>
	// GET attempt 3 status 200 <nil>
}

// For a client without the transport: the caller knows that its request may be
// repeated.
func ExampleTransientHTTP() {
	fetch := func(ctx context.Context, url string) (string, error) {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
		if err != nil {
			return "", retry.Permanent(err)
		}
		resp, err := http.DefaultClient.Do(req)
		if retry.TransientHTTP(resp, err) {
			if err == nil {
				_ = resp.Body.Close()
				err = fmt.Errorf("status %s", resp.Status)
			}
			return "", err
		}
		if err != nil {
			return "", retry.Permanent(err)
		}
		defer resp.Body.Close()
		text, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
		return resp.Status + " " + string(text), err
	}
	srv := busyTwice()
	defer srv.Close()
	fmt.Println(retry.Value(context.Background(), nil, func(ctx context.Context) (string, error) { return fetch(ctx, srv.URL) }))
	// Output: 200 OK  <nil>
}

// An error alone, of any client on the network.
func ExampleTransientNet() {
	policy := &retry.Policy{Retryable: retry.TransientNet}
	attempts := 0
	err := policy.Do(context.Background(), func(context.Context) error {
		attempts++
		return fmt.Errorf("smtp: %w", io.ErrShortWrite)
	})
	fmt.Println(attempts, err)
	// Output: 1 smtp: short write
}
