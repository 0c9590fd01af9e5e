#!/usr/bin/env bash
# Retries against their peers: the tables of docs/benchmarks.md, for calls and for
# HTTP. BENCH_ROUNDS rounds (default 11) of BENCH_TIME (100ms) for each benchmark,
# the median of each; BENCH_SHORT=1 only shows that it runs.
. "$(dirname "$0")/lib.sh"

rounds=${BENCH_ROUNDS:-11} time=${BENCH_TIME:-100ms}
[[ ${BENCH_SHORT:-} != 1 ]] || rounds=1 time=1x

out=$(mktemp "$cache/bench-retry.XXXXXX")
trap 'rm -f "$out"' EXIT
go -C internal/bench test -c -o "$cache/bench-retry.test" ./retry
for ((i = 1; i <= rounds; i++)); do # one after the other, so that a busy minute hurts all alike
	echo "   round $i of $rounds" >&2
	"$cache/bench-retry.test" -test.run '^$' -test.bench '^Benchmark(FirstTry|Parallel|Transport)$' -test.benchtime "$time" >>"$out"
done
"$cache/bench-retry.test" -test.run '^$' -test.bench '^Benchmark(Storm|Effects)$' -test.benchtime 1x >>"$out"

go -C internal/bench run ./table <"$out" \
	'a success=FirstTry:cpu-ns/op' 'allocations=FirstTry:allocs/op' 'bytes=FirstTry:B/op' "$(nproc) processors=Parallel:ns/op" \
	'calls of a dead backend=Storm:hits/call'
echo
go -C internal/bench run ./table <"$out" \
	'a GET=Transport:cpu-ns/op' 'allocations=Transport:allocs/op' 'bytes=Transport:B/op' 'effects of five POSTs=Effects:effects'
echo
echo "$(date -u +%F), $(go version | cut -d' ' -f3,4), $(nproc) × $(sed -n 's/^model name\s*: //p' /proc/cpuinfo 2>/dev/null | head -1)," \
	"$rounds rounds of $time."
