package server_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/rowhouse-go/rowhouse/internal/integration/server"
)

func TestRequire(t *testing.T) {
	tests := []struct {
		name            string
		ci              string
		found           bool
		failed, skipped bool
		want, counted   string
	}{
		{name: "found", found: true},
		{name: "found in CI", ci: "true", found: true},
		{name: "missing in CI", ci: "true", failed: true, want: "sundial is missing: buy one"},
		{
			name: "missing on a laptop", skipped: true,
			want: "SKIPPED: sundial is missing: buy one", counted: "TestRecorded (sundial)\n",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			list := filepath.Join(t.TempDir(), "skipped")
			t.Setenv("CI", tt.ci)
			t.Setenv("ROWHOUSE_SKIPPED", list)
			r := record(t, func(t testing.TB) { server.Require(t, "sundial", tt.found, "buy one") })
			require.Equal(t, tt.failed, r.failed)
			require.Equal(t, tt.skipped, r.skipped)
			require.Equal(t, tt.want, r.String())
			counted, err := os.ReadFile(list)
			if tt.counted == "" {
				require.ErrorIs(t, err, os.ErrNotExist)
				return
			}
			require.NoError(t, err)
			require.Equal(t, tt.counted, string(counted))
		})
	}
}

// Skips are counted only by a run that asks for it.
func TestRequireUncounted(t *testing.T) {
	t.Setenv("CI", "")
	t.Setenv("ROWHOUSE_SKIPPED", "")
	r := record(t, func(t testing.TB) { server.Require(t, "sundial", false, "buy one") })
	require.True(t, r.skipped)
}
