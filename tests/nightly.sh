#!/usr/bin/env bash
# What takes too long for every change: many random lists under new seeds, property tests with many cases, a search for bytes that
# no reader was made for, the live tests again and again with those of brokers, databases and disks in trouble and of a cluster, the image as operators
# build it, and 2,000,000 rows in constant memory. Hours on 2 cores; about 6 GB of disk in $TMPDIR. As root, for a small file system and for Docker.
#
# usage: tests/nightly.sh [SEED [PART...]]
#   SEED  the first of the random lists; printed, so that a night can be had again
#   PART  only these: random_lists, scenarios, properties, hostile_bytes, live, containers, installation, many_rows
set -euo pipefail
cd "$(dirname "$0")/.."
exec </dev/null

seed=${1:-$(od -An -N4 -tu4 /dev/urandom | tr -d ' ')}
lists=${NIGHTLY_LISTS:-20000}
cases=${NIGHTLY_CASES:-20000}
rounds=${NIGHTLY_LIVE_ROUNDS:-4}
rows=${NIGHTLY_ROWS:-2000000}
fuzz_seconds=${NIGHTLY_FUZZ_SECONDS:-60}
memory_bytes_max=$((256 * 1024 * 1024))
parts=("${@:2}")
failures=()

say() { printf '%s\n' "$*" >&2; }
give_up() {
    say "$*"
    exit 1
}
. tests/images/docker.sh

step() { printf '\n== %s (after %d s)\n' "$*" "$SECONDS"; }
# attempt PART SENTENCE
attempt() {
    [ "${#parts[@]}" -eq 0 ] || [[ " ${parts[*]} " == *" $1 "* ]] || return 0
    step "$1: $2"
    "$1" || failures+=("$1")
}

# One figure of a JSON object without nesting in front of it.
figure() { sed -n "s/.*\"$1\":\([0-9.]*\).*/\1/p" <<<"$2"; }

# One process per list: the program that runs them has been built once.
random_lists() {
    local program number said
    program=$(cargo test --profile nightly --locked --workspace --test flow --no-run 2>&1 | sed -n 's/.*Executable tests.*(\(.*\))$/\1/p')
    [ -x "$program" ] || { echo "the flow's tests cannot be built"; return 1; }
    for number in $(seq "$seed" $((seed + lists - 1))); do
        said=$(FLOW_SEED="$number" "$program" random:: 2>&1) && grep -q '^test result: ok. [1-9]' <<<"$said" ||
            { printf 'FLOW_SEED=%s\n%s\n' "$number" "$said"; return 1; }
    done
}

# So many seconds for each target of tests/hostile. What breaks one is left in tests/hostile/fuzz/artifacts.
hostile_bytes() {
    local fuzz=tests/hostile/fuzz program target broken=()
    command -v cargo-fuzz >/dev/null 2>&1 || cargo install cargo-fuzz --locked || return 1
    for program in "$fuzz"/fuzz_targets/*.rs; do
        target=$(basename "$program" .rs)
        echo "target $target"
        # What is new goes into the first folder, which nobody keeps.
        mkdir -p "$fuzz/corpus/$target"
        cargo fuzz run --fuzz-dir "$fuzz" --sanitizer none "$target" "$fuzz/corpus/$target" "tests/hostile/corpus/$target" -- \
            -max_total_time="$fuzz_seconds" -timeout=20 -seed="$seed" -print_final_stats=1 || broken+=("$target")
    done
    [ "${#broken[@]}" -eq 0 ] || { echo "broken: ${broken[*]}"; return 1; }
}

many_rows() {
    local small large few many
    small=$(cargo run --quiet --profile nightly --locked -- bench --count $((rows / 20)) --json) || return 1
    large=$(cargo run --quiet --profile nightly --locked -- bench --count "$rows" --json) || return 1
    printf '%s\n%s\n' "$small" "$large"
    few=$(figure peak_memory_bytes "$small")
    many=$(figure peak_memory_bytes "$large")
    echo "peak memory: $few bytes with $((rows / 20)) rows, $many with $rows"
    [ "$many" -gt 0 ] && [ "$many" -le "$memory_bytes_max" ]
}

live() {
    local round
    for round in $(seq "$rounds"); do
        echo "round $round of $rounds"
        cargo test --profile nightly --locked -p live --features nightly --no-fail-fast || return 1
    done
}

properties() {
    PROPTEST_CASES=$cases cargo test --profile nightly --locked --workspace --exclude flow --exclude live --no-fail-fast
}

containers() { tests/containers.sh --profile nightly --test broker; }

scenarios() {
    cargo run --quiet --profile nightly --locked -- replay tests/scenarios --seed "$seed" --repeat 20
}

# Both RabbitMQ that the installation is for, and the image as operators build it. A shell of its own, which ends the Docker that it starts.
installation() (
    work=$(mktemp -d)
    trap 'leave_docker; rm -rf "$work"' EXIT
    bring_docker docker-compose
    cargo build --profile nightly --locked --bins -p hd4dp -p ehbox-hco -p ehealth-ttp -p ehbox-hd -p hd4res -p dhw -p simulator || return 1
    tests/compose.sh target/nightly || return 1
    RABBITMQ_IMAGE=rabbitmq:3.10-management tests/compose.sh target/nightly || return 1
    tests/images/make.sh debian:trixie-slim rust:1.95-slim-trixie || return 1
    DOCKER_BUILDKIT=0 docker build --quiet --tag precision --file deploy/Dockerfile . || return 1
    KEEP_IMAGE=1 tests/compose.sh target/nightly
)

for part in "${parts[@]}"; do
    [[ " random_lists scenarios properties hostile_bytes live containers installation many_rows " == *" $part "* ]] ||
        { give_up "$part is no part of the night"; }
done
tests/needs.sh

step "seed $seed; again with: tests/nightly.sh $seed"
attempt random_lists "$lists from seed $seed on"
attempt scenarios "every one under 20 seeds from $seed on"
attempt properties "$cases cases each"
attempt hostile_bytes "$fuzz_seconds s for each reader"
attempt live "$rounds rounds"
attempt containers "live tests on RabbitMQ in containers of their own"
attempt installation "in containers, on RabbitMQ 4 and 3.10, and its image"
attempt many_rows "$rows rows in constant memory"

step "done, seed $seed"
if [ "${#failures[@]}" -gt 0 ]; then
    echo "failed: ${failures[*]}; again with: tests/nightly.sh $seed ${failures[*]}"
    exit 1
fi
