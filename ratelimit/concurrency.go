package ratelimit

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"sync"
	"sync/atomic"
	"time"
)

// ConcurrencyOptions are the optional parts of [NewConcurrency]. The zero value, like a
// nil *ConcurrencyOptions, means the defaults.
type ConcurrencyOptions struct {
	// RetryAfter is what [Concurrency.Middleware] tells those it refuses, rounded up to
	// seconds and up to twice as long at random, so that they do not return together.
	// Nobody knows when a request will end: choose about what one takes. 0 means a
	// second, a negative value no Retry-After; at most a day.
	RetryAfter time.Duration

	// Observe, if not nil, is told of each refusal and, when it is released, of each
	// grant: outside of locks and on the caller's goroutine, with the context given to
	// Acquire, which may have ended. Without it no clock is read.
	Observe func(context.Context, ConcurrencyEvent)
}

// A ConcurrencyEvent is what [ConcurrencyOptions.Observe] is told.
type ConcurrencyEvent struct {
	Concurrency string // the name given to NewConcurrency
	Key         string // may be personal or secret: not for labels of metrics
	InFlight    int    // of the key: with this one if granted, without it if refused
	Start       time.Time
	Duration    time.Duration // how long it was held; of a refusal, about 0
	Err         error         // nil if granted; matches ErrBusy or is a *KeyError
}

// A Concurrency limits how many are in flight at once per key, in this process: long
// requests, exports, uploads, of which a quota per minute says little. A key that has
// nothing in flight takes no memory. It is safe for concurrent use; make one with
// [NewConcurrency].
type Concurrency struct {
	name    string
	options ConcurrencyOptions
	busy    error
	max     atomic.Int64
	seed    maphash.Seed
	shards  [32]inFlight
}

// inFlight counts those in flight of some keys.
type inFlight struct {
	mu    sync.Mutex
	count map[string]int64
	peak  int // the most keys that count had
	_     [40]byte
}

// NewConcurrency returns a limit of limit in flight per key. name is 1 to 32 letters,
// digits, "_" and "-"; errors and events have it. The error names every fault at once.
func NewConcurrency(name string, limit int, o *ConcurrencyOptions) (*Concurrency, error) {
	if o == nil {
		o = &ConcurrencyOptions{}
	}
	c := &Concurrency{name: name, options: *o, seed: maphash.MakeSeed()}
	var fault error
	switch {
	case o.RetryAfter == 0:
		c.options.RetryAfter = time.Second
	case o.RetryAfter > day:
		fault = fmt.Errorf("ratelimit: ConcurrencyOptions.RetryAfter: %v, want at most %v", o.RetryAfter, day)
	}
	if err := errors.Join(checkName(name), c.SetMax(limit), fault); err != nil {
		return nil, err
	}
	c.busy = fmt.Errorf("%w: %s", ErrBusy, name)
	return c, nil
}

// SetMax replaces the limit; it is an error if that is less than 1. Those in flight
// above a lower one stay.
func (c *Concurrency) SetMax(limit int) error {
	if limit < 1 {
		return fmt.Errorf("ratelimit: concurrency limit %d, want at least 1", limit)
	}
	c.max.Store(int64(limit))
	return nil
}

// Acquire takes a place of key until release is called. It does not wait. release is
// never nil, and does nothing after the first call, or if there is an error; a place
// that is not released is lost.
//
// The error matches [ErrBusy] if all places are taken, or is a [*KeyError].
func (c *Concurrency) Acquire(ctx context.Context, key string) (release func(), err error) {
	p, err := c.take(ctx, key)
	if err != nil {
		return func() {}, err
	}
	var released atomic.Bool
	return func() {
		if released.CompareAndSwap(false, true) {
			p.release(ctx)
		}
	}, nil
}

// A place is one that was granted.
type place struct {
	c        *Concurrency
	key      string
	inFlight int64
	start    time.Time // zero if nobody observes
}

func (c *Concurrency) take(ctx context.Context, key string) (place, error) {
	p := place{c: c, key: key}
	if c.options.Observe != nil {
		p.start = time.Now()
	}
	var err error
	if !isKey(key) {
		err = &KeyError{Limiter: c.name, Length: len(key)}
	} else {
		s := c.shard(key)
		s.mu.Lock()
		p.inFlight = s.count[key]
		if p.inFlight < c.max.Load() {
			p.inFlight++
			if s.count == nil {
				s.count = make(map[string]int64)
			}
			s.count[key] = p.inFlight
			s.peak = max(s.peak, len(s.count))
		} else {
			err = c.busy
		}
		s.mu.Unlock()
	}
	if err != nil {
		p.observe(ctx, err)
	}
	return p, err
}

func (p place) release(ctx context.Context) {
	s := p.c.shard(p.key)
	s.mu.Lock()
	if n := s.count[p.key]; n > 1 {
		s.count[p.key] = n - 1
	} else {
		delete(s.count, p.key)
		if len(s.count) == 0 && s.peak > 256 {
			s.count, s.peak = nil, 0 // maps don't shrink
		}
	}
	s.mu.Unlock()
	p.observe(ctx, nil)
}

func (p place) observe(ctx context.Context, err error) {
	if p.c.options.Observe != nil {
		p.c.options.Observe(ctx, ConcurrencyEvent{
			Concurrency: p.c.name, Key: p.key, InFlight: int(p.inFlight),
			Start: p.start, Duration: time.Since(p.start), Err: err,
		})
	}
}

func (c *Concurrency) shard(key string) *inFlight {
	return &c.shards[maphash.String(c.seed, key)%uint64(len(c.shards))]
}
