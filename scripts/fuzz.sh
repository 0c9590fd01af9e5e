#!/usr/bin/env bash
# Every fuzz target of every module for FUZZTIME each (60s, or a count: 4000x),
# one target a call as go test wants it. A failing input is written to the package's testdata/fuzz.
. "$(dirname "$0")/lib.sh"

fuzztime=${FUZZTIME:-60s}

# targets MODULE: lines of "FuzzName import/path".
targets() {
	go -C "$1" test -list '^Fuzz' ./... |
		awk '/^Fuzz/ { name[++n] = $1 } /^ok/ { for (i = 1; i <= n; i++) print name[i], $2; n = 0 }'
}

fuzz() {
	local log
	log=$(mktemp "$cache/fuzz.XXXXXX")
	if ! go -C "$1" test -run '^$' -fuzz "^$2\$" -fuzztime "$fuzztime" "$3" >"$log" 2>&1; then
		cat "$log"
		rm "$log"
		return 1
	fi
	grep '^fuzz: elapsed' "$log" | tail -1
	rm "$log"
}

for module in $(modules); do
	found=$(targets "$module")
	while read -r name package; do
		[[ -z $name ]] || step "fuzz $package $name" fuzz "$module" "$name" "$package"
	done <<<"$found"
done
gate
