#!/bin/sh
# Makes the cluster when there is none, with the administrator's password, the database, and what the *.sql say; then runs the command.
set -eu
if [ "$(id -u)" = 0 ]; then
    mkdir -p "$PGDATA"
    chown postgres: "$PGDATA"
    chmod 0700 "$PGDATA"
    exec setpriv --reuid postgres --regid postgres --init-groups "$0" "$@"
fi
if [ ! -s "$PGDATA/PG_VERSION" ]; then
    # A start that was interrupted begins again.
    find "$PGDATA" -mindepth 1 -delete
    made=$PGDATA/new
    initdb --pgdata "$made" --username postgres --pwfile "$POSTGRES_PASSWORD_FILE" --encoding UTF8 --locale C.UTF-8 \
        --auth-local trust --auth-host scram-sha-256
    echo 'host all all all scram-sha-256' >>"$made/pg_hba.conf"
    echo "listen_addresses = '*'" >>"$made/postgresql.conf"
    pg_ctl --pgdata "$made" --wait --options "-c listen_addresses=''" start
    database=${POSTGRES_DB:-postgres}
    [ "$database" = postgres ] || createdb --username postgres "$database"
    for file in /docker-entrypoint-initdb.d/*.sql; do
        [ -e "$file" ] || continue
        psql --username postgres --dbname "$database" --no-psqlrc --set ON_ERROR_STOP=1 --file "$file"
    done
    pg_ctl --pgdata "$made" --wait stop
    # PG_VERSION last: it says that all of this is done.
    mv "$made/PG_VERSION" "$PGDATA/.version"
    mv "$made"/* "$PGDATA"
    rmdir "$made"
    mv "$PGDATA/.version" "$PGDATA/PG_VERSION"
fi
exec "$@"
