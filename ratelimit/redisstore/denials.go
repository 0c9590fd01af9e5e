package redisstore

import (
	"slices"
	"sync"
	"time"

	"github.com/rowhouse-go/rowhouse/ratelimit"
)

// longestDenial bounds how long a refusal is remembered, so that a Reset by another
// replica is noticed.
const longestDenial = 10 * time.Second

type bucket struct{ name, key string }

// A denial is a refusal by Redis that stays one for a while.
type denial struct {
	plan    *plan
	answers []answer
	n       int
	at      time.Time
	until   time.Time
}

// Denials are the refusals that need no question to Redis. A nil one has none.
type denials struct {
	most int

	mu     sync.RWMutex
	of     map[bucket]*denial
	resets uint64 // so far; a refusal from before one is not remembered after it
}

func newDenials(most int) *denials {
	return &denials{most: most, of: make(map[bucket]*denial)}
}

// find returns the refusal that holds for the same request. Of fewer units it says
// nothing, and for more of them its times are too short.
func (d *denials) find(b bucket, limits ratelimit.Limits, n int) (decision ratelimit.Decision, ok bool, resets uint64) {
	if d == nil {
		return ratelimit.Decision{}, false, 0
	}
	d.mu.RLock()
	found, resets := d.of[b], d.resets
	d.mu.RUnlock()
	if found == nil || found.n != n || !slices.Equal(found.plan.limits, limits) {
		return ratelimit.Decision{}, false, resets
	}
	now := time.Now()
	if !now.Before(found.until) {
		return ratelimit.Decision{}, false, resets
	}
	decision = decide(limits, found.plan.windows, found.answers, n, now.Sub(found.at))
	return decision, !decision.Allowed, resets
}

// put remembers a refusal, instead of any other one if there are too many.
func (d *denials) put(b bucket, found *denial, resets uint64) {
	if d == nil {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.resets != resets {
		return
	}
	if _, ok := d.of[b]; !ok && len(d.of) >= d.most {
		looked := 0
		for other, old := range d.of {
			if looked++; looked == 8 || !found.at.Before(old.until) {
				delete(d.of, other)
				break
			}
		}
		if len(d.of) >= d.most {
			return
		}
	}
	d.of[b] = found
}

// reset forgets a refusal, and has those on their way ignored.
func (d *denials) reset(b bucket) {
	if d == nil {
		return
	}
	d.mu.Lock()
	delete(d.of, b)
	d.resets++
	d.mu.Unlock()
}
