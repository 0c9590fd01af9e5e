package retry

import avast "github.com/avast/retry-go/v5"

// BudgetOptions are the optional parts of [NewBudget].
type BudgetOptions struct {
	Tokens int // 0 means 100
	Cost   int // of a retry; 0 means 5
	Refund int // of a success; 0 means 1
}

// A Budget bounds the retries of all callers of one dependency.
type Budget struct {
	tokens *avast.FixedTokenBucketThrottleManager
}

// NewBudget makes a full budget.
func NewBudget(*BudgetOptions) *Budget {
	return &Budget{avast.NewFixedTokenBucketThrottle(avast.FixedTokenBucketThrottleConfig{SuccessReleaseCost: 1})}
}
