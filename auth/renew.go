package auth

import (
	"context"
	"errors"
	"fmt"
	"time"
)

const (
	maxWaiters = 100
	maxWait    = time.Second
)

var errManyWaiters = errors.New("too many requests wait for it")

// Renew looks for keys newer than seen, for a token that names a key seen lacks.
// It joins a fetch in progress or starts one, and waits at most a second, or
// until ctx is done; with 100 requests waiting already it does not wait at all.
//
// Tokens with made-up key ids can't turn it into a load: it starts two fetches
// at once, then one in 10 seconds, one in 60 while they fail. Beyond that it
// returns seen, and the refresh happens when the next fetch is allowed.
//
// Its error matches ErrKeysUnavailable: there are no keys to use, or the issuer
// could not be asked, so that the key may exist.
func (r *RemoteKeySet) Renew(ctx context.Context, seen *KeySet) (*KeySet, error) {
	if err := r.fault(); err != nil {
		return nil, err
	}
	r.mu.Lock()
	entered := r.flights
	var patience <-chan time.Time
	gaveUp := ctx.Err()
	for gaveUp == nil && !r.newer(seen) {
		now := r.clock()
		f := r.flight
		if f == nil {
			if wait, ok := r.demand.take(now.mono); !ok {
				r.hasten(now, wait)
				break
			}
			if f = r.begin(now); f == nil {
				break
			}
		}
		if r.waiters >= maxWaiters {
			gaveUp = errManyWaiters
			break
		}
		if patience == nil { // made only now: a flood must cost little
			t := time.NewTimer(maxWait)
			defer t.Stop()
			patience = t.C
		}
		r.waiters++
		r.mu.Unlock()
		select {
		case <-f.done:
		case <-ctx.Done():
			gaveUp = ctx.Err()
		case <-patience:
			gaveUp = context.DeadlineExceeded
		}
		r.mu.Lock()
		r.waiters--
		// A fetch that began before this call may have missed the key.
		if f.number > entered || f.failed {
			break
		}
	}
	failing := r.failures > 0 || r.empty || r.closed
	r.mu.Unlock()

	now := r.clock()
	v := r.view.Load()
	set := v.usable(now)
	switch {
	case set == nil || set == seen && failing:
		return nil, v.unavailable(now)
	case set == seen && gaveUp != nil:
		// The next refresh is far off, the answer is not.
		return nil, &Error{Reason: ReasonKeysUnready, RetryAfter: time.Second, Err: fmt.Errorf("the issuer has not answered: %w", gaveUp)}
	}
	return set, nil
}

// newer reports whether there is a usable set other than seen.
func (r *RemoteKeySet) newer(seen *KeySet) bool {
	set := r.view.Load().usable(r.clock())
	return set != nil && set != seen
}

// hasten moves the next refresh ahead. The lock is held, no flight in progress.
func (r *RemoteKeySet) hasten(now instant, in time.Duration) {
	if !r.closed && now.mono+int64(in) < r.next {
		r.demanded = true
		r.plan(now, in)
	}
}

// Refresh fetches the keys now and waits for it until ctx is done. It shares a
// fetch that others began after the call, no earlier one: what the issuer
// changed before the call is in force when it returns nil. A set without a
// usable key is an error as long as it is not believed, that is until it was
// seen twice, a minute apart.
func (r *RemoteKeySet) Refresh(ctx context.Context) error {
	if err := r.fault(); err != nil {
		return err
	}
	r.mu.Lock()
	entered := r.flights
	for {
		f := r.begin(r.clock())
		r.mu.Unlock()
		if f == nil {
			return refuse(ReasonKeysUnready, errClosed)
		}
		select {
		case <-f.done:
		case <-ctx.Done():
			return refuse(ReasonKeysUnready, ctx.Err())
		}
		if f.number > entered {
			if f.err != nil {
				return refuse(ReasonKeysUnready, f.err)
			}
			return nil
		}
		r.mu.Lock()
	}
}

// Ready returns nil once a set is in force, be it one the issuer emptied, and
// waits for it until ctx is done. Its error says how old the last ones are and why the last fetch failed;
// it matches ErrKeysUnavailable.
func (r *RemoteKeySet) Ready(ctx context.Context) error {
	if err := r.fault(); err != nil {
		return err
	}
	for {
		_, err := r.Current() // begins to fetch if that is due
		if err == nil {
			return nil
		}
		r.mu.Lock()
		if r.closed {
			r.mu.Unlock()
			return err
		}
		if r.newer(nil) { // a flight settled meanwhile
			r.mu.Unlock()
			return nil
		}
		if r.settled == nil {
			r.settled = make(chan struct{})
		}
		settled := r.settled
		r.mu.Unlock()
		select {
		case <-settled:
		case <-ctx.Done():
			_, err = r.Current()
			return err
		}
	}
}

func (r *RemoteKeySet) fault() error {
	if err := r.problem(); err != nil {
		return refuse(ReasonKeysUnready, err)
	}
	return nil
}
