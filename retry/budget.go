package retry

import "sync/atomic"

// What zero fields of [BudgetOptions] mean.
const (
	defaultTokens = 100
	defaultCost   = 5
	defaultRefund = 1
)

// BudgetOptions are the optional parts of [NewBudget]. Zero fields mean the defaults,
// negative ones none.
type BudgetOptions struct {
	// Tokens is what a full budget holds. 0 means 100; negative: none, no retries.
	Tokens int
	// Cost is what a retry takes. 0 means 5; negative: nothing, no bound.
	Cost int
	// Refund is what a success gives back. 0 means 1; negative: nothing.
	Refund int
}

// A Budget bounds the retries of all calls that share it: one budget per dependency,
// kept for the life of the process. Retries take tokens, successes return them, so
// that a dependency which fails now and then is retried freely, and one that is dead
// is left alone: with the defaults it sees 20 retries, and then one for each five
// successes. What is spent on a wait that the context cuts short is not returned.
//
// Make one with [NewBudget]; the zero Budget holds no tokens and grants no retry. It
// is safe for concurrent use. A success under a full budget reads it and writes
// nothing, so that processors need not pass it around.
type Budget struct {
	tokens atomic.Int64
	full   int64
	cost   int64
	refund int64
}

// NewBudget makes a full budget. nil options are the defaults.
func NewBudget(o *BudgetOptions) *Budget {
	if o == nil {
		o = new(BudgetOptions)
	}
	b := &Budget{
		full:   positive(o.Tokens, defaultTokens),
		cost:   positive(o.Cost, defaultCost),
		refund: positive(o.Refund, defaultRefund),
	}
	b.tokens.Store(b.full)
	return b
}

// positive returns what an option means for which zero is the default and negative
// is none.
func positive(n, zero int) int64 {
	if n == 0 {
		n = zero
	}
	return int64(max(n, 0))
}

// take pays for a retry, if there are the tokens.
func (b *Budget) take() bool {
	if b == nil {
		return true
	}
	for {
		tokens := b.tokens.Load()
		if b.full == 0 || tokens < b.cost {
			return false
		}
		if b.cost == 0 || b.tokens.CompareAndSwap(tokens, tokens-b.cost) {
			return true
		}
	}
}

// succeed returns the refund of a success.
func (b *Budget) succeed() {
	if b != nil && b.tokens.Load() < b.full {
		b.give()
	}
}

func (b *Budget) give() {
	for {
		tokens := b.tokens.Load()
		if b.refund == 0 || tokens >= b.full ||
			b.tokens.CompareAndSwap(tokens, tokens+min(b.refund, b.full-tokens)) {
			return
		}
	}
}
