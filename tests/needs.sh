#!/usr/bin/env bash
# Sees to what the tests need: Rust, which it does not install, a C compiler, OpenSSL, RabbitMQ, PostgreSQL and a Python with two libraries, which it
# installs where that is possible (Debian, as root). Where it is not, says what to install and ends with 1.
set -euo pipefail

say() { printf '%s\n' "$*" >&2; }

give_up() {
    say "$*"
    exit 1
}

may_install() { [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; }

bring() {
    say "installing $*"
    # Debian starts the services that it installs, unless this file forbids it. The tests start nodes of their own.
    local policy=/usr/sbin/policy-rc.d made=""
    if [ ! -e "$policy" ]; then
        made=yes
        printf '#!/bin/sh\nexit 101\n' >"$policy"
        chmod +x "$policy"
    fi
    local installed=yes
    {
        apt-get -qq -o DPkg::Lock::Timeout=300 update &&
            DEBIAN_FRONTEND=noninteractive apt-get -qq -y -o DPkg::Lock::Timeout=300 install --no-install-recommends "$@"
    } </dev/null >&2 || installed=no
    [ -z "$made" ] || rm -f "$policy"
    [ "$installed" = yes ]
}

has_rabbitmq() {
    [ -n "${PRECISION_TEST_AMQP:-}" ] ||
        [ -x /usr/lib/rabbitmq/bin/rabbitmq-server ] ||
        command -v rabbitmq-server >/dev/null 2>&1 ||
        docker image inspect rabbitmq:4-management >/dev/null 2>&1
}

has_postgresql() {
    [ -n "${PRECISION_TEST_POSTGRES:-}" ] || compgen -G "/usr/lib/postgresql/*/bin/initdb" >/dev/null || command -v initdb >/dev/null 2>&1
}

# The second TTP of tests/own_part. Debian's Python first: `python3` on the path may be another installation, without Debian's packages.
has_python() {
    for python in /usr/bin/python3 python3; do
        "$python" -c 'import pika, cryptography' >/dev/null 2>&1 && return
    done
    return 1
}

command -v cargo >/dev/null 2>&1 || give_up "cargo is missing: install Rust 1.95 or later (https://rustup.rs)."
if ! command -v cc >/dev/null 2>&1; then
    may_install && bring gcc libc6-dev || give_up "a C compiler is missing, for SQLite (Debian: apt-get install gcc libc6-dev)."
fi
if ! command -v openssl >/dev/null 2>&1; then
    may_install && bring openssl || give_up "openssl is missing, which makes the tests' certificates (Debian: apt-get install openssl)."
fi
if ! has_rabbitmq && ! { may_install && bring rabbitmq-server; }; then
    # A Docker that can fetch the image will do; the live tests say so when it cannot.
    docker info >/dev/null 2>&1 ||
        give_up "RabbitMQ is missing, 3.10 or later. One of these will do: apt-get install rabbitmq-server (Debian); Docker with the image" \
            "rabbitmq:4-management; PRECISION_TEST_AMQP with the amqp:// address of a RabbitMQ whose user has configure rights."
fi
if ! has_postgresql && ! { may_install && bring postgresql; }; then
    give_up "PostgreSQL is missing, 15 or later: apt-get install postgresql (Debian), or PRECISION_TEST_POSTGRES with the postgres:// address" \
        "of a server, as a role that may make databases and roles."
fi
if ! has_python && ! { may_install && bring python3 python3-pika python3-cryptography && has_python; }; then
    give_up "Python is missing, 3.9 or later with pika and cryptography, for a TTP of a tester's own:" \
        "apt-get install python3 python3-pika python3-cryptography (Debian), or pip install pika cryptography."
fi
