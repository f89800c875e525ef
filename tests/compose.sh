#!/usr/bin/env bash
# The installation of docker-compose.yml as an operator has it: brought up with one command, sent registrations of two hospitals, while
# every container is killed once and comes back; then the verdict over the APIs, and taken down. Nothing may be lost, doubled or set aside.
#
# usage: tests/compose.sh [FOLDER]       the programs, target/debug by default; the image is made of them
#        RABBITMQ_IMAGE=rabbitmq:3.10-management tests/compose.sh
#        COMPOSE="docker compose" tests/compose.sh
#        KEEP_IMAGE=1 tests/compose.sh                    with the image `precision` that is there
#
# Debian as root: brings Docker and starts it. Where Docker cannot run, this fails and says so. The last line is 'N passed, N failed'.
set -euo pipefail
cd "$(dirname "$0")/.."
exec </dev/null
programs=$(realpath "${1:-target/debug}")
hospitals=(00000196 00000295)
registers=(Precision_Local_MAB Precision_Treatment)
total=1000
export RABBITMQ_IMAGE=${RABBITMQ_IMAGE:-rabbitmq:4-management} POSTGRES_IMAGE=${POSTGRES_IMAGE:-postgres:17}
export COMPOSE_PROJECT_NAME=precision-test-$$
# A caller waits so many seconds for what a killed container keeps.
patience=180

say() { printf '%4d s  %s\n' "$SECONDS" "$*" >&2; }
failure="something failed that says nothing of itself"
give_up() {
    failure=$*
    say "$failure"
    echo "0 passed, 1 failed"
    exit 1
}

# Beside the working tree, whose secrets are somebody's.
work=$(mktemp -d)
is_up=
. tests/images/docker.sh
compose() { $COMPOSE --file "$work/docker-compose.yml" "$@"; }
end() {
    local status=$?
    if [ -n "$is_up" ]; then
        # Why once more behind all the logs, where a reader looks first.
        [ "$status" = 0 ] || { compose logs --tail 15 --no-color >&2 || true; say "$failure"; }
        compose down --volumes --timeout 5 >"$work/down.log" 2>&1 || { cat "$work/down.log" >&2; status=1; }
    fi
    leave_docker
    rm -rf "$work"
    exit "$status"
}
trap end EXIT
fail() { give_up "failed: $*"; }

free_port() {
    local port
    while port=$((20000 + RANDOM % 10000)); do
        { true <>"/dev/tcp/127.0.0.1/$port"; } 2>/dev/null || { echo "$port"; return; }
    done
}

bring_docker docker-compose
if [ -z "${COMPOSE:-}" ]; then
    if docker compose version >/dev/null 2>&1; then COMPOSE="docker compose"; else COMPOSE=docker-compose; fi
fi
say "$($COMPOSE version | head -n 1)"
tests/images/make.sh "$RABBITMQ_IMAGE" "$POSTGRES_IMAGE" || give_up "the images cannot be had."
[ -n "${KEEP_IMAGE:-}" ] || tests/images/services.sh "$programs" || give_up "the image of the services cannot be made."

cp -r docker-compose.yml deploy "$work"
rm -rf "$work/deploy/secrets"
for service in HD4DP_00000196 HD4DP_00000295 HD4RES DHW; do
    export "PORT_$service=$(free_port)"
done
say "up"
is_up=yes
compose up -d >"$work/up.log" 2>&1 || { tail -n 20 "$work/up.log" >&2; fail "docker-compose up"; }

# All containers but the setup, which has ended.
services=$(compose config --services | grep -vE '^(setup|desk-.*|study|operator)$' | sort)
declare -A id
for service in $services; do id[$service]=$(compose ps -q "$service"); done
state_of() { docker inspect --format '{{if .State.Running}}{{.State.Health.Status}}{{else}}{{.State.Status}}{{end}}' "${id[$1]}"; }
process_of() { docker inspect --format '{{.State.Pid}}' "${id[$1]}"; }
# As the kernel does when memory runs out, and Docker starts it again by itself; elsewhere than on this machine, over Docker.
kill_it() {
    kill -KILL "$2" 2>/dev/null || { docker kill --signal KILL "${id[$1]}" && docker start "${id[$1]}"; } >/dev/null
}
all_healthy() {
    local service until=$((SECONDS + patience))
    for service in $services; do
        until [ "$(state_of "$service")" = healthy ]; do
            [ "$SECONDS" -lt "$until" ] || fail "$service is $(state_of "$service")"
            sleep 0.5
        done
    done
}
all_healthy
say "all of $(wc -w <<<"$services") containers are healthy"

# Who calls from this machine has both sides' tokens here.
secrets=$work/deploy/secrets
ports=("$PORT_HD4DP_00000196" "$PORT_HD4DP_00000295")
for number in 0 1; do
    install -m 600 "$secrets/callers/desk-${hospitals[$number]}/caller.toml" "$work/desk-$number.toml"
done
at() { echo "http://127.0.0.1:${ports[$1]}/hd4dp/${hospitals[$1]}"; }
precision() { "$programs/precision" "$@"; }
rows_file() { echo "$work/$1-$2.csv"; }

# As many rows of a hospital as it takes to come to the total, each round's with patients of its own.
rounds=$(wc -w <<<"$services")
rows=$(((total + 2 * rounds - 1) / (2 * rounds)))
sent=0
generate() {
    precision generate --dcd "${registers[$1]}" --org "${hospitals[$1]}" --count "$rows" --seed "$2" -o "$(rows_file "$1" "$2")" 2>/dev/null
}
# Whoever finds nobody there, as while HD4DP is away, has sent nothing and calls again.
submit() {
    local until=$((SECONDS + patience))
    until precision submit --at "$(at "$1")" --token-file "$work/desk-$1.toml" --dcd "${registers[$1]}" \
        --file "$(rows_file "$1" "$2")" --timeout "$patience" --json >"$work/$1-$2.json" 2>"$work/$1-$2.err"; do
        grep -q 'failed to reach' "$work/$1-$2.err" && [ "$SECONDS" -lt "$until" ] || return 1
        sleep 0.5
    done
}
figure() { grep -o "\"$1\":[0-9]*" "$2" | head -n 1 | cut -d : -f 2; }

round=0
on_their_way=0
for service in $services; do
    round=$((round + 1))
    generate 0 "$round"
    generate 1 "$round"
    process=$(process_of "$service")
    submits=()
    for number in 0 1; do
        submit "$number" "$round" &
        submits+=($!)
    done
    # At another moment of the way each time.
    sleep "0.$((round % 4))"
    kill_it "$service" "$process"
    meanwhile=0
    for submit in "${submits[@]}"; do ! kill -0 "$submit" 2>/dev/null || meanwhile=$((meanwhile + 1)); done
    say "killed $service while $meanwhile of 2 files were on their way"
    on_their_way=$((on_their_way + meanwhile))
    for number in 0 1; do
        wait "${submits[$number]}" || fail "a file of ${hospitals[$number]}, $service killed: $(cat "$work/$number-$round.err")"
        [ "$(figure accepted "$work/$number-$round.json")" = "$rows" ] || fail "rows were rejected: $(head -c 200 "$work/$number-$round.json")"
        sent=$((sent + rows))
    done
    # Files may be through before Docker has noticed.
    until=$((SECONDS + patience))
    while [ "$(process_of "$service")" = "$process" ]; do
        [ "$SECONDS" -lt "$until" ] || fail "$service was not killed"
        sleep 0.1
    done
done
[ "$on_their_way" -ge "$rounds" ] || fail "most containers were killed when nothing was on its way"
[ "$sent" -ge "$total" ] || fail "only $sent registrations were sent"
all_healthy
say "$sent registrations were sent and answered"

# Each hospital has an OK for each; healthdata has each with its verdict; the warehouse holds each once.
# One look at an API: CALLER, and what stands at the address.
look() {
    sed -n 's/^secret = "\(.*\)"$/Authorization: Bearer \1/p' "$secrets/callers/$1/caller.toml" |
        curl --silent --fail --max-time 60 --header @- "http://127.0.0.1:$2"
}
count() { grep -o "$1" "$2" | wc -l; }
verdicts() {
    local number
    for number in 0 1; do
        precision list --at "$(at "$number")" --token-file "$work/desk-$number.toml" --limit 10000 >"$work/list-$number" || return 1
        [ "$(count ', OK ' "$work/list-$number")" = $((sent / 2)) ] || return 1
        look study "$PORT_HD4RES/hd4res/records?limit=1000&register=${registers[$number]}" >"$work/records-$number" || return 1
        [ "$(count '"registration_id"' "$work/records-$number")" = $((sent / 2)) ] || return 1
        [ "$(count '"is_validated":true' "$work/records-$number")" = $((sent / 2)) ] || return 1
    done
}
until=$((SECONDS + patience))
until verdicts; do
    [ "$SECONDS" -lt "$until" ] || fail "not all registrations are confirmed and validated once: $(grep -c ', OK ' "$work"/list-*; grep -c . "$work"/records-*)"
    sleep 1
done
held=$(look analysis "$PORT_DHW/dhw/registers") || fail "the data warehouse does not answer"
held=$(grep -o '"registrations":[0-9]*' <<<"$held" | awk -F : '{ sum += $2 } END { print sum + 0 }')
[ "$held" = "$sent" ] || fail "$sent registrations were sent, the data warehouse holds $held"
left=$(for vhost in hospital-00000196 hospital-00000295 ehealth hd; do
    compose exec -T broker rabbitmqctl --quiet list_queues --no-table-headers -p "$vhost" name messages
done | grep -vE "[[:space:]]0[[:space:]]*$" || true)
[ -z "$left" ] || fail "these queues are not empty: $left"
say "all confirmed, validated and held once; no dead letter"

# As the README says it: a file through the desk's own container, and the list.
precision generate --dcd Precision_Local_MAB --org 00000196 --count 3 --seed 1000 -o "$work/mab.csv" 2>/dev/null
compose run --rm -T desk-00000196 submit --dcd Precision_Local_MAB --file - <"$work/mab.csv" >"$work/desk.log" 2>&1 ||
    fail "the desk: $(tail -n 5 "$work/desk.log")"
grep -q '^3 rows: 3 accepted, 0 rejected' "$work/desk.log" || fail "the desk said: $(tail -n 5 "$work/desk.log")"
compose run --rm -T study list --limit 5 >"$work/study.log" 2>&1 || fail "the study: $(tail -n 5 "$work/study.log")"
grep -q Precision_ "$work/study.log" || fail "the study sees nothing: $(tail -n 5 "$work/study.log")"

# How it stands, in one screen; and who does not run is seen.
status() { COMPOSE="$COMPOSE --file $work/docker-compose.yml" "$work/deploy/status.sh" >"$work/status" 2>"$work/status.err"; }
status || fail "something is to be looked at: $(cat "$work/status" "$work/status.err")"
grep -q '^8 of 8 services are ready$' "$work/status" && grep -q 'Nothing needs to be looked at' "$work/status" || fail "it stands: $(cat "$work/status")"
cat "$work/status" >&2
docker stop "${id[ehealth-ttp]}" >/dev/null
! status || fail "a service that does not run is not to be looked at"
grep -q '^7 of 8 services are ready$' "$work/status" && grep -q '^  ehealth-ttp: does not run' "$work/status" || fail "it stands: $(cat "$work/status" "$work/status.err")"
docker start "${id[ehealth-ttp]}" >/dev/null

# Nobody gets out of a zone, and hospitals do not see each other's database.
inside() { compose exec -T hd4dp-00000196 sh -c "$1" >/dev/null 2>&1; }
inside 'getent hosts hospital-database' || fail "a hospital does not find its database"
! inside 'getent hosts hd-database' || fail "a hospital finds healthdata's database"
! inside 'touch /usr/local/bin/x || touch /etc/x' || fail "a service may write into its image"
inside '[ "$(id -u)" = 10001 ]' || fail "a service runs as somebody special"

say "down"
compose down --volumes >"$work/down.log" 2>&1 || { cat "$work/down.log" >&2; fail "docker-compose down"; }
is_up=
left=$(docker ps -aq --filter "label=com.docker.compose.project=$COMPOSE_PROJECT_NAME"; docker volume ls -q --filter "label=com.docker.compose.project=$COMPOSE_PROJECT_NAME")
[ -z "$left" ] || fail "something is left behind: $left"
echo "1 passed, 0 failed"
