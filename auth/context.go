package auth

import "context"

type contextKey struct{}

// NewContext returns a copy of ctx that carries verified claims.
func NewContext(ctx context.Context, c Claims) context.Context {
	return context.WithValue(ctx, contextKey{}, c)
}

// FromContext returns the claims [Verifier.Middleware] put into the request's
// context; false if the request was not authenticated.
func FromContext(ctx context.Context) (Claims, bool) {
	c, ok := ctx.Value(contextKey{}).(Claims)
	return c, ok && !c.IsZero()
}
