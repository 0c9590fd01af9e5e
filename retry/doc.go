// Package retry retries what is safe to retry, with a budget.
//
// A [Policy] says how often, how patiently and after which errors; [Policy.Do] and
// [Value] run a function under it. The zero policy makes three attempts with
// exponential back-off and full jitter. A [Budget] shared by all calls of a
// dependency bounds what retries add to an outage, a [Breaker] ends it being called.
//
//	policy := &retry.Policy{ // one per dependency
//		AttemptTimeout: 2 * time.Second,
//		Retryable:      retry.TransientNet,
//		Budget:         retry.NewBudget(nil),
//		Breaker:        retry.NewBreaker(nil),
//	}
//	err := policy.Do(ctx, func(ctx context.Context) error {
//		return deliver(ctx, message)
//	})
//	if failed, ok := errors.AsType[*retry.Error](err); ok {
//		log.Printf("gave up after %d attempts: %v", failed.Attempts, failed.Reason)
//	}
//
// [NewTransport] puts retries under an [net/http.Client], and repeats only what HTTP
// allows to be repeated. [Tx] repeats whole transactions; [TransientSQL],
// [TransientNet] and [TransientHTTP] tell which failures pass by themselves.
//
// # Rules
//
//   - An error marked with [Permanent] or refused by Policy.Retryable is returned as
//     it is, as though there was no retry. All else that ends a call is an [*Error],
//     which matches its reason and the last error.
//   - No attempt begins once the context ended. A wait that would outlast its
//     deadline is not begun: the caller gets the last error while there is time to
//     do something about it.
//   - A function that succeeds at once costs a few nanoseconds and no allocation;
//     with a breaker, MaxElapsed or Observe, a reading of the clock besides; with
//     AttemptTimeout, a context.
//   - Waits are no longer than Policy.Max, and what a server asks for is granted
//     up to there, with jitter on top; beyond, the call ends.
//
// # What it does not do
//
// It does not know whether f may run twice: only its author does. It hedges nothing,
// queues nothing and keeps no goroutine. It does not see retries of other layers, and
// three attempts in each of three layers are 27: retry in one layer, the one that
// knows what may be repeated, and switch off the retries of SDKs under it. Budgets
// bound the damage where that is not done.
//
// The attempts after the first are driven by [retry-go]. The budget follows the
// throttle of [gRFC A6] and the retry quota of the AWS SDKs, the kinds of jitter are
// those of [Exponential Backoff And Jitter].
//
// [retry-go]: https://pkg.go.dev/github.com/avast/retry-go/v5
// [gRFC A6]: https://github.com/grpc/proposal/blob/master/A6-client-retries.md#throttling-retry-attempts-and-hedged-rpcs
// [Exponential Backoff And Jitter]: https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/
package retry
