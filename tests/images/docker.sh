# Sourced by tests that need Docker: brings it on Debian, as root, and starts it where nobody has. The caller has `say`, `give_up` and a folder $work.

dockerd=

# bring_docker [docker-compose]
bring_docker() {
    local package missing=()
    command -v docker >/dev/null 2>&1 || missing+=(docker.io)
    docker info >/dev/null 2>&1 || command -v dockerd >/dev/null 2>&1 || missing+=(docker.io)
    if [ "${1:-}" = docker-compose ]; then
        [ -n "${COMPOSE:-}" ] || docker compose version >/dev/null 2>&1 || command -v docker-compose >/dev/null 2>&1 || missing+=(docker-compose)
    fi
    # For images that no registry gives.
    command -v debootstrap >/dev/null 2>&1 || missing+=(debootstrap)
    if [ "${#missing[@]}" -gt 0 ]; then
        [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1 ||
            give_up "these are missing: ${missing[*]} (Debian: apt-get install ${missing[*]}); or call this as root."
        say "installing ${missing[*]}"
        { apt-get -qq -o DPkg::Lock::Timeout=300 update &&
            DEBIAN_FRONTEND=noninteractive apt-get -qq -y -o DPkg::Lock::Timeout=300 install --no-install-recommends "${missing[@]}" iptables; } >&2 ||
            give_up "these cannot be installed: ${missing[*]}"
    fi
    docker info >/dev/null 2>&1 && return
    [ "$(id -u)" = 0 ] || give_up "Docker does not answer, and only root can start it."
    say "starting dockerd"
    dockerd >"$work/dockerd.log" 2>&1 &
    dockerd=$!
    local until=$((SECONDS + 120))
    until docker info >/dev/null 2>&1; do
        kill -0 "$dockerd" 2>/dev/null || give_up "dockerd cannot run here: $(tail -n 3 "$work/dockerd.log")"
        [ "$SECONDS" -lt "$until" ] || give_up "dockerd does not answer: $(tail -n 3 "$work/dockerd.log")"
        sleep 0.2
    done
}

# Stops the one that bring_docker started.
leave_docker() {
    [ -z "$dockerd" ] || { kill "$dockerd" && wait "$dockerd"; } || true
}
