#!/bin/sh
# Makes the keys of all parties, their passwords for broker and databases, and tokens for the APIs. What is there already is kept.
#
#   make-secrets.sh FOLDER NIHDI...
#
# FOLDER/keys             a folder per party, and public keys: see `precision keys --help`
# FOLDER/services/NAME    what a service is given: its passwords for the broker and the database, and the tokens of its API
# FOLDER/callers/NAME     the secrets of the tokens, for those who call
# FOLDER/broker           what the broker loads at its start: the topology, with the users' passwords as hashes
# FOLDER/databases/ZONE   the administrator's password, and the SQL for a new database: roles with their passwords, and schemas
set -eu
umask 077
folder=$1
shift
mkdir -p "$folder"
# Nobody else enters; so what is below may be readable for whichever user a container runs as.
chmod 0700 "$folder"

# In a container, root makes what the services and their callers read.
own() {
    if [ "$(id -u)" = 0 ] && id precision >/dev/null 2>&1; then
        chown -R precision: "$@"
    fi
}
# Folders that are mounted before they are filled may be there already, with the modes of whoever made them.
open_folder() {
    mkdir -p "$@"
    chmod 0755 "$@"
}
password() {
    if [ ! -s "$1" ]; then
        od -An -N24 -tx1 /dev/urandom | tr -d ' \n' >"$1.new"
        chmod 0444 "$1.new"
        mv "$1.new" "$1"
    fi
}
# Readers find the old file or the new one.
replace() {
    cat >"$1.new"
    chmod 0444 "$1.new"
    mv "$1.new" "$1"
}
# An entry for the service, its secret for the caller; never one without the other.
token() {
    service=$folder/services/$1 caller=$folder/callers/$2
    shift 2
    open_folder "$caller"
    if [ ! -s "$caller/caller.toml" ] || [ ! -s "$service/tokens.toml" ]; then
        rm -f "$caller/caller.toml"
        precision token new "$@" --all-registers --keep "$caller/caller.toml" >"$service/tokens.toml.new" 2>/dev/null
        mv "$service/tokens.toml.new" "$service/tokens.toml"
    fi
    own "$service/tokens.toml" "$caller/caller.toml"
}

# The last file that is made; an interrupted call is completed.
if [ ! -e "$folder/keys/public/ehealth-ttp.json" ]; then
    precision keys init "$folder/keys" --org "$@"
fi
own "$folder/keys"

open_folder "$folder/services" "$folder/callers" "$folder/broker" "$folder/databases"
# A zone with its services.
zone() {
    name=$1 zone=$folder/databases/$1
    shift
    open_folder "$zone" "$zone/init"
    password "$zone/administrator"
    # A statement that fails must not stand in the log with a password.
    roles="SET log_min_error_statement = panic;"
    for service; do
        given=$folder/services/$service
        open_folder "$given"
        password "$given/broker"
        password "$given/database"
        roles="$roles
ALTER ROLE $(echo "$service" | tr - _) PASSWORD '$(cat "$given/database")';"
    done
    made=$(precision topology roles --zone "$name")
    printf '%s\n%s\n' "$made" "$roles" | replace "$zone/init/roles.sql"
}
for nihdi; do
    zone "hospital-$nihdi" "hd4dp-$nihdi" "ehbox-hco-$nihdi"
done
zone ehealth ehealth-ttp
zone hd ehbox-hd hd4res dhw
# One file: between a first with users and a second with their passwords, a running broker would refuse them all.
made=$(precision topology definitions --org "$@" --passwords "$folder/services")
printf '%s\n' "$made" | replace "$folder/broker/definitions.json"
rm -f "$folder/broker/10-topology.json" "$folder/broker/20-users.json"

for nihdi; do
    token "hd4dp-$nihdi" "desk-$nihdi" --name desk --role data-provider --org "$nihdi"
done
token hd4res study --name study --role researcher
token dhw analysis --name analysis --role data-analyst
