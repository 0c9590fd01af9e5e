#!/usr/bin/env bash
# Node 20 or newer with npm: the OpenID provider of the end-to-end tests is a
# Node program. Debian 12 ships Node 18, which is used to fetch a newer one.
. "$(dirname "$0")/../lib.sh"

works() {
	command -v npm >/dev/null && command -v node >/dev/null &&
		(($(node -p 'process.versions.node.split(".")[0]') >= 20))
}

if ! works; then
	command -v npm >/dev/null || apt_install nodejs npm || true
	if ! works && command -v npm >/dev/null; then
		mkdir -p "$cache/node"
		cp scripts/need/node/package*.json "$cache/node/"
		npm_ci "$cache/node"
		ln -sf "$cache"/node/node_modules/node-linux-*/bin/node "$cache/bin/node"
	fi
fi
works || die "   node 20 or newer with npm is missing: install it from your system's packages or https://nodejs.org"
echo "   node $(node --version)"
