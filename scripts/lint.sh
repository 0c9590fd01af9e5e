#!/usr/bin/env bash
# Style and static analysis, each module by itself as its users build it.
. "$(dirname "$0")/lib.sh"

# The linters are tool lines of internal/tools; built again when those change.
install_tools() {
	local stamp=$cache/bin/.tools want
	want=$(cat internal/tools/go.mod internal/tools/go.sum <(go version) | sha256sum)
	[[ -f $stamp && $(<"$stamp") == "$want" ]] && return
	GOBIN=$cache/bin go -C internal/tools install tool
	echo "$want" >"$stamp"
}

# The files of the tree that git does not ignore.
go_files() {
	local name
	git ls-files -coz --exclude-standard '*.go' | while IFS= read -rd '' name; do
		[[ ! -f $name ]] || printf '%s\0' "$name"
	done
}

format() {
	local unformatted
	unformatted=$(go_files | xargs -0 gofumpt -l)
	[[ -z $unformatted ]] || die "gofumpt would change:"$'\n'"$unformatted"
}

# time.Sleep is for the fake clock of a synctest bubble: real time is waited for
# by its event.
no_sleep() {
	local files
	files=$(go_files | xargs -0 grep -lZ 'time\.Sleep(' | xargs -0r grep -L '"testing/synctest"') || true
	[[ -z $files ]] || die "time.Sleep outside of testing/synctest:"$'\n'"$files"
}

modernize() {
	local diff
	diff=$(go -C "$1" fix -diff ./... 2>&1) || die "$diff"
	[[ -z $diff ]] || die "$diff"
}

lint() {
	cd "$1"
	golangci-lint run --allow-parallel-runners --config "$root/.golangci.yml" ./...
}

step "linters" install_tools
gate
step "gofumpt" format
step "no time.Sleep" no_sleep
for module in $(modules); do
	step "go fix $module" modernize "$module"
	step "golangci-lint $module" lint "$module"
done
gate
