#!/bin/sh
# How the sample installation stands, in one screen: asks every service inside its container, since nobody outside of a zone gets there, and has
# `precision status` show the answers. Exit status: 0 all is well, 1 something is to be looked at, 2 or more nobody could be asked.
#
# usage: deploy/status.sh [--json]
#        COMPOSE="docker compose" deploy/status.sh      instead of the one that is found; also with --file FILE behind it
set -eu
if [ -z "${COMPOSE:-}" ]; then
    if docker compose version >/dev/null 2>&1; then COMPOSE="docker compose"; else COMPOSE=docker-compose; fi
    cd "$(dirname "$0")/.."
fi
services=$($COMPOSE config --services) || { echo "the sample installation cannot be asked: $COMPOSE does not work here" >&2; exit 2; }

answers=$(mktemp -d)
trap 'rm -rf "$answers"' EXIT
# hd4dp-00000196 is a hospital's own process of hd4dp.
for service in $(echo "$services" | grep -E '^(hd4dp|ehbox-hco|ehealth-ttp|ehbox-hd|hd4res|dhw)(-[0-9]{8})?$'); do
    program=$(echo "$service" | sed 's/-[0-9]*$//')
    {
        bulletin=$($COMPOSE exec -T "$service" "$program" --config "/etc/precision/$program.toml" --bulletin 2>/dev/null </dev/null) || bulletin=null
        printf '{"at":"%s","bulletin":%s}\n' "$service" "${bulletin:-null}" >"$answers/$service"
    } &
done
wait
cat "$answers"/* | $COMPOSE run --rm -T operator status --from - "$@"
