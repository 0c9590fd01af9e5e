package retry

import "time"

// BreakerOptions are the optional parts of [NewBreaker].
type BreakerOptions struct {
	Window   time.Duration // what is counted; 0 means 10 s
	Requests int           // fewer than these in Window never open it; 0 means 20
	Failures float64       // the share of failures that opens it; 0 means 0.5
	OpenFor  time.Duration // until a probe may pass; 0 means 5 s
}

// A Breaker refuses calls to what fails too often.
type Breaker struct{}

// NewBreaker makes a closed breaker.
func NewBreaker(*BreakerOptions) *Breaker { return &Breaker{} }
