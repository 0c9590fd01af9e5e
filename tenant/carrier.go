package tenant

import (
	"context"
	"errors"
)

// carrierKey is where a carrier holds the tenant.
const carrierKey = "tenant_id"

// Inject writes the tenant of ctx into carrier under "tenant_id": the metadata of a
// background job, which [Extract] reads where the job runs. It fails as
// [FromContext] does, with [ErrConflict] if carrier holds another tenant already,
// and if carrier is nil; carrier is unchanged then.
func Inject(ctx context.Context, carrier map[string]string) error {
	id, err := FromContext(ctx)
	if err != nil {
		return err
	}
	if carrier == nil {
		return errors.New("tenant: Inject: nil carrier")
	}
	if held, ok := carrier[carrierKey]; ok && held != id.s {
		return ErrConflict
	}
	carrier[carrierKey] = id.s
	return nil
}

// Extract returns a context that carries the tenant that [Inject] wrote into
// carrier. It is for what this system stored itself, never for what a client sent:
// it asks no [Membership].
//
// The error matches [ErrNoTenant] if carrier holds none, [ErrInvalidID] if what it
// holds is no ID, and [ErrConflict] if ctx carries another tenant. The context
// returned with an error fails [FromContext] with that error, so that a job whose
// handler overlooks it runs in no tenant.
func Extract(ctx context.Context, carrier map[string]string) (context.Context, error) {
	text, ok := carrier[carrierKey]
	if !ok || text == "" {
		return refuse(ctx, ErrNoTenant)
	}
	var id ID
	if err := id.UnmarshalText([]byte(text)); err != nil {
		return refuse(ctx, err)
	}
	ctx = NewContext(ctx, id)
	_, err := FromContext(ctx)
	return ctx, err
}
