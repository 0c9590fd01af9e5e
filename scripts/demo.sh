#!/usr/bin/env bash
# Builds the full service and walks its main job over real HTTP, on a SQLite file,
# or with -postgres URL in a database of its own at that server; with -redis URL it
# keeps its limits there.
. "$(dirname "$0")/lib.sh"

go -C examples/saas build -o "$cache/bin/saas" .
exec timeout --kill-after=10s 3m "$cache/bin/saas" demo "$@"
