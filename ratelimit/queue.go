package ratelimit

import (
	"container/list"
	"context"
	"math"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// queues are those who wait, by key. A key is there only while somebody waits for it.
type queues struct {
	mu sync.Mutex
	of map[string]*queue
}

// A queue is those who wait for one key. The one at the front sleeps until its turn and
// asks the store; the others sleep until they are at the front.
//
// pace is the bucket of the tightest window as the last decision left it: by it the
// next one at the front knows its turn without asking, and who joins knows whether it
// comes before the deadline. All at once in reservations of pace would be simpler, and
// wrong as soon as another window binds or another replica comes between.
type queue struct {
	turns  list.List     // of *turn
	behind float64       // units of those behind the front; the sum may exceed an int
	at     time.Time     // when the one at the front expects to pass
	last   Decision      // of the store
	pace   *rate.Limiter // nil if last knows none, as of a sliding window
}

// A turn is one who waits.
type turn struct {
	units    int
	front    chan struct{} // closed when it is at the front
	place    *list.Element
	at       time.Time         // not to ask the store before; set when at the front
	reserved *rate.Reservation // of pace; nil if there is none
}

func (w *queues) has(key string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.of[key] != nil
}

// join returns a turn at the end of key's queue, or what to refuse with if it would come
// after ctx's deadline. refused is what the store just said, if it was asked.
func (w *queues) join(ctx context.Context, key string, n int, refused *Decision) (t *turn, late *Decision) {
	now := time.Now()
	t = &turn{units: n, front: make(chan struct{})}
	w.mu.Lock()
	defer w.mu.Unlock()
	q := w.of[key]
	alone := q == nil
	if alone {
		q = &queue{at: now}
		if refused != nil {
			q.reserve(now, t, *refused)
		} else {
			t.at = now // the queue has dissolved meanwhile
		}
	}
	if deadline, ok := ctx.Deadline(); ok {
		if at := q.expect(now, t, alone); at.After(deadline) {
			return nil, q.refusal(at.Sub(now))
		}
	}
	t.place = q.turns.PushBack(t)
	if alone {
		if w.of == nil {
			w.of = make(map[string]*queue)
		}
		w.of[key] = q
		close(t.front)
	} else {
		q.behind += float64(n)
	}
	return t, nil
}

// late returns what to refuse with if the turn of the front comes after the deadline.
func (w *queues) late(ctx context.Context, key string, t *turn) *Decision {
	deadline, ok := ctx.Deadline()
	if !ok || !t.at.After(deadline) {
		return nil
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.of[key].refusal(time.Until(t.at))
}

// again schedules the front anew after the refusal d.
func (w *queues) again(key string, t *turn, d Decision) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.of[key].reserve(time.Now(), t, d)
}

// leave ends t, which granted has served; nil if it gave up. The next one comes to the
// front.
func (w *queues) leave(key string, t *turn, granted *Decision) {
	now := time.Now()
	w.mu.Lock()
	defer w.mu.Unlock()
	q := w.of[key]
	atFront := q.turns.Front() == t.place
	q.turns.Remove(t.place)
	if !atFront {
		q.behind -= float64(t.units)
		return
	}
	if q.turns.Len() == 0 {
		delete(w.of, key)
		return
	}
	if granted != nil {
		q.heed(now, *granted)
	} else if t.reserved != nil {
		t.reserved.CancelAt(now)
	}
	next := q.turns.Front().Value.(*turn)
	q.behind -= float64(next.units)
	q.schedule(now, next)
	close(next.front)
}

// heed takes over what the store said.
func (q *queue) heed(now time.Time, d Decision) {
	q.last, q.pace = d, nil
	l, ok := d.binding()
	if !ok || l.Sliding {
		return // what a sliding window gives back and when, only the store knows
	}
	each, fill, ok := l.pace()
	if !ok {
		return
	}
	// Empty it at such a time that it is full when the store's bucket is.
	q.pace = rate.NewLimiter(rate.Every(time.Duration(each)), l.burst())
	q.pace.AllowN(now.Add(d.ResetAfter-time.Duration(fill)), l.burst())
}

// schedule sets when t, at the front, is to ask the store.
func (q *queue) schedule(now time.Time, t *turn) {
	t.at, t.reserved = now, nil
	if q.pace != nil {
		if r := q.pace.ReserveN(now, t.units); r.OK() { // or the limits have changed
			t.reserved = r
			if d := r.DelayFrom(now); d > 0 {
				t.at = now.Add(d + 1) // it was rounded down
			}
		}
	}
	q.at = t.at
}

// reserve is heed and schedule after the refusal d of t itself.
func (q *queue) reserve(now time.Time, t *turn, d Decision) {
	q.heed(now, d)
	q.schedule(now, t)
	if at := now.Add(d.RetryAfter); at.After(t.at) {
		t.at, q.at = at, at
	}
}

// expect returns the earliest time that t passes, if it joins now.
func (q *queue) expect(now time.Time, t *turn, alone bool) time.Time {
	at := q.at
	if at.Before(now) {
		at = now
	}
	if alone {
		return at
	}
	units := q.behind + float64(t.units)
	l, ok := q.last.binding()
	switch {
	case q.pace != nil:
		if short := units - q.pace.TokensAt(at); short > 0 {
			return at.Add(duration(short / float64(q.pace.Limit()) * float64(time.Second)))
		}
	case ok && l.Sliding: // after the front a Quota in each Window at most
		return at.Add(duration(math.Floor(units/float64(l.Quota)) * float64(l.Window)))
	}
	return at
}

// duration bounds d by what time.Time.Add can add to any time.
func duration(d float64) time.Duration { return time.Duration(min(d, math.MaxInt64/2)) }

// refusal is the last decision as a refusal for d.
func (q *queue) refusal(d time.Duration) *Decision {
	refusal := q.last
	refusal.Allowed, refusal.RetryAfter = false, d
	if _, ok := refusal.binding(); ok {
		refusal.Refused |= 1 << refusal.Tightest
	}
	return &refusal
}
