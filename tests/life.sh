#!/bin/sh
# The whole life of a registration, and at each point what the hospital and what healthdata see of it.
# usage: tests/life.sh PRECISION [embedded|amqp://… [postgres://…]]     with PRECISION_AT set, with the services that run there
set -eu
precision=$(realpath "$1") broker=${2:-embedded} store=${3:-store} mab=Precision_Local_MAB hospital=00000196
there="--store $store --keys keys --broker $broker" && [ -z "${PRECISION_AT:-}" ] || there=
work=$(mktemp -d) && cd "$work"
trap 'rm -rf "$work"' EXIT
at() { command=$1 && shift && "$precision" "$command" $there "$@"; }
by() { [ -z "$there" ] || echo "--by $1"; } # Over HTTP, a token says who acts.
# Version, the hospital's status, healthdata's status.
sees() { at status "$1" | sed -n '1s/^[^ ]*  [^ ]*  [^ ]*  //p'; }
step() {
    found=$(sees "$2")
    printf '%-52s %s\n' "$1" "$found"
    [ "$found" = "$3" ] || { echo "expected: $3" >&2; exit 1; }
}
refused() {
    code=$1 && shift
    ! said=$(at "$@" 2>&1) && case $said in *"($code)"*) printf '%-52s %s\n' "not possible: $1" "$code" ;; *) echo "$said" >&2; exit 1 ;; esac
}
submit() { at submit --dcd "$mab" --org "$hospital" --file "$1" --reports reports; }
of() { submit "$1" | sed -n "$2s/  .*//p"; }

"$precision" generate --dcd "$mab" --org "$hospital" --count 1 --seed 5 -o first.csv >/dev/null
# A second advice for the same patient, of the other sex: the data warehouse sees that, nobody before it can.
change() {
    awk -F';' -v OFS=';' -v swap="$1" 'NR == 1 { for (i = 1; i <= NF; i++) at[$i] = i }
        NR == 2 { $at["vcf_identifier"] = "SECOND"; sex = at["patient_id|sex"]
            if (swap) $sex = $sex ~ /248153007/ ? "248152002" : "248153007" } { print }' first.csv
}
change 1 >second.csv
change 0 >corrected.csv

first=$(of first.csv 2)
step "the first advice is sent and confirmed" "$first" "1  Submitted, OK  New"
second=$(of second.csv 2)
step "the data warehouse finds another sex" "$second" "1  Submitted, OK  Comments needed"
refused WRONG_STATUS delete "$second"
if [ -n "$there" ]; then
    "$precision" keys rotate keys --epoch --sealing ehealth-ttp ehbox-hd "ehbox-hco-$hospital" >/dev/null
    at recode --json | grep -q '"epoch":2,"ehbox_hd":1,"hd4res":1,"dhw":1,.*"findings":\[\]'
    step "the TTP rotates, and nothing is lost" "$second" "1  Submitted, OK  Comments needed"
    at status "$second" --json | grep -q '"pseudonym":"healthdata\.2\.'
fi
at correct "$second" $(by researcher) --comment 'patient_id|sex=Is this right?' --comment 'Please look again.' >/dev/null
step "the researcher asks for a correction" "$second" "1  Corrections needed  Corrections requested"
at status "$second" | grep -q 'hospital.*comment  patient_id|sex: Is this right?'
submit corrected.csv >/dev/null
step "the hospital corrects" "$second" "2  Submitted, OK  New correction"
at approve "$second" $(by researcher) >/dev/null
step "the researcher approves" "$second" "2  Approved  Approved"
refused WRONG_STATUS reopen "$second"
at reopen "$first" $(by nurse) >/dev/null
step "the hospital reopens the first advice" "$first" "1  Open  New"
at submit "$first" $(by nurse) >/dev/null
step "and submits it again" "$first" "2  Submitted, OK  New"
at reopen "$first" $(by nurse) >/dev/null
at delete "$first" $(by nurse) >/dev/null
step "then reopens and deletes it" "$first" "3  Deleted  Deleted"
