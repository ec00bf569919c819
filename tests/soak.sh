#!/usr/bin/env bash
# What is too long for every test run: soak.sh BUILD SECONDS. Property tests with many more rounds, and the fuzzer,
# all in the tree with sanitizers.
set -euo pipefail
build=$1
seconds=$2
top=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
tree=$build/sanitize
jobs=$(nproc 2>/dev/null || echo 2)
[ -f "$tree/CMakeCache.txt" ] || cmake -S "$top" -B "$tree" -DTB_VARIANTS=OFF -DTB_LTO=OFF \
    -DTB_SANITIZE=address,undefined -DCMAKE_BUILD_TYPE=Debug "-DCMAKE_C_FLAGS_DEBUG=-O1 -g1" >/dev/null
cmake --build "$tree" -j"$jobs" >/dev/null
status=0
for test in "$tree"/tests/test_prop*; do
    [ ! -x "$test" ] || TB_SOAK_SECONDS=$seconds timeout $((seconds * 20 + 60)) "$test" || status=1
done
"$tree/tests/fuzz" "$tree/tollbridge" "$top" "$seconds" "${TB_SEED:-$(date +%s)}" || status=1
exit $status
