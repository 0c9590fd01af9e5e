package tenant_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/rowhouse-go/rowhouse/tenant"
)

type roleKey struct{}

// admits is a Membership that returns id, and ctx with a role.
func admits(id tenant.ID) tenant.Membership {
	return func(ctx context.Context, _ string) (context.Context, tenant.ID, error) {
		return context.WithValue(ctx, roleKey{}, "admin"), id, nil
	}
}

// denies is a Membership that fails.
func denies(err error) tenant.Membership {
	return func(ctx context.Context, _ string) (context.Context, tenant.ID, error) { return ctx, tenant.ID{}, err }
}

func TestEnter(t *testing.T) {
	t.Parallel()
	uuid, err := tenant.ParseID(acmeUUID)
	require.NoError(t, err)
	ctx, err := admits(uuid).Enter(t.Context(), "acme")
	require.NoError(t, err)
	id, err := tenant.FromContext(ctx)
	require.NoError(t, err)
	require.Equal(t, uuid, id, "the Membership's id, not the claim")
	require.Equal(t, "admin", ctx.Value(roleKey{}))

	again, err := admits(uuid).Enter(ctx, "acme")
	require.NoError(t, err, "the same tenant twice")
	id, err = tenant.FromContext(again)
	require.NoError(t, err)
	require.Equal(t, uuid, id)

	set := tenant.Membership(func(ctx context.Context, _ string) (context.Context, tenant.ID, error) {
		return tenant.NewContext(ctx, uuid), uuid, nil
	})
	ctx, err = set.Enter(t.Context(), "acme")
	require.NoError(t, err, "it may have set the tenant itself")
	id, err = tenant.FromContext(ctx)
	require.NoError(t, err)
	require.Equal(t, uuid, id)
}

func TestEnterRefuses(t *testing.T) {
	t.Parallel()
	acme, other := slug(t, "acme"), slug(t, "other")
	crosser := tenant.NewCrosser(func(context.Context, tenant.Crossing) {})
	poisoned := tenant.NewContext(in(t, "acme"), other)
	kept, _, err := admits(acme)(t.Context(), "")
	require.NoError(t, err)
	returns := func(ctx context.Context, id tenant.ID) tenant.Membership {
		return func(context.Context, string) (context.Context, tenant.ID, error) { return ctx, id, nil }
	}
	for name, c := range map[string]struct {
		ctx     context.Context
		m       tenant.Membership
		claimed string
		is      error
		status  int
	}{
		"stranger":          {t.Context(), denies(tenant.ErrNotMember), "acme", tenant.ErrNotMember, 404},
		"stranger, wrapped": {t.Context(), denies(fmt.Errorf("org 7: %w", tenant.ErrNotMember)), "acme", tenant.ErrNotMember, 404},
		"malformed":         {t.Context(), denies(tenant.ErrInvalidID), "acme", tenant.ErrInvalidID, 404},
		"stranger beside an id": {t.Context(), func(ctx context.Context, _ string) (context.Context, tenant.ID, error) {
			return ctx, acme, tenant.ErrNotMember
		}, "acme", tenant.ErrNotMember, 404},
		"outage":            {t.Context(), denies(errDown), "acme", errDown, 503},
		"cancelled":         {t.Context(), denies(context.Canceled), "acme", context.Canceled, 503},
		"its own no tenant": {t.Context(), denies(tenant.ErrNoTenant), "acme", tenant.ErrNoTenant, 503},
		"its own conflict":  {t.Context(), denies(tenant.ErrConflict), "acme", tenant.ErrConflict, 503},
		"outage beside an id": {t.Context(), func(ctx context.Context, _ string) (context.Context, tenant.ID, error) {
			return ctx, acme, errDown
		}, "acme", errDown, 503},
		"no id":           {t.Context(), admits(tenant.ID{}), "acme", nil, 503},
		"no context":      {t.Context(), returns(nil, acme), "acme", nil, 503},
		"another context": {t.Context(), returns(t.Context(), acme), "acme", nil, 503},
		"a kept context":  {t.Context(), returns(kept, acme), "acme", nil, 503},
		"a context with another tenant": {t.Context(), func(ctx context.Context, _ string) (context.Context, tenant.ID, error) {
			return tenant.NewContext(ctx, other), acme, nil
		}, "acme", nil, 503},
		"a poisoned context of its own": {t.Context(), func(ctx context.Context, _ string) (context.Context, tenant.ID, error) {
			return tenant.NewContext(tenant.NewContext(ctx, acme), other), acme, nil
		}, "acme", nil, 503},
		"in another tenant": {in(t, "other"), admits(acme), "acme", tenant.ErrConflict, 400},
		"in another tenant, crossing": {in(t, "other"), func(ctx context.Context, _ string) (context.Context, tenant.ID, error) {
			ctx, err := crosser.Switch(ctx, acme, "smuggled")
			return ctx, acme, err
		}, "acme", tenant.ErrConflict, 400},
		"stranger in another tenant": {in(t, "other"), denies(tenant.ErrNotMember), "acme", tenant.ErrNotMember, 404},
		"poisoned":                   {poisoned, admits(acme), "acme", tenant.ErrConflict, 400},
		"empty claim":                {t.Context(), admits(acme), "", tenant.ErrNoTenant, 400},
		"huge claim":                 {t.Context(), admits(acme), strings.Repeat("a", 1<<20), tenant.ErrInvalidID, 404},
		"claim with a NUL":           {t.Context(), admits(acme), "acme\x00", tenant.ErrInvalidID, 404},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx, err := c.m.Enter(c.ctx, c.claimed)
			require.Error(t, err)
			if c.is != nil {
				require.ErrorIs(t, err, c.is)
			}
			require.Equal(t, c.status, httpStatus(err))
			_, lookup := errors.AsType[*tenant.LookupError](err)
			require.Equal(t, c.status == 503, lookup)
			requireNoTenant(ctx, t, err)
			require.Nil(t, ctx.Value(roleKey{}), "no role of a membership that did not hold")
		})
	}
}

// A Membership may ask another one by Enter.
func TestEnterWithin(t *testing.T) {
	t.Parallel()
	acme := slug(t, "acme")
	var kept context.Context
	within := func(m tenant.Membership) tenant.Membership {
		return func(ctx context.Context, claimed string) (context.Context, tenant.ID, error) {
			made, err := m.Enter(ctx, claimed)
			if err != nil {
				return ctx, tenant.ID{}, err
			}
			if kept == nil {
				kept = made //nolint:fatcontext // the fault under test
			}
			return kept, acme, nil
		}
	}
	ctx, err := within(within(admits(acme))).Enter(t.Context(), "acme")
	require.NoError(t, err)
	require.Equal(t, "admin", ctx.Value(roleKey{}))
	_, err = within(admits(acme)).Enter(t.Context(), "acme")
	require.ErrorContains(t, err, "did not make from its own")
	_, err = within(admits(acme)).Enter(ctx, "acme")
	require.ErrorContains(t, err, "did not make from its own")
}

// The context kept from one request carries one person's role into another's.
func TestEnterRefusesRememberedContexts(t *testing.T) {
	t.Parallel()
	acme := slug(t, "acme")
	var kept context.Context
	careless := tenant.Membership(func(ctx context.Context, claimed string) (context.Context, tenant.ID, error) {
		if kept == nil {
			kept, _, _ = admits(acme)(ctx, claimed) //nolint:fatcontext // the fault under test
		}
		return kept, acme, nil
	})
	_, err := careless.Enter(t.Context(), "acme")
	require.NoError(t, err)
	ctx, err := careless.Enter(t.Context(), "acme")
	require.EqualError(t, err, "tenant: look-up: the Membership returned a context that it did not make from its own")
	requireNoTenant(ctx, t, err)
}
