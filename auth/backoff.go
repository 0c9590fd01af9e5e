package auth

import (
	"math/rand/v2"
	"time"
)

const (
	minBackoff = time.Second
	maxBackoff = time.Minute
)

// backoff returns how long to wait after the given number of failures in a row:
// from 1 s to 1 min, at random, so that services which lost their issuer
// together don't return together.
func backoff(failures int) time.Duration {
	d := maxBackoff
	if failures < 6 {
		d = min(minBackoff<<failures, maxBackoff)
	}
	return d/2 + rand.N(d/2) //nolint:gosec // jitter is no secret
}

// ahead returns when to refresh a set that is fresh for d: at 80 %, give or take
// 5, so that requests never meet a set past its time.
func ahead(d time.Duration) time.Duration {
	return d*3/4 + rand.N(d/10) //nolint:gosec // jitter is no secret
}

const (
	demandBurst   = 2
	demandRefill  = 10 * time.Second
	demandSlowest = time.Minute
)

// A demand bucket limits the fetches that tokens with unknown keys may cause.
// It counts attempts, whatever they brought: counting successes would let forged
// key ids through while the issuer is down. It allows two at once, so that two
// rotations in a row are seen at once, then one per 10 s, and fewer while they
// fail. Times are monotonic.
type demand struct {
	used int           // of demandBurst
	gap  time.Duration // between refills; 0 is demandRefill
	next int64         // the next refill, while used > 0
}

// take uses one attempt if there is one; otherwise it returns how long until
// there is.
func (d *demand) take(now int64) (wait time.Duration, ok bool) {
	for d.used > 0 && now >= d.next {
		d.used--
		d.next += int64(d.every())
	}
	if d.used == demandBurst {
		return time.Duration(d.next - now), false
	}
	if d.used == 0 {
		d.next = now + int64(d.every())
	}
	d.used++
	return 0, true
}

func (d *demand) every() time.Duration { return max(d.gap, demandRefill) }

func (d *demand) failed(now int64) {
	d.gap = min(2*d.every(), demandSlowest)
	d.next = max(d.next, now+int64(d.gap))
}

func (d *demand) succeeded(now int64) {
	d.gap = 0
	d.next = min(d.next, now+int64(demandRefill))
}
