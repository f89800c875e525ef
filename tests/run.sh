#!/usr/bin/env bash
# Runs every test of the workspace, when tests/needs.sh has seen to what they need.
# The last line is 'N passed, N failed'; the exit status is 0 only when all tests ran and passed.
set -euo pipefail
cd "$(dirname "$0")/.."

say() { printf '%s\n' "$*" >&2; }

give_up() {
    say "$*"
    echo "0 passed, 1 failed"
    exit 1
}

tests/needs.sh || give_up "no test was run."

# Cargo builds with less than it reads manifests of, and the checks read them without the network.
cargo fetch --locked --target "$(rustc -vV | sed -n 's/^host: //p')" </dev/null >&2 || give_up "the dependencies cannot be fetched."

log=$(mktemp)
trap 'rm -f "$log"' EXIT
status=0
cargo test --workspace --locked --no-fail-fast "$@" 2>&1 </dev/null | tee "$log" || status=$?

read -r passed failed ignored <<<"$(awk '/^test result: /{ p += $4; f += $6; i += $8 } END { print p + 0, f + 0, i + 0 }' "$log")"
if [ "$ignored" -gt 0 ]; then
    say "$ignored tests are switched off."
    failed=$((failed + ignored))
fi
if [ "$failed" = 0 ] && { [ "$status" != 0 ] || [ "$passed" = 0 ]; }; then
    say "the tests did not run to their end."
    failed=1
fi
[ "$failed" = 0 ] || grep -E '^(test .* \.\.\. FAILED|error: |error\[)' "$log" | sort -u >&2 || true
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
