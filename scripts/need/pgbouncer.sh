#!/usr/bin/env bash
# PgBouncer's program. Tests run it themselves: the service that Debian's package
# would start is stopped.
. "$(dirname "$0")/../lib.sh"

find_pgbouncer() { PATH=$PATH:/usr/sbin command -v pgbouncer; }

install() {
	apt_install pgbouncer || return 1
	[[ ! -d /run/systemd/system ]] || systemctl disable --now --quiet pgbouncer
}

find_pgbouncer >/dev/null || install || true
pgbouncer=$(find_pgbouncer) || die "   PgBouncer is missing: apt-get install pgbouncer"
echo "   $("$pgbouncer" --version | head -1)"
