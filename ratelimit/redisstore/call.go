package redisstore

import (
	"context"
	"errors"
	"fmt"
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

// A job is a call: of the script, or DEL if there is no plan.
type job struct {
	key  string
	plan *plan
	n    int

	limit   context.Context //nolint:containedctx // the call's own: it ends with the deadline, not with the caller
	done    chan outcome    // has room for it
	settled atomic.Bool     // the breaker knows
}

type outcome struct {
	numbers []int64
	err     error
}

// call does j in a goroutine, and gives up on it after s.timeout, or when ctx ends. It is
// left behind then, as most clients follow no context while they wait for the network:
// redis.Options.ContextTimeoutEnabled is off unless it is set. It ends by the time-outs
// of the client.
func (s *Store) call(ctx context.Context, j *job) ([]int64, error) {
	// Whether Redis works is found out even if the caller has no time for it, so that
	// ctx does not end the call.
	limit, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.timeout)
	j.limit, j.done = limit, make(chan outcome, 1)
	select {
	case s.slots <- struct{}{}:
	default:
		select {
		case s.slots <- struct{}{}:
		case <-limit.Done():
			cancel()
			s.settle(j, ErrTimeout)
			return nil, ErrTimeout
		case <-ctx.Done():
			cancel()
			return nil, ctx.Err()
		}
	}
	go s.work(j)
	select {
	case o := <-j.done:
		cancel()
		return o.numbers, o.err
	case <-limit.Done():
		cancel()
		s.settle(j, ErrTimeout)
		return nil, ErrTimeout
	case <-ctx.Done():
		context.AfterFunc(limit, func() {
			cancel()
			s.settle(j, ErrTimeout)
		})
		return nil, ctx.Err()
	}
}

// work does j, whether somebody waits for it or not.
func (s *Store) work(j *job) {
	numbers, err := s.do(j)
	<-s.slots
	if err != nil && j.limit.Err() != nil {
		err = ErrTimeout // whatever the client made of it
	}
	s.settle(j, err)
	j.done <- outcome{numbers, err}
}

func (s *Store) do(j *job) ([]int64, error) {
	if j.plan != nil {
		return s.run(j.limit, j.key, j.plan, j.n)
	}
	if err := s.client.Del(j.limit, j.key).Err(); err != nil {
		return nil, fmt.Errorf("redisstore: %w", err)
	}
	return nil, nil
}

// settle tells the breaker what came of j, once.
func (s *Store) settle(j *job, err error) {
	if !j.settled.Swap(true) {
		s.breaker.called(answered(err))
	}
}

// answered reports whether Redis did its part: what is wrong with one key is not.
func answered(err error) bool { return err == nil || errors.Is(err, ErrNotABucket) }
