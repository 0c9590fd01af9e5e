package auth

import (
	"context"
	"time"
)

// EventKind tells the events of Observe apart.
type EventKind string

// The kinds of [Event].
const (
	EventVerify    EventKind = "verify"     // one call of Verify; Err says why it refused
	EventFetch     EventKind = "fetch"      // one attempt to fetch a key set from its URLs
	EventBrokenSet EventKind = "broken_set" // a 200 answer that is no key set: the last good set stays
	EventEmptySet  EventKind = "empty_set"  // a set without a usable key: takes effect when seen again
	EventKeys      EventKind = "keys"       // a changed set came into force; Skipped names what it left out
	EventStale     EventKind = "stale"      // the keys passed MaxStale and are no longer used
)

// An Event reports something a [Verifier] or a [RemoteKeySet] did. It holds no
// token and no key material.
type Event struct {
	Kind     EventKind
	Start    time.Time
	Duration time.Duration
	Err      error
	Issuer   string       // the configured issuer; empty before it is known
	Cached   bool         // verify: answered from the token cache
	URL      string       // fetch: the URL that answered, or the last one tried
	Keys     int          // keys, fetch: usable keys in the set
	Skipped  []SkippedKey // keys: entries of the set that were left out
}

// Observe is called after the act, outside locks, on the goroutine that acted.
type observeFunc = func(context.Context, Event)
