package tenant_test

import (
	"bytes"
	"database/sql"
	"database/sql/driver"
	"encoding"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/rowhouse-go/rowhouse/tenant"
)

var (
	_ sql.Scanner              = new(tenant.ID)
	_ encoding.TextUnmarshaler = new(tenant.ID)
	_ encoding.TextMarshaler   = tenant.ID{}
	_ driver.Valuer            = tenant.ID{}
	_ slog.LogValuer           = tenant.ID{}
	_ fmt.Stringer             = tenant.ID{}
)

const (
	acmeUUID  = "0198c5a4-7b1e-7cc3-9d2f-3f6a1b2c4d5e"
	otherUUID = "0198c5a4-7b1e-7cc3-9d2f-3f6a1b2c4d5f"
)

// slug returns the ID of a slug that the test knows to be good.
func slug(t testing.TB, s string) tenant.ID {
	t.Helper()
	id, err := tenant.ParseSlug(s)
	require.NoError(t, err)
	return id
}

// httpStatus returns what err says of its HTTP status, 0 if nothing.
func httpStatus(err error) int {
	if s, ok := errors.AsType[interface {
		error
		HTTPStatus() int
	}](err); ok {
		return s.HTTPStatus()
	}
	return 0
}

// respelled are spellings of one UUID that other parsers take.
func respelled(uuid string) []string {
	bare := strings.ReplaceAll(uuid, "-", "")
	return []string{
		strings.ToUpper(uuid), strings.ToUpper(bare), bare,
		"{" + uuid + "}", "(" + uuid + ")", "urn:uuid:" + uuid, `"` + uuid + `"`,
		" " + uuid, uuid + " ", uuid + "\n", uuid + "\x00", "\ufeff" + uuid,
		"-" + uuid, uuid + "-", strings.ReplaceAll(uuid, "-", "--"), strings.ReplaceAll(uuid, "-", "_"),
		bare[:1] + "-" + bare[1:], bare[:16] + "-" + bare[16:], // hyphens elsewhere, as PostgreSQL takes them
		bare[:4] + "-" + bare[4:8] + "-" + bare[8:12] + "-" + bare[12:16] + "-" + bare[16:20] + "-" + bare[20:24] + "-" + bare[24:28] + "-" + bare[28:],
		strings.Replace(uuid, "0", "\uff10", 1),
	}
}

func TestParseID(t *testing.T) {
	t.Parallel()
	for _, s := range []string{acmeUUID, "ffffffff-ffff-ffff-ffff-ffffffffffff", "00000000-0000-0000-0000-000000000001"} {
		id, err := tenant.ParseID(s)
		require.NoError(t, err)
		require.Equal(t, s, id.String())
		require.False(t, id.IsZero())
		_, err = tenant.ParseSlug(s)
		require.ErrorIs(t, err, tenant.ErrInvalidID, "no id is both")
	}
	for _, s := range append(
		respelled(acmeUUID), "", "-", "acme", "00000000-0000-0000-0000-000000000000",
		"0198c5a4-7b1e-7cc3-9d2f-3f6a1b2c4d5", "0198c5a4-7b1e-7cc3-9d2f-3f6a1b2c4d5e0", "0198c5a4-7b1e-7cc3-9d2f-3f6a1b2c4d5g",
		"0198c5a47-b1e-7cc3-9d2f-3f6a1b2c4d5e", "0198c5a4-7b1e-7cc3-9d2f/3f6a1b2c4d5e", strings.Repeat("0", 1<<20),
	) {
		id, err := tenant.ParseID(s)
		require.ErrorIs(t, err, tenant.ErrInvalidID, "%.80q", s)
		require.Equal(t, 404, httpStatus(err))
		require.True(t, id.IsZero())
		if len(s) > 2 {
			require.NotContains(t, err.Error(), s, "what a client wrote stays out of texts")
		}
	}
}

func TestUUIDHasOneSpelling(t *testing.T) {
	t.Parallel()
	for _, s := range respelled(acmeUUID) {
		var id tenant.ID
		require.ErrorIs(t, id.UnmarshalText([]byte(s)), tenant.ErrInvalidID, "%q", s)
		require.ErrorIs(t, id.Scan(s), tenant.ErrInvalidID, "%q", s)
		_, err := tenant.ParseSlug(s)
		require.ErrorIs(t, err, tenant.ErrInvalidID, "%q", s)
	}
}

func TestParseSlug(t *testing.T) {
	t.Parallel()
	for _, s := range []string{
		"a", "0", "acme", "acme-2", "a--b", "deadbeef", strings.Repeat("a", 64), strings.Repeat("a", 31), strings.Repeat("a", 33),
		"0198c5a47b1e7cc39d2f3f6a1b2c4d5g", // 32, but not a hexadecimal number
	} {
		id, err := tenant.ParseSlug(s)
		require.NoError(t, err, "%q", s)
		require.Equal(t, s, id.String())
		_, err = tenant.ParseID(s)
		require.ErrorIs(t, err, tenant.ErrInvalidID)
	}
	for _, s := range []string{
		"", "-", "-a", "a-", "A", "aB", "a b", "a_b", "a.b", "a/b", "..", "a\x00", "a\n", "é", "\u212a", "\xff", "%41", "*", "a'--",
		strings.Repeat("a", 65), strings.Repeat("a", 1<<20), strings.Repeat("0", 32), "00000000-0000-0000-0000-000000000000",
		strings.Repeat("a", 32), strings.Repeat("a-", 31) + "a",
	} {
		id, err := tenant.ParseSlug(s)
		require.ErrorIs(t, err, tenant.ErrInvalidID, "%.80q", s)
		require.Equal(t, 404, httpStatus(err))
		require.True(t, id.IsZero())
	}
}

func TestZeroIDHasNoValue(t *testing.T) {
	t.Parallel()
	var zero tenant.ID
	require.True(t, zero.IsZero())
	require.Empty(t, zero.String())
	v, err := zero.Value()
	require.ErrorIs(t, err, tenant.ErrNoTenant)
	require.Nil(t, v)
	_, err = zero.MarshalText()
	require.ErrorIs(t, err, tenant.ErrNoTenant)
	_, err = json.Marshal(struct{ Tenant tenant.ID }{})
	require.ErrorIs(t, err, tenant.ErrNoTenant, "a document without its tenant is not written")
	text, err := json.Marshal(struct {
		Tenant tenant.ID `json:",omitzero"`
	}{})
	require.NoError(t, err)
	require.JSONEq(t, `{}`, string(text))

	var got struct{ Tenant tenant.ID }
	require.NoError(t, json.Unmarshal([]byte(`{"Tenant":null}`), &got))
	require.True(t, got.Tenant.IsZero())
	require.ErrorIs(t, json.Unmarshal([]byte(`{"Tenant":""}`), &got), tenant.ErrInvalidID)
	require.Error(t, json.Unmarshal([]byte(`{"Tenant":7}`), &got))
}

func TestScanRefuses(t *testing.T) {
	t.Parallel()
	raw, err := hex.DecodeString(strings.ReplaceAll(acmeUUID, "-", ""))
	require.NoError(t, err)
	for _, src := range []any{
		nil, int64(1), 1.5, true, raw, "", []byte(nil),
		[]byte{},
		[16]byte{},
		[15]byte{1},
		tenant.ID{},
		slug(t, "acme"),
		strings.ToUpper(acmeUUID), "a b",
	} {
		id := slug(t, "before")
		require.ErrorIs(t, id.Scan(src), tenant.ErrInvalidID, "%T %v", src, src)
		require.Equal(t, slug(t, "before"), id, "unchanged")
	}
}

// A driver may write into the bytes it handed out once the row is read.
func TestScanCopies(t *testing.T) {
	t.Parallel()
	buffer := []byte("acme")
	var scanned, unmarshalled tenant.ID
	require.NoError(t, scanned.Scan(buffer))
	require.NoError(t, unmarshalled.UnmarshalText(buffer))
	copy(buffer, "evil")
	require.Equal(t, slug(t, "acme"), scanned)
	require.Equal(t, slug(t, "acme"), unmarshalled)
}

// requireRoundTrips writes id in each way there is and reads it back.
func requireRoundTrips(t *testing.T, id tenant.ID) {
	t.Helper()
	value, err := id.Value()
	require.NoError(t, err)
	require.Equal(t, id.String(), value)
	text, err := id.MarshalText()
	require.NoError(t, err)
	for _, src := range []any{value, text, id.String()} {
		var got tenant.ID
		require.NoError(t, got.Scan(src))
		require.Equal(t, id, got)
	}
	var got tenant.ID
	require.NoError(t, got.UnmarshalText(text))
	require.Equal(t, id, got)

	document, err := json.Marshal(map[tenant.ID]tenant.ID{id: id})
	require.NoError(t, err)
	require.JSONEq(t, `{"`+id.String()+`":"`+id.String()+`"}`, string(document))
	var read map[tenant.ID]tenant.ID
	require.NoError(t, json.Unmarshal(document, &read))
	require.Equal(t, map[tenant.ID]tenant.ID{id: id}, read)

	var line bytes.Buffer
	slog.New(slog.NewTextHandler(&line, nil)).Info("x", "tenant", id)
	require.Contains(t, line.String(), " tenant="+id.String()+"\n")
	require.Equal(t, id.String(), fmt.Sprintf("%v", id))
}

func FuzzID(f *testing.F) {
	for _, s := range append(respelled(acmeUUID), acmeUUID, otherUUID, "acme", "acme-2", "", strings.Repeat("a", 32), "a\x00b", "é") {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		uuid, errUUID := tenant.ParseID(s)
		name, errSlug := tenant.ParseSlug(s)
		var either tenant.ID
		errText := either.UnmarshalText([]byte(s))
		require.Equal(t, errUUID == nil || errSlug == nil, errText == nil)
		require.False(t, errUUID == nil && errSlug == nil, "no id is both")
		for _, err := range []error{errUUID, errSlug, errText} {
			if err != nil {
				require.ErrorIs(t, err, tenant.ErrInvalidID)
			}
		}
		if errText != nil {
			require.True(t, either.IsZero())
			return
		}
		require.Equal(t, s, either.String(), "what is read is what was written: one spelling each")
		requireRoundTrips(t, either)
		if errSlug == nil {
			require.Equal(t, name, either)
			return
		}
		require.Equal(t, uuid, either)
		for _, other := range respelled(s) {
			if other != s {
				require.ErrorIs(t, new(tenant.ID).UnmarshalText([]byte(other)), tenant.ErrInvalidID, "%q", other)
			}
		}
		raw, err := hex.DecodeString(strings.ReplaceAll(s, "-", ""))
		require.NoError(t, err)
		var scanned tenant.ID
		require.NoError(t, scanned.Scan([16]byte(raw)))
		require.Equal(t, uuid, scanned)
	})
}
