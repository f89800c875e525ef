#!/usr/bin/env bash
# Makes the image `precision` from programs that are built already, with the last stage of deploy/Dockerfile: in seconds, where the whole
# file compiles for minutes.
#
# usage: tests/images/services.sh FOLDER      of the programs, target/debug for one
set -euo pipefail
programs=$(realpath "$1")
cd "$(dirname "$0")/../.."
export DOCKER_BUILDKIT=0
context=$(mktemp -d)
trap 'rm -rf "$context"' EXIT
tests/images/make.sh debian:trixie-slim
# From the last FROM on, with the programs beside it instead of in the stage before.
awk '/^FROM /{ stage = "" } { stage = stage $0 "\n" } END { printf "%s", stage }' deploy/Dockerfile |
    sed -e 's/ --from=build//' -e 's#/src/target/release/##' >"$context/Dockerfile"
for program in $(grep -o '/src/target/release/[a-z0-9-]*' deploy/Dockerfile); do
    # Symbols would be most of the image.
    strip -o "$context/${program##*/}" "$programs/${program##*/}" 2>/dev/null || cp "$programs/${program##*/}" "$context/"
done
docker build --quiet --tag precision "$context" >/dev/null
docker image inspect --format 'image precision: {{.Size}} bytes' precision >&2
