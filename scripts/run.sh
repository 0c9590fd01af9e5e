#!/usr/bin/env bash
# Leaves the full service serving. Its data stays in .cache/run. The built-in
# identities need all three: this environment, this flag, a loopback listener.
. "$(dirname "$0")/lib.sh"

go -C examples/saas build -o "$cache/bin/saas" .
mkdir -p "$cache/run"
cd "$cache/run"
export ENVIRONMENT=development
exec "$cache/bin/saas" serve --insecure-dev-identity "$@"
