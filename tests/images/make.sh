#!/usr/bin/env bash
# Sees to the images that the installation in containers and the live tests stand on: takes those that are there, else those of the
# registry, and where none is reached makes them from Debian's packages. Says which it was.
#
# usage: tests/images/make.sh IMAGE...
#   debian:trixie-slim, debian:bookworm-slim, postgres:17, rabbitmq:4-management, rabbitmq:3.10-management,
#   rust:1.95-slim-trixie
set -euo pipefail
cd "$(dirname "$0")"
# The builder of every Docker; the newer one is a package of its own on Debian.
export DOCKER_BUILDKIT=0

say() { printf 'image %s\n' "$*" >&2; }

# A registry that nobody answers for is given up soon.
pulled() { timeout "${PULL_SECONDS:-20}" docker pull --quiet "$1" >/dev/null 2>&1; }

debian() {
    local release=$1 root
    command -v debootstrap >/dev/null 2>&1 ||
        { say "debian:$release-slim: debootstrap is missing (Debian: apt-get install debootstrap)"; return 1; }
    [ "$(id -u)" = 0 ] || { say "debian:$release-slim: debootstrap needs root"; return 1; }
    root=$(mktemp -d)
    debootstrap --variant=minbase "$release" "$root" >"$root.log" 2>&1 || { tail -n 5 "$root.log" >&2; return 1; }
    rm -rf "$root"/var/cache/apt/archives/*.deb "$root"/var/lib/apt/lists/*
    tar -C "$root" -c . | docker import - "debian:$release-slim" >/dev/null || return 1
    rm -rf "$root" "$root.log"
}

rust() {
    local context
    see_to debian:trixie-slim || return 1
    case $(rustc --version) in
        "rustc 1.95."*) ;;
        *) say "$1: this machine's compiler is $(rustc --version)"; return 1 ;;
    esac
    context=$(mktemp -d)
    mkdir "$context/toolchain"
    cp rust/Dockerfile /etc/ssl/certs/ca-certificates.crt "$context"
    cp -r "$(rustc --print sysroot)"/{bin,lib} "$context/toolchain"
    docker build --quiet --tag "$1" "$context" >/dev/null || return 1
    rm -rf "$context"
}

made() {
    case $1 in
        debian:*-slim)
            local release=${1#debian:}
            debian "${release%-slim}"
            ;;
        rust:1.95-slim-trixie) rust "$1" ;;
        postgres:17) see_to debian:trixie-slim && docker build --quiet --tag "$1" postgres >/dev/null ;;
        rabbitmq:4-management) see_to debian:trixie-slim && docker build --quiet --tag "$1" rabbitmq >/dev/null ;;
        rabbitmq:3.10-management)
            see_to debian:bookworm-slim && docker build --quiet --tag "$1" --build-arg DEBIAN=bookworm rabbitmq >/dev/null
            ;;
        *)
            say "$1: nobody knows how to make it"
            return 1
            ;;
    esac
}

see_to() {
    if docker image inspect "$1" >/dev/null 2>&1; then
        say "$1: there"
    elif pulled "$1"; then
        say "$1: the registry's"
    elif made "$1"; then
        say "$1: made from Debian's packages"
    else
        say "$1: cannot be had"
        return 1
    fi
}

for image; do see_to "$image"; done
