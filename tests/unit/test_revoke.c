/* The host's `revoke`: who holds a range, both policies, devices that tell nothing, and that after
 * it nothing of the transfer reaches the memory, whenever it comes. */
#include "seen.h"
#include "suite.h"

#include <stdio.h>
#include <string.h>

#define PLATFORM                                                                                   \
    "platform:\n"                                                                                  \
    "  models:\n"                                                                                  \
    "    dram: {model: memory, size: 256MiB}\n"                                                    \
    "    host: {model: host, events: leave, timeout: 10ms}\n"                                      \
    "    sys: {model: bus}\n"                                                                      \
    "    root: {model: bridge, latency: 50ns, iommu: {format: amdvi, irq: 24}}\n"                  \
    "    pci0: {model: bus, protocol: pci, clock: 30ns}\n"                                         \
    "    ide0: {model: ide, on_fault: abort, disk0: {size: 64MiB, pattern: mix64, seed: 1}}\n"     \
    "  links: [{from: ide0, to: pci0}, {from: pci0, to: root.down}, {from: root.up, to: sys},\n"   \
    "          {from: sys, to: dram}, {from: host, to: sys, latency: 5ns}]\n"

#define MAP                                                                                        \
    "- map: {device: ide0, iova: 0x10000, pa: 0x100000, size: 64KiB}\n"                            \
    "- map: {device: ide0, iova: 0x40000, pa: 0x200000, size: 64KiB}\n"
/* 32 KiB at UDMA5: about 330 us. */
#define READ                                                                                       \
    "- disk_read: {device: ide0, lba: 0, sectors: 64, prd: [{iova: 0x10000, bytes: 32KiB}], "      \
    "status: any}\n"

static void run(struct seen *s, const char *set, const char *steps, enum tb_exit wanted)
{
    char text[8192];
    snprintf(text, sizeof text,
             "scenario: revoke\nset: {%s}\n%ssetup:\n" MAP "steps:\n%s"
             "record: {check: dma-safety}\n",
             set, PLATFORM, steps);
    seen_load(s, text);
    tb_diag_print(s->diag, stderr);
    CU_ASSERT_PTR_NOT_NULL_FATAL(s->sim);
    tb_sim_run(s->sim, TB_NEVER);
    tb_sim_finish(s->sim);
    if (tb_sim_status(s->sim) != wanted)
        tb_diag_print(tb_sim_diag(s->sim), stderr);
    CU_ASSERT_EQUAL(tb_sim_status(s->sim), wanted);
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

static void test_refusals(void)
{
    static const struct {
        const char *step, *what;
    } cases[] = {
        {"{device: ide7, iova: 0, size: 4KiB}", "ide7"},
        {"{device: ide0, iova: 0x800, size: 4KiB}", "multiples of 4 KiB"},
        {"{device: ide0, iova: 0, size: 5}", "multiples of 4 KiB"},
        {"{device: ide0, iova: 0, size: 4KiB, remap: 1}", "multiples of 4 KiB"},
        {"{device: ide0, iova: 0xfffffffffffff000, size: 8KiB}", "within the address space"},
        {"{device: ide0, iova: 0, size: 4KiB, policy: abort, deadline: 1us}", "of policy wait"},
        {"{device: ide0, iova: 0, size: 4KiB, policy: later}", "later"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char text[8192];
        struct seen s;
        snprintf(text, sizeof text, "scenario: revoke\n%ssteps:\n- revoke: %s\n", PLATFORM,
                 cases[i].step);
        seen_load(&s, text);
        CU_ASSERT_PTR_NULL(s.sim);
        CU_ASSERT(says(s.diag, cases[i].what));
        seen_free(&s);
    }
}

static void test_violations(void)
{
    static const struct {
        const char *steps, *what;
    } cases[] = {
        {"- map: {device: ide0, iova: 0x800000, pa: 0, size: 2MiB, page: 2MiB}\n"
         "- revoke: {device: ide0, iova: 0x801000, size: 4KiB}\n",
         "cannot revoke 0x801000: it ends within a page"},
        {"- attach: {device: ide0, mode: passthrough}\n"
         "- revoke: {device: ide0, iova: 0x10000, size: 4KiB}\n",
         "nothing is mapped for 'ide0'"},
        /* the bus master is never started: the command never ends */
        {"- disk_read: {device: ide0, lba: 0, sectors: 1, prd: [{iova: 0x10000, bytes: 512}], "
         "start: false, status: any}\n"
         "- revoke: {device: ide0, iova: 0x10000, size: 4KiB}\n",
         "waited 10000000 ns for who holds 0x10000 in vain"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct seen s;
        run(&s, "", cases[i].steps, TB_EXIT_VIOLATION);
        CU_ASSERT(says(tb_sim_diag(s.sim), cases[i].what));
        seen_free(&s);
    }
}

/* `wait` ends with the transfer, `abort` long before, and what is not held takes no waiting at all.
 */
static void test_policies(void)
{
    struct seen s;
    run(&s, "", READ "- delay: 20us\n- revoke: {device: ide0, iova: 0x10000, size: 64KiB}\n",
        TB_EXIT_OK);
    CU_ASSERT(seen_counter(&s, "host", "revoke_time") > 250 * TB_US);
    CU_ASSERT_EQUAL(seen_counter(&s, "host", "revokes_held"), 1);
    CU_ASSERT_EQUAL(seen_counter(&s, "host", "revokes_aborted"), 0);
    CU_ASSERT_EQUAL(seen_counter(&s, "host", "command_errors"), 0);
    seen_free(&s);
    run(&s, "",
        READ "- delay: 20us\n- revoke: {device: ide0, iova: 0x10000, size: 64KiB, policy: abort}\n",
        TB_EXIT_OK);
    CU_ASSERT(seen_counter(&s, "host", "revoke_time") < 10 * TB_US);
    CU_ASSERT(seen_counter(&s, "host", "revoke_end_time") < 20 * TB_US);
    CU_ASSERT_EQUAL(seen_counter(&s, "host", "revokes_aborted"), 1);
    CU_ASSERT_EQUAL(seen_counter(&s, "host", "command_errors"), 1);
    seen_free(&s);
    run(&s, "",
        READ
        "- delay: 20us\n- revoke: {device: ide0, iova: 0x10000, size: 64KiB, deadline: 50us}\n",
        TB_EXIT_OK);
    CU_ASSERT(seen_counter(&s, "host", "revoke_time") >= 50 * TB_US);
    CU_ASSERT(seen_counter(&s, "host", "revoke_time") < 60 * TB_US);
    CU_ASSERT_EQUAL(seen_counter(&s, "host", "revokes_aborted"), 1);
    seen_free(&s);
    run(&s, "",
        READ "- delay: 20us\n- revoke: {device: ide0, iova: 0x40000, size: 64KiB}\n"
             "- wait: interrupt\n- expect: {memory: {at: 0x100000, size: 32KiB, equals_disk: "
             "{device: ide0}}}\n",
        TB_EXIT_OK);
    CU_ASSERT(seen_counter(&s, "host", "revoke_time") < 10 * TB_US);
    CU_ASSERT_EQUAL(seen_counter(&s, "host", "revokes_held"), 0);
    CU_ASSERT_EQUAL(seen_counter(&s, "host", "command_errors"), 0);
    seen_free(&s);
}

/* A device that never tells of its error: its bus mastering is off, so it waits for ever. It is
 * stopped and reset all the same, and works again. */
static void test_patience(void)
{
    struct seen s;
    run(&s, "",
        READ "- delay: 20us\n- write: {to: ide0.pcicmd, value: 1}\n"
             "- revoke: {device: ide0, iova: 0x10000, size: 64KiB, policy: abort, patience: 700us, "
             "remap: 0x300000}\n"
             "- write: {to: ide0.pcicmd, value: 5}\n"
             "- disk_read: {device: ide0, lba: 9, sectors: 1, prd: [{iova: 0x10000, bytes: 512}], "
             "wait: true}\n"
             "- expect: {memory: {at: 0x300000, size: 512, equals_disk: {device: ide0, lba: 9}}}\n",
        TB_EXIT_OK);
    CU_ASSERT(seen_counter(&s, "host", "revoke_time") < 10 * TB_US);
    CU_ASSERT(seen_counter(&s, "host", "revoke_end_time") > 700 * TB_US);
    CU_ASSERT(seen_counter(&s, "host", "revoke_end_time") < 720 * TB_US);
    seen_free(&s);
}

/* A device that pretends goes on to its end, into nothing. */
static void test_pretend(void)
{
    struct seen s;
    run(&s, "ide0.on_fault: pretend",
        READ "- delay: 20us\n"
             "- revoke: {device: ide0, iova: 0x10000, size: 64KiB, policy: abort}\n"
             "- expect: {events: {code: io_page_fault, min: 100}}\n",
        TB_EXIT_OK);
    CU_ASSERT(seen_counter(&s, "host", "revoke_end_time") > 250 * TB_US);
    CU_ASSERT(tb_sim_now(s.sim) < TB_MS); /* its handler ended it: no reset, which takes 2 ms */
    CU_ASSERT_EQUAL(seen_counter(&s, "host", "command_errors"), 0);
    seen_free(&s);
}

/* At whatever instant it comes, and in every way: the memory's next owner keeps what he writes
 * there, and the checker finds nothing. */
static void test_any_instant(void)
{
    static const char *const ways[] = {"policy: wait", "policy: abort", "policy: abort, stop: true",
                                       "policy: wait, deadline: 7us"};
    static const char *const sets[] = {"", "ide0.atc: {entries: 8, hit: 2ns}, root.iommu.irq: 24",
                                       "ide0.on_fault: pretend",
                                       "ide0.prd_fetch: whole, ide0.outstanding: 4"};
    for (unsigned n = 0; n < 240; n++) {
        char steps[2048];
        struct seen s;
        snprintf(steps, sizeof steps,
                 "- attach: {device: ide0, ats: true}\n" READ
                 "- delay: %uns\n- revoke: {device: ide0, iova: 0x10000, size: 64KiB, %s}\n"
                 "- poke: {at: 0x100000, pattern: mix64, seed: 7, size: 64KiB}\n- delay: 1ms\n"
                 "- expect: {memory: {at: 0x100000, size: 64KiB, pattern: mix64, seed: 7}}\n"
                 "- expect: {safety: {name: violations, count: 0}}\n",
                 (n * 2467) % 40000 + (n % 5) * 70000 + 1, ways[n % 4]);
        run(&s, sets[n / 4 % 4], steps, TB_EXIT_OK);
        CU_ASSERT_EQUAL(seen_counter(&s, "host", "revokes"), 1);
        seen_free(&s);
    }
}

/* A virtio device: it holds what its requests name; one that is cut off wants a reset, or gets one.
 */
static void run_virtio(struct seen *s, const char *set, const char *revoke, const char *after)
{
    char text[8192];
    snprintf(text, sizeof text,
             "scenario: revoke\nset: {%s}\nplatform:\n  models:\n"
             "    dram: {model: memory, size: 256MiB}\n"
             "    host: {model: host, events: leave, timeout: 10ms}\n    sys: {model: bus}\n"
             "    root: {model: bridge, latency: 50ns, iommu: {format: amdvi, irq: 24}}\n"
             "    pci0: {model: bus, protocol: pci, clock: 30ns}\n"
             "    vblk0: {model: virtio-blk-pci, id: \"00:03.0\", burst: 256B,\n"
             "            disk: {size: 64MiB, pattern: mix64, seed: 1, latency: 20us}}\n"
             "  links: [{from: vblk0, to: pci0}, {from: pci0, to: root.down}, {from: root.up, to: "
             "sys},\n"
             "          {from: sys, to: dram}, {from: host, to: sys, latency: 5ns}]\n"
             "setup:\n- map: {device: vblk0, iova: 0x10000, pa: 0x100000, size: 64KiB}\n"
             "- map: {device: vblk0, iova: 0x40000, pa: 0x200000, size: 64KiB}\n"
             "steps:\n- virtio_start: {device: vblk0}\n"
             "- disk_read: {device: vblk0, lba: 0, sectors: 128, prd: [{iova: 0x10000, bytes: "
             "64KiB}], status: any}\n"
             "- delay: 100us\n- revoke: {device: vblk0, size: 64KiB, %s}\n"
             "- poke: {at: 0x100000, pattern: mix64, seed: 7, size: 64KiB}\n- delay: 2ms\n"
             "- expect: {memory: {at: 0x100000, size: 64KiB, pattern: mix64, seed: 7}}\n"
             "- expect: {safety: {name: violations, count: 0}}\n%s"
             "record: {check: dma-safety}\n",
             set, revoke, after);
    seen_load(s, text);
    tb_diag_print(s->diag, stderr);
    CU_ASSERT_PTR_NOT_NULL_FATAL(s->sim);
    tb_sim_run(s->sim, TB_NEVER);
    tb_sim_finish(s->sim);
    tb_diag_print(tb_sim_diag(s->sim), stderr);
    CU_ASSERT_EQUAL(tb_sim_status(s->sim), TB_EXIT_OK);
}

static void test_virtio(void)
{
    static const char again[] =
        "- virtio_start: {device: vblk0}\n"
        "- map: {device: vblk0, iova: 0x80000, pa: 0x300000, size: 4KiB}\n"
        "- disk_read: {device: vblk0, lba: 9, sectors: 8, prd: [{iova: 0x80000, bytes: 4KiB}], "
        "wait: true}\n"
        "- expect: {memory: {at: 0x300000, size: 4KiB, equals_disk: {device: vblk0, lba: 9}}}\n";
    struct seen s;
    run_virtio(&s, "", "iova: 0x10000", "");
    CU_ASSERT(seen_counter(&s, "host", "revoke_time") > 300 * TB_US);
    CU_ASSERT_EQUAL(seen_counter(&s, "host", "revokes_held"), 1);
    CU_ASSERT_EQUAL(seen_counter(&s, "host", "command_errors"), 0);
    seen_free(&s);
    run_virtio(&s, "", "iova: 0x10000, policy: abort", again);
    CU_ASSERT(seen_counter(&s, "host", "revoke_time") < 20 * TB_US);
    CU_ASSERT_EQUAL(seen_counter(&s, "host", "needs_reset"), 1);
    CU_ASSERT_EQUAL(seen_counter(&s, "host", "command_errors"), 1);
    seen_free(&s);
    run_virtio(&s, "", "iova: 0x10000, policy: abort, stop: true",
               "- expect: {events: {code: io_page_fault, max: 0}}\n");
    CU_ASSERT_EQUAL(seen_counter(&s, "host", "needs_reset"), 0);
    CU_ASSERT_EQUAL(seen_counter(&s, "host", "command_errors"), 1);
    seen_free(&s);
    /* the disk is slow: nothing faults for long, and patience ends */
    run_virtio(&s, "vblk0.disk.latency: 5ms", "iova: 0x10000, policy: abort, patience: 50us",
               again);
    CU_ASSERT_EQUAL(seen_counter(&s, "host", "needs_reset"), 0);
    CU_ASSERT(seen_counter(&s, "host", "revoke_end_time") > 50 * TB_US);
    CU_ASSERT(seen_counter(&s, "host", "revoke_end_time") < 500 * TB_US);
    seen_free(&s);
}

static void test_virtio_other(void)
{
    struct seen s;
    char text[64] = "iova: 0x40000, policy: wait, remap: 0x400000";
    run_virtio(&s,
               "steps.4.poke.size: 8, steps.6.expect.memory.size: 8, steps.4.poke.at: 0x500000, "
               "steps.6.expect.memory.at: 0x500000",
               text,
               "- expect: {memory: {at: 0x100000, size: 64KiB, equals_disk: {device: vblk0}}}\n");
    CU_ASSERT_EQUAL(seen_counter(&s, "host", "revokes_held"), 0);
    CU_ASSERT(seen_counter(&s, "host", "revoke_time") < 20 * TB_US);
    CU_ASSERT_EQUAL(seen_counter(&s, "host", "command_errors"), 0);
    seen_free(&s);
}

SUITE("revoke", {"refusals", test_refusals}, {"violations", test_violations},
      {"policies", test_policies}, {"patience", test_patience}, {"pretend", test_pretend},
      {"any instant", test_any_instant}, {"virtio", test_virtio},
      {"virtio, other range", test_virtio_other})
