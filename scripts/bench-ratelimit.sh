#!/usr/bin/env bash
# Rate limits against their peers: the tables of docs/benchmarks.md, in memory and
# over Redis. BENCH_ROUNDS rounds (default 3) of BENCH_TIME (100ms) for each
# benchmark, the median of each; BENCH_SHORT=1 only shows that it runs.
. "$(dirname "$0")/lib.sh"

rounds=${BENCH_ROUNDS:-3} time=${BENCH_TIME:-100ms}
[[ ${BENCH_SHORT:-} != 1 ]] || rounds=1 time=1x

scripts/need/redis.sh >&2
out=$(mktemp "$cache/bench-ratelimit.XXXXXX")
trap 'rm -f "$out"' EXIT
go -C internal/bench test -c -o "$cache/bench-ratelimit.test" ./ratelimit
for ((i = 1; i <= rounds; i++)); do # one after the other, so that a busy minute hurts all alike
	echo "   round $i of $rounds" >&2
	"$cache/bench-ratelimit.test" -test.run '^$' -test.bench '^Benchmark(Decision|Parallel|Middleware|Redis)$' -test.benchtime "$time" >>"$out"
done
echo "   memory and outages" >&2
"$cache/bench-ratelimit.test" -test.run '^$' -test.bench '^Benchmark(Held|Passers|Outage)$' -test.benchtime 1x >>"$out" 2>/dev/null

go -C internal/bench run ./table <"$out" \
	'one key=Decision/1:cpu-ns/op' '10,000 keys=Decision/10000:cpu-ns/op' '1,000,000 keys=Decision/1000000:cpu-ns/op' \
	'allocations=Decision/10000:allocs/op' "$(nproc) processors=Parallel:ns/op" \
	'bytes a key=Held:B/key' 'collection=Held:gc-ns' 'kept of passers=Passers:kept-B'
echo
go -C internal/bench run ./table <"$out" 'a request=Middleware:cpu-ns/op' 'allocations=Middleware:allocs/op' 'bytes=Middleware:B/op'
echo
go -C internal/bench run ./table <"$out" 'decisions=Redis:decisions/s' 'our CPU time=Redis:cpu-ns/op' "Redis' CPU time=Redis:server-ns/op"
echo
go -C internal/bench run ./table <"$out" \
	'nobody listens: slowest=Outage/refused:slowest-ns' 'median=Outage/refused:median-ns' \
	'nobody answers: slowest=Outage/silent:slowest-ns' 'median=Outage/silent:median-ns'
echo
echo "$(date -u +%F), $(go version | cut -d' ' -f3,4), $(nproc) × $(sed -n 's/^model name\s*: //p' /proc/cpuinfo 2>/dev/null | head -1)," \
	"$rounds rounds of $time."
