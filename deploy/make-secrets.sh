#!/bin/sh
# Makes the keys of all parties, and the passwords of their users on the broker. What is there already is kept.
#
#   make-secrets.sh FOLDER NIHDI...
#
# FOLDER/keys           a folder per party, and public keys: see `precision keys --help`
# FOLDER/passwords      a file per user
# FOLDER/users.json     the same passwords, for the broker's start
set -eu
umask 077
folder=$1
shift
mkdir -p "$folder/passwords"
# Nobody else enters; so the files below may be readable for whichever user a container runs as.
chmod 0700 "$folder"

# The last file that is made; an interrupted call is completed.
if [ ! -e "$folder/keys/public/ehealth-ttp.json" ]; then
    precision keys init "$folder/keys" --org "$@"
fi
# In a container, root makes the keys and the services read them.
if [ "$(id -u)" = 0 ] && id precision >/dev/null 2>&1; then
    chown -R precision: "$folder/keys"
fi

users="ehealth-ttp ehbox-hd hd4res dhw"
for nihdi; do
    users="hd4dp-$nihdi ehbox-hco-$nihdi $users"
done
rows=
for user in $users; do
    file=$folder/passwords/$user
    if [ ! -s "$file" ]; then
        od -An -N24 -tx1 /dev/urandom | tr -d ' \n' >"$file"
        chmod 0444 "$file"
    fi
    rows="$rows${rows:+,}
{\"name\": \"$user\", \"password\": \"$(cat "$file")\", \"tags\": \"\"}"
done
rm -f "$folder/users.json"
printf '{"users": [%s\n]}\n' "$rows" >"$folder/users.json"
chmod 0444 "$folder/users.json"
