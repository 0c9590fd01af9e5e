package auth

import (
	"fmt"
	"time"
)

// A view is what Current reads. It is replaced as a whole.
type view struct {
	set    *KeySet // nil: none yet
	loaded instant // when the fetch of set began
	stale  instant // when set may no longer be used
	look   instant // when the refresh is overdue: timers stop while a machine sleeps
	next   int64   // monotonic time of the next refresh; 0: none is planned
	err    error   // of the last fetch
}

// unavailable explains why v has no keys, or not the one that is looked for.
func (v *view) unavailable(now instant) *Error {
	err := v.err
	switch {
	case v.set == nil && err == nil:
		err = errNoKeys
	case v.set != nil && v.stale.reached(now):
		age := v.loaded.since(now).Round(time.Second)
		if err == nil {
			err = fmt.Errorf("the last ones are %v old", age)
		} else {
			err = fmt.Errorf("the last ones are %v old: %w", age, err)
		}
	}
	e := &Error{Reason: ReasonKeysUnready, Err: err}
	if v.next != 0 {
		e.RetryAfter = max(time.Duration(v.next-now.mono), time.Second)
	}
	return e
}

// usable returns the set, or nil if it is too old.
func (v *view) usable(now instant) *KeySet {
	if v.stale.reached(now) {
		return nil
	}
	return v.set
}

// KeyStatus describes a [RemoteKeySet] at one moment.
type KeyStatus struct {
	Usable bool          // Current returns a set, be it one the issuer emptied
	Keys   int           // in the set last fetched, less those dropped
	Age    time.Duration // of that set; 0 if there is none
	Next   time.Time     // when the next refresh is due; zero if none is
	Err    error         // why the last fetch brought nothing; nil if it did
}

// Status is for health pages and tests.
func (r *RemoteKeySet) Status() KeyStatus {
	v := r.view.Load()
	if v == nil {
		return KeyStatus{Err: errZeroKeys}
	}
	now := r.clock()
	s := KeyStatus{Usable: v.usable(now) != nil, Err: v.err}
	if v.set != nil {
		s.Keys, s.Age = v.set.Len(), v.loaded.since(now)
	}
	if v.next != 0 {
		s.Next = time.Unix(0, now.wall+v.next-now.mono).UTC()
	}
	return s
}
