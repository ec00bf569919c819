#!/usr/bin/env bash
# Every scenario has a golden log, every golden log a scenario; every scenario and platform has its line in the
# README beside it.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.." || exit 2
status=0
complain() {
    echo "$*"
    status=1
}
for file in configs/*.yaml; do
    name=$(basename "$file" .yaml)
    [ -f "tests/golden/$name.log" ] || complain "configs/$name.yaml has no tests/golden/$name.log"
done
for file in tests/golden/*.log; do
    name=$(basename "$file" .log)
    [ -f "configs/$name.yaml" ] || complain "tests/golden/$name.log has no configs/$name.yaml"
done
for file in configs/*.yaml platforms/*.yaml; do
    readme=$(dirname "$file")/README.md
    grep -qsF "$(basename "$file")" "$readme" || complain "$readme does not tell of $(basename "$file")"
done
exit $status
