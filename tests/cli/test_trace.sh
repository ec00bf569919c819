#!/bin/bash
# `tollbridge trace`: filters, mistakes, and every conversion read back by another program where it is installed.
# usage: test_trace.sh PROGRAM CONFIGS
set -u
program=$1
configs=$2
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
failed=0

fail() {
    printf 'FAILED: %s\n' "$1"
    failed=1
}

skip() {
    printf 'skipped: %s\n' "$1"
}

has() { command -v "$1" >/dev/null 2>&1; }

# expect STATUS TEXT COMMAND...: the exit status, and a text in what is printed (either stream).
expect() {
    local status=$1 text=$2 got
    shift 2
    "$@" >printed 2>errors
    got=$?
    [ "$got" -eq "$status" ] || fail "exit $got, not $status: $*"
    cat errors >>printed
    [ -z "$text" ] || grep -qF -- "$text" printed || { fail "no '$text' from: $*"; head -3 printed; }
}

same() { [ "$1" = "$2" ] || fail "$3: $1, not $2"; }

trace() { "$program" trace "$@"; }

expect 0 trace.tbt "$program" run "$configs/quickstart.yaml" --out q --set record.trace=true
lines=$(grep -c '^t=' q/quickstart.log)

# -- Record: names, mistakes.
expect 0 mine.tbt "$program" run "$configs/quickstart.yaml" --out named --set record.trace=mine.tbt
cmp -s q/trace.tbt named/mine.tbt || fail 'the trace differs between two runs'
[ -e q/trace.tbt.part ] && fail 'the .part file stayed'
expect 2 'output folder' "$program" run "$configs/quickstart.yaml" --out bad --set record.trace=../x
expect 2 'needs' "$program" run "$configs/quickstart.yaml" --out bad --set 'record={breakdown: false, trace: true}'
expect 2 'fiel' "$program" run "$configs/quickstart.yaml" --out bad --set 'record={trace: {fiel: x}}'
expect 0 '' "$program" run "$configs/quickstart.yaml" --out off --set record.trace=false
[ -e off/trace.tbt ] && fail 'a trace that nobody asked for'
expect 0 trace.tbt "$program" run "$configs/quickstart.yaml" --out plain
cmp -s q/trace.tbt plain/trace.tbt || fail '--out alone writes another trace'
expect 0 '' "$program" run "$configs/quickstart.yaml" --out parts --set record.breakdown=false
[ -e parts/trace.tbt ] && fail 'a trace without parts'

# A run that is killed leaves what it wrote, and it can be read. It would take many minutes: no machine ends it first.
"$program" run "$configs/rw1.yaml" --out killed --quiet --set record.log=none --set dma.count=4000000000 &
pid=$!
for _ in $(seq 2000); do
    [ "$(stat -c %s killed/trace.tbt.part 2>/dev/null || echo 0)" -gt 1000000 ] && break
    sleep 0.05
done
kill -9 $pid
wait $pid 2>/dev/null
[ -e killed/trace.tbt ] && fail 'a killed run left a whole trace'
expect 0 'cut off' trace killed/trace.tbt.part --slowest 1
same "$(trace killed/trace.tbt.part --slowest 5 2>/dev/null | grep -c '^t=')" 5 'the slowest of a killed run'
if "$program" run "$configs/quickstart.yaml" --out z --quiet --set 'record={log: none, trace: {compress: true}}' 2>errors; then
    [ "$(stat -c %s z/trace.tbt)" -lt "$(stat -c %s q/trace.tbt)" ] || fail 'the compressed trace is not smaller'
    trace z --to csv >z.csv
    trace q --to csv | cmp -s - z.csv || fail 'the compressed trace says something else'
else
    grep -q libzstd-dev errors || fail 'no word of what is missing for compress'
    skip 'compressed traces: built without libzstd-dev'
fi

# -- Mistakes.
expect 2 'too few' "$program" trace
expect 2 'nosuch' trace nosuch
expect 2 'no trace' trace "$configs/quickstart.yaml"
mkdir -p bare
expect 2 'bare/trace.tbt: no such file: `run --out FOLDER`' trace bare
expect 2 "did you mean 'perfetto'" trace q --to perfeto --output x
expect 2 'needs --output' trace q --to perfetto
expect 2 '--from 5' trace q --from 5
expect 2 'later' trace q --from 5us --to 1us
expect 2 'two formats' trace q --to csv --to jsonl
expect 2 'no such model' trace q --model nobody
expect 2 "no such kind; did you mean 'dma'?" trace q --kind dmaa
expect 2 'no such kind (it has: ' trace q --kind foo
expect 2 'no such status' trace q --status fine
expect 2 'no such at' trace q --at home
expect 2 'out of range' trace q --slowest 0
expect 2 'no such run' trace q --run 2
expect 3 '' trace q --to csv --output /dev/full
head -c 3000 q/trace.tbt >cut.tbt
expect 0 'cut off' trace cut.tbt
{ head -c 3000 q/trace.tbt; printf 'x'; tail -c +3002 q/trace.tbt; } >bad.tbt
expect 2 'CRC-32' trace bad.tbt --to ctf --output bad.ctf
[ -e bad.ctf/metadata ] && fail 'a damaged trace left a file'

# -- The list and filters, against the log, which was written by other code.
same "$(trace q | grep -c '^t=')" "$lines" 'records listed'
same "$(trace q | grep '^t=' | head -1 | grep -o 'txn=.* len=[0-9]*' | sed 's/ at=.*//')" 'txn=0 op=regwrite' 'the first'
same "$(trace q --kind dma | grep -c '^t=')" "$(grep -cE ' op=(read|write) ' q/quickstart.log)" '--kind dma'
same "$(trace q --kind read --kind walk | grep -c '^t=')" "$(grep -cE ' op=(read|walk) ' q/quickstart.log)" 'two kinds'
same "$(trace q --model host --kind memory | grep -c '^t=')" "$(grep -cE ' by=host .*op=(load|store)' q/quickstart.log)" \
    '--model'
same "$(trace q --status fault | grep -c '^t=')" 0 '--status fault'
same "$(trace q --at untranslated | grep -c '^t=')" "$lines" '--at'
same "$(trace q --from 100us --to 200us | grep -c '^t=')" "$(awk -F'[= ]' '/^t=/ {
    for (i = 1; i < NF; i++) if ($i == "lat") lat = $(i + 1)
    if ($2 >= 100000 && $2 - lat <= 200000) n++} END {print n + 0}' q/quickstart.log)" 'the window'
same "$(trace q --slowest 3 | grep -c '^t=')" 3 '--slowest'
same "$(trace q --slowest 1 | grep -o 'lat=[0-9.]*')" "$(grep -o ' lat=[0-9.]*' q/quickstart.log | sort -t= -k2 -n | tail -1 |
    tr -d ' ')" 'the slowest'

# -- CSV: times and parts as in the log, line by line.
trace q --to csv >q.csv
same "$(tail -n +2 q.csv | wc -l)" "$lines" 'lines of CSV'
awk -F'[ =]' '/^t=/ {delete v; for (i = 1; i < NF; i += 2) v[$i] = $(i + 1)
    printf "%s %s %s %.0f %.0f %.0f %.0f\n", v["by"], v["txn"], v["op"], v["t"] * 1000, v["lat"] * 1000, v["wire"] * 1000,
        v["bus"] * 1000}' q/quickstart.log >from_log
awk -F, 'NR == 1 {for (i = 1; i <= NF; i++) c[$i] = i; next}
    {print $c["by"], $c["txn"], $c["op"], $c["ended_ps"], $c["latency_ps"], $c["wire_ps"], $c["bus_ps"]}' q.csv >from_csv
cmp -s from_log from_csv || { fail 'CSV and log differ'; diff from_log from_csv | head -3; }

# Times that take more than 32 bits, on a wire and waiting for it: the same again.
expect 0 '' "$program" run "$here/tiny.yaml" --out slow --quiet --set links.0.latency=900ms --set links.0.bandwidth=1kB/s
trace slow --to csv >slow.csv
awk -F'[ =]' '/^t=/ {delete v; for (i = 1; i < NF; i += 2) v[$i] = $(i + 1)
    printf "%s %.0f %.0f %.0f\n", v["txn"], v["t"] * 1000, v["queue"] * 1000, v["wire"] * 1000}' slow/tiny.log >from_log
awk -F, 'NR == 1 {for (i = 1; i <= NF; i++) c[$i] = i; next}
    {print $c["txn"], $c["ended_ps"], $c["queue_ps"], $c["wire_ps"]}' slow.csv >from_csv
same "$(wc -l <from_csv)" 300 'records of the slow run'
cmp -s from_log from_csv || { fail 'CSV and log of the slow run differ'; diff from_log from_csv | head -3; }

# What is told apart of a part is never more than it, and all of a walk and of the look-ups is.
awk -F, 'NR == 1 {for (i = 1; i <= NF; i++) {name[i] = $i; c[$i] = i}; next}
    {walk = lookup = back = 0
     for (i in name) {
         if (name[i] ~ /^walk\./) walk += $i
         if (name[i] ~ /^lookup\./) lookup += $i
         if (name[i] ~ /\.back_ps$/) back += $i
     }
     walked += walk; came_back += back
     if (walk != $c["walk_ps"] || lookup != $c["lookup_ps"] || back >= $c["latency_ps"]) bad = 1}
    END {exit bad || !walked || !came_back}' q.csv || fail 'the details of parts'

# -- JSON lines.
trace q --to jsonl --output q.jsonl
same "$(wc -l <q.jsonl)" "$lines" 'JSON lines'
if has python3; then
    python3 - <<'PY' || fail 'JSON lines, read by python3'
import json
for line in open("q.jsonl"):
    t = json.loads(line)
    assert sum(s[2] for s in t["spans"]) == t["latency_ps"] == t["ended_ps"] - t["created_ps"], t
PY
else
    skip 'JSON lines and hlog: python3 is missing'
fi

# -- Folded stacks: all the time of all transactions.
same "$(trace q --to folded | awk '{n += $NF} END {printf "%.0f", n}')" \
    "$(awk -F, 'NR > 1 {n += $8} END {printf "%.0f", n}' q.csv)" 'the sum of the stacks'

# -- HdrHistogram.
trace q --kind dma --to hgrm >q.hgrm
same "$(grep -o 'Total count *= *[0-9]*' q.hgrm | grep -o '[0-9]*$')" "$(grep -cE ' op=(read|write) ' q/quickstart.log)" 'hgrm'
awk -F, '$4 == "read" || $4 == "write" {print $8}' q.csv | sort -n >sorted
awk 'NR == FNR {v[NR] = $1; n = NR; next} $2 ~ /^[01]\.[0-9]+$/ {
    exact = v[$3] / 1000 # the value whose rank is the count
    if ($1 < exact || $1 > exact * 1.001 + 0.001) {print "at", $2, $1, "not", exact; bad = 1}} END {exit bad}' \
    sorted q.hgrm || fail 'percentiles differ from an exact sort'
trace q --to hlog --output q.hlog
if has python3; then
    python3 - <<'PY' || fail 'hlog, decoded by python3'
import base64, collections, csv, struct, zlib
exact = collections.defaultdict(list)
for r in csv.DictReader(open("q.csv")):
    exact["%s.%s.%s.%s" % (r["by"], r["op"], r["at"], r["status"])].append(int(r["latency_ps"]))
def bucket(v):
    shift = max(0, v.bit_length() - 11)
    return (shift << 10) + (v >> shift)
for line in open("q.hlog"):
    if not line.startswith("Tag="):
        continue
    tag, start, length, top, text = line[4:].strip().split(",")
    raw = base64.b64decode(text)
    assert struct.unpack(">I", raw[:4])[0] == 0x1c849314 and struct.unpack(">I", raw[4:8])[0] == len(raw) - 8
    raw = zlib.decompress(raw[8:])
    cookie, size, offset, digits, low, high, ratio = struct.unpack(">IiiiqqD".replace("D", "d"), raw[:40])
    assert cookie == 0x1c849313 and size == len(raw) - 40 and digits == 3 and low == 1 and ratio == 1.0
    counts, at = {}, 40
    index = 0
    while at < len(raw):
        v = shift = 0
        while True:
            b = raw[at]; at += 1
            v |= (b & 127 if shift < 56 else b) << shift
            shift += 7
            if b < 128 or shift > 56:
                break
        v = v >> 1 ^ -(v & 1)
        if v < 0:
            index -= v
        else:
            if v:
                counts[index] = v
            index += 1
    assert counts == dict(collections.Counter(bucket(v) for v in exact.pop(tag))), tag
assert not exact, exact.keys()
PY
fi

# -- CTF, by babeltrace2.
trace q --to ctf --output q.ctf || fail 'ctf'
if has babeltrace2; then
    babeltrace2 --clock-cycles q.ctf >q.bt 2>errors || fail 'babeltrace2 does not like it'
    [ -s errors ] && { fail 'babeltrace2 complains'; head -3 errors; }
    same "$(wc -l <q.bt)" "$lines" 'events of babeltrace2'
    sed -E 's/.*by = \( "([^"]*)".* txn = ([0-9]+),.* latency_ps = ([0-9]+),.*/\1 \2 \3/' q.bt >from_ctf
    awk -F, 'NR > 1 {print $2, $3, $8}' q.csv | cmp -s - from_ctf || fail 'CTF and CSV differ'
    grep -q 'site = ( "ide0->pci0" .*part = ( "wire"' q.bt || fail 'CTF has no names of sites and parts'
else
    skip 'CTF: babeltrace2 is missing'
fi

# -- Perfetto, by protoc: slices nest, and end.
trace q --to perfetto --output q.perfetto || fail 'perfetto'
if has protoc; then
    protoc --decode_raw <q.perfetto >q.proto || fail 'protoc does not like it'
    awk '$1 == "8:" {when = $2} $1 == "11" {event = 1; type = track = flow = 0} event && $1 == "9:" {type = $2}
        event && $1 == "11:" {track = $2} event && $1 == "47:" {flows++}
        $1 == "60" {tracks++}
        /^}/ {
            if (event && type == 1) {depth[track]++; begun++; if (depth[track] > 2) bad = "nested too deep"}
            if (event && type == 2) {depth[track]--; if (depth[track] < 0) bad = "an end without its begin"}
            if (event && (type == 1 || type == 2)) {
                if (when < last[track]) bad = "time goes back"
                last[track] = when
            }
            if (event && type == 4) counters++
            event = 0
        }
        END {
            for (t in depth) if (depth[t]) bad = "a slice without its end"
            if (!flows || !counters || tracks < 10) bad = "no flows, counters or tracks"
            print bad ? bad : begun; exit bad != ""
        }' q.proto >begun || fail "perfetto: $(cat begun)"
    spans=$(grep -oE '"[a-z0-9.]+",[0-9]+\]' q.jsonl | grep -vc ',0\]')
    same "$(cat begun)" "$((spans + lines))" 'slices of perfetto'
else
    skip 'Perfetto: protoc (protobuf-compiler) is missing'
fi

# -- VCD and FST, by GTKWave's tools.
trace q --to vcd --output q.vcd || fail 'vcd'
awk '/^#/ {t = substr($1, 2) + 0; if (t < last) {print "time goes back at", $1; exit 1} last = t}
    /^b[01]{31,}/ {print "a count is negative:", $0; exit 1}' q.vcd || fail 'vcd'
if has vcd2fst && has fst2vcd; then
    trace q --to fst --output q.fst || fail 'fst'
    fst2vcd q.fst 2>/dev/null | grep -E '^(#|b)' | sed -E 's/^b0*([01]+) .*/\1/' | grep -v '^#' | sort | uniq -c >changes_fst
    sed -n '/dumpvars/,$p' q.vcd | grep '^b' | sed -E 's/^b0*([01]+) .*/\1/' | sort | uniq -c >changes_vcd
    cmp -s changes_fst changes_vcd || { fail 'FST and VCD differ'; diff changes_fst changes_vcd | head -4; }
else
    mkdir -p empty
    expect 2 'gtkwave' env PATH="$work/empty" "$program" trace q --to fst --output q.fst
    skip 'FST: vcd2fst (gtkwave) is missing'
fi
mkdir -p empty
expect 2 'gtkwave' env PATH="$work/empty" "$program" trace q --to fst --output none.fst
[ -e none.fst ] && fail 'a file without vcd2fst'

# -- Several runs.
cp "$here/tiny.yaml" two.yaml
printf 'runs:\n  - {name: slow, set: {dram.latency: 400ns}}\n  - {name: fast, set: {dram.latency: 4ns}}\nrecord: {trace: true}\n' \
    >>two.yaml
expect 0 '' "$program" run two.yaml --out two
same "$(trace two --to csv | cut -d, -f1 | sort | uniq -c | tr -s ' \n' ' ')" ' 300 fast 1 run 300 slow ' 'runs in CSV'
expect 2 'choose one with --run (slow, fast)' trace two --slowest 2
for format in vcd perfetto; do
    expect 0 'the first of 2 runs; another with --run (slow, fast)' trace two --to $format --output two.$format
    expect 0 '' trace two --run slow --to $format --output slow.$format
    expect 0 '' trace two --run fast --to $format --output fast.$format
    cmp -s two.$format slow.$format || fail "$format of the first run"
    cmp -s two.$format fast.$format && fail "$format of the second run is that of the first"
done
for run in slow fast; do
    trace two --run $run --to folded | sed "s/^/$run;/"
done >folded
[ -s folded ] || fail 'folded stacks of two runs'
same "$(trace two --to folded)" "$(cat folded)" 'folded stacks of all runs'
same "$(trace two --to hgrm | grep -c ' 600$')" 1 'percentiles over all runs'
same "$(trace two --to hgrm | grep -o 'Max *= *[0-9.]*')" "$(trace two --run slow --to hgrm | grep -o 'Max *= *[0-9.]*')" 'the slowest of all runs'
for run in slow fast; do
    trace two --run $run --to hlog | grep '^Tag=' | sed -E "s/^Tag=([^,]*),.*,/Tag=$run.\\1,/"
done >hlog
[ -s hlog ] || fail 'histograms of two runs'
same "$(trace two --to hlog | grep '^Tag=' | sed -E 's/^Tag=([^,]*),.*,/Tag=\1,/')" "$(cat hlog)" 'histograms of each run'
expect 0 'run fast' trace two --run fast
same "$(trace two --run 2 --slowest 300 | grep -c '^t=')" 300 'the second run'
trace two --run slow --to folded | grep -q '^dma;read;dram;mem 60000000$' || fail 'folded stacks of the first run'

[ "$failed" = 0 ] && echo 'trace: all as it should be'
exit "$failed"
