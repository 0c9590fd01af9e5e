#!/usr/bin/env bash
# PostgreSQL's programs. Tests make clusters of their own: the one that Debian's
# package would make and start is refused beforehand.
. "$(dirname "$0")/../lib.sh"

works() { command -v initdb >/dev/null || compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null; }

install() {
	if ((EUID == 0)) && command -v apt-get >/dev/null && [[ ! -e /etc/postgresql-common/createcluster.conf ]]; then
		mkdir -p /etc/postgresql-common
		echo 'create_main_cluster = false' >/etc/postgresql-common/createcluster.conf
	fi
	apt_install postgresql
}

works || install || true
works || die "   PostgreSQL is missing: apt-get install postgresql"
initdb=$(command -v initdb || compgen -G '/usr/lib/postgresql/*/bin/initdb' | sort -V | tail -1)
echo "   $("$initdb" --version)"
