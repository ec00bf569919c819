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

[ "$failed" = 0 ] && echo "all figures are exact"
exit "$failed"
