package redisstore

import (
	"context"
	"errors"
	"sync/atomic"
)

// The failures of Redis itself. Others are those of the client, wrapped.
var (
	// ErrTimeout: Redis did not answer within [Options.Timeout].
	ErrTimeout = errors.New("redisstore: no answer in time")

	// ErrOpen: Redis was not asked, because it failed several times in a row.
	ErrOpen = errors.New("redisstore: not asked after several failures")

	// ErrNotABucket: under the key is the value of somebody else. Reset removes it.
	ErrNotABucket = errors.New("redisstore: the value of the key is not a bucket")
)

// inFlight is how many calls of a store run at once, those included that nobody
// waits for any more. It is above the connections that clients have by default (ten
// for each CPU), and bounds what a server that doesn't answer can hold up.
const inFlight = 512

type outcome struct {
	numbers []int64
	err     error
}

// call runs f and gives up on it after s.timeout, or when ctx ends. f is left
// behind then, as most clients follow no context while they wait for the network:
// redis.Options.ContextTimeoutEnabled is off unless it is set. It ends by the time-outs
// of the client.
func (s *Store) call(ctx context.Context, f func(context.Context) ([]int64, error)) ([]int64, error) {
	// Whether Redis works is found out even if the caller has no time for it, so that
	// ctx does not end f.
	limit, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.timeout)
	var settled atomic.Bool
	settle := func(err error) {
		if !settled.Swap(true) {
			s.breaker.called(answered(err))
		}
	}
	select {
	case s.slots <- struct{}{}:
	default:
		select {
		case s.slots <- struct{}{}:
		case <-limit.Done():
			cancel()
			settle(ErrTimeout)
			return nil, ErrTimeout
		case <-ctx.Done():
			cancel()
			return nil, ctx.Err()
		}
	}
	done := make(chan outcome, 1)
	go func() {
		defer cancel()
		numbers, err := f(limit)
		<-s.slots
		if err != nil && limit.Err() != nil {
			err = ErrTimeout // whatever the client made of it
		}
		settle(err)
		done <- outcome{numbers, err}
	}()
	select {
	case o := <-done:
		return o.numbers, o.err
	case <-limit.Done():
		select {
		case o := <-done: // which ended the limit
			return o.numbers, o.err
		default:
		}
		settle(ErrTimeout)
		return nil, ErrTimeout
	case <-ctx.Done():
		context.AfterFunc(limit, func() { settle(ErrTimeout) })
		return nil, ctx.Err()
	}
}

// answered reports whether Redis did its part: what is wrong with one key is not.
func answered(err error) bool { return err == nil || errors.Is(err, ErrNotABucket) }
