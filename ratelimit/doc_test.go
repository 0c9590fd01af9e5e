package ratelimit_test

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// The program of the package page is the example that compiles.
func TestPackagePage(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("doc.go")
	require.NoError(t, err)
	source, err := os.ReadFile("example_http_test.go")
	require.NoError(t, err)
	program := regexp.MustCompile(`(?m)(^//\t.*\n)+`).FindString(string(page))
	require.NotEmpty(t, program)
	require.Contains(t, string(source), "func Example() {\n"+strings.ReplaceAll(program, "//\t", "\t"))
}
