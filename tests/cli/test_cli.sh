#!/bin/sh
# The command line: exit status, what is written and what is not, did-you-mean. usage: test_cli.sh PROGRAM
set -u
unset CI # blessing is refused there; the test of that says so itself
program=$1
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
failed=0

fail() {
    printf 'FAILED: %s\n' "$1"
    failed=1
}

# expect STATUS TEXT COMMAND...: the exit status, and a text in what is printed (either stream).
expect() {
    status=$1
    text=$2
    shift 2
    "$@" >printed 2>errors
    got=$?
    [ "$got" -eq "$status" ] || fail "exit $got, not $status: $*"
    cat errors >>printed
    [ -z "$text" ] || grep -qF -- "$text" printed || { fail "no '$text' from: $*"; cat printed; }
}

# Help, version, mistakes on the command line.
expect 2 'usage: tollbridge' "$program"
expect 0 'run SCENARIO' "$program" --help
expect 0 'tollbridge 0.' "$program" --version
for verb in run check diff fingerprint report resolve models schema graph; do
    expect 0 "usage: tollbridge $verb" "$program" $verb --help
    expect 2 "try: tollbridge $verb --help" "$program" $verb --unknown
done
expect 2 "did you mean 'run'" "$program" rum x
expect 2 "did you mean '--golden'" "$program" run --goldn x
expect 2 'needs a value' "$program" run x --out
expect 2 'takes no value' "$program" run x --json=yes
expect 2 'too few words' "$program" run
expect 2 'too many words' "$program" run a b
expect 2 'unknown option' "$program" --nope
expect 2 '--bless needs --golden' "$program" run "$here/tiny.yaml" --bless
expect 2 '--until 3' "$program" run "$here/tiny.yaml" --until 3
expect 2 '--time-tolerance 5' "$program" run "$here/tiny.yaml" --time-tolerance 5
expect 2 '--ignore latt' "$program" diff a b --ignore latt

# Running: what is written, and that it does not depend on when or how often.
cp "$here/tiny.yaml" .
expect 0 '300' "$program" run tiny.yaml
[ -f out/tiny/tiny.log ] && [ -f out/tiny/stats.json ] && [ -f out/tiny/timing.json ] ||
    fail 'the run did not write its files'
[ "$(grep -c '^t=' out/tiny/tiny.log)" -eq 300 ] || fail 'not 300 lines'
expect 0 'log' "$program" run tiny.yaml --out again
cmp -s out/tiny/tiny.log again/tiny.log || fail 'the log differs between two runs'
cmp -s out/tiny/stats.csv again/stats.csv || fail 'the statistics differ between two runs'
expect 0 '"runs"' "$program" run tiny.yaml --json
expect 0 '' "$program" run tiny.yaml --quiet
[ -s printed ] && fail '--quiet printed something'
expect 2 'nosuch' "$program" run tiny.yaml --set nosuch.latency=1ns --out bad
[ -e bad ] && fail 'bad input wrote something'
expect 2 "did you mean 'latency'" "$program" run tiny.yaml --set dram.latenzy=1ns --out bad
expect 2 'nofile.yaml' "$program" run nofile.yaml

# The folder: the same bytes wherever it is, hashes that hold, tables that readers read.
expect 0 'trace.tbt' "$program" run tiny.yaml --out else/where
for file in manifest.json stats.json stats.txt stats.csv latency.csv breakdown.csv util.csv slowest.txt \
    platform.resolved.yaml tiny.log trace.tbt; do
    [ -s again/$file ] || fail "the run wrote no $file"
    cmp -s again/$file else/where/$file || fail "$file differs between two runs"
done
[ "$(ls again)" = "$(ls else/where)" ] || fail 'two folders hold other files'
grep -q '"trace.tbt": {' again/manifest.json || fail 'the manifest does not know the trace'
[ -e out/tiny/trace.tbt ] && fail 'a trace without --out that nobody asked for'
grep -q 'dram.latency=41ns' again/manifest.json && fail 'an override that was not given'
expect 0 '' "$program" run tiny.yaml --out moved --set dram.latency=41ns --seed 3 --quiet
grep -qF 'dram.latency=41ns' moved/manifest.json || fail 'the manifest does not tell the override'
grep -qF 'latency: 41ns  # --set dram.latency=41ns' moved/platform.resolved.yaml || fail 'where 41ns came from'
grep -qE 'window: 64KiB  # tiny.yaml:[0-9]+:[0-9]+' moved/platform.resolved.yaml || fail 'where 64KiB came from'
grep -q '  # default$' moved/platform.resolved.yaml || fail 'what is default'
expect 0 'platform' "$program" resolve moved/platform.resolved.yaml
if command -v python3 >/dev/null 2>&1; then
    python3 "$here/folder.py" out/tiny || fail 'the folder'
    python3 "$here/folder.py" again || fail 'the folder with a trace'
fi
printf '%s\n' 'scenario: cpu' 'platform:' '  platform: p' '  models: {dram: {model: memory, size: 1MiB}, host: {model: host}}' \
    '  links: [{from: host, to: dram}]' 'steps: [{load: {at: 0, size: 4}}]' 'record: none' >cpu.yaml
expect 0 '' "$program" run cpu.yaml --out cpu
for row in host.revoke_time,0,ps dram.read_bytes,4,bytes host.accesses,1,count; do
    grep -q "^,$row," cpu/stats.csv || fail "no statistic $row"
done
if command -v jq >/dev/null 2>&1; then
    [ "$(jq '[.runs[0].latency[].count] | add' out/tiny/stats.json)" = 300 ] || fail 'jq does not read stats.json'
fi
{ cat tiny.yaml; echo 'record: {stats: false}'; } >nostats.yaml
expect 0 '' "$program" run nostats.yaml --out nostats --quiet
[ -e nostats/stats.json ] && fail 'stats: false wrote statistics'
[ -s nostats/trace.tbt ] || fail 'stats: false took the trace away'
[ -s nostats/manifest.json ] || fail 'stats: false wrote no manifest'
{ cat tiny.yaml; echo 'record: {slowest: 2}'; } >two.yaml
expect 0 '' "$program" run two.yaml --out two --quiet
[ "$(grep -c '^ *[0-9]*\. ' two/slowest.txt)" -eq 2 ] || fail 'slowest: 2'

# Reports.
expect 2 'where to' "$program" report out/tiny
expect 2 'nothere/stats.json' "$program" report nothere --output r.html
expect 2 'nostats/stats.json' "$program" report nostats --output r.html
echo '{"format": "tollbridge-stats v1", "runs": [{}]}' >bad.json
expect 2 "'scenario' is missing" "$program" report bad.json --output r.html
[ -e r.html ] && fail 'a bad report wrote something'
expect 0 'Where the time goes' "$program" report out/tiny --text
expect 0 'What moved' "$program" report out/tiny moved --text
expect 0 'In which hop' "$program" report out/tiny --text
expect 0 'in which hop, ns per DMA' "$program" report out/tiny moved --text

# What makes no sense is for check to tell (tests/unit/test_check has all of it); a run has the hardware answer.
cat >nobody.yaml <<'TEXT'
platform: nobody
models:
  dma: {model: requester, requests: [{op: read, address: 0x200000, bytes: 64}]}
  dram: {model: memory, base: 0, size: 1MiB}
  sys: {model: bus}
links: [{from: dma, to: sys}, {from: sys, to: dram}]
TEXT
expect 2 'nobody.yaml:3:38: nobody claims address 0x200000' "$program" check nobody.yaml
expect 0 'unsupported' "$program" run nobody.yaml --out nobody
printf 'scenario: allowed\nplatform: nobody.yaml\nunclaimed: allow\n' >allowed.yaml
expect 0 'ok' "$program" check allowed.yaml
expect 0 '' "$program" report out/tiny --output one.html
expect 0 '' "$program" report out/tiny moved --output r.html
"$program" report again --output one.html
"$program" report else/where --output again.html
cmp -s one.html again.html || fail 'two reports of the same run differ'
if command -v python3 >/dev/null 2>&1; then
    python3 "$here/page.py" one.html r.html || fail 'the HTML'
fi

# Every line's parts add up to its latency.
awk '/^t=/ { sum = 0; lat = 0
    for (i = 1; i <= NF; i++) { split($i, kv, "=")
        if (kv[1] == "lat") lat = kv[2] * 1000
        if (kv[1] ~ /^(queue|wire|bus|bridge|lookup|ats|walk|mem|device)$/) sum += kv[2] * 1000 }
    if (sum < lat - 0.5 || sum > lat + 0.5) exit 1 }' out/tiny/tiny.log || fail 'parts do not add up'

# Golden logs.
expect 2 'golden.log' "$program" run tiny.yaml --golden golden.log --out g
[ -e g ] && fail 'a missing golden still ran'
expect 0 'blessed' "$program" run tiny.yaml --golden golden.log --bless
expect 0 'equal' "$program" run tiny.yaml --golden golden.log
grep -qx 'golden.log: new, 300 transactions' LEDGER || fail 'a new golden is not in the ledger'
cp golden.log kept.log
expect 2 'needs --reason' "$program" run tiny.yaml --golden kept.log --bless
expect 2 'says nothing' "$program" run tiny.yaml --golden kept.log --bless --reason ' '
expect 2 'is for --bless' "$program" run tiny.yaml --golden kept.log --reason why
sed 's/$/\r/' kept.log >crlf.log
expect 2 'crlf.log:1:19: lines end in CR and LF' "$program" diff kept.log crlf.log
expect 2 'CI=true' env CI=true "$program" run tiny.yaml --golden kept.log --bless --reason why
expect 0 'unchanged' "$program" run tiny.yaml --golden kept.log --bless --reason 'nothing moves'
grep -q 'kept.log' LEDGER && fail 'what did not change is in the ledger'
expect 0 'blessed' "$program" run tiny.yaml --golden kept.log --bless --reason 'slower memory' --set dram.latency=41ns
grep -qE '^kept.log: only times( and order)? moved: 300 of 300 transactions changed, .* extra. slower memory$' LEDGER ||
    fail 'the ledger does not tell what moved and why'
[ -e kept.log.blessed ] && fail 'a file was left beside the golden'
expect 1 'changed by themselves' "$program" diff golden.log kept.log
expect 1 'mem      +1.000 ns in the mean of 300' "$program" diff golden.log kept.log
expect 1 'note: run 1: by the hashes in the headers, only times moved' "$program" diff golden.log kept.log
expect 1 '"own": 300' "$program" diff golden.log kept.log --json
expect 1 '' "$program" diff golden.log kept.log --junit junit.xml
grep -q "name='times'><failure message='300 transactions differ'" junit.xml || fail 'JUnit does not tell of times'
grep -q "name='data'/>" junit.xml || fail 'JUnit does not tell that data is equal'
grep -vE '^#(lines|all) ' golden.log >plain.log # a golden that is edited is refused
sed -E 's/ by=dma / by=nic /; s/ to=dram / to=hbm /' plain.log >renamed.log
expect 1 '300 missing' "$program" diff golden.log renamed.log
expect 0 'equal' "$program" diff golden.log renamed.log --map dma=nic --map dram=hbm
expect 1 'addresses  300' "$program" diff golden.log renamed.log --map dma=nic
expect 2 'old=new' "$program" diff golden.log renamed.log --map dma
expect 1 'first difference' "$program" run tiny.yaml --golden golden.log --set dram.latency=50ns
expect 1 'first difference' "$program" run tiny.yaml --golden golden.log --seed 2
expect 0 'equal' "$program" run tiny.yaml --golden golden.log --set dram.latency=41ns --time-tolerance 10%
expect 0 'equal' "$program" diff golden.log out/tiny/tiny.log --ignore times,order

# What must be found: a wrong number, a line that is missing, too many, at another place, cut off; another header.
sed '12s/status=ok/status=abort/' plain.log >wrong.log
expect 1 'only outcome moved: 1 of 300' "$program" diff golden.log wrong.log
sed '12s/ lat=[0-9.]*/ lat=1.000/' plain.log >wrong.log
expect 1 'only times moved: 1 of 300' "$program" diff golden.log wrong.log
sed '5d' plain.log >missing.log
expect 1 '0 of 300 transactions changed, 0 out of order, 1 missing, 0 extra' "$program" diff golden.log missing.log
expect 1 '0 of 299 transactions changed, 0 out of order, 0 missing, 1 extra' "$program" diff missing.log plain.log
sed '$d' plain.log >missing.log
expect 1 '1 missing, 0 extra' "$program" diff golden.log missing.log
sed '7{h;d};8{G}' plain.log >swapped.log
expect 1 'only order moved: 0 of 300 transactions changed, 1 out of order' "$program" diff golden.log swapped.log
expect 1 'only order moved: 0 of 300 transactions changed, 1 out of order' "$program" diff swapped.log plain.log
expect 0 'equal' "$program" diff golden.log swapped.log --ignore order
sed '2s/scenario tiny/scenario other/' plain.log >header.log
expect 1 'scenario tiny -> other' "$program" diff golden.log header.log
sed '1s/v1/v2/' plain.log >header.log
expect 2 'header.log:1:1' "$program" diff golden.log header.log
sed '20s/txn=/txn=x/' plain.log >bad.log # malformed on both sides, to the byte: found all the same
expect 2 'bad.log:20:' "$program" diff bad.log bad.log
head -c -1 plain.log >cut.log
expect 2 'the file ends within a line' "$program" diff golden.log cut.log

# A golden's header has hashes of its lines: what was edited by hand is refused, wherever it is read.
grep -qx '#lines 300' golden.log && grep -qE '^#all times=[0-9a-f]{64} order=' golden.log || fail 'no hashes in a golden'
grep -qE '^#(lines|all)' out/tiny/tiny.log && fail 'a log of a run has hashes'
sed '12s/status=ok/status=abort/' golden.log >edited.log
expect 2 '(outcome differ): edited by hand?' "$program" diff edited.log plain.log
expect 2 '(outcome differ)' "$program" run tiny.yaml --golden edited.log --out ran
[ -e ran ] && fail 'an edited golden still ran'
expect 2 'edited.log:4:1' "$program" check edited.log
expect 0 'unchanged' "$program" run tiny.yaml --golden golden.log --bless --reason 'nothing moves'
sed '4s/outcome=\(...\)./outcome=\10/;4s/outcome=\(....\)./outcome=\11/' golden.log >edited.log
expect 2 '(outcome differ)' "$program" diff golden.log edited.log
sed '4s/data=./data=x/' golden.log >edited.log
expect 2 "edited.log:4:1: expected one '#all" "$program" diff golden.log edited.log
sed '5d' golden.log >edited.log
expect 2 "edited.log:2:1: this run has 299 transactions, '#lines' says 300" "$program" diff golden.log edited.log
sed '7{h;d};8{G}' golden.log >edited.log
expect 2 '(order, ' "$program" diff golden.log edited.log
expect 0 'equal' "$program" diff golden.log plain.log # old goldens have none
expect 0 'times      ' "$program" fingerprint golden.log plain.log
[ "$(grep -c '^  data' printed)" -eq 2 ] && [ "$(grep '^  data' printed | sort -u | wc -l)" -eq 1 ] || fail 'two hashes of the same'
cp plain.log told.log
expect 2 'CI=true' env CI=true "$program" fingerprint --write told.log
expect 0 'has the hashes now' "$program" fingerprint --write told.log golden.log
cmp -s told.log golden.log || fail 'fingerprint --write is not what --bless writes'
expect 2 'edited.log:4:1' "$program" fingerprint --write edited.log
expect 0 '"transactions": 300' "$program" fingerprint golden.log --json
mkfifo fifo
expect 2 'regular file' "$program" run tiny.yaml --golden fifo --out ran

# Pipes are read as they come.
expect 0 'equal: 300' sh -c "cat plain.log | $program diff golden.log -"
expect 1 'standard input:12' sh -c "sed '12s/ lat=[0-9.]*/ lat=1.000/' plain.log | $program diff golden.log -"

expect 2 'twice' "$program" diff - - </dev/null

# Memory is bounded: two logs of more than 30 MB each, one of them with lines out of place, in 40 MB for all (where a program can be
# held to that: not with a sanitizer).
if (ulimit -v 40000 && "$program" --version) >/dev/null 2>&1; then
    expect 0 '' "$program" run tiny.yaml --set dma.count=120000 --set dma.window=1MiB --quiet --out large
    [ "$(wc -c <large/tiny.log)" -gt 30000000 ] || fail 'the large log is not large'
    sed -e 's/ lat=/ lat=1/' -e '50{h;d}' -e '9000{G}' -e '70000d' large/tiny.log >large/other.log
    expect 0 'equal: 120000' sh -c "ulimit -v 40000; exec $program diff large/tiny.log large/tiny.log"
    expect 1 '119999 of 120000 transactions changed, 1 out of order, 1 missing, 0 extra' \
        sh -c "ulimit -v 40000; exec $program diff large/tiny.log large/other.log"
    rm -r large
fi

# Every model's first divergence, in order.
sed -E '9s/ by=dma / by=nic /;30s/ by=dma / by=nic /' plain.log >two.log
sed -E '9s/ lat=[0-9.]*/ lat=1.000/;6s/ lat=[0-9.]*/ lat=2.000/' two.log >two-moved.log
expect 1 'first difference: two.log:6 and two-moved.log:6: the same transaction' "$program" diff two.log two-moved.log
expect 1 'first of nic: two.log:9 and two-moved.log:9: the same transaction' "$program" diff two.log two-moved.log
expect 1 '  nic              1 changed, 0 out of order' "$program" diff two.log two-moved.log
expect 1 '"by": "nic"' "$program" diff two.log two-moved.log --json

# A run that is meant to fail is blessed on request, and no other.
printf '%s\n' 'scenario: fails' 'platform:' '  platform: p' '  models: {dram: {model: memory, size: 1MiB}, host: {model: host}}' \
    '  links: [{from: host, to: dram}]' 'steps:' '  - read: {at: 0}' \
    '  - expect: {memory: {at: 0, size: 4KiB, pattern: mix64, seed: 3}}' >fails.yaml
expect 1 'not blessed, the run itself failed' "$program" run fails.yaml --golden fails.log --bless
[ -e fails.log ] && fail 'a failed run was blessed'
expect 1 'blessed:' "$program" run fails.yaml --golden fails.log --bless --failed
expect 1 'equal' "$program" run fails.yaml --golden fails.log
expect 1 'the run did not fail' "$program" run tiny.yaml --golden failed.log --bless --failed
[ -e failed.log ] && fail 'a good run was blessed as one that fails'
expect 2 '--failed is for --bless' "$program" run tiny.yaml --golden golden.log --failed

# Scenarios without a golden, goldens without a scenario, goldens that are not whole.
mkdir -p kept && cp golden.log kept/tiny.log && cp fails.log kept/fails.log
expect 0 '' "$program" check tiny.yaml fails.yaml --goldens kept --quiet
[ -s printed ] && fail 'complete goldens are complained of'
expect 1 'kept/fails.log is a golden without a scenario' "$program" check tiny.yaml --goldens kept
rm kept/tiny.log
expect 1 'tiny.yaml has no golden: there is no kept/tiny.log' "$program" check tiny.yaml fails.yaml --goldens kept
cp edited.log kept/tiny.log
expect 2 'kept/tiny.log:' "$program" check tiny.yaml fails.yaml --goldens kept
expect 2 'nothere' "$program" check tiny.yaml --goldens nothere

head -c 5000 golden.log >cut.log
expect 2 'cut.log:' "$program" diff golden.log cut.log
expect 2 'cut.log:' "$program" run tiny.yaml --golden cut.log
printf 'not a log\n' >garbage.log
expect 2 'garbage.log:1:1' "$program" check garbage.log
expect 2 'nothere' "$program" diff golden.log nothere
expect 0 '"equal": true' "$program" diff golden.log golden.log --json

# Traces, compared record by record.
{ cat tiny.yaml; echo 'record: {log: none, trace: true}'; } >traced.yaml
for change in same count=299 length=32B outstanding=2; do
    set -- --out "traced-$change" --quiet
    [ $change = same ] || set -- "$@" --set "dma.$change"
    expect 0 '' "$program" run traced.yaml "$@"
done
expect 0 '' "$program" run traced.yaml --quiet --out traced-slow --set dram.latency=41ns
expect 0 'equal: 300 transactions' "$program" diff traced-same traced-same/trace.tbt
expect 1 'only times moved: 300 of 300' "$program" diff traced-same traced-slow
expect 1 'dram                     mem                  +1.000 ns in the mean of 300' "$program" diff traced-same traced-slow
expect 1 ' 300 changed by themselves' "$program" diff traced-same traced-slow
expect 1 '"own": 300' "$program" diff traced-same traced-slow --json
expect 1 '1 missing, 0 extra' "$program" diff traced-same traced-count=299
expect 1 '0 missing, 1 extra' "$program" diff traced-count=299 traced-same
expect 1 'addresses  300' "$program" diff traced-same traced-length=32B
expect 1 'only waited' "$program" diff traced-same traced-outstanding=2
sed 's/^scenario: tiny/scenario: other/' traced.yaml >other.yaml
expect 0 '' "$program" run other.yaml --quiet --out traced-other
expect 1 'another scenario' "$program" diff traced-same traced-other
head -c 3000 traced-same/trace.tbt >cut.tbt
expect 2 'cut off' "$program" diff traced-same cut.tbt
expect 2 'cut off' "$program" diff cut.tbt traced-same
expect 2 'is none' "$program" diff traced-same golden.log
expect 1 '0 of 300 transactions changed, 0 out of order, 1 missing, 0 extra' "$program" diff traced-same traced-count=299
expect 1 'first difference: run 1: dma 0 of dma, created at 0.000 ns: other times, latency 68.000 -> 69.000 ns (dram mem +1.000)' "$program" diff traced-same traced-slow
expect 1 '"by": "dma"' "$program" diff traced-same traced-slow --json

# The same options, with the same meaning, as for logs; JUnit.
expect 0 'equal: 300' "$program" diff traced-same traced-slow --ignore times
expect 0 'equal: 300' "$program" diff traced-same traced-slow --ignore t,lat,mem,queue,wire
expect 1 'only times moved' "$program" diff traced-same traced-slow --ignore t,lat,queue,wire
expect 1 'only times moved' "$program" diff traced-same traced-slow --ignore mem,queue,wire
expect 0 'equal: 300' "$program" diff traced-same traced-slow --time-tolerance 10%
expect 1 'only times moved' "$program" diff traced-same traced-slow --time-tolerance 1ns
expect 2 "'latt' is no key" "$program" diff traced-same traced-slow --ignore latt
expect 0 'equal' "$program" diff traced-same traced-length=32B --ignore times,len,iova,pa,data,order
expect 1 'addresses  300' "$program" diff traced-same traced-length=32B --ignore times,pa,data
expect 0 'equal' "$program" diff traced-same traced-other --ignore scenario
expect 1 '' "$program" diff traced-same traced-slow --junit junit.xml
grep -q "name='times'><failure message='300 transactions differ'" junit.xml || fail 'JUnit does not tell of times'
grep -q "tests='8' failures='1'" junit.xml || fail 'not one failure of eight tests'
# Two requesters that meet nowhere: when one gets slower, only the order of what the two do changes, but for times.
sed -e 's/^    dram:.*/&\n    dma2: {model: requester, id: "00:03.0", pattern: sequential, length: 64B, window: 64KiB, count: 40}\n    dram2: {model: memory, base: 0, size: 1MiB, latency: 43ns, bandwidth: 12.8GB\/s}/' \
    -e 's/^    - {from: dma, .*/&\n    - {from: dma2, to: dram2, latency: 10ns, bandwidth: 8GB\/s}/' tiny.yaml >apart.yaml
echo 'record: {trace: true}' >>apart.yaml
expect 0 '' "$program" run apart.yaml --quiet --out apart
expect 0 '' "$program" run apart.yaml --quiet --out apart-slow --set dram2.latency=50ns
expect 1 'only order moved: 0 of 340 transactions changed, ' "$program" diff apart apart-slow --ignore times
order=$(grep '^  order' printed)
expect 1 "$order" "$program" diff apart/tiny.log apart-slow/tiny.log --ignore times
expect 0 'equal: 340' "$program" diff apart apart-slow --ignore times,order
expect 1 'only order moved' "$program" diff apart apart-slow --ignore times --time-tolerance 1ns
expect 0 'equal: 340' "$program" diff apart apart-slow --ignore times --time-tolerance 5us

if command -v python3 >/dev/null 2>&1; then
    python3 "$here/diff_model.py" "$program" apart/tiny.log 60 || fail 'diff is not what a model of it says'
fi

# A model's random stream is its name's: in order, both go the same way.
sed 's/pattern: random/pattern: sequential/' traced.yaml >in-order.yaml
sed 's/dma/nic/g; s/dram/hbm/g' in-order.yaml >renamed.yaml
expect 0 '' "$program" run in-order.yaml --quiet --out traced-order
expect 0 '' "$program" run renamed.yaml --quiet --out traced-renamed
expect 1 '300 missing, 300 extra' "$program" diff traced-order traced-renamed
expect 0 'equal: 300' "$program" diff traced-order traced-renamed --map dma=nic --map dram=hbm
expect 1 'addresses  300' "$program" diff traced-order traced-renamed --map dma=nic
expect 2 'old=new' "$program" diff traced-same traced-renamed --map dma

# Fingerprints: a new golden above 20000 lines becomes one, and keeps its form.
long='--set dma.count=20500 --out long'
# shellcheck disable=SC2086
{
    expect 0 'blessed, as fingerprints' "$program" run tiny.yaml $long --golden long.print --bless
    expect 0 'equal' "$program" run tiny.yaml $long --golden long.print
    expect 0 'equal' "$program" diff long.print long/tiny.log
    expect 1 'begins to differ in block' "$program" run tiny.yaml $long --golden long.print --seed 2
    expect 2 'cannot serve a time tolerance' "$program" run tiny.yaml $long --golden long.print \
        --set dram.latency=41ns --time-tolerance 5%
    expect 0 'equal' "$program" run tiny.yaml $long --golden long.print --time-tolerance 5%
    expect 2 'needs --reason' "$program" run tiny.yaml --golden long.print --bless
    expect 0 'blessed, as fingerprints' "$program" run tiny.yaml --golden long.print --bless --reason 'shorter'
}
head -1 long.print | grep -q '^#tollbridge-fingerprint v1$' || fail 'not a file of fingerprints'

# A record narrowed, by fingerprint, or none.
{ cat tiny.yaml; echo 'record: {log: {file: some.log, only: [write]}}'; } >only.yaml
expect 0 'some.log' "$program" run only.yaml --out only
grep -q '^#only write$' only/some.log || fail 'no #only header'
expect 0 'blessed' "$program" run only.yaml --out only --golden only.log --bless
[ "$(sed -n '3,5s/ .*//p' only.log | tr -d '\n')" = '#only#lines#all' ] || fail 'the header of a golden that is narrowed'
expect 0 'equal' "$program" run only.yaml --out only --golden only.log
[ "$(grep -c 'op=read' only/some.log)" -eq 0 ] || fail 'only: did not narrow'
{ cat tiny.yaml; echo 'record: {log: {only: [wirte]}}'; } >only.yaml
expect 2 "only.yaml:10:23: 'wirte' is no op or kind of the log; did you mean 'write'" "$program" run only.yaml
{ cat tiny.yaml; echo 'record: {fingerprint: true}'; } >print.yaml
expect 0 'prints' "$program" run print.yaml --out print
head -1 print/tiny.log | grep -q fingerprint || fail 'record.fingerprint wrote no fingerprints'
{ cat tiny.yaml; echo 'record: none'; } >none.yaml
rm -rf out
expect 0 '300' "$program" run none.yaml
[ -e out ] && fail 'record: none wrote something'
expect 0 'trace.tbt' "$program" run none.yaml --out none
expect 0 'Latency, ns' "$program" report none --text
[ "$("$program" trace none --to csv | wc -l)" -eq 301 ] || fail 'record: none with --out wrote no trace'
[ -e none/tiny.log ] && fail 'record: none with --out wrote a log'

# A model may have the name of a scenario's key; its parameters can be set all the same.
sed 's/dram/memory/' tiny.yaml >named.yaml
expect 2 '--set memory.latency=1xs' "$program" run named.yaml --set memory.latency=1xs
expect 0 'equal' "$program" run named.yaml --golden golden.log --ignore to --set memory.latency=40ns --out named
expect 2 "named.yaml:10:20: '5' needs a unit" sh -c "echo 'set: {memory.size: 5}' >>named.yaml; $program run named.yaml"

# Several runs in one log.
{ cat tiny.yaml; printf 'runs:\n  - {name: slow, set: {dram.latency: 90ns}}\n  - {name: fast}\n'; } >runs.yaml
expect 0 'run fast' "$program" run runs.yaml --out runs
grep -q '^#run 2 of 2 fast$' runs/tiny.log || fail 'no #run header'
[ "$(grep -c '^t=' runs/tiny.log)" -eq 600 ] || fail 'not 600 lines of two runs'
expect 0 'blessed' "$program" run runs.yaml --golden runs.golden --bless
expect 0 'equal' "$program" run runs.yaml --golden runs.golden
{ cat tiny.yaml; printf 'runs:\n  - {name: a}\n  - {name: b, set: {dram.latenzy: 90ns}}\n'; } >runs.yaml
expect 2 'latenzy' "$program" run runs.yaml --out badruns
[ -e badruns ] && fail 'a bad second run still ran the first'
{ cat tiny.yaml; printf 'runs:\n  - {name: a, set: {record.trace: false}}\n  - {name: b}\n'; } >runs.yaml
expect 0 'trace.tbt' "$program" run runs.yaml --out half
[ "$("$program" trace half --to csv | wc -l)" -eq 301 ] || fail 'a trace of the second run alone'

{ cat tiny.yaml; printf 'runs:\n  - {name: a}\n  - {name: a}\n'; } >runs.yaml
expect 2 "runs.yaml:12:12: run 1 has the name 'a' already" "$program" run runs.yaml --out badruns

# What a scenario names: at the place where it is named, and never outside the output folder.
for name in . .. ../x a/. /x summary.json timing.json 'a b'; do
    { cat tiny.yaml; printf 'record: {log: "%s"}\n' "$name"; } >name.yaml
    expect 2 'name.yaml:10:15: ' "$program" run name.yaml --out badname
done
for name in .. .hidden 'a b' a/b; do
    sed "s|^scenario: .*|scenario: '$name'|" tiny.yaml >name.yaml
    expect 2 'name.yaml:2:11: a scenario' "$program" run name.yaml
done
printf 'scenario: s\nplatform: nothere.yaml\n' >name.yaml
expect 2 "name.yaml:2:11: cannot read 'nothere.yaml'" "$program" run name.yaml
printf 'scenario: s\nplatform: full\n' >name.yaml
mkdir -p full
expect 2 "name.yaml:2:11: cannot read 'full': Is a directory" "$program" run name.yaml
[ -e badname ] || [ -e badruns ] && fail 'a bad name wrote something'

# Files without an end, and the mark that some editors put in front.
if [ -c /dev/zero ]; then
    expect 2 '/dev/zero:1:1' "$program" diff golden.log /dev/zero
    expect 2 '/dev/zero:1:1' "$program" run tiny.yaml --golden /dev/zero --out bad
    { cat tiny.yaml; echo 'memory: [{at: 0, file: /dev/zero}]'; } >name.yaml
    expect 2 'name.yaml:10:10: there is no memory at 0x100000' "$program" run name.yaml --out bad
    sed 's/size: 1MiB/size: 16TiB/' name.yaml >big.yaml
    expect 2 "big.yaml:10:10: '/dev/zero' is longer than 1 GiB" "$program" run big.yaml --out bad
fi
{ printf '\357\273\277'; cat tiny.yaml; } >mark.yaml
expect 0 'equal' "$program" run mark.yaml --golden golden.log

# Time ends after 2^63 ps: what goes on for longer is stopped, and told so; nothing overflows.
{ printf 'scenario: late\nplatform:\n  platform: p\n  models:\n    dram: {model: memory, size: 1MiB}\n    host: {model: host}\n'
    printf '  links:\n    - {from: host, to: dram}\nsteps:\n'
    awk 'BEGIN { for (i = 0; i < 2000; i++) print "  - delay: 10000s"; print "  - read: {at: 0}" }'; } >late.yaml
expect 1 'simulated time ends after 2^63 ps' "$program" run late.yaml
expect 1 'simulated time ends after 2^63 ps' "$program" run tiny.yaml --out late --set links.0.bandwidth=1B/s \
    --set dma.outstanding=65536 --set dma.count=100000 --set dma.length=4KiB --set dma.burst=4KiB --set dma.op=write
expect 2 "'18446744s' is out of range (time: at most 8640000s" "$program" run tiny.yaml \
    --set 'dma.requests=[{time: 18446744s, address: 0, bytes: 64}]'

expect 2 'the request goes past the end of the address space' "$program" run tiny.yaml \
    --set 'dma.requests=[{address: 0xfffffffffffffff8, bytes: 9}]'
expect 2 'the window goes past the end of the address space' "$program" run tiny.yaml --set dma.base=0xffffffffffff0001

# The host fails: exit 3, and nothing half-written.
if [ -c /dev/full ]; then
    mkdir -p full && ln -s /dev/full full/tiny.log
    expect 3 'No space left' "$program" run tiny.yaml --out full
    [ -c /dev/full ] || fail '/dev/full is gone'
    rm full/tiny.log && ln -s /dev/full full/golden
    expect 3 'No space left' "$program" run tiny.yaml --golden full/golden --bless --reason full
    "$program" models >/dev/full 2>/dev/null
    [ $? -eq 3 ] || fail 'models to a full disk'
    "$program" diff golden.log golden.log >/dev/full 2>/dev/null
    [ $? -eq 3 ] || fail 'diff to a full disk'
fi
echo x >file
expect 3 'file' "$program" run tiny.yaml --out file/below
ls out again full 2>/dev/null | grep -q '\.log\.' && fail 'a temporary file was left'

# The other verbs.
expect 0 'ok' "$program" check tiny.yaml golden.log long.print
expect 0 'memory' "$program" models
expect 0 'latency' "$program" models memory
expect 2 "did you mean 'memory'" "$program" models memry
expect 0 'digraph' "$program" graph tiny.yaml
expect 0 '$schema' "$program" schema
expect 0 'steps of a scenario' "$program" models host
expect 0 '| `latency` | time | `40ns` |' "$program" models --markdown
for model in $("$program" models | cut -d' ' -f1); do
    grep -qx "## $model" printed || fail "the reference does not tell of $model"
done
expect 0 '### step `map`' "$program" models host --markdown
grep -q '^## memory' printed && fail 'the reference of one model tells of another'
"$program" models host --json >host.json
for step in $("$program" models host | sed -n '/^steps of/,/^counters/s/^  \([a-z_]*\)\( (.*)\)*: .*/\1/p'); do
    for where in host.json printed; do
        [ $where = host.json ] || "$program" schema >printed
        grep -q "^ *\"$step\": {" $where || fail "$where knows no step $step"
    done
done
[ "$(grep -c '^ *"disk_read": {' printed)" -eq 1 ] || fail 'a step that takes time is in the setup too'
[ "$(grep -c '^ *"start_iommu": {' printed)" -eq 2 ] || fail 'the setup has no start_iommu'
expect 0 'scenario: tiny' "$program" resolve tiny.yaml
"$program" resolve tiny.yaml >resolved.yaml
expect 0 'equal' "$program" run resolved.yaml --golden golden.log

# Many interleavings: the first is the run as it is, every one comes out the same again, alone too; one that fails counts.
expect 0 'explored 3 interleavings: 3 hold, 0 violated' "$program" run tiny.yaml --set 'explore={seeds: 3}' --out e1
expect 0 'seed-2' "$program" run tiny.yaml --set 'explore={seeds: 3}' --out e2
[ -e e1/trace.tbt ] && fail 'a trace of interleavings that nobody asked for'
cmp -s e1/tiny.log e2/tiny.log || fail 'interleavings are not repeatable'
"$program" run tiny.yaml --set 'explore={seeds: 1, first: 2}' --out e3 --quiet
[ "$(sed -n '/#run 3/,$p' e1/tiny.log | grep ^t=)" = "$(grep ^t= e3/tiny.log)" ] || fail 'seed 2 alone is another'
[ "$(sed -n '/#run 1/,/#run 2/p' e1/tiny.log | grep ^t=)" = "$(grep ^t= out/tiny/tiny.log)" ] || fail 'seed 0 has jitter'
[ "$(sed -n '/#run 1/,/#run 2/p' e1/tiny.log | grep ^t=)" = "$(grep ^t= e3/tiny.log)" ] && fail 'seed 2 has no jitter'
expect 2 "'0' is out of range" "$program" run tiny.yaml --set 'explore={seeds: 0}' --out e4
expect 2 "'seeds'" "$program" run tiny.yaml --set 'explore={jitter: 1ns}' --out e4

# A table of runs, in groups, held to each group's baseline.
{
    cat "$here/tiny.yaml"
    echo 'runs: [{name: a/slow, set: {dram.latency: 100ns}}, {name: a/fast}, {name: b/slow, set: {dram.latency: 100ns}}]'
    echo 'compare: {baseline: slow, columns: [{value: dma.mean, title: latency, relative: true}, dram.reads,'
    echo '  {value: dram.reads, percent_of: dma.count, title: reads}, events]}'
} >table.yaml
expect 0 'latency ns' "$program" run table.yaml --out tables
grep -q '^ *slow  *[0-9.]* 100.0%  *[0-9]*  *50.0' printed || fail 'no row of the baseline'
grep -q '^ *fast  *[0-9.]*  [0-9][0-9].[0-9]%' printed || fail 'no row held to the baseline'
[ "$(wc -l <tables/compare.csv)" -eq 4 ] && grep -q '^"a/slow",[0-9]*,150,150,300,' tables/compare.csv || fail 'compare.csv'
expect 2 "'dram.read' cannot be compared" "$program" run table.yaml --set compare.columns.1=dram.read --out tables
expect 2 'a list of 1 to 16 values' "$program" run table.yaml --set 'compare=[]' --out tables
expect 2 "unknown parameter 'valu'" "$program" run table.yaml --set 'compare=[{valu: time}]' --out tables

[ $failed -eq 0 ] && echo 'all passed'
exit $failed
