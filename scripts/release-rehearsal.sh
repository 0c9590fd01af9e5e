#!/usr/bin/env bash
# Rehearses a release without leaving the machine: the work tree becomes a
# module proxy, an empty consumer with an empty module cache runs go get and
# builds, and what that cost is printed and held to the budget. Last, the
# template is taken from the proxy and built as one who copied it would.
. "$(dirname "$0")/lib.sh"

version=$(coming_version)
module=$(go list -m)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# Other modules come from the local module cache, or else from where they
# always do, checked against the checksum database; ours are in neither.
upstream="file://$(go env GOMODCACHE)/cache/download,$(go env GOPROXY)"
export GOFLAGS="$GOFLAGS -modcacherw" GONOSUMDB=$module

publish() {
	go -C internal/tools build -o "$work/release" ./release
	"$work/release" -version "$version" -root "$root" -out "$work/proxy"
}

within() { awk -v have="$1" -v most="$2" 'BEGIN { exit !(have <= most) }'; }

# consume PACKAGE ZIPS MIB PACKAGES: the most that importing it may cost, in a
# program that uses it, internal/integration/consumer/PACKAGE.
consume() {
	local name=$1 dir=$work/consumer/$1
	local modcache=$dir/modcache zips mib sums packages binary
	mkdir -p "$dir/src"
	cp "internal/integration/consumer/$name/main.go" "$dir/src/"
	cd "$dir/src"
	export GOMODCACHE=$modcache GOPROXY=file://$work/proxy,$upstream
	go mod init example.com/consumer 2>/dev/null
	go get "$module/$name@$version"
	go build -trimpath -ldflags='-s -w' -o "$dir/consumer" .

	zips=$(find "$modcache/cache/download" -name '*.zip' | wc -l)
	mib=$(find "$modcache/cache/download" -name '*.zip' -exec cat {} + | wc -c | awk '{ printf "%.2f", $1 / 1048576 }')
	sums=$(wc -l <go.sum)
	packages=$(go list -deps -f '{{if not .Standard}}{{.ImportPath}}{{end}}' . | grep -cvx example.com/consumer)
	binary=$(wc -c <"$dir/consumer" | awk '{ printf "%.1f", $1 / 1048576 }')
	echo "| \`$name\` | $zips | $mib | $sums | $packages | $binary |" >>"$work/table"

	grep -qF "| \`$name\` | $2 | < $3 | $4 |" "$root/README.md" || die "README.md does not say what $name may cost"
	within "$zips" "$2" || die "$name: $zips zips, the budget is $2"
	within "$mib" "$3" || die "$name: $mib MiB of zips, the budget is $3"
	within "$packages" "$4" || die "$name: $packages packages, the budget is $4"
}

template() {
	local saas=$module/examples/saas bytes
	bytes=$(wc -c <"$work/proxy/$saas/@v/$version.zip")
	((bytes < 1 << 20)) || die "the zip of examples/saas has $bytes bytes: what is in it?"
	mkdir "$work/template"
	cd "$work/template"
	# The go command's own unpacking, so that the zip and its sums are checked;
	# trimmed paths, so that the next rehearsal finds its packages compiled.
	GOMODCACHE=$work/template-cache GOPROXY=file://$work/proxy GOFLAGS=-modcacherw \
		go mod download "$saas@$version"
	cp -r "$work/template-cache/$saas@$version/." .
	GOMODCACHE=$work/template-cache GOPROXY=file://$work/proxy,$upstream go build -trimpath -o "$work/saas" .
}

step "publish $version" publish
gate
# The root is one zip, whichever of its packages is imported, with all of their
# tests and documents.
step "go get rbac" consume rbac 1 0.7 1
step "go get tenant" consume tenant 1 0.7 1
step "go get ratelimit" consume ratelimit 2 0.7 2
step "go get retry" consume retry 2 0.7 2
step "go get auth" consume auth 12 5.4 23
step "go get tenant/tenantpgx" consume tenant/tenantpgx 8 9 33
step "go get ratelimit/redisstore" consume ratelimit/redisstore 7 5 21
step "copy examples/saas" template

if [[ -s $work/table ]]; then
	echo
	echo "| import | zips | MiB | go.sum lines | packages | stripped binary, MiB |"
	echo "|---|---|---|---|---|---|"
	cat "$work/table"
	echo
fi
gate
