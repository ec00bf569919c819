#!/usr/bin/env bash
# Every scenario has a golden log, every golden log a scenario; every scenario and platform has its line in the
# README beside it: complete.sh PROGRAM.
set -uo pipefail
program=$(realpath "$1") || exit 2
cd "$(dirname "${BASH_SOURCE[0]}")/../.." || exit 2
status=0
complain() {
    echo "$*"
    status=1
}
"$program" check --quiet --goldens tests/golden configs/*.yaml || status=1
for file in $(grep -LE '^#all ' tests/golden/*.log); do
    echo "note: $file has no hashes in its header: tollbridge fingerprint --write $file"
done
for file in configs/*.yaml platforms/*.yaml; do
    readme=$(dirname "$file")/README.md
    grep -qsF "$(basename "$file")" "$readme" || complain "$readme does not tell of $(basename "$file")"
done
exit $status
