package tenant_test

import (
	"encoding/hex"
	"io/fs"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/rowhouse-go/rowhouse/tenant"
)

func TestKey(t *testing.T) {
	t.Parallel()
	for want, parts := range map[string][]string{
		"acme/avatars/7.png":           {"avatars", "7.png"},
		"acme/a!2Fb":                   {"a/b"},
		"acme/a/b":                     {"a", "b"},
		"acme/!2E!2E/!2E":              {"..", "."},
		"acme/!2E!2E!2Fother!2Fsecret": {"../other/secret"},
		"acme/!2Ehidden/a!2E/a!2E!2Eb": {".hidden", "a.", "a..b"},
		"acme/a.b.c":                   {"a.b.c"},
		"acme/!212F/!2F":               {"!2F", "/"},
		"acme/a!252E":                  {"a%2E"},
		"acme/!00!0D!0A!7F!20!5C":      {"\x00\r\n\x7f \\"},
		"acme/!C3!A9/!FF":              {"é", "\xff"},
		"acme/user!3A1!2A":             {"user:1*"},
		"acme/A-Z_09":                  {"A-Z_09"},
	} {
		key, err := tenant.Key(in(t, "acme"), parts...)
		require.NoError(t, err)
		require.Equal(t, want, key)
	}
}

func TestKeyRefuses(t *testing.T) {
	t.Parallel()
	for name, parts := range map[string][]string{
		"no parts":            {},
		"empty part":          {"a", ""},
		"empty first":         {"", "a"},
		"too long":            {strings.Repeat("a", 1020)},
		"too long, huge":      {strings.Repeat("a", 1<<20)},
		"too long once coded": {strings.Repeat("/", 340)},
		"too many":            strings.Split(strings.Repeat("a", 600), ""),
	} {
		key, err := tenant.Key(in(t, "acme"), parts...)
		require.ErrorIs(t, err, tenant.ErrInvalidKey, name)
		require.Equal(t, 400, httpStatus(err))
		require.Empty(t, key)
	}
	key, err := tenant.Key(in(t, "acme"), strings.Repeat("a", 1019))
	require.NoError(t, err)
	require.Len(t, key, 1024)

	_, err = tenant.Key(t.Context(), "a")
	require.ErrorIs(t, err, tenant.ErrNoTenant)
	_, err = tenant.Key(tenant.NewContext(in(t, "acme"), slug(t, "other")), "a")
	require.ErrorIs(t, err, tenant.ErrConflict)
}

var keyShape = regexp.MustCompile(`^[a-z0-9-]+(/([A-Za-z0-9_.-]|![0-9A-F]{2})+)+$`)

// readKey is the inverse of Key: there is one, so no two inputs have one key.
func readKey(t *testing.T, key string) (tenantID string, parts []string) {
	t.Helper()
	segments := strings.Split(key, "/")
	for _, s := range segments[1:] {
		var part strings.Builder
		for s != "" {
			plain, rest, coded := strings.Cut(s, "!")
			part.WriteString(plain)
			s = rest
			if coded {
				c, err := hex.DecodeString(rest[:2])
				require.NoError(t, err)
				part.Write(c)
				s = rest[2:]
			}
		}
		parts = append(parts, part.String())
	}
	return segments[0], parts
}

func FuzzKey(f *testing.F) {
	f.Add("acme", "a", "b", "c", uint8(3))
	f.Add("acme", "a/b", "..", "!2F", uint8(3))
	f.Add(acmeUUID, "\x00", "é", ".", uint8(2))
	f.Add("acme", "a.", ".b", "%2e", uint8(1))
	f.Add("acme", "", "b", "c", uint8(3))
	f.Fuzz(func(t *testing.T, id, a, b, c string, n uint8) {
		var who tenant.ID
		if who.UnmarshalText([]byte(id)) != nil {
			return
		}
		parts := []string{a, b, c}[:n%4]
		key, err := tenant.Key(tenant.NewContext(t.Context(), who), parts...)
		if err != nil {
			require.ErrorIs(t, err, tenant.ErrInvalidKey)
			require.Empty(t, key)
			return
		}
		gotID, gotParts := readKey(t, key)
		require.Equal(t, id, gotID)
		require.Equal(t, parts, gotParts)
		require.Regexp(t, keyShape, key)
		require.NotContains(t, key, "..")
		require.NotContains(t, key+"/", "./", "Windows drops a final dot")
		require.LessOrEqual(t, len(key), 1024)
		require.True(t, fs.ValidPath(key))
	})
}
