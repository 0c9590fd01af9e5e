package rbac

import "context"

type roleKey struct{}

// NewContext returns a context that carries the caller's role in the
// organization of the request. [Require] and [RequireRole] call it.
func NewContext(ctx context.Context, role Role) context.Context {
	return context.WithValue(ctx, roleKey{}, role)
}

// FromContext returns the role that [NewContext] stored, and whether there is one.
func FromContext(ctx context.Context) (Role, bool) {
	role, ok := ctx.Value(roleKey{}).(Role)
	return role, ok
}
