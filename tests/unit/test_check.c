/* What makes no sense in a platform or scenario, each with its place: a file per row, and all that
 * `tollbridge check` says of it. Names stand as in the files: test.yaml. */
#include "suite.h"

#include "tollbridge/sim.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#define MESSAGES 8

/* A platform: its models and links, one entry a line, so that row n stands in line 2 + n. */
struct platform {
    const char *what;
    const char *models, *links;
    const char *messages[MESSAGES]; /* all of them, in order; none: it is fine */
};

#define SYS    "  sys: {model: bus}\n"                         /* line 3 */
#define RAM    "  ram: {model: memory, base: 0, size: 1MiB}\n" /* line 4 */
#define DEV    "  dev: {model: requester, id: \"00:01.0\"}\n"  /* line 5 */
#define TO_RAM "  - {from: ram, to: sys}\n"                    /* line 7 */
#define TO_DEV "  - {from: dev, to: sys}\n"                    /* line 8 */
#define UP     "  b2: {model: bus}\n  br: {model: bridge}\n"

static const struct platform platforms[] = {
    {"fine", SYS RAM DEV, TO_RAM TO_DEV, {NULL}},
    /* A link to nothing. */
    {"no such model",
     SYS RAM DEV,
     TO_RAM "  - {from: dev, to: syss}\n",
     {"test.yaml:8:21: there is no model 'syss'; did you mean 'sys'?"}},
    {"no such port",
     SYS RAM DEV,
     TO_RAM "  - {from: dev.left, to: sys}\n",
     {"test.yaml:8:12: 'dev' has no free port 'left' (ports of a requester: bus)"}},
    {"a port twice",
     SYS RAM DEV,
     TO_RAM TO_DEV "  - {from: dev, to: ram}\n",
     {"test.yaml:9:12: 'dev' has no free port 'bus' (ports of a requester: bus)"}},
    {"a port to itself",
     SYS RAM "  br: {model: bridge}\n",
     TO_RAM "  - {from: br.up, to: br.up}\n",
     {"test.yaml:8:5: a link needs two different ports"}},
    {"a named port without a link",
     SYS RAM DEV "  br: {model: bridge}\n",
     TO_RAM TO_DEV "  - {from: br.up, to: sys}\n",
     {"test.yaml:6:3: 'br' has nothing linked to its port 'down'"}},
    {"no link at all",
     SYS RAM DEV "  alone: {model: bus}\n",
     TO_RAM TO_DEV,
     {"test.yaml:6:3: 'alone' has no link: nobody reaches it, and it reaches nobody"}},
    {"a device that reaches nobody",
     SYS RAM DEV "  b2: {model: bus}\n",
     TO_RAM "  - {from: dev, to: b2}\n",
     {"test.yaml:5:3: 'dev' reaches nobody who answers"}},
    /* A loop without a bridge. */
    {"a ring of buses",
     SYS RAM "  x: {model: bus}\n  y: {model: bus}\n",
     TO_RAM "  - {from: sys, to: x}\n  - {from: x, to: y}\n  - {from: y, to: sys}\n",
     {"test.yaml:3:3: 'sys' is on a loop of links (y > x > sys > y): there must be one way only "
      "from one model to another"}},
    {"two links between two buses",
     SYS RAM "  x: {model: bus}\n",
     TO_RAM "  - {from: sys, to: x}\n  - {from: x, to: sys}\n",
     {"test.yaml:3:3: 'sys' is on a loop of links (x > sys > x): there must be one way only from "
      "one model to another"}},
    {"a bus to itself",
     SYS RAM,
     TO_RAM "  - {from: sys, to: sys}\n",
     {"test.yaml:3:3: 'sys' is on a loop of links (sys > sys): there must be one way only from one "
      "model to another"}},
    {"two bridges side by side",
     SYS RAM UP "  br2: {model: bridge}\n  m2: {model: memory, base: "
                "0x200000, size: 4KiB}\n",
     TO_RAM "  - {from: br.up, to: sys}\n  - {from: br2.up, to: sys}\n  - {from: br.down, to: b2}\n"
            "  - {from: br2.down, to: b2}\n  - {from: m2, to: b2}\n",
     {"test.yaml:8:29: two ways lead to memory addresses 0x200000 to 0x200fff of 'm2' on bus 'sys'",
      "test.yaml:7:3: 'br' and 'br2' both take the unclaimed memory addresses 0x0 to "
      "0xffffffffffffffff on bus 'b2' ('br': test.yaml:6:3)"}},
    {"two ways seen from above",
     SYS RAM UP "  br2: {model: bridge}\n  top: {model: bus}\n",
     TO_RAM "  - {from: br.up, to: sys}\n  - {from: br2.up, to: sys}\n  - {from: br.down, to: b2}\n"
            "  - {from: br2.down, to: b2}\n  - {from: top, to: sys}\n",
     {"test.yaml:5:3: there are two ways to 'b2', by 'br' and by 'br2': there must be one way only "
      "from one model to another"}},
    /* Overlaps: both places. */
    {"memories",
     SYS RAM "  m2: {model: memory, base: 0xff000, size: 8KiB}\n",
     TO_RAM "  - {from: m2, to: sys}\n",
     {"test.yaml:5:29: 'ram' and 'm2' both claim memory addresses 0xff000 to 0xfffff on bus 'sys' "
      "('ram': test.yaml:4:30)"}},
    {"a memory inside a memory",
     SYS RAM "  m2: {model: memory, base: 0x1000, size: 4KiB}\n",
     TO_RAM "  - {from: m2, to: sys}\n",
     {"test.yaml:5:29: 'ram' and 'm2' both claim memory addresses 0x1000 to 0x1fff behind 'sys', "
      "where the smaller one hides the other ('ram': test.yaml:4:30)"}},
    {"a hole in a memory",
     SYS RAM DEV UP "  m2: {model: memory, base: 0x1000, size: 4KiB}\n",
     TO_RAM TO_DEV
     "  - {from: br.up, to: sys}\n  - {from: br.down, to: b2}\n  - {from: m2, to: b2}\n",
     {NULL}},
    {"a memory without a base",
     SYS "  ram: {model: memory, size: 1MiB}\n"
         "  m2: {model: memory, size: 1MiB}\n",
     TO_RAM "  - {from: m2, to: sys}\n",
     {"test.yaml:5:3: 'ram' and 'm2' both claim memory addresses 0x0 to 0xfffff on bus 'sys' "
      "('ram': test.yaml:4:3)"}},
    {"windows",
     SYS RAM "  br: {model: bridge, windows: [{base: 0x200000, size: 8KiB}]}\n"
             "  br2: {model: bridge, windows: [{base: 0x201000, size: 8KiB}]}\n"
             "  m1: {model: memory, base: 0x200000, size: 4KiB}\n"
             "  m2: {model: memory, base: 0x202000, size: 4KiB}\n",
     TO_RAM "  - {from: br.up, to: sys}\n  - {from: br2.up, to: sys}\n  - {from: br.down, to: m1}\n"
            "  - {from: br2.down, to: m2}\n",
     {"test.yaml:6:34: 'br' and 'br2' both claim memory addresses 0x201000 to 0x201fff on bus "
      "'sys' ('br': test.yaml:5:33)"}},
    {"below a switch",
     SYS RAM "  sw: {model: switch}\n"
             "  m1: {model: memory, base: 0x200000, size: 8KiB}\n"
             "  m2: {model: memory, base: 0x201000, size: 8KiB}\n",
     TO_RAM "  - {from: sw.up, to: sys}\n  - {from: m1, to: sw}\n  - {from: m2, to: sw}\n",
     {"test.yaml:7:29: 'm1' and 'm2' both claim memory addresses 0x201000 to 0x201fff below "
      "different ports of 'sw' ('m1': test.yaml:6:29)"}},
    {"registers of two controllers",
     SYS RAM "  d0: {model: ide, id: \"00:01.1\"}\n"
             "  d1: {model: ide, id: \"00:02.1\", io: 0xd000}\n",
     TO_RAM "  - {from: d0, to: sys}\n  - {from: d1, to: sys}\n",
     {"test.yaml:6:3: 'd0' and 'd1' both claim I/O addresses 0x170 to 0x177 on bus 'sys' ('d0': "
      "test.yaml:5:3)",
      "test.yaml:6:3: 'd0' and 'd1' both claim I/O addresses 0x1f0 to 0x1f7 on bus 'sys' ('d0': "
      "test.yaml:5:3)",
      "test.yaml:6:3: 'd0' and 'd1' both claim I/O addresses 0x376 to 0x376 on bus 'sys' ('d0': "
      "test.yaml:5:3)",
      "test.yaml:6:3: 'd0' and 'd1' both claim I/O addresses 0x3f6 to 0x3f6 on bus 'sys' ('d0': "
      "test.yaml:5:3)"}},
    /* An address that nobody claims. */
    {"a window that leads to nobody",
     SYS RAM "  br: {model: bridge, windows: [{base: 0x5000, size: 4KiB}]}\n" DEV,
     TO_RAM "  - {from: br.up, to: sys}\n  - {from: br.down, to: dev}\n",
     {"test.yaml:5:33: nobody below 'br' claims an address of this window, 0x5000 to 0x5fff"}},
    {"requests",
     SYS RAM "  dev: {model: requester, requests: [{op: read, address: 0x1000, bytes: 64}, "
             "{op: read, address: 0xfffc0, bytes: 128}]}\n",
     TO_RAM TO_DEV,
     {"test.yaml:5:78: nobody claims address 0x100000, to which 'dev' sends (if that is meant: "
      "`unclaimed: allow` in the scenario)"}},
    {"a pattern",
     SYS RAM "  dev: {model: requester, pattern: random, op: read, base: 0x80000, "
             "window: 1MiB, count: 1}\n",
     TO_RAM TO_DEV,
     {"test.yaml:5:60: nobody claims address 0x100000, to which 'dev' sends (if that is meant: "
      "`unclaimed: allow` in the scenario)"}},
    {"behind an IOMMU nobody knows",
     SYS RAM "  dev: {model: requester, requests: [{op: read, address: 0x900000, bytes: 64}]}\n"
             "  br: {model: bridge, iommu: {format: amdvi}}\n",
     TO_RAM "  - {from: br.up, to: sys}\n  - {from: br.down, to: dev}\n",
     {NULL}},
    {"an IOMMU with nothing below",
     SYS RAM DEV "  br: {model: bridge, iommu: {format: amdvi}}\n"
                 "  m2: {model: memory, base: auto, size: 4KiB}\n",
     TO_RAM TO_DEV "  - {from: br.up, to: sys}\n  - {from: br.down, to: m2}\n",
     {"test.yaml:6:23: there is no device below 'br' whose requests its IOMMU could translate"}},
    /* Two devices of one ID. */
    {"one ID",
     SYS RAM DEV "  d2: {model: requester, id: \"00:01.0\"}\n",
     TO_RAM TO_DEV "  - {from: d2, to: sys}\n",
     {"test.yaml:6:30: 'd2' has the ID 00:01.0, which is that of 'dev'"}},
    {"one ID by default, nobody to mistake it",
     SYS RAM "  d1: {model: requester}\n  d2: {model: requester}\n",
     TO_RAM "  - {from: d1, to: sys}\n  - {from: d2, to: sys}\n",
     {NULL}},
    {"one ID by default",
     SYS RAM "  d1: {model: requester}\n  d2: {model: requester}\n"
             "  br: {model: bridge, iommu: {format: amdvi}}\n  io: {model: bus}\n",
     TO_RAM "  - {from: br.up, to: sys}\n  - {from: br.down, to: io}\n"
            "  - {from: d1, to: io}\n  - {from: d2, to: io}\n",
     {"test.yaml:6:3: 'd2' has the ID 00:02.0 by default, as 'd1' has: an IOMMU takes them for one "
      "device"}},
    /* All of them at once: what is said wrongly, and then what does not go together. */
    {"names and IDs",
     SYS RAM DEV "  d2: {model: requester, id: \"00:01.0\", windov: 1MiB}\n"
                 "  d3: {model: requester, id: \"00:01.0\"}\n",
     TO_RAM "  - {from: dev, to: syss}\n  - {from: d2, to: sys}\n  - {from: d3.x, to: sys}\n",
     {"test.yaml:6:41: unknown parameter 'windov'; did you mean 'window'?",
      "test.yaml:10:21: there is no model 'syss'; did you mean 'sys'?",
      "test.yaml:12:12: 'd3' has no free port 'x' (ports of a requester: bus)",
      "test.yaml:7:30: 'd3' has the ID 00:01.0, which is that of 'dev'"}},
    {"IDs, overlaps, windows",
     SYS RAM DEV "  d2: {model: requester, id: \"00:01.0\"}\n"
                 "  m2: {model: memory, base: 0xff000, size: 8KiB}\n"
                 "  br: {model: bridge, windows: [{base: 0x800000, size: 4KiB}]}\n",
     TO_RAM TO_DEV
     "  - {from: d2, to: br.down}\n  - {from: m2, to: sys}\n  - {from: br.up, to: sys}\n",
     {"test.yaml:6:30: 'd2' has the ID 00:01.0, which is that of 'dev'",
      "test.yaml:7:29: 'ram' and 'm2' both claim memory addresses 0xff000 to 0xfffff on bus 'sys' "
      "('ram': test.yaml:4:30)",
      "test.yaml:8:33: nobody below 'br' claims an address of this window, 0x800000 to 0x800fff"}},
};

static bool same(const struct tb_diag *diag, const char *const *messages)
{
    size_t n = 0;
    while (n < MESSAGES && messages[n]) {
        if (n >= tb_diag_count(diag) || strcmp(tb_diag_text(diag, n), messages[n]) != 0)
            return false;
        n++;
    }
    return n == tb_diag_count(diag);
}

static void check_text(const char *what, const char *text, const char *const *messages)
{
    struct tb_diag *diag = tb_diag_new();
    const struct tb_input input = {
        .text = text, .length = strlen(text), .name = "test.yaml", .run = TB_NO_RUN, .lint = true};
    struct tb_sim *s = tb_sim_new(&input, diag);
    bool ok = same(diag, messages);
    CU_ASSERT(ok);
    CU_ASSERT_EQUAL(s == NULL, messages[0] != NULL);
    if (!ok) {
        fprintf(stderr, "\n%s:\n", what);
        tb_diag_print(diag, stderr);
    }
    tb_sim_free(s);
    tb_diag_free(diag);
}

static void test_platforms(void)
{
    for (size_t k = 0; k < sizeof platforms / sizeof platforms[0]; k++) {
        const struct platform *p = &platforms[k];
        char text[4096];
        snprintf(text, sizeof text, "platform: test\nmodels:\n%slinks:\n%s", p->models, p->links);
        check_text(p->what, text, p->messages);
    }
}

/* Scenarios: a line of its steps (line 16, column 5), and what is said of it. */
struct scenario {
    const char *step;
    const char *messages[MESSAGES];
};

#define NOBODY(place, address, by)                                                                 \
    "test.yaml:" place ": nobody claims address " address ", to which '" by                        \
    "' sends (if that is meant: `unclaimed: allow` in the scenario)"

static const struct scenario scenarios[] = {
    {"  - map: {device: ide1, iova: 0, pa: 0x1000, size: 4KiB}\n", {NULL}},
    {"  - map: {device: ide1, iova: 0, pa: 0x3fff000, size: 8KiB}\n",
     {NOBODY("17:38", "0x4000000", "iommu")}},
    {"  - identity: {device: ide1, at: 0x4200000, size: 4KiB}\n",
     {NOBODY("17:34", "0x4200000", "iommu")}},
    {"  - disk_read: {device: ide0, lba: 0, sectors: 8, prd: [{pa: 0x1000, bytes: 4KiB}]}\n",
     {NULL}},
    {"  - disk_read: {device: ide0, lba: 0, sectors: 8, prd: [{pa: 0x3fff800, bytes: 4KiB}]}\n",
     {NOBODY("17:57", "0x4000000", "ide0")}},
    {"  - disk_read: {device: ide0, lba: 0, sectors: 8, prd_at: 0x4300000}\n",
     {NOBODY("17:59", "0x4300000", "ide0")}},
    {"  - disk_read: {device: ide0, lba: 0, sectors: 8, status: error, prd: [{pa: 0x4400000, "
     "bytes: "
     "4KiB}]}\n",
     {NULL}},
    {"  - disk_read: {device: ide1, lba: 0, sectors: 8, prd: [{iova: 0x4400000, bytes: 4KiB}]}\n",
     {NULL}},
    {"  - disk_read: {device: vblk, lba: 0, sectors: 8, prd: [{pa: 0x1000, bytes: 4KiB}]}\n",
     {NULL}},
    {"  - disk_read: {device: vblk, lba: 0, sectors: 8, prd: [{pa: 0x4400000, bytes: 4KiB}]}\n",
     {NOBODY("17:57", "0x4400000", "vblk")}},
    {"  - write: {at: 0x41ffffc, u32: 1}\n", {NOBODY("17:17", "0x41ffffc", "host")}},
    {"  - store: {at: 0x41ffffc, u32: 1, status: unsupported}\n", {NULL}},
    {"  - load: {at: 0x3fffffc, size: 8}\n", {NOBODY("17:16", "0x4000000", "host")}},
    {"  - expect: {memory: {at: 0x4500000, size: 4, pattern: zero}}\n",
     {NOBODY("17:22", "0x4500000", "host")}},
    {"  - write: {to: iommu.control, value: 0}\n", {NULL}},
};

static const char frame[] =
    "scenario: test\n"
    "platform:\n"
    "  models:\n"
    "    sys: {model: bus}\n"
    "    ram: {model: memory, base: 0, size: 64MiB}\n"
    "    host: {model: host}\n"
    "    br: {model: bridge}\n"
    "    iommu: {model: bridge, iommu: {format: amdvi}}\n"
    "    ide0: {model: ide, id: \"00:01.0\", disk0: {size: 1MiB}}\n"
    "    ide1: {model: ide, id: \"00:02.0\", io: 0xd000, legacy: false, "
    "irq0: 16, irq1: 17, disk0: {size: 1MiB}}\n"
    "    vblk: {model: virtio-blk-mmio, id: \"00:03.0\", base: 0xfeb00000, disk: {size: 1MiB}}\n"
    "  links: [{from: ram, to: sys}, {from: host, to: sys}, {from: vblk, to: sys},\n"
    "    {from: br.up, to: sys}, {from: iommu.up, to: sys},\n"
    "    {from: br.down, to: ide0}, {from: iommu.down, to: ide1}]\n"
    "%s\n"
    "steps:\n%s";

static void test_scenarios(void)
{
    static const char *const none[MESSAGES] = {NULL};
    for (size_t k = 0; k < sizeof scenarios / sizeof scenarios[0]; k++) {
        const struct scenario *row = &scenarios[k];
        char text[4096];
        snprintf(text, sizeof text, frame, "", row->step);
        check_text(row->step, text, row->messages);
        snprintf(text, sizeof text, frame, "unclaimed: allow", row->step);
        check_text(row->step, text, none);
    }
}

/* Hardware answers what check complains of: a run only loads it. */
static void test_run(void)
{
    char text[4096];
    struct tb_diag *diag = tb_diag_new();
    snprintf(text, sizeof text, frame, "", "  - write: {at: 0x41ffffc, u32: 1}\n");
    const struct tb_input input = {.text = text, .length = strlen(text), .name = "test.yaml"};
    struct tb_sim *s = tb_sim_new(&input, diag);
    CU_ASSERT_PTR_NOT_NULL(s);
    CU_ASSERT_EQUAL(tb_diag_count(diag), 0);
    tb_sim_free(s);
    tb_diag_free(diag);
}

#define LEVELS 60

/* Two bridges from each bus to the next: 2^60 ways from one end to the other. */
static void test_many_ways(void)
{
    char *text = NULL;
    size_t length;
    FILE *f = open_memstream(&text, &length);
    fprintf(f, "platform: ladder\nmodels:\n  b0: {model: bus}\n");
    for (int i = 1; i <= LEVELS; i++)
        fprintf(f, "  b%d: {model: bus}\n  x%d: {model: bridge}\n  y%d: {model: bridge}\n", i, i,
                i);
    fprintf(f, "links:\n");
    for (int i = 1; i <= LEVELS; i++)
        for (int y = 0; y < 2; y++)
            fprintf(f, "  - {from: %c%d.up, to: b%d}\n  - {from: %c%d.down, to: b%d}\n",
                    y ? 'y' : 'x', i, i - 1, y ? 'y' : 'x', i, i);
    fclose(f);
    static const char *const messages[MESSAGES] = {
        "test.yaml:181:3: there are two ways to 'b60', by 'x60' and by 'y60': there must be one "
        "way only from one model to another"};
    clock_t begun = clock();
    check_text("ladder", text, messages);
    CU_ASSERT(clock() - begun < 5 * CLOCKS_PER_SEC);
    free(text);
}

SUITE("check", {"platforms", test_platforms}, {"scenarios", test_scenarios},
      {"a run does not ask", test_run}, {"2^60 ways", test_many_ways})
