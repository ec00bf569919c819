/* The host's steps: what they do, what they say when it does not hold, and what is refused before
 * anything runs. */
#include "host/host.h"
#include "seen.h"
#include "suite.h"
#include "tollbridge/message.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PLATFORM                                                                                   \
    "platform:\n"                                                                                  \
    "  models:\n"                                                                                  \
    "    dram: {model: memory, size: 256MiB, latency: 40ns}\n"                                     \
    "    host: {model: host, access_time: 0ns, irq_latency: 0ns, timeout: 100us}\n"                \
    "    sys: {model: bus}\n"                                                                      \
    "    root: {model: bridge, latency: 50ns, iommu: {format: amdvi, irq: 24}}\n"                  \
    "    pci0: {model: bus, protocol: pci, clock: 30ns}\n"                                         \
    "    ide0: {model: ide, disk0: {size: 64MiB, mode: udma6, pattern: mix64, seed: 1}}\n"         \
    "  links: [{from: ide0, to: pci0}, {from: pci0, to: root.down}, {from: root.up, to: sys},\n"   \
    "          {from: sys, to: dram}, {from: host, to: sys, latency: 5ns}]\n"

static void load(struct seen *s, const char *set, const char *body)
{
    char text[16384];
    snprintf(text, sizeof text, "scenario: steps\nset: {%s}\n%s%s", set, PLATFORM, body);
    seen_load(s, text);
}

/* Runs steps; all of it must hold. */
static void run(struct seen *s, const char *set, const char *body)
{
    load(s, set, body);
    tb_diag_print(s->diag, stderr);
    CU_ASSERT_PTR_NOT_NULL_FATAL(s->sim);
    tb_sim_run(s->sim, TB_NEVER);
    tb_sim_finish(s->sim);
    tb_diag_print(tb_sim_diag(s->sim), stderr);
    CU_ASSERT_EQUAL(tb_sim_status(s->sim), TB_EXIT_OK);
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

#define MAP  "- map: {device: ide0, iova: 0x10000, pa: 0x100000, size: 64KiB}\n"
#define READ "- disk_read: {device: ide0, lba: 0, sectors: 1, prd: [{iova: 0x10000, bytes: 512}]}\n"

/* Violations: the run goes on, says what it found, and ends with 1. */
static void test_violations(void)
{
    static const struct {
        const char *steps, *what;
    } cases[] = {
        {"- read: {from: ide0.status, expect: 0x51}\n", "read 0x50, expected 0x51"},
        {"- load: {at: 0x1000, size: 8, expect: 1, mask: 3}\n",
         "read 0x0, expected 0x1 (mask 0x3)"},
        {"- read: {at: 0x9999, space: io, size: 1}\n", "answered 'unsupported', not 'ok'"},
        {"- read: {from: ide0.status, status: fault}\n", "answered 'ok', not 'fault'"},
        {"- wait: interrupt\n", "waited 100000 ns for an interrupt in vain"},
        {"- wait: {for: interrupt, device: ide0, timeout: 1us}\n",
         "at 1000.000 ns: waited 1000 ns"},
        {"- wait: {line: 3, timeout: 1us}\n", "waited 1000 ns for an interrupt in vain"},
        {MAP
         "- disk_read: {device: ide0, lba: 0, sectors: 1, prd: [{iova: 0x900000, bytes: 512}]}\n"
         "- wait: {for: interrupt, timeout: 1ms}\n",
         "waited 1000000 ns for an interrupt in vain; so far "},
        {"- wait: {register: ide0.status, value: 0x51, timeout: 1us}\n", "in vain: read 0x50"},
        {"- wait: {memory: 0x1000, value: 1, every: 1us, timeout: 5us}\n", "in vain: read 0x0"},
        {MAP "- map: {device: ide0, iova: 0, pa: 0, size: 2MiB, page: 2MiB}\n",
         "smaller pages are mapped"},
        {MAP "- map: {device: ide0, iova: 0x10000, pa: 0, size: 8KiB, page: 8KiB}\n",
         "another size"},
        {"- map: {device: ide0, iova: 0x200000, pa: 0, size: 2MiB, page: 2MiB}\n"
         "- unmap: {device: ide0, iova: 0x201000, size: 4KiB}\n",
         "pages are unmapped as a whole"},
        {"- unmap: {device: ide0, iova: 0x201000, size: 4KiB}\n",
         "nothing was mapped in its domain"},
        {"- attach: {device: ide0, mode: blocked}\n" MAP, "its domain has no page table"},
        {"- map: {device: ide0, pasid: 1, iova: 0, pa: 0, size: 4KiB}\n",
         "not attached with 'guest: alone'"},
        {"- expect: {safety: {count: 0}}\n", "nobody checks"},
        {"- map: {device: ide0, iova: 0x1000000000000, pa: 0, size: 4KiB}\n", "too few levels"},
        {"- map: {device: ide0, iova: 0x1000, pa: 0, size: 8TiB}\n", "driver's memory is used up"},
        {MAP "- disk_read: {device: ide0, lba: 0xffffff, sectors: 1, prd: [{iova: 0, bytes: 512}], "
             "wait: true}\n",
         "command 0xc8 of 'ide0' failed: status 0x51, error 0x10"},
        {MAP "- disk_read: {device: ide0, lba: 0, sectors: 1, prd: [{iova: 0x10000, bytes: 512}], "
             "wait: true, "
             "status: error}\n",
         "was to fail and did not: status 0x50"},
        {MAP READ READ
         "- wait: {time: 1ms}\n"
         "- disk_read: {device: ide0, lba: 0, sectors: 1, start: false, prd: [{iova: 0x10000, "
         "bytes: 512}]}\n" READ,
         "for the last command of 'ide0' in vain"},
        {"- expect: {memory: {at: 0x1000, bytes: [0, 0, 7]}}\n",
         "1 of 3 bytes differ, first at 0x1002 (offset 0x2)"},
        {"- expect: {memory: {at: 0x1000, size: 16, sha256: 374708fff7719dd6}}\n",
         "the SHA-256 is 374708fff7719dd5979ec875d56cd2286f6d3cf7ec317a3b25632aab28ec37bb"},
        {"- expect: {memory: {at: 0xf0000000, size: 16, pattern: zero}}\n",
         "nothing to read at offset 0x0"},
        {"- expect: {disk: {device: ide0, lba: 131072, sectors: 1, pattern: zero}}\n",
         "nothing to read"},
        {"- expect: {disk: {device: ide0, sectors: 1, pattern: mix64, seed: 2}}\n",
         "of 512 bytes differ"},
        {"- expect: {register: {name: ide0.status, value: 1}}\n",
         "ide0.status holds 0x50, expected 0x1"},
        {"- expect: {log: {kind: register, count: 1}}\n",
         "register transactions with status any: found 0"},
        {"- expect: {events: {iommu: root, min: 1}}\n",
         "events of 'root' (any): found 0, expected at least 1"},
        {"- expect: {events: {iommu: root, record: {q: [0, 0]}}}\n", "has no record 0"},
        {MAP "- expect: {counter: {of: host, name: maps, max: 15}}\n",
         "host.maps: found 16, expected at most 15"},
        {MAP "- expect: {latency: {kind: memory, max: 1ns}}\n", "the largest latency is"},
        {"- expect: {latency: {kind: dma, max: 1ns}}\n", "no dma transaction has ended yet"},
        {"- mark: here\n- wait: {for: interrupt, timeout: 1us}\n", "in vain (after mark 'here')"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char body[4096];
        struct seen s;
        snprintf(body, sizeof body, "steps:\n%s", cases[i].steps);
        load(&s, "", body);
        tb_diag_print(s.diag, stderr);
        CU_ASSERT_PTR_NOT_NULL_FATAL(s.sim);
        CU_ASSERT_EQUAL(tb_sim_run(s.sim, TB_NEVER), TB_EXIT_VIOLATION);
        CU_ASSERT_TRUE(says(tb_sim_diag(s.sim), cases[i].what));
        seen_free(&s);
    }
}

/* What is wrong before anything runs. */
static void test_refusals(void)
{
    static const char *const cases[][2] = {
        {"steps: 5\n", "'steps' is a list of steps"},
        {"steps: [{a: 1, b: 2}]\n", "a step is a map of one key"},
        {"steps: [[]]\n", "a step is a map of one key"},
        {"steps: [{mapp: 1}]\n", "unknown step 'mapp'; did you mean 'map'?"},
        {"steps: [zzzzzz]\n", "unknown step 'zzzzzz'"},
        {"setup: [{wait: interrupt}]\n", "it belongs to 'steps', not to 'setup'"},
        {"steps: [{map: {device: ide7, iova: 0, pa: 0, size: 4KiB}}]\n",
         "there is no model 'ide7'"},
#define SCATTERED(what)                                                                            \
    "steps: [{disk_read: {device: ide0, lba: 0, sectors: 8, scatter: {" what "}}}]\n"
        {SCATTERED("iova: 0, window: 2KiB, piece: 512"), "8 pieces need as many places"},
        {SCATTERED("iova: 0, window: 64KiB, piece: 3KiB"), "made of whole pieces"},
        {SCATTERED("iova: 0, window: 64KiB, piece: 512, stride: 256"), "each within its stride"},
        {SCATTERED("iova: 0, window: 96KiB, piece: 4KiB, stride: 12KiB"),
         "no region crosses 64 KiB"},
        {SCATTERED("iova: 0xfffff000, window: 64KiB, piece: 512"), "below 4 GiB"},
        {"steps: [{map: {device: ide0, pasid: 1, iova: 0, pa: 0, size: 8KiB, page: 8KiB}}]\n",
         "4 KiB, 2 MiB or 1 GiB"},
        {"steps: [{map: {device: ide0, pasid: 1, iova: 0, pa: 0, size: 4KiB, access: w}}]\n",
         "are 'r' or 'rw'"},
        {"steps: [{attach: {device: ide0, mode: blocked, guest: alone}}]\n", "has no guests"},
        {"steps: [{attach: {device: ide0, pri: map}}]\n", "'pool' and 'size' say"},
        {"steps: [{attach: {device: ide0, pri: {pool: 1, size: 4KiB}}}]\n",
         "'pool' and 'size' say"},
        {"steps: [{attach: {device: ide0, pri: sometimes}}]\n", "sometimes"},
        {"steps: [{map: {device: dram, iova: 0, pa: 0, size: 4KiB}}]\n", "'dram' is no device"},
        {"steps: [{map: {device: ide0, iova: 1, pa: 0, size: 4KiB}}]\n",
         "must be multiples of the page size"},
        {"steps: [{map: {device: ide0, iova: 0, pa: 1, size: 4KiB}}]\n",
         "must be a multiple of the page size"},
        {"steps: [{map: {device: ide0, iova: 0, pa: 0x10000000000000, size: 4KiB}}]\n",
         "end below 2^52"},
        {"steps: [{map: {device: ide0, iova: 0xfffffffffffff000, pa: 0, size: 8KiB}}]\n",
         "within the address space"},
        {"steps: [{map: {device: ide0, iova: 0, pa: 0, size: 12KiB, page: 12KiB}}]\n",
         "no page has that size"},
        {"setup: [{map: {device: ide0, iova: 0x1000, pa: 0, size: 8TiB}}]\n",
         "driver's memory is used up"},
        {"steps: [{attach: {device: ide0, levels: 3}}, {attach: {device: ide0, levels: 4}}]\n",
         "gave domain 1 3 levels"},
        {"steps: [{invalidate: {iommu: root}}]\n", "needs 'device', 'domain' or 'all: true'"},
        {"steps: [{invalidate: {device: ide0, iova: 5}}]\n", "'iova' and 'size' come together"},
        {"steps: [{command: {q: [1]}}]\n", "a command is two quadwords"},
        {"steps: [{completion_wait: ide0}]\n", "'ide0' has no IOMMU"},
        {"steps: [{disk_read: {device: root, lba: 0, sectors: 1, prd: []}}]\n",
         "'root' is no device"},
        {"steps: [{disk_read: {device: ide0, lba: 0, sectors: 1}}]\n", "needs 'prd'"},
        {"steps: [{disk_read: {device: ide0, lba: 0, sectors: 1, prd: [{bytes: 2}]}}]\n",
         "either 'iova' or 'pa'"},
        {"steps: [{disk_read: {device: ide0, lba: 0, sectors: 257, lba48: never, prd: [{pa: 0, "
         "bytes: 2}]}}]\n",
         "a 28-bit command reaches"},
        {"steps: [{identify: {device: ide0, wait: false}}]\n", "the driver has to wait"},
        {"steps: [{set_features: {device: ide0, mode: udma2, value: 3}}]\n", "'mode' stands for"},
        {"steps: [{write: {to: ide0.bmicon, value: 1}}]\n", "'ide0' has no register 'bmicon'"},
        {"steps: [{write: {to: bmicom, value: 1}}]\n", "they are written 'model.register'"},
        {"steps: [{write: {to: ide9.bmicom, value: 1}}]\n", "there is no model 'ide9'"},
        {"steps: [{write: {to: ide0.bmicom, value: 256}}]\n",
         "a register of 1 bytes needs a 'value' that fits"},
        {"steps: [{write: {to: ide0.bmicom, at: 5}}]\n", "needs either 'to', a register, or 'at'"},
        {"steps: [{write: {at: 5, u8: 1, u16: 2}}]\n",
         "exactly one of u8, u16, u32, u64 and bytes"},
        {"steps: [{write: {at: 5, bytes: [256]}}]\n", "a byte is at most 255"},
        {"steps: [{store: {at: 0xffffffffffffffff, u16: 1}}]\n",
         "past the end of the address space"},
        {"steps: [{read: {at: 5, size: 3}}]\n", "'size' is 1, 2, 4 or 8"},
        {"steps: [{poke: {at: 5, pattern: zero}}]\n", "a pattern needs a 'size'"},
        {"steps: [{wait: {timeout: 5us}}]\n", "waits for exactly one of"},
        {"steps: [{wait: {time: 5us, register: ide0.status}}]\n", "waits for exactly one of"},
        {"steps: [{wait: {device: root}}]\n", "'root' is no device"},
        {"steps: [expect]\n", "nothing is expected"},
        {"steps: [{expect: {}}]\n", "nothing is expected"},
        {"steps: [{expect: {memory: {at: 5}}}]\n", "needs exactly one of sha256"},
        {"steps: [{expect: {memory: {at: 5, pattern: zero}}}]\n", "needs to know how much"},
        {"steps: [{expect: {memory: {at: 5, size: 4, sha256: 12}}}]\n",
         "a SHA-256 is 64 hexadecimal digits"},
        {"steps: [{expect: {memory: {at: 5, size: 4, bytes: [1]}}}]\n",
         "1 bytes are listed, the size says 4"},
        {"steps: [{expect: {memory: {at: 5, u16: [65536]}}}]\n", "does not fit into 2 bytes"},
        {"steps: [{expect: {disk: {device: x, sectors: 1, pattern: zero}}}]\n",
         "there is no model 'x'"},
        {"steps: [{expect: {log: {kind: dma}}}]\n", "needs a number to hold it to"},
        {"steps: [{expect: {counter: {of: host, name: x, value: 1}}}]\n",
         "'host' has no counter 'x'"},
        {"steps: [{expect: {counter: {of: x, name: x, value: 1}}}]\n", "there is no model 'x'"},
        {"steps: [{expect: {events: {iommu: ide0, count: 1}}}]\n", "'ide0' has no IOMMU"},
        {"steps: [{replay: {device: ide0, iolog: /nowhere}}]\n", "cannot read '/nowhere'"},
        {"steps: [{replay: {device: ide0, drive: 1, iolog: /nowhere}}]\n", "'ide0' has no drive 1"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct seen s;
        load(&s, "", cases[i][0]);
        CU_ASSERT_PTR_NULL(s.sim);
        CU_ASSERT_TRUE(says(s.diag, cases[i][1]));
        seen_free(&s);
    }
}

static void test_small_memory(void)
{
    struct seen s;
    load(&s, "dram.size: 256KiB", "steps:\n" MAP);
    CU_ASSERT_PTR_NULL(s.sim);
    CU_ASSERT_TRUE(says(s.diag, "the driver has no memory for the tables of 'root'"));
    seen_free(&s);
    load(&s, "dram.size: 256KiB",
         "steps:\n- store: {at: 0x1000, u32: 5}\n- load: {at: 0x1000, expect: 5}\n");
    CU_ASSERT_PTR_NOT_NULL_FATAL(s.sim);
    CU_ASSERT_EQUAL(tb_sim_run(s.sim, TB_NEVER), TB_EXIT_OK);
    seen_free(&s);
}

/* Where the driver's memory may be, and that what was there before does not show. */
static void test_driver_memory(void)
{
    static const char *const bad[] = {"0", "0x1234", "0xfffff000", "0xffffffffffff0000",
                                      "0x20000000"};
    struct seen s;
    char set[128];
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        snprintf(set, sizeof set, "host.driver_memory.at: %s", bad[i]);
        load(&s, set, "steps:\n" MAP);
        CU_ASSERT_PTR_NULL(s.sim);
        CU_ASSERT_TRUE(says(s.diag, i < 4 ? "ends below 4 GiB" : "the driver has no memory"));
        seen_free(&s);
    }
    run(&s, "host.driver_memory: {at: 0x21000, size: 256KiB}",
        "memory: [{at: 0x20000, size: 512KiB, pattern: counter}]\n"
        "steps:\n" MAP READ "- wait: interrupt\n"
        "- expect: {memory: {at: 0x100000, size: 512, equals_disk: {device: ide0}}}\n");
    seen_free(&s);
}

/* Time passes as the steps say: 5 + 40 + 5 ns for a load. */
static void test_times(void)
{
    struct seen s;
    run(&s, "host.access_time: 7ns, sys.latency: 0ns",
        "steps:\n- delay: 100ns\n- load: {at: 0x1000}\n- load: {at: 0x1000}\n- wait: {time: "
        "3ns}\n");
    CU_ASSERT_EQUAL_FATAL(s.count, 2);
    CU_ASSERT_EQUAL(s.at[0].txn.created, 100 * TB_NS);
    CU_ASSERT_EQUAL(s.at[1].txn.created, s.at[0].ended + 7 * TB_NS);
    CU_ASSERT_EQUAL(tb_sim_now(s.sim), s.at[1].ended + 3 * TB_NS);
    seen_free(&s);
}

/* The same program under every way of storing leaves the same bytes. */
static void test_ways_of_storing(void)
{
    static const char *const sets[] = {"",
                                       "host.outstanding: 8",
                                       "host.posted: true",
                                       "host.posted: true, host.outstanding: 16",
                                       "host.completion: interrupt",
                                       "host.completion: interrupt, host.posted: true",
                                       "host.events: leave, host.step_time: 10ns",
                                       "host.irq_latency: 5us",
                                       "ide0.posted: true"};
    for (size_t i = 0; i < sizeof sets / sizeof sets[0]; i++) {
        struct seen s;
        run(&s, sets[i],
            "steps:\n" MAP READ "- wait: interrupt\n"
            "- store: {at: 0x200003, bytes: [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13]}\n"
            "- wait: idle\n"
            "- expect: {memory: {at: 0x200002, bytes: [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, "
            "13, 0]}}\n"
            "- expect: {memory: {at: 0x100000, size: 512, equals_disk: {device: ide0}}}\n"
            "- unmap: {device: ide0, iova: 0x10000, size: 64KiB}\n"
            "- invalidate: {device: ide0}\n"
            "- invalidate: {device: ide0, iova: 0x10000, size: 4KiB}\n"
            "- invalidate: {iommu: root, all: true}\n"
            "- completion_wait: root\n"
            "- completion_wait:\n"
            "- attach: {device: ide0, domain: 9, mode: passthrough}\n"
            "- disk_read: {device: ide0, lba: 1, sectors: 1, prd: [{pa: 0x100000, bytes: 512}], "
            "wait: true}\n"
            "- expect: {memory: {at: 0x100000, size: 512, equals_disk: {device: ide0, lba: 1}}}\n"
            "- expect: {events: {iommu: root, count: 0}, counter: {of: host, name: spurious, "
            "value: 0}}\n");
        seen_free(&s);
    }
}

/* Interrupts are counted: two raises satisfy two waits, whenever these come. */
static void test_interrupts(void)
{
    struct seen s;
    run(&s, "",
        "steps:\n" MAP READ READ "- wait: {time: 50us}\n"
        "- wait: {for: interrupt, count: 2}\n" READ "- wait: {line: 14}\n"
        "- disk_flush: {device: ide0}\n"
        "- set_features: {device: ide0, mode: udma2}\n"
        "- expect: {counter: {of: host, name: interrupts, value: 5}}\n"
        "- expect: {counter: {of: host, name: commands, value: 5}}\n"
        "- expect: {memory: {at: 0x1000, size: 16, sha256: 374708fff7719dd5}}\n");
    seen_free(&s);
}

/* A scenario that programs the registers itself keeps the driver out of it. */
static void test_by_hand(void)
{
    struct seen s;
    run(&s, "",
        "steps:\n"
        "- write: {to: ide0.device, value: 0xe0}\n"
        "- write: {to: ide0.command, value: 0xe7}\n"
        "- wait: interrupt\n"
        "- read: {from: ide0.bmista, expect: 4}\n"
        "- read: {from: ide0.status, expect: 0x50}\n"
        "- read: {at: 0xc002, space: io, size: 1, expect: 4}\n"
        "- write: {at: 0xc002, space: io, u8: 4}\n"
        "- read: {from: ide0.bmista, expect: 0}\n"
        "- read: {from: ide0.pcicmd, mask: 5, expect: 5}\n"
        "- read: {from: root.control, expect: 0}\n"
        "- write: {to: root.control, value: 1}\n"
        "- read: {from: root.control, mask: 1, expect: 1}\n"
        "- expect: {counter: {of: host, name: spurious, value: 1}}\n");
    seen_free(&s);
}

/* More faults than the event log holds: the driver reads them, restarts the log, and later ones are
 * seen again. */
static void test_event_overflow(void)
{
    struct seen s;
    run(&s, "ide0.on_fault: pretend, host.timeout: 10ms, ide0.burst: 4B, ide0.outstanding: 32",
        "setup:\n- attach: {device: ide0}\n"
        "steps:\n"
        "- disk_read: {device: ide0, lba: 0, sectors: 32, prd: [{iova: 0x10000, bytes: 16KiB}], "
        "wait: true, "
        "status: any}\n"
        "- wait: idle\n"
        "- expect: {events: {iommu: root, code: io_page_fault, min: 255}}\n"
        "- disk_read: {device: ide0, lba: 0, sectors: 1, prd: [{iova: 0x10000, bytes: 512}], wait: "
        "true, status: any}\n"
        "- wait: idle\n"
        "- expect: {register: {name: root.status, mask: 1, value: 0}}\n"
        "- expect: {events: {iommu: root, min: 383}}\n");
    CU_ASSERT_TRUE(seen_counter(&s, "host", "events") >= 383);
    seen_free(&s);
    run(&s, "ide0.on_fault: pretend, host.timeout: 10ms, host.events: leave",
        "setup:\n- attach: {device: ide0}\n"
        "steps:\n"
        "- disk_read: {device: ide0, lba: 0, sectors: 64, prd: [{iova: 0x10000, bytes: 32KiB}], "
        "wait: true, "
        "status: any}\n"
        "- wait: idle\n"
        "- expect: {register: {name: root.status, mask: 1, value: 1}}\n"
        "- expect: {events: {iommu: root, count: 255}}\n"
        "- drain_events: root\n"
        "- expect: {register: {name: root.status, mask: 1, value: 0}, counter: {of: host, name: "
        "events, value: 255}}\n");
    seen_free(&s);
}

/* -- Replay ------------------------------------------------------------------------------------ */

#define SEQ TB_SOURCE_DIR "/configs/workloads/seq.iolog"
#define MIX TB_SOURCE_DIR "/configs/workloads/mix.iolog"

static void test_replays(void)
{
    static const char *const ways[] = {
        "mapping: passthrough",
        "mapping: passthrough, pages: contiguous, outstanding: 3",
        "mapping: static, outstanding: 4",
        "mapping: strict, outstanding: 2, lba48: never",
        "mapping: strict, timing: recorded, lba48: always",
        "mapping: deferred, batch: 3, iova: ring",
        "mapping: deferred, flush_every: 100us, outstanding: 64",
        "mapping: deferred, batch: 65536, flush_every: 1s, window: {at: 0x50000000, size: 16MiB}",
    };
    for (size_t i = 0; i < sizeof ways / sizeof ways[0]; i++)
        for (unsigned seq = 0; seq < 2; seq++) {
            char body[1024];
            struct seen s;
            snprintf(body, sizeof body,
                     "steps:\n"
                     "- replay: {device: ide0, iolog: %s, limit: 60, %s}\n"
                     "- expect: {counter: {of: host, name: requests, value: 60}}\n"
                     "- expect: {counter: {of: host, name: mismatches, value: 0}}\n"
                     "- expect: {log: {kind: dma, status: fault, count: 0}}\n",
                     seq ? SEQ : MIX, ways[i]);
            run(&s, "ide0.burst: 4KiB, host.timeout: 1s", body);
            CU_ASSERT_EQUAL(seen_counter(&s, "host", "unmaps") > 0, i > 2);
            seen_free(&s);
        }
}

/* Addresses come back: the log needs four times the window. */
static void test_replay_addresses(void)
{
    static const char *const mappings[] = {"strict", "deferred",
                                           "deferred, flush_every: 1s, batch: 60000"};
    for (size_t i = 0; i < sizeof mappings / sizeof mappings[0]; i++) {
        char body[1024];
        struct seen s;
        snprintf(body, sizeof body,
                 "steps:\n"
                 "- replay: {device: ide0, iolog: %s, window: {size: 16MiB}, outstanding: 4, "
                 "mapping: %s}\n"
                 "- expect: {counter: {of: host, name: requests, value: 500}}\n",
                 SEQ, mappings[i]);
        run(&s, "ide0.burst: 4KiB, host.timeout: 1s", body);
        seen_free(&s);
    }
}

/* A disk with bad sectors, and one that never answers: the replay goes on, counts, and says so at
 * its end. */
static void test_replay_errors(void)
{
    struct seen s;
    load(&s, "host.timeout: 1s, ide0.disk0.errors: [{op: read, lba: 0, count: 100}]",
         "steps:\n- replay: {device: ide0, iolog: " SEQ ", limit: 3, mapping: strict}\n");
    CU_ASSERT_PTR_NOT_NULL_FATAL(s.sim);
    CU_ASSERT_EQUAL(tb_sim_run(s.sim, TB_NEVER), TB_EXIT_VIOLATION);
    CU_ASSERT_TRUE(says(tb_sim_diag(s.sim), "1 requests failed, the first at line 4 of the log"));
    CU_ASSERT_EQUAL(seen_counter(&s, "host", "requests"), 3);
    CU_ASSERT_EQUAL(seen_counter(&s, "host", "device_errors"), 1);
    seen_free(&s);
    /* on_fault: abort ends without an interrupt: every command is given up. */
    run(&s, "host.timeout: 2ms, ide0.on_fault: abort",
        "setup:\n- attach: {device: ide0, mode: passthrough, access: none}\n"
        "steps:\n- replay: {device: ide0, iolog: " SEQ
        ", limit: 3, mapping: passthrough, errors: count}\n"
        "- expect: {counter: {of: host, name: timeouts, value: 3}}\n"
        "- expect: {counter: {of: host, name: device_errors, value: 3}}\n");
    seen_free(&s);
}

static void test_replay_without_iommu(void)
{
    struct seen s;
    load(&s, "root: {model: bridge}", "steps:\n- replay: {device: ide0, iolog: " SEQ "}\n");
    CU_ASSERT_PTR_NULL(s.sim);
    CU_ASSERT_TRUE(says(s.diag, "'mapping' can only be passthrough"));
    seen_free(&s);
    load(&s, "dram.size: 16MiB",
         "steps:\n- replay: {device: ide0, iolog: " SEQ ", outstanding: 64}\n");
    CU_ASSERT_PTR_NULL(s.sim);
    CU_ASSERT_TRUE(says(s.diag, "the buffers"));
    seen_free(&s);
}

/* -- Embedding --------------------------------------------------------------------------------- */

static void test_access(void)
{
    struct seen s;
    uint8_t out[300], in[300] = {0};
    load(&s, "", "steps:\n- delay: 1us\n");
    CU_ASSERT_PTR_NOT_NULL_FATAL(s.sim);
    for (size_t i = 0; i < sizeof out; i++)
        out[i] = (uint8_t)(i * 7);
    struct tb_access a = {
        .address = 0x1003, .data = out, .length = sizeof out, .space = TB_MEMORY, .write = true};
    CU_ASSERT_TRUE(tb_sim_access(s.sim, "host", &a));
    CU_ASSERT_EQUAL(a.status, TB_OK);
    a = (struct tb_access){.address = 0x1003, .data = in, .length = sizeof in, .space = TB_MEMORY};
    CU_ASSERT_TRUE(tb_sim_access(s.sim, "host", &a));
    CU_ASSERT_EQUAL(memcmp(in, out, sizeof in), 0);
    CU_ASSERT_TRUE(a.finished > 0);
    a = (struct tb_access){.address = 0xf0000000, .data = in, .length = 4, .space = TB_MEMORY};
    CU_ASSERT_TRUE(tb_sim_access(s.sim, "host", &a));
    CU_ASSERT_EQUAL(a.status, TB_UNSUPPORTED);
    CU_ASSERT_EQUAL(in[0], 0xff);
    tb_sim_run(s.sim, TB_NEVER);
    CU_ASSERT_EQUAL(seen_counter(&s, "host", "steps"), 1);
    seen_free(&s);
}

#define SAFE "record: {check: dma-safety}\nsteps:\n"

/* What was remapped is at its new place, and the old one is left alone. */
static void test_remap(void)
{
    struct seen s;
    run(&s, "",
        SAFE MAP
        "- remap: {device: ide0, iova: 0x10000, pa: 0x300000, size: 4KiB}\n" READ
        "- wait: interrupt\n"
        "- expect: {memory: {at: 0x300000, size: 512, equals_disk: {device: ide0, lba: 0}}}\n"
        "- expect: {memory: {at: 0x100000, size: 512, pattern: zero}}\n"
        "- expect: {safety: {name: violations, count: 0}}\n"
        "- expect: {safety: {name: unmaps, count: 1}}\n");
    seen_free(&s);
}

/* A domain's end: its pages are another's, and its device gets nowhere. */
static void test_teardown(void)
{
    struct seen s;
    run(&s, "",
        SAFE MAP READ "- wait: interrupt\n"
                      "- teardown: {device: ide0, reuse: {pattern: mix64, seed: 9}}\n"
                      "- disk_read: {device: ide0, lba: 0, sectors: 1, prd: [{iova: 0x10000, "
                      "bytes: 512}], status: any}\n"
                      "- delay: 50us\n"
                      "- expect: {memory: {at: 0x100000, size: 64KiB, pattern: mix64, seed: 9}}\n"
                      "- expect: {events: {code: io_page_fault, min: 1}}\n"
                      "- expect: {safety: {name: violations, count: 0}}\n"
                      "- disk_finish: {device: ide0, reset: true}\n");
    seen_free(&s);
}

/* Unmapped in the middle of a transfer, and invalidated later: the stale window, measured. What
 * does not hold of it is said. */
static void test_safety(void)
{
    struct seen s;
    static const char running[] = SAFE MAP "- disk_read: {device: ide0, lba: 0, sectors: 64, prd: "
                                           "[{iova: 0x10000, bytes: 32KiB}], status: any}\n"
                                           "- delay: 60us\n";
    char text[2048];
    snprintf(text, sizeof text, "%s%s", running,
             "- unmap: {device: ide0, iova: 0x10000, size: 64KiB, invalidate: false}\n"
             "- delay: 20us\n- invalidate: {device: ide0}\n"
             "- expect: {safety: {name: stale, min: 1, late: 40us}}\n"
             "- expect: {safety: {name: violations, count: 0}}\n"
             "- disk_finish: {device: ide0, reset: true}\n");
    run(&s, "", text);
    seen_free(&s);
    snprintf(text, sizeof text, "%s%s", running,
             "- expect: {safety: {name: checked, count: 0}}\n"
             "- expect: {safety: {window: 1ns}}\n"
             "- unmap: {device: ide0, iova: 0x10000, size: 64KiB}\n"
             "- expect: {safety: {window: 1ns, late: 1ns}}\n"
             "- disk_finish: {device: ide0, reset: true}\n");
    load(&s, "", text);
    CU_ASSERT_EQUAL(tb_sim_run(s.sim, TB_NEVER), TB_EXIT_VIOLATION);
    CU_ASSERT(says(tb_sim_diag(s.sim), "checked of the DMA-safety checker: found"));
    CU_ASSERT(says(tb_sim_diag(s.sim), "the longest unmap is"));
    seen_free(&s);
}

/* Made-up regions: every place once, in whatever order. */
static void test_scatter(void)
{
    struct seen s;
    run(&s, "host.timeout: 1ms",
        "steps:\n" MAP "- disk_read: {device: ide0, lba: 0, sectors: 8, wait: true, scatter: "
        "{iova: 0x10000, window: "
        "4KiB, piece: 512}}\n"
        "- expect: {memory: {at: 0x100000, size: 4KiB, equals_disk: {device: ide0, lba: 0}}}\n"
        "- poke: {at: 0x100000, pattern: zero, size: 64KiB}\n"
        "- disk_read: {device: ide0, lba: 0, sectors: 16, wait: true, scatter: {iova: 0x10000, "
        "window: "
        "64KiB, piece: 512, stride: 4KiB, order: random, seed: 3}}\n"
        "- expect: {memory: {at: 0x100200, size: 3584, pattern: zero}}\n"
        "- disk_write: {device: ide0, lba: 100, sectors: 16, wait: true, scatter: {iova: 0x10000, "
        "window: "
        "64KiB, piece: 512, stride: 4KiB, order: random, seed: 3}}\n"
        "- expect: {disk: {device: ide0, lba: 100, sectors: 16, equals_disk: {device: ide0, lba: "
        "0}}}\n");
    seen_free(&s);
}

extern const struct tb_class tb_class_host;

/* The README tells of every step, and so does the class; every row of every table says what it is
 * for. */
static void test_documented(void)
{
    static char text[65536];
    FILE *f = fopen(TB_SOURCE_DIR "/models/host/README.md", "r");
    CU_ASSERT_PTR_NOT_NULL_FATAL(f);
    text[fread(text, 1, sizeof text - 1, f)] = '\0';
    fclose(f);
    size_t count = 0;
    struct tb_step_kind shown;
    for (const struct host_step_kind *k; (k = host_step_kind_at(count)); count++) {
        char name[64];
        CU_ASSERT_TRUE(tb_class_host.step(count, &shown));
        CU_ASSERT_STRING_EQUAL(shown.name, k->name);
        CU_ASSERT_EQUAL(shown.timed, k->timed);
        snprintf(name, sizeof name, "`%s`", k->name);
        CU_ASSERT_PTR_NOT_NULL(strstr(text, name));
        CU_ASSERT_PTR_NOT_NULL(k->doc);
        for (const struct tb_param *p = k->params; p->name; p++)
            CU_ASSERT_PTR_NOT_NULL(p->doc);
    }
    CU_ASSERT_TRUE(count > 20);
    CU_ASSERT_FALSE(tb_class_host.step(count, &shown));
}

SUITE("steps", {"violations", test_violations}, {"refusals", test_refusals},
      {"small memory", test_small_memory}, {"driver memory", test_driver_memory},
      {"times", test_times}, {"ways of storing", test_ways_of_storing},
      {"interrupts", test_interrupts}, {"by hand", test_by_hand},
      {"event overflow", test_event_overflow}, {"replays", test_replays},
      {"replay addresses", test_replay_addresses}, {"replay errors", test_replay_errors},
      {"replay without IOMMU", test_replay_without_iommu}, {"embedding", test_access},
      {"remap", test_remap}, {"teardown", test_teardown}, {"safety", test_safety},
      {"scatter", test_scatter}, {"documented", test_documented})
