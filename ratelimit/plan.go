package ratelimit

import "slices"

// A Plan is limits that were checked once, for [Options.Plan] to return at no cost. It
// is immutable and safe for concurrent use. The zero Plan, like nil, stands for the
// limits of the limiter.
type Plan struct {
	limits Limits
	rules  rules
}

// NewPlan returns a plan of limits, of which it keeps a copy. The error is that of
// [Limits.Validate].
func NewPlan(limits Limits) (*Plan, error) {
	if err := limits.Validate(); err != nil {
		return nil, err
	}
	p := &Plan{limits: slices.Clone(limits)}
	p.rules.compile(p.limits)
	p.rules.invert()
	return p, nil
}
