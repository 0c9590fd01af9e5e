package tenant_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rowhouse-go/rowhouse/tenant"
)

func TestSwitch(t *testing.T) {
	t.Parallel()
	acme, other := slug(t, "acme"), slug(t, "other")
	inAcme := tenant.NewContext(t.Context(), acme)
	for name, c := range map[string]struct {
		ctx      context.Context
		to       tenant.ID
		reason   string
		from     tenant.ID
		is       error
		observed bool
	}{
		"to another":        {inAcme, other, "support case 7", acme, nil, true},
		"to the same":       {inAcme, acme, "support case 7", acme, nil, true},
		"from none":         {t.Context(), other, "nightly report", tenant.ID{}, nil, true},
		"no reason":         {inAcme, other, "", acme, tenant.ErrNoReason, true},
		"blank reason":      {inAcme, other, " \t\n", acme, tenant.ErrNoReason, true},
		"zero id":           {inAcme, tenant.ID{}, "support case 7", acme, tenant.ErrNoTenant, true},
		"zero id from none": {t.Context(), tenant.ID{}, "x", tenant.ID{}, tenant.ErrNoTenant, true},
		"poisoned":          {tenant.NewContext(inAcme, other), acme, "mend it", tenant.ID{}, tenant.ErrConflict, true},
		"poisoned by zero":  {tenant.NewContext(t.Context(), tenant.ID{}), acme, "mend it", tenant.ID{}, tenant.ErrNoTenant, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var seen []tenant.Crossing
			crosser := tenant.NewCrosser(func(ctx context.Context, x tenant.Crossing) {
				require.Equal(t, c.ctx, ctx)
				seen = append(seen, x)
			})
			ctx, err := crosser.Switch(c.ctx, c.to, c.reason)
			require.Len(t, seen, 1)
			require.Equal(t, c.from, seen[0].From)
			require.Equal(t, c.to, seen[0].To)
			require.Equal(t, c.reason, seen[0].Reason)
			require.Equal(t, err, seen[0].Err)
			if c.is != nil {
				require.ErrorIs(t, err, c.is)
				requireNoTenant(ctx, t, c.is)
				requireNoTenant(tenant.NewContext(ctx, acme), t, c.is)
				return
			}
			require.NoError(t, err)
			id, err := tenant.FromContext(ctx)
			require.NoError(t, err)
			require.Equal(t, c.to, id)
			requireNoTenant(tenant.NewContext(ctx, slug(t, "third")), t, tenant.ErrConflict)
		})
	}

	id, err := tenant.FromContext(inAcme)
	require.NoError(t, err)
	require.Equal(t, acme, id, "the tenant of the old context stays")
}

func TestCrossingTime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(time.Hour) // the bubble's clock
		now := time.Now()
		_, err := tenant.NewCrosser(func(_ context.Context, x tenant.Crossing) {
			require.True(t, now.Equal(x.Start))
		}).Switch(t.Context(), slug(t, "acme"), "why not")
		require.NoError(t, err)
	})
}

func TestCrosserNeedsObserver(t *testing.T) {
	t.Parallel()
	require.PanicsWithValue(t, "tenant: NewCrosser: nil observer", func() { tenant.NewCrosser(nil) })
	for _, crosser := range []*tenant.Crosser{nil, {}} {
		ctx, err := crosser.Switch(in(t, "acme"), slug(t, "other"), "unseen")
		require.EqualError(t, err, "tenant: Crosser not made by NewCrosser")
		requireNoTenant(ctx, t, err)
	}
}
