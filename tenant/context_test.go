package tenant_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/rowhouse-go/rowhouse/tenant"
)

// in returns a context in the tenant of a slug.
func in(t testing.TB, s string) context.Context {
	t.Helper()
	return tenant.NewContext(t.Context(), slug(t, s))
}

// requireNoTenant requires that ctx fails with the very error that is given.
func requireNoTenant(ctx context.Context, t *testing.T, is error) {
	t.Helper()
	id, err := tenant.FromContext(ctx)
	require.ErrorIs(t, err, is)
	require.True(t, id.IsZero(), "no id beside an error")
}

func TestContext(t *testing.T) {
	t.Parallel()
	requireNoTenant(t.Context(), t, tenant.ErrNoTenant)

	ctx := in(t, "acme")
	id, err := tenant.FromContext(ctx)
	require.NoError(t, err)
	require.Equal(t, slug(t, "acme"), id)
	require.Equal(t, ctx, tenant.NewContext(ctx, id), "the same again changes nothing")

	detached := context.WithoutCancel(ctx)
	id, err = tenant.FromContext(detached)
	require.NoError(t, err)
	require.Equal(t, slug(t, "acme"), id)
}

func TestPoison(t *testing.T) {
	t.Parallel()
	acme, other := slug(t, "acme"), slug(t, "other")
	first := tenant.NewContext(t.Context(), acme)

	poisoned := tenant.NewContext(first, other)
	requireNoTenant(poisoned, t, tenant.ErrConflict)
	requireNoTenant(tenant.NewContext(poisoned, acme), t, tenant.ErrConflict)
	requireNoTenant(tenant.NewContext(poisoned, other), t, tenant.ErrConflict)
	requireNoTenant(context.WithoutCancel(poisoned), t, tenant.ErrConflict)
	requireNoTenant(tenant.NewContext(first, tenant.ID{}), t, tenant.ErrConflict)

	none := tenant.NewContext(t.Context(), tenant.ID{})
	requireNoTenant(none, t, tenant.ErrNoTenant)
	requireNoTenant(tenant.NewContext(none, acme), t, tenant.ErrNoTenant)

	id, err := tenant.FromContext(first)
	require.NoError(t, err, "the context it was made from is as it was")
	require.Equal(t, acme, id)
}

func TestFromContextAllocatesNothing(t *testing.T) {
	ctx := in(t, "acme")
	require.Zero(t, testing.AllocsPerRun(100, func() { _, _ = tenant.FromContext(ctx) }))
}
