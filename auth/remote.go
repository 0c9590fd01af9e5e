package auth

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync/atomic"
	"time"
)

// RemoteKeysOptions adjust a [RemoteKeySet]. The zero value means the defaults.
type RemoteKeysOptions struct {
	// Failover lists further URLs of the same key set. They are asked in order
	// when the first fails.
	Failover []string

	// MaxStale is how old the keys may get while no newer ones can be had. Older
	// keys verify nothing: a key that was withdrawn must not work for ever
	// because we can't hear of it. Zero means 24 hours. Negative means none: keys
	// serve only as long as their Cache-Control says. Otherwise from 1 minute to
	// 30 days.
	MaxStale time.Duration

	// Timeout bounds each request of a fetch. Zero means 5 seconds; at most a
	// minute. A failover URL is asked after it.
	Timeout time.Duration

	// HTTPClient fetches the keys. Nil means a client of this package's own,
	// without cookies. Redirects to another origin are refused with any client.
	HTTPClient *http.Client

	// InsecureHTTP allows http URLs that are not on the loopback interface:
	// whoever sits on the path chooses the keys.
	InsecureHTTP bool

	// Logger is told when the refreshing begins to fail and when it works again.
	// Nil means slog.Default().
	Logger *slog.Logger

	// Observe is told of every fetch and of changes of the keys, outside locks,
	// on the goroutine of the fetch. It must not call Close, which waits for it.
	Observe func(context.Context, Event)

	// Now is the wall clock. Nil means time.Now. Ages are the larger of the time
	// it shows and the time the monotonic clock does.
	Now func() time.Time
}

const (
	defaultMaxStale = 24 * time.Hour
	longestMaxStale = 30 * 24 * time.Hour
	defaultTimeout  = 5 * time.Second
	longestTimeout  = time.Minute
)

// A RemoteKeySet is a [KeySource] that fetches an issuer's keys, keeps them, and
// refreshes them before they are out of date. Requests do not wait for it but
// when there are no keys yet, or for a key that was just rotated in; then for at
// most a second. It keeps the last good keys while the issuer is down, up to
// MaxStale.
//
// It is safe for concurrent use. Make one with [RemoteKeys]; the zero value has
// no keys and never will. Close ends the refreshing.
type RemoteKeySet struct {
	urls     []string // of the keys; none with discovery
	issuer   string   // with discovery
	base     time.Time
	now      func() time.Time // nil: time.Now
	maxStale time.Duration    // 0: none
	timeout  time.Duration
	client   *http.Client
	insecure bool
	logger   *slog.Logger
	observe  observeFunc
	invalid  error // faults of the configuration

	view atomic.Pointer[view]

	discovered discovery // used by the fetch in flight alone

	refresher
}

// RemoteKeys returns the keys published at url, a JWK Set document (RFC 7517
// §5). It does no I/O and starts no goroutine: the first use or
// [RemoteKeySet.Ready] begins to fetch. Faults of url and o are reported by
// [New] and by every method that returns an error. A nil o means the defaults.
func RemoteKeys(url string, o *RemoteKeysOptions) *RemoteKeySet {
	if o == nil {
		o = &RemoteKeysOptions{}
	}
	urls := append([]string{url}, o.Failover...)
	var errs []error
	for i, u := range urls {
		if err := checkURL(u, o.InsecureHTTP); err != nil {
			field := "url"
			if i > 0 {
				field = fmt.Sprintf("Failover[%d]", i-1)
			}
			errs = append(errs, fmt.Errorf("%s: %w", field, err))
		}
	}
	r := newRemote(o, errs)
	r.urls = urls
	return r
}

// DiscoverKeys returns the keys of issuer, found by OpenID Connect Discovery
// 1.0: what a Config without Keys uses, for those who need its options or its
// methods. Failover is a fault: the document says where the keys are. It is
// otherwise like [RemoteKeys].
func DiscoverKeys(issuer string, o *RemoteKeysOptions) *RemoteKeySet {
	if o == nil {
		o = &RemoteKeysOptions{}
	}
	var errs []error
	if len(o.Failover) > 0 {
		errs = append(errs, errors.New("Failover: has no meaning with discovery"))
	}
	if err := checkURL(issuer, o.InsecureHTTP); err != nil {
		errs = append(errs, fmt.Errorf("issuer: %w", err))
	} else if strings.Contains(issuer, "?") {
		errs = append(errs, errors.New("issuer: holds a query (OpenID Connect Discovery 1.0 §3)"))
	}
	r := newRemote(o, errs)
	r.issuer = issuer
	return r
}

func newRemote(o *RemoteKeysOptions, errs []error) *RemoteKeySet {
	r := &RemoteKeySet{
		base:     time.Now(),
		now:      o.Now,
		maxStale: max(o.MaxStale, 0),
		timeout:  o.Timeout,
		insecure: o.InsecureHTTP,
		logger:   o.Logger,
		observe:  o.Observe,
	}
	if o.MaxStale == 0 {
		r.maxStale = defaultMaxStale
	} else if r.maxStale > 0 && (r.maxStale < minFresh || r.maxStale > longestMaxStale) {
		errs = append(errs, fmt.Errorf("MaxStale: %v is not from %v to %v", o.MaxStale, minFresh, longestMaxStale))
	}
	if r.timeout == 0 {
		r.timeout = defaultTimeout
	} else if r.timeout < 0 || r.timeout > longestTimeout {
		errs = append(errs, fmt.Errorf("Timeout: %v is not from 0 to %v", o.Timeout, longestTimeout))
	}
	if o.HTTPClient != nil {
		r.client = bound(o.HTTPClient)
	} else {
		r.client = bound(ownClient())
	}
	if r.logger == nil {
		r.logger = slog.Default()
	}
	r.invalid = errors.Join(errs...)
	first := &view{err: r.invalid} // look is long past: the first use begins
	if r.invalid != nil {
		first.look = never
	}
	r.view.Store(first)
	return r
}

// problem returns the faults of the configuration, for New.
func (r *RemoteKeySet) problem() error {
	if r == nil || r.view.Load() == nil {
		return errZeroKeys
	}
	return r.invalid
}

var (
	errZeroKeys = errors.New("a RemoteKeySet that RemoteKeys did not make")
	errNoKeys   = errors.New("none have been fetched yet")
	errClosed   = errors.New("closed")
)

// Current returns the keys in force. It never blocks. Without keys, or with keys
// older than MaxStale, its error matches ErrKeysUnavailable and says when the
// next attempt is due. When the refresh is overdue, as after a machine slept, it
// starts one in the background.
func (r *RemoteKeySet) Current() (*KeySet, error) {
	v := r.view.Load()
	if v == nil {
		return nil, refuse(ReasonKeysUnready, errZeroKeys)
	}
	now := r.clock()
	if v.look.reached(now) {
		r.wake(now)
	}
	if set := v.usable(now); set != nil {
		return set, nil
	}
	return nil, v.unavailable(now)
}

// Close ends the refreshing: it stops the timer, cancels a fetch in progress and
// waits for it, and so must not be called by Observe. Keys that were loaded
// serve until they are too old. Close returns nil, and may be called again.
func (r *RemoteKeySet) Close() error {
	if r.view.Load() == nil || r.invalid != nil {
		return nil //nolint:nilerr // nothing has begun, so nothing must end
	}
	r.mu.Lock()
	if !r.closed {
		r.closed = true
		if r.timer != nil {
			r.timer.Stop()
		}
		if r.flight != nil {
			r.flight.cancel()
		}
		r.next, r.look, r.lastErr = 0, never, errClosed
		r.publish()
		r.announce()
	}
	r.mu.Unlock()
	r.running.Wait()
	return nil
}
