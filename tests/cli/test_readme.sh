#!/bin/bash
# The model that README.md shows is one: it compiles without a warning, as printed.
# usage: test_readme.sh CC TOP
set -u
top=$2
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT

awk '/^```c$/ { on = 1; next } /^```$/ { on = 0 } on' "$top/README.md" >"$work/delay.c"
grep -q 'tb_class_delay = ' "$work/delay.c" || { echo 'FAILED: README.md shows no model'; exit 1; }
"$1" -std=c11 -Wall -Wextra -Wno-missing-field-initializers -Werror -fsyntax-only -I"$top/sim/include" "$work/delay.c" || exit 1
echo 'readme: all as it should be'
