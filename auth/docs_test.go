package auth_test

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// The code of docs/auth-providers.md is that of the examples, which compile.
func TestProviderPage(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../docs/auth-providers.md")
	require.NoError(t, err)
	source, err := os.ReadFile("example_providers_test.go")
	require.NoError(t, err)
	trim := func(code string) string {
		var b strings.Builder
		for line := range strings.Lines(code) {
			b.WriteString(strings.TrimSpace(line) + "\n")
		}
		return b.String()
	}
	blocks := regexp.MustCompile("(?ms)^ *```go\n(.*?)^ *```$").FindAllStringSubmatch(string(page), -1)
	require.Greater(t, len(blocks), 5)
	for _, block := range blocks {
		require.Contains(t, trim(string(source)), "\n"+trim(block[1]))
	}
}
