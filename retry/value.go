package retry

import "context"

// Value is [Policy.Do] for a function that returns a value. With an error it returns
// what f returned beside its last one; the zero value if f never ran.
func Value[T any](ctx context.Context, p *Policy, f func(context.Context) (T, error)) (v T, err error) {
	if p == nil {
		p = standard
	}
	var t trial
	if p.plain() && ctx.Err() == nil {
		v, err = f(ctx)
	} else if err = p.enter(ctx); err != nil {
		return v, err
	} else {
		t, err = p.try(ctx, func(ctx context.Context) (err error) {
			v, err = f(ctx)
			return err
		})
	}
	if err == nil {
		p.Budget.succeed()
		return v, nil
	}
	return valueAgain(ctx, p, t, f, v, err)
}

// valueAgain is apart from Value so that only a failure pays for the closure.
func valueAgain[T any](
	ctx context.Context, p *Policy, t trial, f func(context.Context) (T, error), v T, err error,
) (T, error) {
	err = p.again(ctx, t, func(ctx context.Context) (err error) {
		v, err = f(ctx)
		return err
	}, nil, err)
	return v, err
}
