package tenant

import "context"

type contextKey struct{}

// A place is what a context carries: a tenant, or the reason why there is none.
type place struct {
	id  ID
	err error
}

// NewContext returns a context that carries id. A tenant is set once: a second,
// different one poisons the context, and so does the zero ID, and [FromContext]
// then fails in it and in all contexts made from it. Setting the same tenant again
// changes nothing. To change tenant on purpose, see [Crosser].
func NewContext(ctx context.Context, id ID) context.Context {
	switch p, ok := ctx.Value(contextKey{}).(place); {
	case ok && (p.err != nil || p.id == id):
		return ctx
	case ok:
		return poison(ctx, ErrConflict)
	case id.IsZero():
		return poison(ctx, ErrNoTenant)
	}
	return context.WithValue(ctx, contextKey{}, place{id: id})
}

// FromContext returns the tenant that ctx carries. The error matches [ErrNoTenant]
// if there is none and [ErrConflict] if there were two; in a context that
// [Membership.Enter], [Crosser.Switch] or [Extract] refused, it is the error they
// returned with it.
func FromContext(ctx context.Context) (ID, error) {
	p, ok := ctx.Value(contextKey{}).(place)
	if !ok {
		return ID{}, ErrNoTenant
	}
	return p.id, p.err
}

func poison(ctx context.Context, err error) context.Context {
	return context.WithValue(ctx, contextKey{}, place{err: err})
}

// refuse returns err, and a context that fails with it for those who overlook err.
func refuse(ctx context.Context, err error) (context.Context, error) {
	return poison(ctx, err), err
}
