#!/usr/bin/env bash
# What a change has to pass beyond its tests.
. "$(dirname "$0")/lib.sh"

step "lint" scripts/lint.sh
# A count, not a time: the end of a time can cancel a target in the middle of an
# input, which go test reports as a failure ("context deadline exceeded").
step "fuzz" env FUZZTIME="${FUZZTIME:-4000x}" scripts/fuzz.sh
step "release rehearsal" scripts/release-rehearsal.sh
gate
