#!/usr/bin/env bash
# Redis' programs. Tests run the server themselves: the service that Debian's
# package would start is stopped.
. "$(dirname "$0")/../lib.sh"

install() {
	apt_install redis-server || return 1
	[[ ! -d /run/systemd/system ]] || systemctl disable --now --quiet redis-server
}

{ command -v redis-server && command -v redis-cli; } >/dev/null || install || true
command -v redis-server >/dev/null || die "   Redis is missing: apt-get install redis-server"
command -v redis-cli >/dev/null || die "   redis-cli is missing: apt-get install redis-tools"
echo "   $(redis-server --version | cut -d' ' -f1-3)"
