package tenant_test

import (
	"maps"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/rowhouse-go/rowhouse/tenant"
)

func TestInject(t *testing.T) {
	t.Parallel()
	carrier := map[string]string{"request_id": "7"}
	require.NoError(t, tenant.Inject(in(t, "acme"), carrier))
	require.Equal(t, map[string]string{"request_id": "7", "tenant_id": "acme"}, carrier)
	require.NoError(t, tenant.Inject(in(t, "acme"), carrier), "the same again")

	kept := maps.Clone(carrier)
	require.ErrorIs(t, tenant.Inject(in(t, "other"), carrier), tenant.ErrConflict)
	require.ErrorIs(t, tenant.Inject(t.Context(), carrier), tenant.ErrNoTenant)
	require.ErrorIs(t, tenant.Inject(tenant.NewContext(in(t, "acme"), slug(t, "other")), carrier), tenant.ErrConflict)
	require.Equal(t, kept, carrier, "unchanged")

	require.EqualError(t, tenant.Inject(in(t, "acme"), nil), "tenant: Inject: nil carrier")
	require.ErrorIs(t, tenant.Inject(in(t, "acme"), map[string]string{"tenant_id": ""}), tenant.ErrConflict)
}

func TestExtract(t *testing.T) {
	t.Parallel()
	carry := func(s string) map[string]string { return map[string]string{"tenant_id": s} }
	for _, s := range []string{"acme", acmeUUID} {
		ctx, err := tenant.Extract(t.Context(), carry(s))
		require.NoError(t, err)
		id, err := tenant.FromContext(ctx)
		require.NoError(t, err)
		require.Equal(t, s, id.String())
	}
	ctx, err := tenant.Extract(in(t, "acme"), carry("acme"))
	require.NoError(t, err)
	id, err := tenant.FromContext(ctx)
	require.NoError(t, err)
	require.Equal(t, slug(t, "acme"), id)

	for name, c := range map[string]struct {
		carrier map[string]string
		tenant  string
		is      error
	}{
		"nil":               {nil, "", tenant.ErrNoTenant},
		"missing":           {map[string]string{"Tenant_Id": "acme", "tenant": "acme"}, "", tenant.ErrNoTenant},
		"missing, in acme":  {map[string]string{}, "acme", tenant.ErrNoTenant},
		"empty, in acme":    {carry(""), "acme", tenant.ErrNoTenant},
		"malformed":         {carry("a/b"), "", tenant.ErrInvalidID},
		"upper case":        {carry(strings.ToUpper(acmeUUID)), "", tenant.ErrInvalidID},
		"control character": {carry("acme\r\nx"), "", tenant.ErrInvalidID},
		"huge":              {carry(strings.Repeat("a", 1<<20)), "", tenant.ErrInvalidID},
		"malformed, in a":   {carry("a "), "a", tenant.ErrInvalidID},
		"another":           {carry("other"), "acme", tenant.ErrConflict},
	} {
		ctx := t.Context()
		if c.tenant != "" {
			ctx = in(t, c.tenant)
		}
		got, err := tenant.Extract(ctx, c.carrier)
		require.ErrorIs(t, err, c.is, name)
		requireNoTenant(got, t, c.is)
	}
	got, err := tenant.Extract(tenant.NewContext(in(t, "acme"), slug(t, "other")), carry("acme"))
	require.ErrorIs(t, err, tenant.ErrConflict)
	requireNoTenant(got, t, tenant.ErrConflict)
}

func FuzzExtract(f *testing.F) {
	f.Add("tenant_id", "acme", "acme")
	f.Add("tenant_id", acmeUUID, "acme")
	f.Add("tenant_id", "", "acme")
	f.Add("Tenant_ID", "acme", "")
	f.Add("tenant_id", "acme\x00", "")
	f.Fuzz(func(t *testing.T, key, value, current string) {
		ctx := t.Context()
		now, err := tenant.ParseSlug(current)
		if err == nil {
			ctx = tenant.NewContext(ctx, now)
		}
		got, err := tenant.Extract(ctx, map[string]string{key: value})
		id, from := tenant.FromContext(got)
		require.Equal(t, err == nil, from == nil)
		if err != nil {
			require.True(t, id.IsZero())
			return
		}
		require.Equal(t, "tenant_id", key)
		require.Equal(t, value, id.String())
		require.True(t, now.IsZero() || now == id)
		carrier := map[string]string{}
		require.NoError(t, tenant.Inject(got, carrier))
		require.Equal(t, map[string]string{key: value}, carrier)
	})
}
