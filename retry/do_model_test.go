package retry_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rowhouse-go/rowhouse/retry"
)

// An outcome is what an attempt of the model does.
type outcome struct {
	takes     time.Duration
	err       error
	permanent bool
	after     time.Duration
}

// A run is what was seen of a call: when each attempt began and ended.
type run struct {
	began, ended []time.Time
	err          error
}

// checkRun requires the run of a call that began at start to be one the documented
// rules allow, with the simplest reading of them.
func checkRun(t *testing.T, p retry.Policy, start, deadline time.Time, script []outcome, got run) {
	t.Helper()
	most := p.Max
	if most == 0 {
		most = 20 * time.Second
	}
	bound := p.Base
	if bound == 0 {
		bound = 50 * time.Millisecond
	}
	limit := p.Attempts
	if limit == 0 {
		limit = 3
	}
	if p.MaxElapsed > 0 && start.Add(p.MaxElapsed).Before(deadline) {
		deadline = start.Add(p.MaxElapsed) // of beginning another wait
	}

	now := start
	for i := range got.began {
		require.Equal(t, now, got.began[i], "attempt %d", i+1)
		require.Less(t, i, len(script))
		o := script[i]
		now = now.Add(o.takes)
		require.Equal(t, now, got.ended[i])
		last := i == len(got.began)-1
		if o.err == nil {
			require.True(t, last)
			require.NoError(t, got.err)
			return
		}
		if o.permanent {
			require.True(t, last)
			_, isError := errors.AsType[*retry.Error](got.err)
			require.False(t, isError)
			require.ErrorIs(t, got.err, errBackend)
			return
		}
		own := max(min(bound, most), 0)
		bound = min(bound*2, most)
		least, longest := time.Duration(0), own
		switch p.Jitter {
		case retry.NoJitter:
			least = own
		case retry.EqualJitter:
			least = own / 2
		}
		if o.after > 0 {
			least, longest = least+o.after, longest+o.after
			if p.Jitter == retry.NoJitter {
				least, longest = o.after, o.after
			}
		}
		if last {
			failed, isError := errors.AsType[*retry.Error](got.err)
			require.True(t, isError)
			require.Equal(t, i+1, failed.Attempts)
			require.Equal(t, now.Sub(got.ended[0]), failed.Elapsed)
			switch {
			case errors.Is(got.err, retry.ErrExhausted):
				require.Equal(t, limit, i+1)
			case errors.Is(got.err, retry.ErrDeadline):
				require.True(t, o.after > most || longest >= deadline.Sub(now), "there was time: %v, %v left", longest, deadline.Sub(now))
			default:
				require.ErrorIs(t, got.err, context.DeadlineExceeded)
				require.False(t, now.Before(deadline))
			}
			return
		}
		require.True(t, limit < 0 || i+1 < limit)
		require.LessOrEqual(t, o.after, most)
		waited := got.began[i+1].Sub(now)
		require.GreaterOrEqual(t, waited, least)
		require.LessOrEqual(t, waited, longest)
		now = now.Add(waited)
		require.True(t, now.Before(deadline), "an attempt began at or after the deadline")
	}
	require.Fail(t, "no attempt was made")
}

// pick returns one of the values.
func pick[T any](random *rand.Rand, values ...T) T { return values[random.IntN(len(values))] }

func checkSeed(t *testing.T, seed uint64) {
	synctest.Test(t, func(t *testing.T) {
		random := rand.New(rand.NewPCG(seed, 8))
		for range 20 {
			p := retry.Policy{
				Attempts: pick(random, 0, 1, 2, 5, 30, -1),
				Base:     pick(random, 0, -1, time.Millisecond, time.Second, 10*time.Second),
				Max:      pick(random, 0, 10*time.Second, time.Minute),
				Jitter:   pick(random, retry.FullJitter, retry.EqualJitter, retry.NoJitter),
			}
			if random.IntN(2) == 0 {
				p.MaxElapsed = time.Duration(1 + random.Int64N(int64(2*time.Minute)))
			}
			script := make([]outcome, 40)
			ending := random.IntN(3)
			for i := range script {
				o := &script[i]
				o.takes = pick(random, 0, 0, time.Duration(random.Int64N(int64(3*time.Second))))
				o.err = errBackend
				switch random.IntN(20) {
				case 0:
					o.err, o.permanent = retry.Permanent(errBackend), true
				case 1, 2, 3:
					o.after = time.Duration(random.Int64N(int64(25 * time.Second)))
					o.err = retry.After(o.after, errBackend)
				case 4, 5:
					if ending == 0 {
						o.err = nil
					}
				}
			}
			script[39] = outcome{}
			ctx, deadline := t.Context(), time.Now().Add(24*365*time.Hour)
			if random.IntN(2) == 0 {
				deadline = time.Now().Add(time.Duration(1 + random.Int64N(int64(time.Minute))))
			}
			ctx, cancel := context.WithDeadline(ctx, deadline)
			start, got := time.Now(), run{}
			got.err = p.Do(ctx, func(context.Context) error {
				o := script[len(got.began)]
				got.began = append(got.began, time.Now())
				time.Sleep(o.takes)
				got.ended = append(got.ended, time.Now())
				return o.err
			})
			cancel()
			checkRun(t, p, start, deadline, script, got)
		}
	})
}

// Random policies under random failures keep the rules.
func TestDoAgainstAModel(t *testing.T) {
	t.Parallel()
	for seed := range uint64(100) {
		checkSeed(t, seed)
	}
}

func FuzzDo(f *testing.F) {
	for seed := range uint64(8) {
		f.Add(1000 + seed)
	}
	f.Fuzz(checkSeed)
}
