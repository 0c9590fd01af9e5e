#!/usr/bin/env bash
# Every benchmark against peers whose name matches BENCH.
. "$(dirname "$0")/lib.sh"

go -C internal/bench test -run '^$' -bench "${BENCH:-.}" -benchmem ./...
