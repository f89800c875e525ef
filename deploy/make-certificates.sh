#!/bin/sh
# Makes certificates for TLS to the broker and the database of one zone: an authority of the zone's own, a certificate for its servers, and
# one for each client. For trials; an installation has an authority that somebody answers for. What is there already is kept.
#
#   make-certificates.sh FOLDER SERVERS CLIENT...
#
# SERVERS is a list of names and IPv4 addresses, with commas: how clients call the servers.
#
# FOLDER/ca.pem, ca.key        the authority; its key is needed for the next certificate only, and by nobody else
# FOLDER/server.pem, .key      the servers'
# FOLDER/CLIENT.pem, .key      a client's, whose name is its common name
set -eu
umask 077
[ $# -ge 2 ] || { sed -n '2,12p' "$0" >&2; exit 2; }
folder=$1 servers=$2
shift 2
mkdir -p "$folder"
days=397

key() { openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$1"; }
# certificate NAME COMMON-NAME EXTENSIONS
certificate() {
    [ ! -s "$folder/$1.pem" ] || return 0
    key "$folder/$1.key"
    openssl req -new -key "$folder/$1.key" -subj "/O=PRECISION trial/CN=$2" -out "$folder/$1.csr"
    printf '%s\n' "basicConstraints=critical,CA:false" "keyUsage=critical,digitalSignature" "$3" >"$folder/$1.ext"
    openssl x509 -req -in "$folder/$1.csr" -CA "$folder/ca.pem" -CAkey "$folder/ca.key" -days "$days" -extfile "$folder/$1.ext" \
        -set_serial "0x$(openssl rand -hex 16)" -out "$folder/$1.pem.new"
    rm "$folder/$1.csr" "$folder/$1.ext"
    chmod 0644 "$folder/$1.pem.new"
    mv "$folder/$1.pem.new" "$folder/$1.pem"
}

if [ -e "$folder/ca.pem" ] && [ ! -e "$folder/ca.key" ]; then
    echo "$folder has an authority without its key: no more certificates can be made under it" >&2
    exit 1
fi
if [ ! -e "$folder/ca.pem" ]; then
    # Certificates of an authority that is gone would be kept, and trusted by nobody.
    for left in "$folder"/*.pem; do
        [ ! -e "$left" ] || { echo "$folder has certificates of an authority that is not there" >&2; exit 1; }
    done
    key "$folder/ca.key"
    openssl req -x509 -new -key "$folder/ca.key" -days "$days" -subj "/O=PRECISION trial/CN=authority of $(basename "$folder")" \
        -addext "basicConstraints=critical,CA:true,pathlen:0" -addext "keyUsage=critical,keyCertSign,cRLSign" -out "$folder/ca.pem.new"
    chmod 0644 "$folder/ca.pem.new"
    mv "$folder/ca.pem.new" "$folder/ca.pem"
fi
names=
for name in $(printf '%s' "$servers" | tr ',' ' '); do
    case $name in
        *[!0-9.]*) names="$names,DNS:$name" ;;
        *) names="$names,IP:$name" ;;
    esac
done
certificate server "${servers%%,*}" "extendedKeyUsage=serverAuth
subjectAltName=${names#,}"
for client in "$@"; do
    case $client in ca | server | */*) echo "$client cannot be the name of a client" >&2; exit 2 ;; esac
    certificate "$client" "$client" "extendedKeyUsage=clientAuth"
done
