#!/bin/sh
# The report's page in a real browser: nothing is fetched, nothing runs over its edge on a telephone, a tablet and a wide
# screen, light and dark. Exit 77 (skipped) where there is no Chromium. usage: test_page.sh PROGRAM CONFIGS
# The page itself has no scripts: a copy gets one that measures, and a policy that reports whatever would be fetched.
set -u
program=$1
configs=$2
browser=$(command -v chromium || command -v chromium-browser || command -v google-chrome) || exit 77
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
failed=0

fail() {
    printf 'FAILED: %s\n' "$1"
    failed=1
}

cat >measure.html <<'TEXT'
<script>
const fetched = [];
document.addEventListener('securitypolicyviolation', event => fetched.push(event.blockedURI));
const inside = element => {
    for (let e = element.parentElement; e; e = e.parentElement)
        if (getComputedStyle(e).overflowX !== 'visible') return true;
    return false;
};
const name = element => element.tagName + '.' + element.getAttribute('class') + ':' + element.textContent.slice(0, 20);
addEventListener('load', () => {
    const width = document.documentElement.clientWidth, over = [];
    for (const element of document.querySelectorAll('body *')) {
        const box = element.getBoundingClientRect();
        if (box.width && (box.right > width + 1 || box.left < -1) && !inside(element)) over.push(name(element));
        if (element.matches('.facts b,.figure,.end,th,.took') && element.scrollWidth > element.clientWidth + 1)
            over.push('clipped ' + name(element));
    }
    if (document.documentElement.scrollWidth > width) over.push('the page');
    fetched.push(...performance.getEntriesByType('resource').map(entry => entry.name));
    parent.postMessage({width: innerWidth, over, fetched, curves: document.querySelectorAll('path.curve').length,
                        colour: getComputedStyle(document.body).backgroundColor}, '*');
});
</script>
TEXT

# instrument PAGE COPY
instrument() {
    policy="<meta http-equiv='Content-Security-Policy' content=\"default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'\"/>"
    awk -v policy="$policy" '/^<title>/ && !done { print policy; while ((getline line < "measure.html") > 0) print line; done = 1 }
        { print }' "$1" >"$2"
}

# look PAGE SCHEME COLOUR: at three widths. PreferredColorScheme is 0 for dark, 1 for light.
look() {
    {
        printf '%s\n' "<script>addEventListener('message', e => document.body.append(JSON.stringify(e.data), '\n'));</script><body>"
        for width in 360 768 1400; do
            echo "<iframe src='$1' style='width:${width}px;height:900px;border:0'></iframe>"
        done
    } >frames.html
    root=
    [ "$(id -u)" -ne 0 ] || root=--no-sandbox
    # shellcheck disable=SC2086
    timeout 60 "$browser" --headless $root --disable-gpu --no-first-run --disable-background-networking \
        --disable-component-update --disable-sync --user-data-dir="$work/profile" --window-size=1500,1000 \
        --blink-settings=preferredColorScheme="$2" --virtual-time-budget=10000 --dump-dom "file://$work/frames.html" \
        >dom 2>browser.log || { fail "the browser ended with $?"; tail -3 browser.log; }
    grep '"width"' dom | sed 's/^<[^{]*//; s/}[^}]*$/}/' >seen
    [ "$(wc -l <seen)" -eq 3 ] || { fail "$1: $(wc -l <seen) of 3 widths answered"; cat dom; }
    for width in 360 768 1400; do
        grep -q "\"width\":$width,\"over\":\[\],\"fetched\":\[\]" seen || { fail "$1 at $width"; cat seen; }
    done
    grep -vq '"curves":0' seen || fail "$1: no curves"
    [ "$(grep -c "$3" seen)" -eq 3 ] || { fail "$1: colours are not those of scheme $2"; cat seen; }
}

"$program" run "$configs/quickstart.yaml" --out one --quiet || fail 'a run'
"$program" run "$configs/dram.yaml" --out several --quiet || fail 'a run'
"$program" run "$configs/quickstart.yaml" --out two --quiet --set root.iommu.walkers=1 --set root.latency=80ns || fail 'a run'
"$program" report one --output one.html
"$program" report one two several --output all.html
for page in one all; do
    instrument $page.html $page-copy.html
    grep -q 'securitypolicyviolation' $page-copy.html || fail "the copy of $page does not measure"
done
look one-copy.html 1 'rgb(255, 255, 255)'
look all-copy.html 0 'rgb(18, 21, 26)'

# The test sees what it is to see: something fetched, something too wide.
sed 's/<h1>/<img src="http:\/\/127.0.0.1:9\/x.png"\/><div style="width:1300px">wide<\/div>&/' one-copy.html >bad.html
if (look bad.html 1 'rgb(255, 255, 255)') >bad.txt 2>&1; then :; fi
grep -q '127.0.0.1' bad.txt || fail 'a fetched picture was not seen'
grep -q 'DIV.null:wide' bad.txt || fail 'what is too wide was not seen'
exit $failed
