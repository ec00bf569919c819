#!/usr/bin/env bash
# Loading what `resolve` wrote is loading the same: resolve.sh PROGRAM FILE FOLDER. The second resolution is the first
# to the byte, and a short scenario so resolved still writes its golden log.
set -euo pipefail
shopt -s nullglob
program=$1
file=$2
name=$(basename "$file" .yaml)
out=$3/$name.resolved
top=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd -P)
golden=$top/tests/golden/$name.log
rm -rf "$out"
mkdir -p "$out"
for folder in "$(dirname "$file")"/*/; do # what it names by relative paths
    ln -s "$folder" "$out/"
done
"$program" resolve "$file" >"$out/once.yaml"
"$program" resolve "$out/once.yaml" >"$out/twice.yaml"
cmp "$out/once.yaml" "$out/twice.yaml"
if [ -f "$golden" ] && ! head -n 1 "$golden" | grep -q fingerprint; then
    expected=$(sed -n '1s/^# exit \([0-9]\)$/\1/p' "$file")
    status=0
    "$program" run "$out/once.yaml" --out "$out" --golden "$golden" --quiet || status=$?
    [ "$status" -eq "${expected:-0}" ]
fi
