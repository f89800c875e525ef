#!/bin/sh
# Runs the command as the user rabbitmq, who owns the data.
set -eu
if [ "$(id -u)" = 0 ]; then
    chown rabbitmq: /var/lib/rabbitmq
    exec setpriv --reuid rabbitmq --regid rabbitmq --init-groups "$0" "$@"
fi
exec "$@"
