#!/usr/bin/env bash
# Builds the project otherwise and tests it: variant.sh SOURCE BUILD TARGET CTEST-ARGUMENTS CMAKE-ARGUMENT...
set -euo pipefail
source=$1
build=$2
target=$3
read -ra select <<<"$4"
shift 4
jobs=$(nproc 2>/dev/null || echo 2)
cmake -S "$source" -B "$build" "$@" >/dev/null
cmake --build "$build" --target "$target" -j"$jobs" >/dev/null
cd "$build"
ctest --output-on-failure -j"$jobs" --timeout 240 --no-tests=error "${select[@]}"
# The logs of the first build and of this one are the same to the byte.
for log in "$build"/tests/golden/*/*.log; do
    first=$(dirname "$build")${log#"$build"}
    [ ! -f "$log" ] || [ ! -f "$first" ] || cmp "$first" "$log"
done
