package main

import (
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// A production build has no development identity to be misconfigured into: the
// code that signs tokens is not in it.
func TestProductionBuild(t *testing.T) {
	t.Parallel()
	list := func(tags string) string {
		out, err := exec.CommandContext(t.Context(), "go", "list", "-deps", "-tags", tags, ".").CombinedOutput()
		require.NoError(t, err, string(out))
		return string(out)
	}
	const signer = "github.com/rowhouse-go/rowhouse/auth/authtest"
	require.Contains(t, list(""), signer)
	require.NotContains(t, list(production), signer)

	program := filepath.Join(t.TempDir(), "saas")
	out, err := exec.CommandContext(t.Context(), "go", "build", "-buildvcs=false", "-tags", production, "-o", program, ".").CombinedOutput()
	require.NoError(t, err, string(out))
	for _, c := range []struct {
		args   []string
		env    []string
		status int
		says   string
	}{
		{[]string{"demo"}, nil, exitUsage, "has no demo"},
		{[]string{"serve", "--insecure-dev-identity"}, nil, exitUsage, "is not part of a production build"},
		{[]string{"serve", "--insecure-dev-identity"}, []string{"AUTH_PROVIDER_TYPE=none"}, exitUsage, "is not part of a production build"},
	} {
		cmd := exec.CommandContext(t.Context(), program, c.args...)
		cmd.Env = append([]string{"ENVIRONMENT=development", "LISTEN_ADDR=127.0.0.1:0", "DATABASE_URL=sqlite:" + t.TempDir() + "/x.db"}, c.env...)
		out, err := cmd.CombinedOutput()
		require.Error(t, err)
		require.Equal(t, c.status, cmd.ProcessState.ExitCode(), string(out))
		require.Contains(t, string(out), c.says)
	}
	symbols, err := exec.CommandContext(t.Context(), "go", "tool", "nm", program).Output()
	require.NoError(t, err)
	require.Zero(t, strings.Count(string(symbols), "InsecureAnonymous"))
}
