package tenant

import (
	"context"
	"errors"
	"strings"
	"time"
)

// A Crosser changes the tenant of a context. Nothing else does, so who holds a
// Crosser is who may cross: build one in main and hand it to those few, such as
// support tools and the jobs that walk through all tenants. It checks no rights of
// the person it acts for; its holder does.
//
// A Crosser is safe for concurrent use. The zero Crosser refuses every crossing.
type Crosser struct {
	observe func(context.Context, Crossing)
}

// A Crossing is what the observer of a [Crosser] is told.
type Crossing struct {
	Start  time.Time
	From   ID // zero if the context had no tenant
	To     ID
	Reason string
	Err    error // nil if it took place
}

// NewCrosser returns a Crosser that tells observe of each crossing, and of each
// refused one, before Switch returns, on the same goroutine and with the context as
// it was before. It panics if observe is nil: a crossing that nobody sees is what
// this package is there to prevent.
func NewCrosser(observe func(context.Context, Crossing)) *Crosser {
	if observe == nil {
		panic("tenant: NewCrosser: nil observer")
	}
	return &Crosser{observe}
}

// Switch returns a context that carries id instead of the tenant of ctx, if it has
// one. The tenant of ctx itself is unchanged, and in the new context as in any
// other a further [NewContext] with a different tenant is a conflict. What else ctx
// carries comes along, a role in the tenant that was left too: put the role for the
// new one over it.
//
// Switch refuses a blank reason with [ErrNoReason], the zero id with [ErrNoTenant],
// and a context that is in conflict already with its error. The context returned
// with an error fails [FromContext] with that error, so that a caller who overlooks
// it does not go on in the tenant it meant to leave.
func (c *Crosser) Switch(ctx context.Context, id ID, reason string) (context.Context, error) {
	if c == nil || c.observe == nil {
		return refuse(ctx, errors.New("tenant: Crosser not made by NewCrosser"))
	}
	p, _ := ctx.Value(contextKey{}).(place)
	crossing := Crossing{Start: time.Now(), From: p.id, To: id, Reason: reason, Err: p.err}
	switch {
	case p.err != nil:
	case id.IsZero():
		crossing.Err = ErrNoTenant
	case strings.TrimSpace(reason) == "":
		crossing.Err = ErrNoReason
	}
	c.observe(ctx, crossing)
	if crossing.Err != nil {
		return refuse(ctx, crossing.Err)
	}
	return context.WithValue(ctx, contextKey{}, place{id: id}), nil
}
