package retry

// Jitter spreads waits, so that callers who failed together do not return together.
type Jitter int

// How a wait is drawn from its bound.
const (
	FullJitter  Jitter = iota // anything from 0 to the bound
	EqualJitter               // half the bound at least
	NoJitter                  // the bound
)
