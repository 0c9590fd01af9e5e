#!/usr/bin/env bash
# What a change has to pass beyond its tests.
. "$(dirname "$0")/lib.sh"

step "lint" scripts/lint.sh
step "fuzz" env FUZZTIME="${FUZZTIME:-2s}" scripts/fuzz.sh
step "release rehearsal" scripts/release-rehearsal.sh
gate
