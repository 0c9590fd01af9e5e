package server

import (
	"fmt"
	"os"
	"testing"
)

// Require ends the test if a server or tool it needs was not found. In CI
// (CI=true) that is a failure. Elsewhere the test is skipped, which names the
// remedy and adds a line to the file that ROWHOUSE_SKIPPED names, where
// `make test` counts it.
func Require(t testing.TB, name string, found bool, howTo string) {
	t.Helper()
	if found {
		return
	}
	if os.Getenv("CI") == "true" {
		t.Fatalf("%s is missing: %s", name, howTo)
	}
	if path := os.Getenv("ROWHOUSE_SKIPPED"); path != "" {
		f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
		if err != nil {
			t.Fatalf("counting a skipped test: %v", err)
		}
		_, err = fmt.Fprintf(f, "%s (%s)\n", t.Name(), name)
		if closeErr := f.Close(); err != nil || closeErr != nil {
			t.Fatalf("counting a skipped test: %v, %v", err, closeErr)
		}
	}
	//nolint:forbidigo // the one place that skips, and counts
	t.Skipf("SKIPPED: %s is missing: %s", name, howTo)
}
