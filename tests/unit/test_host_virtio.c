/* The host's driver of virtio block devices: its steps, what it says, what it refuses, and that it
 * moves the same bytes whatever is in between. */
#include "seen.h"
#include "suite.h"

#include <inttypes.h>

#define LINKS                                                                                      \
    "  links: [{from: vd, to: pci0}, {from: pci0, to: root.down}, {from: root.up, to: sys},\n"     \
    "          {from: sys, to: dram}, {from: host, to: sys, latency: 5ns}, {from: ide0, to: "      \
    "pci0}%s]\n"
#define PLATFORM                                                                                   \
    "platform:\n"                                                                                  \
    "  models:\n"                                                                                  \
    "    dram: {model: memory, size: 256MiB, latency: 40ns}\n"                                     \
    "    host: {model: host, access_time: 0ns, irq_latency: 0ns, timeout: 200us}\n"                \
    "    sys: {model: bus}\n"                                                                      \
    "    root: {model: bridge, latency: 50ns, iommu: {format: amdvi, irq: 24}}\n"                  \
    "    pci0: {model: bus, bandwidth: 1GB/s}\n"                                                   \
    "    ide0: {model: ide, irq0: 11, disk0: {size: 64MiB}}\n"                                     \
    "    vd: {model: virtio-blk-%s, irq: 11, serial: SN, disk: {size: 64MiB, pattern: mix64, "     \
    "seed: 1}}\n" LINKS

static void load(struct seen *s, const char *transport, const char *links, const char *set,
                 const char *body)
{
    char text[16384], platform[2048];
    snprintf(platform, sizeof platform, PLATFORM, transport, links);
    snprintf(text, sizeof text, "scenario: virtio\nset: {%s}\n%s%s", set, platform, body);
    seen_load(s, text);
}

static bool says(const struct tb_diag *diag, const char *what)
{
    for (size_t i = 0; i < tb_diag_count(diag); i++)
        if (strstr(tb_diag_text(diag, i), what))
            return true;
    fprintf(stderr, "nobody said '%s', but:\n", what);
    tb_diag_print((struct tb_diag *)(uintptr_t)diag, stderr);
    return false;
}

/* Runs steps; all of it must hold. */
static void run(struct seen *s, const char *transport, const char *links, const char *set,
                const char *body)
{
    load(s, transport, links, set, body);
    tb_diag_print(s->diag, stderr);
    CU_ASSERT_PTR_NOT_NULL_FATAL(s->sim);
    tb_sim_run(s->sim, TB_NEVER);
    tb_sim_finish(s->sim);
    tb_diag_print(tb_sim_diag(s->sim), stderr);
    CU_ASSERT_EQUAL(tb_sim_status(s->sim), TB_EXIT_OK);
}

#define MAP "- map: {device: vd, iova: 0x10000, pa: 0x100000, size: 64KiB}\n"
#define READ(what)                                                                                 \
    "- disk_read: {device: vd, lba: 0, sectors: 1, prd: [{iova: 0x10000, bytes: 512}]" what "}\n"
#define HANGS "setup: [{write: {to: vd.pcicmd, value: 2}}]\n" /* it may not be a bus master */

/* The queue is first in the driver's memory; its used ring is changed before the handler looks. */
#define EARLY  "setup: [{virtio_start: {device: vd}}]\n"
#define DAMAGE "- wait: {memory: 0x80090a, size: 2, value: 1, every: 50ns}\n"

/* What is told when it does not hold; the run goes on. */
static void test_violations(void)
{
    static const struct {
        const char *set, *setup, *steps, *what;
    } cases[] = {
        {"", "",
         "- disk_read: {device: vd, lba: 131072, sectors: 1, wait: true, prd: [{iova: 0x10000, "
         "bytes: 512}]}\n",
         "request 0x00 of 'vd' failed: status 0x01"},
        {"", "", READ(", wait: true, status: error"), "was to fail and did not"},
        {"", "",
         "- disk_read: {device: vd, lba: 0, sectors: 1, wait: true, prd: [{iova: 0x20000, bytes: "
         "512}]}\n",
         "failed: the device needs a reset"},
        {"", "",
         "- disk_read: {device: vd, lba: 0, sectors: 1, wait: true, status: any, prd: [{iova: "
         "0x20000, bytes: 512}]}\n" READ(""),
         "'vd' needs a reset first"},
        {"vd.access_platform: required", "",
         "- virtio_start: {device: vd, access_platform: false}\n",
         "'vd' cannot be used: it does not agree"},
        {"", "", "- virtio_start: {device: vd, status: error}\n", "was to refuse, and agreed"},
        {"vd.queue_size: 2", "", READ(""), "its queue has less than four entries"},
        {"", HANGS, READ(", wait: true"), "waited 200000 ns for the request's end of 'vd' in vain"},
        {"", HANGS, READ("") "- wait: {for: interrupt, device: vd, timeout: 3us}\n",
         "waited 3000 ns for an interrupt in vain"},
        {"", HANGS,
         READ("") READ("") READ("") READ("") READ("") READ("") READ("") READ("")
             READ(", timeout: 2us"),
         "waited 2000 ns for a free slot of 'vd' in vain"},
        {"", "", READ(", wait: true") "- wait: {for: interrupt, device: vd, timeout: 3us}\n",
         "waited 3000 ns for an interrupt in vain"}, /* the step has taken it */
        {"host.irq_latency: 1us, host.driver_memory: {at: 0x800000}", EARLY,
         READ(", status: error") DAMAGE
         "- poke: {at: 0x800914, u32: 77}\n"
         "- poke: {at: 0x80090a, u16: 2}\n- wait: idle\n" READ(", status: error"),
         "damaged: it gave back a request that it does not have"},
        {"host.irq_latency: 1us, host.driver_memory: {at: 0x800000}", EARLY,
         READ(", status: error") DAMAGE "- poke: {at: 0x80090a, u16: 30000}\n- wait: idle\n",
         "damaged: its used index went too far"},
        {"vd.size_max: 256", "", READ(""), "a region of 512 bytes, and 'vd' takes 256 at most"},
        {"vd.seg_max: 2", "",
         "- disk_read: {device: vd, lba: 0, sectors: 3, prd: [{iova: 0x10000, bytes: 512}, {iova: "
         "0x10200, bytes: 512}, {iova: 0x10400, bytes: 512}]}\n",
         "3 regions, and a request of 'vd' has 2 at most"},
        {"vd.queue_size: 16, vd.indirect: false", "",
         "- disk_read: {device: vd, lba: 0, sectors: 3, prd: [{iova: 0x10000, bytes: 512}, {iova: "
         "0x10200, bytes: 512}, {iova: 0x10400, bytes: 512}]}\n",
         "3 regions, and a request of 'vd' has 2 at most"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct seen s;
        char body[3000];
        snprintf(body, sizeof body, "%ssteps:\n" MAP "%s", cases[i].setup, cases[i].steps);
        load(&s, "pci", "", cases[i].set, body);
        tb_diag_print(s.diag, stderr);
        CU_ASSERT_PTR_NOT_NULL_FATAL(s.sim);
        tb_sim_run(s.sim, 10 * TB_MS);
        tb_sim_finish(s.sim);
        CU_ASSERT_EQUAL(tb_sim_status(s.sim), TB_EXIT_VIOLATION);
        CU_ASSERT_TRUE(says(tb_sim_diag(s.sim), cases[i].what));
        seen_free(&s);
    }
}

/* What is refused before anything runs, with its place. */
static void test_refusals(void)
{
    static const struct {
        const char *steps, *what;
    } cases[] = {
        {"[{virtio_start: {device: ide0}}]", "'ide0' is no virtio device"},
        {"[{virtio_start: {device: nobody}}]", "there is no model 'nobody'"},
        {"[{virtio_start: {device: vd, packed: true}}]", "unknown parameter 'packed'"},
        {"[{set_features: {device: vd, mode: udma2}}]", "'vd' is no ide controller"},
        {"[{disk_finish: {device: vd}}]", "'vd' is no ide controller"},
        {"[{disk_read: {device: vd, lba: 0, sectors: 2, prd: [{iova: 0, bytes: 512}]}}]",
         "2 sectors are 1024 bytes, not 512"},
        {"[{disk_read: {device: vd, drive: 0, lba: 0, sectors: 1, prd: [{iova: 0, bytes: 512}]}}]",
         "it has no 'drive'"},
        {"[{disk_read: {device: vd, lba48: never, lba: 0, sectors: 1, prd: [{iova: 0, bytes: "
         "512}]}}]",
         "it has no 'lba48'"},
        {"[{disk_read: {device: vd, lba: 0, sectors: 1, prd_at: 0x1000}}]", "it has no 'prd_at'"},
        {"[{disk_read: {device: vd, lba: 0, sectors: 1}}]", "needs 'prd'"},
        {"[{identify: {device: vd, at: 0x1001}}]", "must be a multiple of 8"},
        {"[{replay: {device: vd, iolog: none}}]", "'vd' is no bus-master ide controller"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct seen s;
        char body[600];
        snprintf(body, sizeof body, "steps: %s\n", cases[i].steps);
        load(&s, "mmio", "", "", body);
        CU_ASSERT_PTR_NULL(s.sim);
        CU_ASSERT_TRUE(says(s.diag, cases[i].what));
        seen_free(&s);
    }
}

/* Twenty requests, eight at a time, on a line that an ide controller shares; then a reset in the
 * midst of a transfer, after which the driver goes on. */
static void test_many(void)
{
    static const char *const transports[] = {"pci", "mmio"};
    char body[8000] =
        "setup:\n- virtio_start: {device: vd}\nsteps:\n"
        "- map: {device: vd, iova: 0x10000, pa: 0x100000, size: 1MiB}\n"
        "- map: {device: ide0, iova: 0x10000, pa: 0x300000, size: 64KiB}\n"
        "- disk_read: {device: ide0, lba: 0, sectors: 8, prd: [{iova: 0x10000, bytes: 4KiB}]}\n";
    size_t n = strlen(body);
    for (unsigned i = 0; i < 20; i++)
        n += (size_t)snprintf(body + n, sizeof body - n,
                              "- disk_read: {device: vd, lba: %u, sectors: 8, prd: [{iova: %u, "
                              "bytes: 4KiB}]}\n",
                              100 * i, 0x10000 + 0x2000 * i);
    n += (size_t)snprintf(body + n, sizeof body - n, "- wait: idle\n");
    for (unsigned i = 0; i < 20; i++)
        n += (size_t)snprintf(body + n, sizeof body - n,
                              "- expect: {memory: {at: %u, size: 4KiB, equals_disk: {device: vd, "
                              "lba: %u}}}\n",
                              0x100000 + 0x2000 * i, 100 * i);
    snprintf(body + n, sizeof body - n,
             "- disk_read: {device: vd, lba: 0, sectors: 128, status: error, prd: [{iova: 0x10000, "
             "bytes: 64KiB}]}\n"
             "- delay: 20us\n"
             "- virtio_start: {device: vd, event_idx: false}\n"
             "- identify: {device: vd, at: 0x200000}\n"
             "- expect: {memory: {at: 0x200000, bytes: [0x53, 0x4e, 0, 0]}}\n"
             "- disk_flush: {device: vd}\n");
    for (unsigned i = 0; i < 2; i++) {
        struct seen s;
        run(&s, transports[i], "", "", body);
        CU_ASSERT_EQUAL(seen_counter(&s, "host", "commands"), 24);
        CU_ASSERT_EQUAL(seen_counter(&s, "host", "command_errors"), 0);
        CU_ASSERT_EQUAL(seen_counter(&s, "vd", "resets"), 2);
        CU_ASSERT_EQUAL(seen_counter(&s, "vd", "needs_reset"), 0);
        CU_ASSERT_TRUE(seen_counter(&s, "host", "interrupts") < 30);
        seen_free(&s);
    }
}

/* Random reads and writes, over both transports, translated or past the IOMMU, with every choice of
 * features: memory and disk end up the same. */
static void test_ways(void)
{
    static const char *const sets[] = {"", "vd.posted: true", "vd.burst: 4KiB, vd.queue_size: 16",
                                       "vd.requests: 1, vd.outstanding: 1", "host.posted: true"};
    for (unsigned seed = 0; seed < 40; seed++) {
        struct tb_random r = {seed};
        struct seen s;
        bool past = seed & 4;
        char body[8000];
        int n = snprintf(
            body, sizeof body,
            "memory: [{at: 0x100000, size: 256KiB, pattern: mix64, seed: 9}]\n"
            "steps:\n- map: {device: vd, iova: %s, pa: 0x100000, size: 256KiB}\n"
            "- virtio_start: {device: vd, access_platform: %s, event_idx: %s, indirect: %s}\n",
            past ? "0x7000000" : "0x100000", past ? "false" : "true", seed & 1 ? "true" : "false",
            seed & 2 ? "true" : "false");
        for (unsigned i = 0; i < 12; i++) {
            uint64_t sectors = 1 + tb_random_below(&r, 16),
                     first = 1 + tb_random_below(&r, sectors), lba = 100 * i,
                     at = 0x100000 + 0x4000 * i + 2 * tb_random_below(&r, 100);
            bool two = first < sectors, write = tb_random_below(&r, 2);
            n += snprintf(body + n, sizeof body - (size_t)n,
                          "- disk_%s: {device: vd, lba: %" PRIu64 ", sectors: %" PRIu64
                          ", wait: %s, prd: [{pa: %" PRIu64 ", bytes: %" PRIu64 "}",
                          write ? "write" : "read", lba, sectors,
                          tb_random_below(&r, 2) ? "true" : "false", at, first * 512);
            if (two)
                n += snprintf(body + n, sizeof body - (size_t)n,
                              ", {pa: %" PRIu64 ", bytes: %" PRIu64 "}", at + first * 512,
                              (sectors - first) * 512);
            n += snprintf(body + n, sizeof body - (size_t)n, "]}\n");
            if (i % 4 == 3)
                n += snprintf(body + n, sizeof body - (size_t)n,
                              "- wait: idle\n- expect: {memory: {at: %" PRIu64 ", size: %" PRIu64
                              ", equals_disk: {device: vd, lba: %" PRIu64 "}}}\n",
                              at, sectors * 512, lba);
        }
        run(&s, seed / 8 & 1 ? "pci" : "mmio", past ? ", {from: vd.memory, to: sys}" : "",
            sets[seed % 5], body);
        CU_ASSERT_EQUAL(seen_counter(&s, "vd", "requests"), 12);
        CU_ASSERT_EQUAL(seen_counter(&s, "vd", "failed"), 0);
        CU_ASSERT_EQUAL(seen_counter(&s, "root", "requests") == 0, past);
        seen_free(&s);
    }
}

#define DEEP                                                                                       \
    "scenario: deep\nplatform:\n  models:\n"                                                       \
    "    dram: {model: memory, size: 256MiB}\n    host: {model: host}\n    sys: {model: bus}\n"    \
    "    root: {model: bridge, iommu: {format: amdvi}}\n    pci0: {model: bus}\n"                  \
    "    down: {model: bridge}\n    pci1: {model: bus}\n"                                          \
    "    ide0: {model: ide, disk0: {size: 64MiB, pattern: counter}}\n"                             \
    "    vd: {model: virtio-blk-pci, disk: {size: 64MiB, pattern: mix64}}\n"                       \
    "  links: [{from: vd.memory, to: sys}, {from: vd, to: pci1}, {from: ide0, to: pci1}, {from: "  \
    "pci1, to: down.down}, {from: down.up, to: pci0}, {from: pci0, to: root.down}, {from: "        \
    "root.up, to: sys}, {from: sys, to: dram}, {from: host, to: sys}]\n"

/* The driver finds the IOMMU above the device's bus although its other port is nearer; and its
 * neighbour's, which has nothing of that port. */
static void test_way(void)
{
    struct seen s;
    run(&s, "pci", ", {from: vd.memory, to: sys}", "", "steps:\n" MAP READ(", wait: true"));
    CU_ASSERT_TRUE(seen_counter(&s, "root", "requests") > 10);
    CU_ASSERT_EQUAL(seen_counter(&s, "root", "faults"), 0);
    seen_free(&s);
    seen_run(
        &s, DEEP
        "steps:\n- map: {device: ide0, iova: 0x10000, pa: 0x100000, size: 4KiB}\n" MAP
        "- disk_read: {device: ide0, lba: 0, sectors: 1, wait: true, prd: [{iova: 0x10000, bytes: "
        "512}]}\n"
        "- expect: {memory: {at: 0x100000, size: 512, equals_disk: {device: ide0, lba: 0}}}\n" READ(
            ", wait: true") "- expect: {memory: {at: 0x100000, size: 512, equals_disk: {device: "
                            "vd, lba: 0}}}\n");
    CU_ASSERT_PTR_NOT_NULL_FATAL(s.sim);
    tb_sim_finish(s.sim);
    tb_diag_print(tb_sim_diag(s.sim), stderr);
    CU_ASSERT_EQUAL(tb_sim_status(s.sim), TB_EXIT_OK);
    CU_ASSERT_TRUE(seen_counter(&s, "root", "requests") > 20);
    seen_free(&s);
}

/* Several devices on one line, as two cards with the same INTA#: each has its handler run, and
 * looks at its own status. */
static void test_shared_line(void)
{
    struct seen s;
    seen_load(
        &s, "scenario: shared\n"
            "platform:\n"
            "  models:\n"
            "    dram: {model: memory, size: 256MiB}\n"
            "    host: {model: host, timeout: 1ms}\n"
            "    sys: {model: bus}\n"
            "    v0: {model: virtio-blk-pci, disk: {size: 1MiB, pattern: mix64}}\n"
            "    v1: {model: virtio-blk-pci, id: '00:04.0', bar: 0xfe010000, irq: 11,\n"
            "         disk: {size: 1MiB, pattern: counter}}\n"
            "    v2: {model: virtio-blk-mmio, id: '00:05.0', irq: 11,\n"
            "         disk: {size: 1MiB, pattern: counter}}\n"
            "    i0: {model: ide, legacy: false, irq0: 11, irq1: 11,\n"
            "         disk0: {size: 1MiB, pattern: mix64}, disk2: {size: 1MiB, pattern: counter}}\n"
            "    i1: {model: ide, id: '00:02.1', legacy: false, io: 0xc100, irq0: 11,\n"
            "         disk0: {size: 1MiB, pattern: counter}}\n"
            "  links: [{from: i0, to: sys}, {from: i1, to: sys}, {from: v0, to: sys}, {from: v1, "
            "to: sys}, {from: v2, to: sys},\n"
            "          {from: sys, to: dram}, {from: host, to: sys}]\n"
            "steps:\n"
            "- disk_read: {device: v1, lba: 0, sectors: 1, wait: true,\n"
            "              prd: [{pa: 0x100000, bytes: 512}]}\n"
            "- disk_read: {device: v0, lba: 8, sectors: 1, prd: [{pa: 0x200000, bytes: 512}]}\n"
            "- disk_read: {device: v2, lba: 8, sectors: 1, prd: [{pa: 0x300000, bytes: 512}]}\n"
            "- disk_read: {device: i1, lba: 2, sectors: 1, prd: [{pa: 0x600000, bytes: 512}]}\n"
            "- disk_read: {device: i0, drive: 2, lba: 2, sectors: 1,\n"
            "              prd: [{pa: 0x500000, bytes: 512}]}\n"
            "- disk_read: {device: i0, lba: 2, sectors: 1, prd: [{pa: 0x400000, bytes: 512}]}\n"
            "- wait: idle\n"
            "- expect: {memory: {at: 0x100000, size: 512, equals_disk: {device: v1, lba: 0}}}\n"
            "- expect: {memory: {at: 0x200000, size: 512, equals_disk: {device: v0, lba: 8}}}\n"
            "- expect: {memory: {at: 0x300000, size: 512, equals_disk: {device: v2, lba: 8}}}\n"
            "- expect: {memory: {at: 0x400000, size: 512, equals_disk: {device: i0, lba: 2}}}\n"
            "- expect: {memory: {at: 0x500000, size: 512, equals_disk: {device: i0, drive: 2,\n"
            "                                                         lba: 2}}}\n"
            "- expect: {memory: {at: 0x600000, size: 512, equals_disk: {device: i1, lba: 2}}}\n"
            "- expect: {counter: {of: host, name: spurious, value: 0}}\n");
    tb_diag_print(s.diag, stderr);
    CU_ASSERT_PTR_NOT_NULL_FATAL(s.sim);
    tb_sim_run(s.sim, TB_NEVER);
    tb_sim_finish(s.sim);
    tb_diag_print(tb_sim_diag(s.sim), stderr);
    CU_ASSERT_EQUAL(tb_sim_status(s.sim), TB_EXIT_OK);
    seen_free(&s);
}

SUITE("host virtio", {"violations", test_violations}, {"refusals", test_refusals},
      {"many", test_many}, {"ways", test_ways}, {"way", test_way},
      {"shared line", test_shared_line})
