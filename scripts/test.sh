#!/usr/bin/env bash
# Everything that shows the project works, the cheap things first: what the
# tests need, each module as its users get it (lane A), all modules together as
# their developers see them (lane B), the tests, the demo. The last lines are
# go test's own summary.
. "$(dirname "$0")/lib.sh"

log=$(mktemp "$cache/test.XXXXXX")
skipped=$(mktemp "$cache/skipped.XXXXXX")
rm -f "$cache/test-summary.txt"

# Whatever ends this script, .ci/run finds what the tests said so far.
summarize() { grep -E '^((ok  |FAIL)[[:space:]]|--- FAIL|panic:)' "$log" >"$cache/test-summary.txt" || true; }
trap 'summarize; rm -f "$log" "$skipped"' EXIT
export ROWHOUSE_SKIPPED=$skipped # tests without their server add a line

# In CI a missing server or tool is a failure; elsewhere the tests that need it
# are skipped and counted.
need() {
	local script
	for script in scripts/need/*.sh; do
		if ! "$script" && in_ci; then return 1; fi
	done
}

# Every module has the root's go line, leaves the toolchain to its user, and
# requires the root, if at all, at the coming version.
go_mod_lines() {
	local root_module go_line coming got module
	root_module=$(go list -m)
	go_line=$(grep '^go ' go.mod)
	coming=$(coming_version)
	[[ -n $coming ]] || die "examples/saas/go.mod does not require $root_module"
	for module in $(modules); do
		got=$(grep '^go ' "$module/go.mod") || true
		[[ $got == "$go_line" ]] || die "$module/go.mod says ${got:-no go line}, the root $go_line"
		! grep -n '^toolchain' "$module/go.mod" || die "$module/go.mod has a toolchain line"
		got=$(required "$root_module" "$module")
		[[ -z $got || $got == "$coming" ]] || die "$module/go.mod requires $root_module $got, not $coming"
	done
}

lane_a() {
	go -C "$1" mod tidy -diff
	go -C "$1" mod verify
	go -C "$1" vet ./...
}

lane_b() {
	export GOWORK=
	go vet work
	go build work
}

race=(-race)

go_test() {
	local module=$1
	shift
	go -C "$module" test "${race[@]}" "$@" ./... 2>&1 | tee -a "$log"
}

step "what the tests need" need
gate
scripts/need/gcc.sh >/dev/null 2>&1 || {
	race=()
	echo "race detector (gcc)" >>"$skipped"
}
step "go.mod lines" go_mod_lines
step "import budget, README" go test .
gate
for module in $(modules); do
	step "lane A $module" lane_a "$module"
done
step "lane B" lane_b
gate
for module in $(modules); do
	case $module in
	# The result of a test against a real server is not worth remembering.
	*/integration) step "test $module" go_test "$module" -count=1 ;;
	*) step "test $module" go_test "$module" ;;
	esac
done
step "demo" scripts/demo.sh

count=$(sort -u "$skipped" | wc -l)
((count == 0)) || echo "== SKIPPED $count: $(sort -u "$skipped" | paste -sd, | sed 's/,/, /g')"
if ((${#failed_steps[@]})); then
	echo "== failed: $(IFS=,; echo "${failed_steps[*]}") ($SECONDS s)"
else
	echo "== passed ($SECONDS s)"
fi
summarize
cat "$cache/test-summary.txt"
((${#failed_steps[@]} == 0))
