package redisstore

import (
	"cmp"
	"context"
	_ "embed"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/rowhouse-go/rowhouse/ratelimit"
)

//go:embed take.lua
var takeText string

// Options are the optional parts of [New]. The zero value, like a nil *Options,
// means the defaults.
type Options struct {
	// Prefix begins every key: printable ASCII without spaces and braces, at most 64
	// bytes. Stores with the same prefix and server share buckets. Empty means
	// "rowhouse:rl:".
	Prefix string

	// Timeout bounds each decision, from waiting for a connection to the answer. 0
	// means 75 ms.
	Timeout time.Duration

	// LocalDenyCache is how many refused keys are remembered until they would pass,
	// for 10 s at most: they cost no question to Redis, and can be refused without it.
	// 0 means 4096, negative none.
	LocalDenyCache int

	// Failures is after how many in a row Redis is not asked any more ([ErrOpen]). 0
	// means 5; negative: it is always asked.
	Failures int

	// ProbeEvery is how often Redis is tried then, until it answers. 0 means 500 ms.
	ProbeEvery time.Duration
}

// Store is a [ratelimit.Store] in Redis. It is safe for concurrent use; make one with
// [New]. It has nothing to close: the client is its owner's, who closes it.
type Store struct {
	client  redis.UniversalClient
	sha     string // of the script
	prefix  string
	timeout time.Duration
	slots   chan struct{}
	plans   plans
	breaker *breaker
	denials *denials // nil: none
}

var (
	_ ratelimit.Store    = (*Store)(nil)
	_ ratelimit.Resetter = (*Store)(nil)
)

// New makes a store on a client of one server or of a cluster. It does not connect. The
// error names every fault of client and o at once.
func New(client redis.UniversalClient, o *Options) (*Store, error) {
	if o == nil {
		o = &Options{}
	}
	var faults []error
	if client == nil {
		faults = append(faults, errors.New("redisstore: client is nil"))
	}
	if len(o.Prefix) > 64 || !isPlain(o.Prefix) {
		faults = append(faults, fmt.Errorf("redisstore: Prefix is %.80q, want at most 64 bytes of printable ASCII without spaces and braces", o.Prefix))
	}
	if o.Timeout < 0 {
		faults = append(faults, fmt.Errorf("redisstore: Timeout is %v, want more than 0", o.Timeout))
	}
	if o.ProbeEvery < 0 {
		faults = append(faults, fmt.Errorf("redisstore: ProbeEvery is %v, want more than 0", o.ProbeEvery))
	}
	if err := errors.Join(faults...); err != nil {
		return nil, err
	}
	s := &Store{
		client:  client,
		sha:     redis.NewScript(takeText).Hash(),
		prefix:  cmp.Or(o.Prefix, "rowhouse:rl:"),
		timeout: cmp.Or(o.Timeout, 75*time.Millisecond),
		slots:   make(chan struct{}, inFlight),
		breaker: newBreaker(cmp.Or(o.Failures, 5), cmp.Or(o.ProbeEvery, 500*time.Millisecond)),
	}
	if most := cmp.Or(o.LocalDenyCache, 4096); most > 0 {
		s.denials = newDenials(most)
	}
	return s, nil
}

// Take implements [ratelimit.Store]. Its errors are those of ctx, [ErrTimeout],
// [ErrOpen], [ErrNotABucket] and those of the client, and one for limits that Redis
// can't count exactly: token buckets that take more than 104 days to fill.
//
// A request that could not be decided in time may be charged all the same, and one
// that the client sent again after it lost a connection may be charged twice: units
// are charged that were not granted, never the other way round.
func (s *Store) Take(ctx context.Context, name, key string, limits ratelimit.Limits, n int) (ratelimit.Decision, error) {
	if err := ctx.Err(); err != nil {
		return ratelimit.Decision{}, err
	}
	if n < 0 {
		return ratelimit.Decision{}, fmt.Errorf("redisstore: %d units, want at least 0", n)
	}
	d, found, resets := s.denials.find(bucket{name, key}, limits, n)
	if found {
		return d, nil
	}
	if err := s.ready(name, key); err != nil {
		return ratelimit.Decision{}, err
	}
	p, err := s.plans.of(limits)
	if err != nil {
		return ratelimit.Decision{}, err
	}
	at := time.Now()
	allowed, answers, err := s.take(ctx, name, key, p, n)
	if err != nil {
		return ratelimit.Decision{}, err
	}
	if allowed {
		return decide(limits, p.windows, answers, 0, 0), nil
	}
	if d = decide(limits, p.windows, answers, n, 0); d.Allowed {
		return ratelimit.Decision{}, fmt.Errorf("redisstore: the script refused %d units that fit", n)
	}
	if d.RetryAfter != ratelimit.Never {
		s.denials.put(bucket{name, key}, &denial{
			plan: p, answers: answers, n: n, at: at, until: at.Add(min(d.RetryAfter, longestDenial)),
		}, resets)
	}
	return d, nil
}

// take runs the script.
func (s *Store) take(ctx context.Context, name, key string, p *plan, n int) (bool, []answer, error) {
	numbers, err := s.call(ctx, &job{key: redisKey(s.prefix, name, key), plan: p, n: n})
	if errors.Is(err, ErrNotABucket) {
		err = fmt.Errorf("%w: limiter %q, key with digest %s", err, name, digest(name, key))
	}
	if err != nil {
		return false, nil, err
	}
	if len(numbers) > 0 {
		if answers, ok := p.read(numbers[1:]); ok {
			return numbers[0] == 1, answers, nil
		}
	}
	return false, nil, fmt.Errorf("redisstore: the script answered with %d numbers", len(numbers))
}

// run is one question to Redis: EVALSHA, and EVAL after it if the server does not
// know the script (any more).
func (s *Store) run(ctx context.Context, key string, p *plan, n int) ([]int64, error) {
	args := make([]any, 5, 5+3*ratelimit.MaxWindows)
	args[0], args[1], args[2], args[3], args[4] = "evalsha", s.sha, 1, key, n
	args = append(args, p.args...)
	cmd := redis.NewIntSliceCmd(ctx, args...)
	err := s.client.Process(ctx, cmd)
	if redis.HasErrorPrefix(err, "NOSCRIPT") {
		args = slices.Clone(args) // hooks may hold the first ones
		args[0], args[1] = "eval", takeText
		cmd = redis.NewIntSliceCmd(ctx, args...)
		err = s.client.Process(ctx, cmd)
	}
	switch {
	case err == nil:
		return cmd.Val(), nil
	case redis.HasErrorPrefix(err, "NOTABUCKET"):
		return nil, ErrNotABucket
	}
	return nil, fmt.Errorf("redisstore: %w", err)
}

// Reset implements [ratelimit.Resetter]. Other replicas that refused the key may do so
// for up to 10 seconds more; see [Options.LocalDenyCache]. Its errors are those of
// ctx, [ErrTimeout], [ErrOpen] and those of the client.
func (s *Store) Reset(ctx context.Context, name, key string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	defer s.denials.reset(bucket{name, key})
	if err := s.ready(name, key); err != nil {
		return err
	}
	_, err := s.call(ctx, &job{key: redisKey(s.prefix, name, key)})
	return err
}

// ready returns [ErrOpen] if Redis is not to be asked. Now and then it has somebody
// else ask, about the same key: in a cluster, the node that matters. The script writes
// then, as a server that only answers is no use.
func (s *Store) ready(name, key string) error {
	call, probe := s.breaker.allow()
	if call {
		return nil
	}
	if probe {
		j := &job{key: redisKey(s.prefix, name, key), plan: &plan{}}
		go func() {
			_, err := s.call(context.Background(), j)
			s.breaker.probed(answered(err))
		}()
	}
	return ErrOpen
}
