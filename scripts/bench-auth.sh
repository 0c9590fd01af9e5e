#!/usr/bin/env bash
# Token verification against its peers: the table of docs/benchmarks.md.
# BENCH_ROUNDS rounds (default 11) of BENCH_TIME (100ms) for each benchmark, the
# median of each; BENCH_SHORT=1 only shows that it runs.
. "$(dirname "$0")/lib.sh"

rounds=${BENCH_ROUNDS:-11} time=${BENCH_TIME:-100ms}
[[ ${BENCH_SHORT:-} != 1 ]] || rounds=1 time=1x

out=$(mktemp "$cache/bench-auth.XXXXXX")
trap 'rm -f "$out"' EXIT
go -C internal/bench test -c -o "$cache/bench-auth.test" ./auth
BENCH_ATTACKS=$out "$cache/bench-auth.test" -test.run '^TestAttacks$' >"$out.log" || {
	cat "$out.log"
	exit 1
}
rm -f "$out.log"
for ((i = 1; i <= rounds; i++)); do # one after the other, so that a busy minute hurts all alike
	echo "   round $i of $rounds" >&2
	"$cache/bench-auth.test" -test.run '^$' -test.bench . -test.benchtime "$time" >>"$out"
done
go -C internal/bench run ./auth/table <"$out"
echo
echo "$(date -u +%F), $(go version | cut -d' ' -f3,4), $(nproc) × $(sed -n 's/^model name\s*: //p' /proc/cpuinfo 2>/dev/null | head -1)," \
	"$rounds rounds of $time."
