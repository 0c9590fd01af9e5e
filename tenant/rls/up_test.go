package rls_test

import (
	"flag"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/rowhouse-go/rowhouse/tenant/rls"
)

var update = flag.Bool("update", false, "write the golden files")

func TestGolden(t *testing.T) {
	t.Parallel()
	for file, write := range map[string]func(rls.Options) ([]string, error){
		"testdata/up.sql":   rls.Up,
		"testdata/down.sql": rls.Down,
	} {
		statements, err := write(everyKind())
		require.NoError(t, err)
		text := strings.Join(statements, "\n") + "\n"
		if *update {
			require.NoError(t, os.WriteFile(file, []byte(text), 0o644))
		}
		golden, err := os.ReadFile(file)
		require.NoError(t, err)
		require.Equal(t, string(golden), text, "to accept it: go test ./tenant/rls -run TestGolden -update")
	}
}
