#!/bin/sh
# The life of a registration (life.sh) with services that run, over their APIs.
# usage: tests/life_http.sh PRECISION
set -eu
precision=$(realpath "$1") script=$(realpath "$(dirname "$0")/life.sh") hospital=00000196 server=
work=$(mktemp -d)
trap '[ -z "$server" ] || { kill "$server" && wait "$server"; }; rm -rf "$work"' EXIT
cd "$work"
token() { "$precision" token new --name "$@" --all-registers --keep secrets.toml >>tokens.toml 2>>log; }
token desk --role data-provider --org "$hospital"
token study --role researcher
chmod 600 tokens.toml
"$precision" serve --org "$hospital" --store store --port 0 --tokens tokens.toml 2>>log &
server=$!
until address=$(sed -n 's/^APIs at //p' log) && [ -n "$address" ]; do
    kill -0 "$server" || { cat log >&2; exit 1; }
    sleep 0.1
done
PRECISION_AT="$address" PRECISION_TOKEN_FILE="$work/secrets.toml" "$script" "$precision"
