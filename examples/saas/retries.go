package main

import (
	"context"
	"errors"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/rowhouse-go/rowhouse/retry"
)

// Retries of transactions. What is done in one may run several times: it sets its
// results and never adds to them, and has no effect outside of the database.
//
// One budget for the whole database keeps an outage from being made worse: once it is
// spent, requests fail at once.
type retries struct {
	change *retry.Policy // lost races and locks; a connection lost while beginning, or ended by the operator
	read   *retry.Policy // a connection lost at any time, too

	repeated atomic.Int64 // transactions begun again
}

func newRetries(log *slog.Logger) *retries {
	var r retries
	change := retry.Policy{
		Attempts:   10, // a restart of the server leaves a pool of dead connections, found one by one
		Base:       20 * time.Millisecond,
		Max:        time.Second,
		MaxElapsed: requestTimeout / 2,
		Budget:     retry.NewBudget(nil),
		Observe: func(ctx context.Context, a retry.Attempt) {
			if a.Last {
				return // whoever answers logs it
			}
			r.repeated.Add(1)
			log.LogAttrs(ctx, slog.LevelInfo, "transaction repeated",
				slog.String("request_id", requestIDOf(ctx)), slog.Int("attempt", a.Number),
				slog.Duration("wait", a.Wait), slog.Any("error", a.Err))
		},
	}
	read := change
	change.Retryable = isEndedSession
	read.Retryable = retry.TransientSQL
	r.change, r.read = &change, &read
	return &r
}

// isEndedSession reports whether the server said that it ended the session, as when it
// is restarted: nothing was committed, and no statement is to blame.
func isEndedSession(err error) bool {
	e, ok := errors.AsType[*pgconn.PgError](err)
	return ok && e.Code == "57P01"
}

// inTransaction makes what is repeated of a way to run transactions, and tells the
// database's own failures from those of what is done.
func inTransaction[Q any](run func(context.Context, func(context.Context, Q) error) error) func(context.Context, func(context.Context, Q) error) error {
	return func(ctx context.Context, do func(context.Context, Q) error) error {
		var done error
		return outage(run(ctx, func(ctx context.Context, q Q) error {
			done = do(ctx, q)
			return done
		}), done)
	}
}
