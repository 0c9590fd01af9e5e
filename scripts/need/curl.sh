#!/usr/bin/env bash
# curl: the quickstart of the full service is run as it is printed.
. "$(dirname "$0")/../lib.sh"

command -v curl >/dev/null || apt_install curl || true
command -v curl >/dev/null || die "   curl is missing: apt-get install curl"
echo "   $(curl --version | cut -d' ' -f1,2 | head -1)"
