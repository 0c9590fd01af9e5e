//go:build !production

package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// The README's quickstart is run as it is written, but for the address.
func TestQuickstart(t *testing.T) {
	t.Parallel()
	for _, tool := range []string{"sh", "curl", "cut", "sed"} {
		if _, err := exec.LookPath(tool); err != nil {
			require.NotEqual(t, "true", os.Getenv("CI"), "the quickstart needs %s", tool)
			t.Logf("not run: there is no %s", tool)
			return
		}
	}
	base, _ := startInsecure(t, filepath.Join(t.TempDir(), "saas.db"), "127.0.0.1:0", "")
	var script strings.Builder
	for _, block := range regexp.MustCompile("(?s)<!-- quickstart -->\n```sh\n(.*?)```").FindAllStringSubmatch(readFile(t, "README.md"), -1) {
		script.WriteString(strings.ReplaceAll(block[1], "http://127.0.0.1:8080", base))
	}
	out, err := exec.CommandContext(t.Context(), "sh", "-euc", script.String()).CombinedOutput()
	require.NoError(t, err, string(out))
	got := regexp.MustCompile(`"(?:role|detail)":"[^"]*"|"items":\[\]`).FindAllString(string(out), -1)
	require.Equal(t, []string{
		`"role":"owner"`,
		`"detail":"There is no such resource, or it is not visible to you."`,
		`"role":"member"`,
		`"role":"member"`,
		`"detail":"Your role does not allow this."`,
		`"detail":"The organization would be left without an owner. Make somebody else an owner first."`,
		`"items":[]`,
		`"role":"admin"`,
	}, got, string(out))
}

// The README's table of endpoints is the service's own.
func TestEndpointsAreDocumented(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	page := strings.ReplaceAll(readFile(t, "README.md"), "{id}", "{member}")
	rows := regexp.MustCompile("(?m)^\\| `((?:GET|POST|PATCH|DELETE) [^`]+)`").FindAllStringSubmatch(page, -1)
	var documented, served []string
	for _, row := range rows {
		documented = append(documented, row[1])
	}
	for _, route := range s.app.router.routes {
		served = append(served, route.pattern)
	}
	require.ElementsMatch(t, served, documented)
}
