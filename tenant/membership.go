package tenant

import (
	"context"
	"errors"
)

// A Membership judges whether the person of ctx belongs to the tenant that a
// request claims. It finds the person in ctx, looks the membership up, and returns
// the tenant's ID, which need not be spelled as claimed (a slug may stand for a
// UUID), and a context made from ctx that may carry what it learnt, such as the
// role, so that it is looked up once.
//
// [ErrNotMember] and [ErrInvalidID] deny: return the first for unknown tenants and
// for strangers alike, and do the same work for both, since an answer that comes
// sooner tells them apart too. Any other error means that nothing could be found
// out.
//
// A Membership must be safe for concurrent use.
type Membership func(ctx context.Context, claimed string) (context.Context, ID, error)

// Enter asks m about claimed and returns the context that m made, with the tenant
// in it for [FromContext]. It is what [Middleware] does with a request's claim, for
// callers that have none: RPC servers, consoles, message handlers.
//
// The error matches ErrNotMember or ErrInvalidID if m denied, [ErrNoTenant] if
// claimed is empty, ErrInvalidID if it is longer than 253 bytes or not visible
// ASCII (m is not asked then), [ErrConflict] if ctx carries another tenant already,
// and is a [*LookupError] otherwise: m failed, or returned no tenant, or a context
// that carries another one or that it did not make from the one it was given. The
// context returned with an error fails [FromContext] with that error.
func (m Membership) Enter(ctx context.Context, claimed string) (context.Context, error) {
	before, had := ctx.Value(contextKey{}).(place)
	if had && before.err != nil {
		return refuse(ctx, before.err)
	}
	claimed, err := claim(claimed)
	if err != nil {
		return refuse(ctx, err)
	}
	outer, _ := ctx.Value(stampKey{}).(*stamp)
	own := &stamp{outer}
	made, id, err := m(context.WithValue(ctx, stampKey{}, own), claimed)
	switch {
	case errors.Is(err, ErrNotMember), errors.Is(err, ErrInvalidID):
		return refuse(ctx, err)
	case err != nil:
		return refuse(ctx, &LookupError{err})
	case id.IsZero():
		return refuse(ctx, &LookupError{errors.New("the Membership returned no tenant")})
	case made == nil || !own.isOn(made):
		// One that was kept from an earlier call carries another person's role.
		return refuse(ctx, &LookupError{errors.New("the Membership returned a context that it did not make from its own")})
	case had && before.id != id:
		return refuse(ctx, ErrConflict)
	}
	made = NewContext(made, id)
	if _, err := FromContext(made); err != nil {
		return refuse(ctx, &LookupError{errors.New("the Membership returned a context with another tenant")})
	}
	return made, nil
}

// A stamp marks the context of one call of Enter, and what is made from it.
type stamp struct {
	outer *stamp // of the call whose Membership made this one
}

type stampKey struct{}

func (s *stamp) isOn(ctx context.Context) bool {
	on, _ := ctx.Value(stampKey{}).(*stamp)
	for on != nil && on != s {
		on = on.outer
	}
	return on != nil
}
