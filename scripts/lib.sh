# Sourced by every script: where things are, and how steps are shown.
# shellcheck shell=bash
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cache=$root/.cache
mkdir -p "$cache/bin"
cd "$root"

# What the project builds or downloads comes first; go.work only where a step
# asks for it; no version-control stamps, which need a trusted owner of .git.
export PATH=$cache/bin:$PATH
export GOWORK=off
export GOFLAGS="${GOFLAGS:+$GOFLAGS }-buildvcs=false"

die() {
	echo "$*" >&2
	exit 1
}

in_ci() { [[ ${CI:-} == true ]]; }

# step NAME COMMAND...: runs the command between two progress lines. A failure
# is remembered, not returned, so that one run shows every fault; gate ends
# the script then. (A returned status would tempt into `step … ||`, inside which
# bash ignores set -e.)
failed_steps=()
step() {
	local name=$1 begun=$SECONDS status
	shift
	echo "== $name"
	set +e
	(
		set -e
		"$@"
	)
	status=$?
	set -e
	if ((status)); then
		failed_steps+=("$name")
		echo "== $name: FAILED ($((SECONDS - begun)) s)"
	else
		echo "== $name: done ($((SECONDS - begun)) s)"
	fi
}

# gate ends the script when a step has failed so far.
gate() {
	((${#failed_steps[@]} == 0)) || die "== failed: $(IFS=,; echo "${failed_steps[*]}")"
}

# modules lists the folder of every go.mod, the root first.
modules() {
	find . -name go.mod -not -path './.cache/*' -not -path '*/node_modules/*' -not -path '*/testdata/*' |
		sed 's|/go.mod$||' | sort
}

# required MODULE FOLDER: the version that FOLDER's go.mod requires of MODULE.
required() {
	awk -v module="$1" '$1 == "require" { sub(/^require /, "") } $1 == module && $2 ~ /^v/ { print $2 }' "$2/go.mod"
}

# coming_version is that of the next release, which every nested module that
# needs the root requires.
coming_version() { required "$(go list -m)" examples/saas; }

# apt_install PACKAGE...: installs as root on Debian; elsewhere it only fails.
apt_install() {
	((EUID == 0)) && command -v apt-get >/dev/null || return 1
	echo "   installing $* with apt-get"
	local log=$cache/apt.log
	export DEBIAN_FRONTEND=noninteractive
	if ! { apt-get update -qq && apt-get install -y -qq --no-install-recommends "$@"; } >"$log" 2>&1; then
		tail -5 "$log"
		return 1
	fi
}

# npm_ci FOLDER: installs what FOLDER's lockfile pins, once per lockfile.
npm_ci() {
	local stamp=$1/node_modules/.lock-sha256 want
	want=$(sha256sum <"$1/package-lock.json")
	[[ -f $stamp && $(<"$stamp") == "$want" ]] && return
	echo "   installing $1 with npm ci"
	npm --prefix "$1" ci --ignore-scripts --no-audit --no-fund --loglevel=error
	echo "$want" >"$stamp"
}
