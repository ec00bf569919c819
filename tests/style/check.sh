#!/usr/bin/env bash
# The house's rules that a machine can check; usage: check.sh [BUILD]. Prints every breach; exits 1 if there is one.
# The library in BUILD/clang (or BUILD) is searched for writable globals.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.." || exit 2
build=${1:-}
broken=0

complain() {
    echo "style: $1"
    [ $# -lt 2 ] || sed 's/^/    /' <<<"$2"
    broken=1
}

# sources PATTERN...: files of the project, in version control or about to be.
sources() {
    if git rev-parse --git-dir >/dev/null 2>&1; then
        git ls-files --cached --others --exclude-standard -- "$@" | while read -r f; do [ ! -e "$f" ] || echo "$f"; done
    else
        local pattern
        for pattern; do
            find . \( -name build -o -name 'build-*' -o -name out \) -prune -o -type f -path "./${pattern}" -print
        done | sed 's,^\./,,'
    fi | sort -u
}

# -- Sizes of functions: median <= 12 lines, 97 % <= 60, none > 120, cyclomatic complexity <= 20.
sizes() {
    command -v pmccabe >/dev/null 2>&1 || return 0
    local table found
    # pmccabe: modified complexity, complexity, statements, first line, lines, file(line): name
    table=$(sources 'sim/*.c' 'models/*.c' 'tests/*.c' | xargs -r pmccabe 2>/dev/null)
    found=$(awk '$2 > 20 || $5 > 120 {print $6, $7, "complexity", $2, "lines", $5}' <<<"$table")
    [ -z "$found" ] || complain "functions too long (over 120 lines) or too tangled (over 20):" "$found"
    found=$(awk '{print $5}' <<<"$table" | sort -n | awk '
        {n[NR] = $1; if ($1 > 60) long++}
        END {
            if (NR && n[int((NR + 1) / 2)] > 12) print "median of lines per function is", n[int((NR + 1) / 2)]
            if (NR && long * 100 > NR * 3) print long, "of", NR, "functions are longer than 60 lines (allowed: 3 %)"
        }')
    [ -z "$found" ] || complain "functions are too long on the whole:" "$found"
}

# -- Folders of sim/ include those before them in sim/README.md; kernel/ and load/ know each other.
layers() {
    local found folder before='tollbridge'
    for folder in yaml kernel load log stats trace report diff cli; do
        before="$before|$folder"
        [ $folder = kernel ] && before="$before|load/scenario\\.h"
        [ $folder = load ] && before="$before|trace/trace\\.h" # whether traces can be compressed
        found=$(sources "sim/$folder/*.c" "sim/$folder/*.h" | xargs -r grep -nHE '^#include "' |
            grep -vE "#include \"(($before)[/\"]|\.\./\.\./models/)")
        [ -z "$found" ] || complain "sim/$folder includes what comes after it (sim/README.md):" "$found"
    done
}

# -- Who may include what.
includes() {
    local found
    found=$(sources 'sim/*.c' 'sim/*.h' | xargs -r grep -nHE '^#include "(\.\./|models/|spec/|cache/|store/|medium/|virtio/|posting/|ide/|iommu/|ats/|host/)' |
        grep -vF '"../../models/models.def"') # the list of their names
    [ -z "$found" ] || complain "sim/ knows no model:" "$found"
    layers
    local file folder
    while read -r file; do
        folder=$(cut -d/ -f2 <<<"$file")
        found=$(grep -nHE '^#include "' "$file" |
            grep -vE '#include "(tollbridge|spec|cache|store|medium|ats)/' | # the last four: parts that models share
            grep -vE '^models/bridge\.c:[0-9]+:#include "(posting/posting|pci/header)\.h"$' | # parts of the bridge, no models
            grep -vE '^models/virtio/virtio\.h:[0-9]+:#include "pci/config\.h"$' |
            grep -vE '^models/(bridge|gart)\.c:[0-9]+:#include "iommu/iommu\.h"$' |
            if [ -f "models/$folder" ]; then cat; else
                grep -vE "#include \"(models/)?$folder/|#include \"[^/]+\.h\""
            fi)
        [ -z "$found" ] || complain "a model includes tollbridge/, spec/ and its own folder only:" "$found"
    done < <(sources 'models/*.c' 'models/*.h' | grep -v '^models/spec/')
    found=$(sources 'models/spec/*.h' | xargs -r grep -nHE '^#include "' | grep -vE '"(tollbridge|spec)/')
    [ -z "$found" ] || complain "models/spec/ includes nothing of a model:" "$found"
}

# -- No writable globals: nothing in .data or .bss (tables of pointers lie in .data.rel.ro).
globals() {
    local library found
    for library in "$build/clang/libtb.a" "$build/libtb.a"; do
        [ -n "$build" ] && [ -f "$library" ] || continue
        ! nm "$library" 2>/dev/null | grep -q __asan_ || continue # adds its own
        found=$(nm --format=sysv "$library" 2>/dev/null | awk -F'|' '
            /^Symbols from|\.o\]?:$/ {file = $0}
            NF >= 7 {
                gsub(/ /, "", $1); gsub(/ /, "", $7)
                if ($7 ~ /^(\.data|\.bss|\.tdata|\.tbss|\*COM\*)/ && $7 !~ /^\.data\.rel\.ro/) print $1, $7, file
            }')
        [ -z "$found" ] || complain "writable globals in the library:" "$found"
        return
    done
}

# -- Words that mark what is not finished.
words() {
    local found word
    word='TO''DO|FIX''ME|XX''X|HA''CK'
    found=$(sources '*.c' '*.h' '*.cmake' '*CMakeLists.txt' '*.yaml' '*.sh' '*.md' | xargs -r grep -nHwE "$word")
    [ -z "$found" ] || complain "unfinished work:" "$found"
}

# -- Every link in a Markdown file leads to something; every folder of code has a README.
documents() {
    local file target found
    while read -r file; do
        found=$(sed 's/`[^`]*`//g' "$file" | grep -oE '\]\([^)# ]+' | cut -c3- | grep -vE '^[a-z]+:' |
            while read -r target; do
                [ -e "$(dirname "$file")/$target" ] || echo "$target"
            done)
        [ -z "$found" ] || complain "$file: links that lead nowhere:" "$found"
    done < <(sources '*.md')
    found=$(sources '*.c' '*.h' '*.yaml' | xargs -rn1 dirname | sort -u | while read -r target; do
        case $target in
        . | sim/include | sim/include/*) continue ;;
        esac
        [ -e "$target/README.md" ] || echo "$target"
    done)
    [ -z "$found" ] || complain "folders without README.md:" "$found"
}

# -- Layout: versions of clang-format differ, so this is told and is no breach.
layout() {
    command -v clang-format >/dev/null 2>&1 || return 0
    local count
    count=$(sources 'sim/*.c' 'models/*.c' 'tests/*.c' | while read -r file; do
        clang-format --dry-run -Werror "$file" >/dev/null 2>&1 || echo "$file"
    done | wc -l)
    [ "$count" = 0 ] || echo "style: note: $count files are laid out otherwise than clang-format would"
}

sizes
includes
globals
words
documents
layout
[ "$broken" != 0 ] || echo "style: no breach"
exit "$broken"
