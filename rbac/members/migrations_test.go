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
		members.Postgres: {
			"0001_members.sql":            "2876ded33e176d665063097d4a2671377fd3c7bc8016014f3639fbb877d422f6",
			"0002_member_invitations.sql": "ec2cc209047a7e6083e5480b43849014a9a70ff54e4eb392e68e701dab2f802d",
		},
		members.SQLite: {
			"0001_members.sql":            "15fe825876f271518ee5dd4cdf1ce4f4e9bc9b21f46293fccc8c60fa088614d1",
			"0002_member_invitations.sql": "cbe9d8daade7cdf594dd7c0c2b190d55c579a47dab4719f81eaf33f38f56c9a2",
		},
		"mysql": {},
		"":      {},
		"..":    {},
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
		files, err := fs.Glob(members.Migrations(dialect), "*.sql")
		require.NoError(t, err)
		require.Len(t, files, 2)
		for _, name := range files {
			data, err := fs.ReadFile(members.Migrations(dialect), name)
			require.NoError(t, err)
			n := 0
			for _, prefix := range prefixes {
				n += strings.Count(string(data), prefix)
			}
			require.Equal(t, n, strings.Count(string(data), "rowhouse"), name)
		}
	}
}
