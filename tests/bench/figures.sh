#!/usr/bin/env bash
# Holds the reference workloads to their published figures, digit by digit. usage: figures.sh TOLLBRIDGE-BENCH
set -u
bench=$1
failed=0

# expect "ARGUMENTS" FIELD=VALUE...: runs the benchmark and compares fields of its JSON.
expect() {
    local arguments=$1 output pair field value found
    shift
    # shellcheck disable=SC2086 # a list of words
    output=$("$bench" $arguments --json) || { echo "$arguments: exit $?"; failed=1; return; }
    for pair; do
        field=${pair%%=*} value=${pair#*=}
        found=$(sed -nE "s/.*\"$field\": \"?([0-9a-f.]+)\"?.*/\1/p" <<<"$output")
        [ "$found" = "$value" ] || { echo "$arguments: $field: expected $value, found $found"; failed=1; }
    done
}

# RW-0: from an independent implementation (README.md); the events of a small run were also checked by hand.
expect "rw0 --outstanding 1 --transactions 1000" end=992732 sum=496255922
expect "rw0 --outstanding 16 --transactions 100000" end=6257959 sum=312709479104
expect "rw0 --outstanding 1000 --transactions 300000" end=300613 sum=45150859994
expect "rw0" end=1955361 sum=1956040903008

# RW-1 and RW-2: figures on which several independent simulators agree.
expect "rw1" avg_latency_ns=324.000812 max_latency_ns=413 end_ns=40500203 digest=b0f96779dc5f60ad
expect "rw1 --outstanding 64 --depth 4 --transactions 200000" avg_latency_ns=1087.923360 max_latency_ns=1373 \
    end_ns=3400285 digest=9857e4bf2d302245
expect "rw1 --outstanding 37 --depth 5 --transactions 100000" avg_latency_ns=503.222430 max_latency_ns=821 \
    end_ns=1360293 digest=e73aa2e7e6800c5b
expect "rw2" avg_latency_ns=951.357778 max_latency_ns=1371 end_ns=118920207 hits=125189 misses=1874811 \
    coalesced=18009 walks=1856802 digest=1530ba4297373f49
expect "rw2 --outstanding 37 --depth 5 --transactions 100000" avg_latency_ns=2304.984200 max_latency_ns=2871 \
    end_ns=6230845 digest=532f8b5937323b42

# RW-3: ours, confirmed by rw3.py.
expect "rw3" avg_latency_ns=778.679918 max_latency_ns=1611 end_ns=97335431 atc_hits=500308 \
    atc_misses=1499692 atc_coalesced=17291 atc_asked=1482401 walks=1482401 digest=83e6230a5e746b3b
expect "rw3 --outstanding 37 --depth 5 --transactions 100000" avg_latency_ns=2136.715230 max_latency_ns=3426 \
    end_ns=5776195 digest=7ae98fbca41efebd
expect "rw3 --outstanding 64 --depth 4 --transactions 200000" avg_latency_ns=4473.290635 max_latency_ns=6681 \
    end_ns=13981609 digest=c7ca6b5023732976
expect "rw3 --outstanding 5 --depth 1 --transactions 50000" avg_latency_ns=1497.060960 max_latency_ns=2134 \
    end_ns=14970968 digest=ce39df34e002285f

# The independent model, live, where there is a Python.
if command -v python3 >/dev/null; then
    model=$(dirname "${BASH_SOURCE[0]}")/rw3.py
    for knobs in "--outstanding 16 --depth 16" "--outstanding 9 --depth 3" "--outstanding 48 --depth 6"; do
        # shellcheck disable=SC2086 # a list of words
        digest=$("$model" $knobs --transactions 6000 | sed -E 's/.*digest ([0-9a-f]+).*/\1/')
        expect "rw3 $knobs --transactions 6000" digest="$digest"
    done
fi

[ "$failed" = 0 ] && echo "all figures are exact"
exit "$failed"
