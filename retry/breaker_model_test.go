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

// breakerModel is a breaker that keeps everything and counts anew each time.
type breakerModel struct {
	o        retry.BreakerOptions // all fields set
	made     time.Time
	outcomes []modelOutcome
	open     bool
	until    time.Time
}

type modelOutcome struct {
	at     time.Time
	failed bool
}

func (m *breakerModel) allows(now time.Time) bool { return !m.open || !now.Before(m.until) }

func (m *breakerModel) state(now time.Time) retry.BreakerState {
	switch {
	case !m.open:
		return retry.BreakerClosed
	case now.Before(m.until):
		return retry.BreakerOpen
	}
	return retry.BreakerHalfOpen
}

// bucket is the tenth of a window that now falls in.
func (m *breakerModel) bucket(at time.Time) int64 {
	return int64(at.Sub(m.made) / (m.o.Window / 10))
}

// settle counts what an allowed call brought.
func (m *breakerModel) settle(now time.Time, err error, canceled bool) {
	switch {
	case canceled:
	case m.open && err == nil:
		m.open, m.outcomes = false, nil
	case m.open:
		m.until = now.Add(m.o.OpenFor)
	default:
		m.outcomes = append(m.outcomes, modelOutcome{now, err != nil})
		total, failures := 0, 0
		for _, o := range m.outcomes {
			if m.bucket(now)-m.bucket(o.at) < 10 {
				total++
				if o.failed {
					failures++
				}
			}
		}
		if err != nil && total >= m.o.Requests && float64(failures) >= m.o.Failures*float64(total) {
			m.open, m.until = true, now.Add(m.o.OpenFor)
		}
	}
}

func TestBreakerAgainstAModel(t *testing.T) {
	t.Parallel()
	for seed := range uint64(40) {
		synctest.Test(t, func(t *testing.T) {
			random := rand.New(rand.NewPCG(seed, 4))
			o := retry.BreakerOptions{
				Window:   time.Duration(1+random.IntN(20)) * time.Second,
				Requests: 1 + random.IntN(12),
				Failures: float64(1+random.IntN(10)) / 10,
				OpenFor:  time.Duration(1+random.IntN(9000)) * time.Millisecond,
			}
			b, m := retry.NewBreaker(&o), &breakerModel{o: o, made: time.Now()}
			opened, share := 0, 1+random.IntN(4)
			for step := range 1500 {
				time.Sleep(time.Duration(random.ExpFloat64() * float64(o.Window) / 30))
				wasOpen := m.open
				ctx, cancel := context.WithCancel(t.Context())
				var outcome error
				if random.IntN(5) < share {
					outcome = errBackend
				}
				canceled := outcome != nil && random.IntN(8) == 0
				err := b.Do(ctx, func(context.Context) error {
					if random.IntN(10) == 0 {
						time.Sleep(time.Duration(random.IntN(100)) * time.Millisecond)
					}
					if canceled {
						cancel()
					}
					return outcome
				})
				cancel()
				if refused := errors.Is(err, retry.ErrBreakerOpen); refused {
					require.False(t, m.allows(time.Now()), "seed %d step %d", seed, step)
				} else {
					m.settle(time.Now(), outcome, canceled)
					require.Equal(t, outcome, err)
				}
				require.Equal(t, m.state(time.Now()), b.State(), "seed %d step %d", seed, step)
				if m.open && !wasOpen {
					opened++
				}
			}
			if share > 1 && o.Failures < 0.3 {
				require.Positive(t, opened, "seed %d never got far", seed)
			}
		})
	}
}
