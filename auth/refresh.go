package auth

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"
)

// emptySetPause is how far apart an empty set must be seen twice before it is
// believed: an issuer that is starting may show one for a moment, an operator
// who revokes all keys means it.
const emptySetPause = time.Minute

var errEmptySet = errors.New("the key set has no usable key; it takes effect when seen again in a minute")

// A refresher is the part of a RemoteKeySet that decides when to fetch. Between
// fetches it is a timer, not a goroutine.
type refresher struct {
	mu      sync.Mutex // never held during I/O or foreign code, the clock aside
	running sync.WaitGroup
	timer   *time.Timer // of the next refresh
	closed  bool

	flight  *flight       // nil: none
	flights uint64        // begun so far
	waiters int           // in Renew
	settled chan struct{} // closed after the next flight; nil: nobody waits

	published *KeySet             // as fetched
	dropped   map[string]struct{} // thumbprints
	effective *KeySet             // published without dropped
	loaded    instant             // when the fetch of published began
	fresh     time.Duration
	next      int64   // monotonic time of the next refresh; 0: none is planned
	look      instant // of the view

	failures  int // in a row
	lastErr   error
	empty     bool  // the issuer shows an empty set that is not believed yet
	emptySeen int64 // monotonic time of the first look at it
	demand    demand
	demanded  bool // the next refresh was moved ahead for an unknown key
	staleTold bool
}

// A flight is one fetch in progress. It is nobody's: that a request which began
// it goes away ends it for no other.
type flight struct {
	number uint64
	cancel context.CancelFunc
	done   chan struct{} // closed when err is set and the view is new
	failed bool
	err    error // failed, or an empty set that is not believed yet
}

// start begins to load the keys in the background.
func (r *RemoteKeySet) start() { r.wake(r.clock()) }

// wake begins a fetch if none is in progress and the last plan is overdue.
func (r *RemoteKeySet) wake(now instant) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.view.Load().look.reached(now) {
		r.begin(now)
	}
}

// begin starts a fetch and returns it, or returns the one in progress; nil when
// closed or misconfigured. The lock is held.
func (r *RemoteKeySet) begin(now instant) *flight {
	if r.closed || r.invalid != nil || r.flight != nil {
		return r.flight
	}
	if r.timer != nil {
		r.timer.Stop()
	}
	ctx, cancel := context.WithCancel(context.Background())
	r.flights++
	f := &flight{number: r.flights, cancel: cancel, done: make(chan struct{})}
	r.flight, r.demanded = f, false
	r.next = now.mono + int64(time.Second) // a guess, for those who ask meanwhile
	r.look = never                         // it ends, since each request has its limit
	r.publish()
	r.running.Go(func() { r.fly(ctx, f, now) })
	return f
}

func (r *RemoteKeySet) fly(ctx context.Context, f *flight, began instant) {
	defer f.cancel()
	start := r.wallTime()
	a := r.fetch(ctx)
	now := r.clock()
	e := Event{Kind: EventFetch, Start: start, Duration: time.Duration(now.mono - began.mono), Err: a.err, URL: a.url}
	if a.set != nil {
		e.Keys = a.set.Len()
	}
	r.mu.Lock()
	news := append(a.notes, e)
	var say *remark
	if r.closed {
		f.failed, f.err, news = true, errClosed, nil
	} else {
		var more []Event
		more, say = r.settle(f, a, began, now)
		news = append(news, more...)
	}
	r.flight = nil
	r.announce()
	r.mu.Unlock()
	close(f.done)
	r.tell(news, say)
}

// announce wakes those in Ready. The lock is held.
func (r *RemoteKeySet) announce() {
	if r.settled != nil {
		close(r.settled)
		r.settled = nil
	}
}

// settle takes in what a fetch brought and plans the next. The lock is held.
func (r *RemoteKeySet) settle(f *flight, a answer, began, now instant) (news []Event, say *remark) {
	event := func(k EventKind) *Event {
		news = append(news, Event{Kind: k, Start: r.wallOf(now), URL: a.url})
		return &news[len(news)-1]
	}
	switch {
	case a.err != nil:
		f.failed, f.err = true, a.err
		if r.failures++; r.failures == 1 {
			say = &remark{slog.LevelWarn, "auth: fetching keys fails", a}
		}
		r.lastErr = a.err
		r.demand.failed(now.mono)
		r.plan(now, backoff(r.failures))
		if v := r.view.Load(); v.set != nil && v.stale.reached(now) && !r.staleTold {
			r.staleTold = true
			e := event(EventStale)
			e.Err, e.Keys = a.err, v.set.Len()
			say = &remark{slog.LevelError, "auth: keys are too old to be used", a}
		}
		return news, say
	case a.set.Len() == 0 && !r.believed(now):
		f.err = errEmptySet
		event(EventEmptySet).Err = errEmptySet
		if !r.empty {
			r.empty, r.emptySeen = true, now.mono
			say = &remark{slog.LevelWarn, "auth: the key set became empty", a}
		}
		r.failures, r.lastErr = 0, errEmptySet
		r.demand.succeeded(now.mono)
		r.plan(now, time.Duration(r.emptySeen-now.mono)+emptySetPause)
		return news, say
	}
	if r.failures > 0 {
		say = &remark{slog.LevelInfo, "auth: fetching keys works again", a}
	}
	r.failures, r.lastErr, r.empty, r.staleTold = 0, nil, false, false
	// Content that did not change keeps its set: what was memorized for it and the
	// tokens cached under it stay good.
	if r.published == nil || !a.set.same(r.published) {
		r.published = a.set
		r.effective = a.set
		if len(r.dropped) > 0 {
			r.effective = a.set.without(r.dropped)
		}
		e := event(EventKeys)
		e.Keys, e.Skipped = r.effective.Len(), r.effective.Skipped()
		if e.Keys == 0 {
			say = &remark{slog.LevelWarn, "auth: the key set is empty, no token verifies", a}
		}
	}
	r.loaded = began
	r.fresh = a.fresh
	if r.maxStale > 0 {
		r.fresh = min(r.fresh, r.maxStale)
	}
	r.demand.succeeded(now.mono)
	r.plan(now, ahead(r.fresh))
	return news, say
}

// believed reports whether an empty set may take effect now.
func (r *RemoteKeySet) believed(now instant) bool {
	if r.published != nil && r.published.Len() == 0 {
		return true
	}
	return r.empty && now.mono-r.emptySeen >= int64(emptySetPause)
}

// plan sets the next refresh. The lock is held.
func (r *RemoteKeySet) plan(now instant, in time.Duration) {
	in = max(in, 0)
	r.next = now.mono + int64(in)
	r.look = now.add(in + time.Second)
	if r.timer == nil {
		r.timer = time.AfterFunc(in, r.due)
	} else {
		r.timer.Reset(in)
	}
	r.publish()
}

// due is the timer's.
func (r *RemoteKeySet) due() {
	now := r.clock()
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.next <= now.mono {
		if r.demanded {
			r.demand.take(now.mono) // counts like one a request began
		}
		r.begin(now)
	}
}

// publish makes the view of the present state. The lock is held.
func (r *RemoteKeySet) publish() {
	life := r.maxStale
	if life == 0 {
		life = r.fresh
	}
	r.view.Store(&view{
		set:    r.effective,
		loaded: r.loaded,
		stale:  r.loaded.add(life),
		look:   r.look,
		next:   r.next,
		err:    r.lastErr,
	})
}
