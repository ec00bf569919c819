#!/usr/bin/env bash
# Runs a scenario with its golden log: run.sh PROGRAM SCENARIO FOLDER. `--golden` compares by meaning, and holds the
# golden's lines to the hashes in its header; the log must be the same to the byte as well, but for these hashes, which
# a golden alone has, and for the hash of the resolved platform: a parameter more somewhere is no other behaviour.
set -euo pipefail
program=$1
name=$2
out=$3/$name
top=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd -P)
golden=$top/tests/golden/$name.log
# A scenario that is to fail says so on its first line.
expected=$(sed -n '1s/^# exit \([0-9]\)$/\1/p' "$top/configs/$name.yaml")
[ -f "$golden" ] || {
    echo "no golden: run 'tollbridge run configs/$name.yaml --golden tests/golden/$name.log --bless${expected:+ --failed}'," \
        "review it, commit it"
    exit 1
}
rm -rf "$out"
mkdir -p "$out"
status=0
"$program" run "$top/configs/$name.yaml" --out "$out" --golden "$golden" || status=$?
[ "$status" -eq "${expected:-0}" ] || {
    echo "exit status $status, expected ${expected:-0}"
    exit 1
}
log=$(find "$out" -name "$name.log")
[ -n "$log" ] || {
    echo "the scenario writes no $name.log"
    exit 1
}
without_hash() { sed -E 's/^(#.* resolved )[0-9a-f]{64}/\1-/' "$1"; }
# A log's golden has two lines more behind each header; fingerprints have them on both sides.
lines_of() {
    if grep -qx '#tollbridge-log v1' <(head -n 1 "$1"); then
        sed -E '/^#(lines|all) /d' "$1"
    else
        cat "$1"
    fi
}
! head -n 1 "$log" | grep -qx '#tollbridge-log v1' || ! grep -qE '^#(lines|all) ' "$log" || {
    echo "$log: the log of a run has no hashes"
    exit 1
}
cmp <(without_hash "$log") <(lines_of "$golden" | sed -E 's/^(#.* resolved )[0-9a-f]{64}/\1-/')
