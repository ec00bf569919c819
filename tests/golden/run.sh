#!/usr/bin/env bash
# Runs a scenario with its golden log: run.sh PROGRAM SCENARIO FOLDER. `--golden` compares by meaning; the
# log must be the same to the byte as well, whatever compiler or pending set the program was built with.
set -euo pipefail
program=$1
name=$2
out=$3/$name
top=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd -P)
golden=$top/tests/golden/$name.log
[ -f "$golden" ] || {
    echo "no golden: run 'tollbridge run configs/$name.yaml --golden tests/golden/$name.log --bless', review it, commit it"
    exit 1
}
rm -rf "$out"
mkdir -p "$out"
"$program" run "$top/configs/$name.yaml" --out "$out" --golden "$golden"
log=$(find "$out" -name "$name.log")
[ -n "$log" ] || {
    echo "the scenario writes no $name.log"
    exit 1
}
cmp "$log" "$golden"
