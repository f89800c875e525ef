#!/usr/bin/env bash
# The live tests that need a RabbitMQ, each on a container of its own of the image that the installation has (testcontainers).
#
# usage: tests/containers.sh [CARGO TEST ARGUMENTS]      --test broker
#
# Debian as root: brings Docker and starts it. Where Docker cannot run, this fails and says so.
set -euo pipefail
cd "$(dirname "$0")/.."
exec </dev/null
work=$(mktemp -d)

say() { printf '%4d s  %s\n' "$SECONDS" "$*" >&2; }
give_up() {
    say "$*"
    exit 1
}
. tests/images/docker.sh
end() {
    local status=$?
    leave_docker
    rm -rf "$work"
    exit "$status"
}
trap end EXIT

bring_docker
tests/images/make.sh rabbitmq:4-management || give_up "the image cannot be had."
containers() { docker ps -aq --filter ancestor=rabbitmq:4-management | sort; }
before=$(containers)
PRECISION_TEST_RABBITMQ=container cargo test --locked -p live "$@"
[ "$(containers)" = "$before" ] || give_up "containers are left behind: $(containers)"
