package members_test

import (
	"crypto/sha256"
	"encoding/hex"
	"io/fs"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/rowhouse-go/rowhouse/rbac/members"
)

// A published migration has run somewhere: it never changes. A new one is a new
// line here.
func TestMigrationsNeverChange(t *testing.T) {
	t.Parallel()
	for dialect, want := range map[members.Dialect]map[string]string{
		members.Postgres: {"0001_members.sql": "16a93f581c6a0d168f2b4c4120231e023056a635e5d6d83bfa699ba9d41598a3"},
		members.SQLite:   {"0001_members.sql": "bf2031a47fda9f531d6c4ce2be2c65a4535c9107774fc0c7ff41e32d5e3a79c4"},
		"mysql":          {},
		"":               {},
		"..":             {},
	} {
		got := map[string]string{}
		require.NoError(t, fs.WalkDir(members.Migrations(dialect), ".", func(name string, entry fs.DirEntry, err error) error {
			if err != nil || entry.IsDir() {
				return err
			}
			data, err := fs.ReadFile(members.Migrations(dialect), name)
			sum := sha256.Sum256(data)
			got[name] = hex.EncodeToString(sum[:])
			require.True(t, strings.HasPrefix(string(data), "-- +goose Up\n"), "goose wants it")
			require.NotContains(t, string(data), "+goose Down", "a plain runner would run that too")
			return err
		}), dialect)
		require.Equal(t, want, got, dialect)
	}
}

// Options.Schema works because the name occurs nowhere else.
func TestMigrationsNameTheSchemaOnly(t *testing.T) {
	t.Parallel()
	for dialect, prefixes := range map[members.Dialect][]string{members.Postgres: {"rowhouse.", "rowhouse;"}, members.SQLite: {"rowhouse_"}} {
		data, err := fs.ReadFile(members.Migrations(dialect), "0001_members.sql")
		require.NoError(t, err)
		n := 0
		for _, prefix := range prefixes {
			n += strings.Count(string(data), prefix)
		}
		require.Equal(t, n, strings.Count(string(data), "rowhouse"))
	}
}
