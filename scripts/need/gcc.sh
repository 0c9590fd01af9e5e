#!/usr/bin/env bash
# A C compiler and libc headers: the race detector links with them.
. "$(dirname "$0")/../lib.sh"

works() { command -v gcc >/dev/null && echo '#include <stdlib.h>' | gcc -E - >/dev/null 2>&1; }

works || apt_install gcc libc6-dev || true
works || die "   gcc with libc headers is missing: apt-get install gcc libc6-dev"
echo "   gcc $(gcc -dumpfullversion)"
