#!/usr/bin/env bash
# Tests of the runner itself: a vector whose recording is changed must fail at the field that was changed; a damaged
# file must be refused with its place. usage: self.sh TOLLBRIDGE-VECTORS FOLDER-OF-RECORDINGS
set -uo pipefail
vectors=$1 recordings=$2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
broken=0

complain() {
    echo "self: $*"
    broken=1
}

# changed FILE ID SED-SCRIPT FIELD: the vector, so changed, must fail and name the field.
changed() {
    local file=$work/changed.jsonl output status
    grep -F "\"id\":\"$2\"" "$recordings/$1" | sed -E "$3" >"$file"
    ! cmp -s "$file" <(grep -F "\"id\":\"$2\"" "$recordings/$1") || complain "$2: '$3' changes nothing"
    output=$("$vectors" "$file" 2>&1)
    status=$?
    [ "$status" = 1 ] && grep -qF "$4" <<<"$output" && grep -qx "0 passed, 1 failed" <<<"$output" ||
        complain "$2 with '$3': exit $status, expected a failure of $4:" "$output"
}

# refused TEXT MESSAGE: a file with this line must be refused with this message and exit 2.
refused() {
    local file=$work/refused.jsonl output status
    printf '%s\n' "$1" >"$file"
    output=$("$vectors" "$file" 2>&1)
    status=$?
    [ "$status" = 2 ] && grep -qF "refused.jsonl:$2" <<<"$output" ||
        complain "'$1': exit $status, expected 2 and '$2':" "$output"
}

changed ide.jsonl ide/wr-1sect '0,/"bm.status",4/s//"bm.status",5/' 'reads[0]'
changed ide.jsonl ide/wr-1sect 's/"lbal":10/"lbal":11/' lbal
changed ide.jsonl ide/wr-1sect 's/"irq14_before_status_read":\["raise"\]/"irq14_before_status_read":[]/' irq14_before
changed ide.jsonl ide/wr-1sect 's/"irq14_at_status_read":\["lower"\]/"irq14_at_status_read":["raise"]/' irq14_at
changed ide.jsonl ide/wr-1sect 's/"bm_status_after_stop":4/"bm_status_after_stop":0/' bm_status_after_stop
changed ide.jsonl ide/wr-1sect 's/\[4608,512,"08/[4608,512,"09/' disk_written
changed ide.jsonl ide/wr-1sect 's/\[4608,512,/[4608,511,/' disk_written
changed ide.jsonl ide/rd-overlap 's/\[1048576,640,/[1048576,512,/' mem_written
changed ide.jsonl ide/rd-overlap 's/"arena_sha256":"6/"arena_sha256":"7/' arena_sha256
changed ide.jsonl ide/wr-from-hole 's/"disk_written":\[\[5632.*\]\]/"disk_written":[]/' disk_written
changed ide.jsonl ide/start-no-command 's/"still_active_after_wait":true/"still_active_after_wait":false/' still_active
changed ide.jsonl ide/identify 's/"pio16":"0040/"pio16":"0041/' pio16
changed amdvi.jsonl amdvi/cross-4k 's/\["0x8000",256,"0x10020000"\]/["0x8000",256,"0x10021000"]/' 'steps[0].physical'
changed amdvi.jsonl amdvi/cross-4k 's/\["0x8000",64,"0x10020000"\]/["0x8000",64,"0x10020040"]/' 'steps[1].got'
changed amdvi.jsonl amdvi/perm-leaf-none-wr 's/no permission/entry not present at level 1/' 'events[0]'
changed amdvi.jsonl amdvi/np-leaf-pr0 's/"IO_PAGE_FAULT","entry not present at level 1"/"ILLEGAL_DEV_TABLE_ENTRY","reserved DTE bits"/' 'events[0]'
changed amdvi.jsonl amdvi/iotlb-inv-domain-page 's/"0x3000000100000000","0x7002"/"0x4000000000000020","0x7000"/' 'steps[3].physical'
changed amdvi.jsonl amdvi/ide-rd-3pages 's/"0x10010000",4096,8704/"0x10010000",4096,8705/g' mem_written
changed amdvi.jsonl amdvi/ide-wr-mid-unmapped 's/\["zero",512\]/["0x10000000",512]/g' disk_written
changed amdvi.jsonl amdvi/ide-rd-1page 's/"bm_status":4/"bm_status":5/g' bm_status

changed virtio.jsonl virtio/pci/reads 's/"01020000"/"01020001"/' 'found[6] (step'
changed virtio.jsonl virtio/pci/reads 's/"sha256:(.)/"sha256:0\1/' 'found[8]'
changed virtio.jsonl virtio/mmio/events 's/"found":\[0,11,15/"found":[0,11,7/' 'found[2] (step 22, status)'
changed virtio.jsonl virtio/pci/bad-loop 's/,79,2,/,15,2,/' 'status)'
changed virtio.jsonl virtio/pci/needs-platform 's/\[0,3,0,11\]/[0,11,0,11]/' 'found[1] (step'
changed virtio.jsonl virtio/pci/reads 's/\["in","status"\],//' 'the program reads'
refused '{"id": "a", "kind": "virtio-blk", "transport": "isa"}' '1:48: expected "pci" or "mmio"'
refused '{"id": "a", "kind": "virtio-blk", "program": [["out", "stato", 1]]}' "1:55: unknown register 'stato'"
refused '{"id": "a", "kind": "virtio-blk", "program": [["poke", 0, "abc"]]}' '1:59: expected bytes'
refused '{"id": "a", "kind": "ide-bmdmo"}' "1:21: unknown kind 'ide-bmdmo'; did you mean 'ide-bmdma'?"
refused '{"id": "a", "kind": 7}' "1:1: 'kind' must be a string"
refused '{"id": "a", "kind": "amd-iommu"}' "1:1: missing member 'dte'"
refused '{"id": "a", "kind": "amd-iommu-regs", "results": {}}' "1:50: no results"
refused '{"id": "a", "kind": "amd-iommu", "dte": {"0x20": ["0x1", 2, "0x0", "0x0"]}}' "1:58: expected a string of hex"
refused '{"id": "a", "kind": "amd-iommu", "steps": [{"op": "dma_rite"}]}' "1:51: unknown step 'dma_rite'; did you mean"
refused '{"id": "a", "kind": "ide-bmdma", "program": [["out8", "bm.comand", 1]]}' "1:55: unknown register"
refused '{"id": "a", "kind": "ide-bmdma", "program": [["out8", "bm.cmd", -1]]}' "1:65: -1 is out of range"
refused '{"id": "a", "id": "b"}' '1:'
refused '{"id": "a",' '1:'
refused '[1, 2]' '1:1: a vector must be an object'
refused '' '1:1: no vectors'
"$vectors" "$work/none.jsonl" >/dev/null 2>&1
[ $? = 2 ] || complain "a file that is not there must be refused"

[ "$broken" = 0 ] && echo "the runner fails where it should"
exit "$broken"
