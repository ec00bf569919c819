/* Routing that changes while the simulation runs: configuration headers, who decodes what at which
 * instant, and what becomes of a request that is under way.
 *
 * The numbers of registers are written out here (PCI Local Bus 3.0, 6.1 and 6.2.5.1; PCI-to-PCI
 * Bridge Architecture 1.2, 3.2.5), not taken from models/spec. */
#include "seen.h"
#include "suite.h"

#include <stdio.h>
#include <string.h>

/* A requester and the host above a bridge, a card below it. Nothing waits for anything: every
 * message costs what the links say, so the instant at which a decoder has it is known. */
#define MODELS                                                                                     \
    "    dram: {model: memory, size: 16MiB}\n"                                                     \
    "    host: {model: host, access_time: 0ns, timeout: 100us}\n"                                  \
    "    sys: {model: bus, latency: 10ns}\n"                                                       \
    "    br0: {model: bridge, latency: 50ns, header: {id: \"00:1e.0\"},\n"                         \
    "          windows: [{base: 0xe0000000, size: 16MiB}]}\n"                                      \
    "    low: {model: bus, latency: 20ns}\n"                                                       \
    "    card0: {model: endpoint, id: \"01:02.0\", base: 0xe0000000, size: 64KiB}\n"               \
    "    dma0: {model: requester, id: \"00:02.0\", outstanding: 64, length: 64B}\n"
#define LINKS                                                                                      \
    "  links: [{from: low, to: br0.down, latency: 30ns}, {from: br0.up, to: sys, latency: 5ns},\n" \
    "          {from: card0, to: low, latency: 7ns}, {from: sys, to: dram, latency: 5ns},\n"       \
    "          {from: host, to: sys, latency: 5ns}, {from: dma0, to: sys, latency: 5ns}]\n"
#define PLATFORM "platform:\n  models:\n" MODELS LINKS

/* From a request of dma0 or the host to its decoders: sys 5, br0 20, low 100, card0 127 ns. */
#define TO_BRIDGE 20
#define TO_LOW    100
#define TO_CARD   127

static void load(struct seen *s, const char *set, const char *body)
{
    char text[16384];
    snprintf(text, sizeof text, "scenario: reconf\nset: {%s}\n%s%s", set, PLATFORM, body);
    seen_load(s, text);
}

static void finish(struct seen *s, enum tb_exit wanted)
{
    tb_diag_print(s->diag, stderr);
    CU_ASSERT_PTR_NOT_NULL_FATAL(s->sim);
    tb_sim_run(s->sim, TB_NEVER);
    tb_sim_finish(s->sim);
    if (tb_sim_status(s->sim) != wanted)
        tb_diag_print(tb_sim_diag(s->sim), stderr);
    CU_ASSERT_EQUAL(tb_sim_status(s->sim), wanted);
}

static void run(struct seen *s, const char *set, const char *body)
{
    load(s, set, body);
    finish(s, TB_EXIT_OK);
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

/* -- Headers ----------------------------------------------------------------------------------- */

/* Sizing: all ones are written, the size is read back; what is not writable stays. */
static void test_bar(void)
{
    struct seen s;
    run(&s, "",
        "steps:\n"
        "- read: {at: 0x110000, space: config, expect: 0x00051b36}\n"
        "- read: {at: 0x110004, space: config, size: 2, expect: 0x0002}\n"
        "- write: {to: card0.pcicmd, value: 0}\n"
        "- write: {at: 0x110010, space: config, u32: 0xffffffff}\n"
        "- read: {from: card0.bar0, expect: 0xffff0000}\n"
        "- write: {to: card0.bar0, value: 0xe0012345}\n"
        "- read: {from: card0.bar0, expect: 0xe0010000}\n"
        "- load: {at: 0xe0010000, status: unsupported}\n"
        "- write: {to: card0.pcicmd, value: 0xffff}\n"
        "- read: {from: card0.pcicmd, expect: 0x0002}\n"
        "- load: {at: 0xe0010000}\n"
        "- load: {at: 0xe0000000, status: unsupported}\n"
        "- read: {at: 0x110100, space: config, expect: 0}\n"
        "- write: {at: 0x110100, space: config, u32: 5}\n"
        "- read: {at: 0x110000, space: config, size: 8, status: abort}\n"
        "- write: {at: 0x110000, space: config, u32: 0}\n"
        "- read: {at: 0x110000, space: config, expect: 0x00051b36}\n"
        "- expect: {counter: {of: card0, name: moves, value: 2}}\n");
    seen_free(&s);
}

/* 64 bits: two writes, and what is between them counts. */
static void test_wide_bar(void)
{
    struct seen s;
    run(&s, "card0.wide: true, card0.base: 0x1000000000, br0.windows.0.base: 0x1000000000",
        "steps:\n"
        "- read: {from: card0.bar0, expect: 0x00000004}\n"
        "- read: {from: card0.bar1, expect: 0x00000010}\n"
        "- load: {at: 0x1000000000}\n"
        "- write: {to: card0.bar0, value: 0x10000}\n"
        "- load: {at: 0x1000010000}\n"
        "- move_window: {bridge: br0, window: prefetch, base: 0x2000000000, size: 1MiB}\n"
        "- load: {at: 0x2000010000, status: unsupported}\n"
        "- write: {to: card0.bar1, value: 0x20}\n"
        "- load: {at: 0x2000010000}\n"
        "- move_bar: {device: card0, to: 0x2000020000}\n"
        "- load: {at: 0x2000020000}\n");
    seen_free(&s);
}

static void test_windows(void)
{
    struct seen s;
    run(&s, "",
        "steps:\n"
        "- read: {at: 0x0f0000, space: config, expect: 0x00011b36}\n"
        "- read: {at: 0x0f000e, space: config, size: 1, expect: 1}\n"
        "- read: {from: br0.memory_window, expect: 0xe0f0e000}\n"
        "- read: {from: br0.prefetch_window, expect: 0x00010011}\n"
        "- read: {from: br0.io_window, expect: 0x0111}\n"
        "- write: {to: br0.memory_window, value: 0xffffffff}\n"
        "- read: {from: br0.memory_window, expect: 0xfff0fff0}\n"
        "- load: {at: 0xe0000000, status: unsupported}\n"
        "- move_window: {bridge: br0, base: 0xe0000000, size: 1MiB}\n"
        "- read: {from: br0.memory_base, expect: 0xe000}\n"
        "- read: {from: br0.memory_limit, expect: 0xe000}\n"
        "- load: {at: 0xe0000000}\n"
        "- move_window: {bridge: br0, size: 0}\n"
        "- load: {at: 0xe0000000, status: unsupported}\n"
        "- move_window: {bridge: br0, window: prefetch, base: 0xe0000000, size: 32MiB}\n"
        "- load: {at: 0xe0000000}\n"
        "- write: {to: br0.pcicmd, value: 5}\n"
        "- load: {at: 0xe0000000, status: unsupported}\n"
        "- write: {to: br0.pcicmd, value: 7}\n"
        "- load: {at: 0xe0000000}\n"
        "- move_window: {bridge: br0, window: io, base: 0x12000, size: 8KiB}\n"
        "- read: {from: br0.io_window, expect: 0x3121}\n"
        "- read: {from: br0.io_upper, expect: 0x00010001}\n");
    seen_free(&s);
}

/* A bridge that is no bus master passes nothing up, and what lies in its own window never goes up.
 */
static void test_master(void)
{
    struct seen s;
    const char *below = "    dev: {model: requester, id: \"01:03.0\", requests: [\n"
                        "      {time: 10us, address: 0x1000, bytes: 64}, {time: 20us, address: "
                        "0x1000, bytes: 64},\n"
                        "      {time: 30us, address: 0xe0100000, bytes: 64}]}\n";
    char text[8192];
    snprintf(text, sizeof text,
             "scenario: master\nplatform:\n  models:\n" MODELS "%s"
             "  links: [{from: dev, to: low}, {from: low, to: br0.down, latency: 30ns}, {from: "
             "br0.up, to: sys},\n"
             "          {from: card0, to: low}, {from: sys, to: dram}, {from: host, to: sys}, "
             "{from: dma0, to: sys}]\n"
             "steps:\n- delay: 15us\n- expect: {counter: {of: dev, name: failed, value: 0}}\n"
             "- write: {to: br0.pcicmd, value: 3}\n- delay: 10us\n"
             "- expect: {counter: {of: dev, name: failed, value: 1}}\n- write: {to: br0.pcicmd, "
             "value: 7}\n"
             "- delay: 10us\n- expect: {counter: {of: dev, name: failed, value: 2}}\n"
             "- expect: {counter: {of: br0, name: refused, value: 2}}\n",
             below);
    seen_load(&s, text);
    finish(&s, TB_EXIT_OK);
    seen_free(&s);
}

/* The bridge's two status registers say who met a master abort; ones clear them. */
static void test_status(void)
{
    struct seen s;
    run(&s, "",
        "steps:\n- load: {at: 0xe0000000}\n- read: {from: br0.secondary_status, expect: 0}\n"
        "- load: {at: 0xe0080000, status: unsupported}\n"
        "- read: {from: br0.secondary_status, expect: 0x2000}\n- read: {from: br0.pcists, expect: "
        "0}\n"
        "- write: {to: br0.secondary_status, value: 0x2000}\n"
        "- read: {from: br0.secondary_status, expect: 0}\n");
    seen_free(&s);
}

/* -- In set-up, and what is refused ------------------------------------------------------------ */

static void test_setup(void)
{
    struct seen s;
    run(&s, "card0.enabled: false",
        "memory: []\n"
        "setup:\n- write: {to: card0.bar0, value: 0xe0020000}\n- write: {to: card0.pcicmd, value: "
        "2}\n"
        "- move_window: {bridge: br0, base: 0xe0000000, size: 2MiB}\n"
        "- poke: {at: 0xe0020000, u32: 77}\n"
        "steps:\n- load: {at: 0xe0020000, expect: 77}\n"
        "- move_bar: {device: card0, to: 0xe0030000}\n"
        "- load: {at: 0xe0030000, expect: 77}\n- expect: {memory: {at: 0xe0030000, u32: [77]}}\n");
    seen_free(&s);
}

static void test_refusals(void)
{
    static const struct {
        const char *set, *steps, *what;
    } cases[] = {
        {"card0.size: 12KiB", "", "a power of two"},
        {"card0.base: 0xe0001000", "", "a multiple of the size"},
        {"card0.base: 0x1000000000", "", "does not fit into 32 bits"},
        {"br0.windows.0.size: 64KiB", "", "whole MiB"},
        {"br0.iommu: {format: amdvi}", "", "it has no 'header'"},
        {"", "- move_bar: {device: card0, to: 0xe0001000}\n", "a multiple of the register's size"},
        {"", "- move_bar: {device: card0, to: 0x1000000000}\n", "the register has 32 bits"},
        {"", "- move_bar: {device: card0, bar: 2, to: 0}\n", "has no register 'bar2'"},
        {"", "- move_bar: {device: dram, to: 0}\n", "has no register 'pcicmd'"},
        {"", "- move_bar: {device: card9, to: 0}\n", "there is no model 'card9'"},
        {"", "- move_window: {bridge: card0, size: 1MiB}\n", "has no register 'memory_window'"},
        {"", "- move_window: {bridge: br0, base: 0x1000, size: 1MiB}\n", "multiples of 0x100000"},
        {"", "- move_window: {bridge: br0, base: 0xfff00000, size: 2MiB}\n", "below 4 GiB"},
        {"", "- write: {to: card0.bar1, value: 0}\n", "has no register 'bar1'"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char body[512];
        struct seen s;
        snprintf(body, sizeof body, "steps:\n%s", cases[i].steps);
        load(&s, cases[i].set, body);
        CU_ASSERT_PTR_NULL(s.sim);
        CU_ASSERT(says(s.diag, cases[i].what));
        seen_free(&s);
    }
}

/* A register that nobody answers for any more: the driver is told. */
static void test_lost_register(void)
{
    struct seen s;
    load(&s, "card0.register_latency: 1us",
         "steps:\n- move_bar: {device: card0, to: 0xe0010000}\n"
         "- expect: {counter: {of: host, name: moves, value: 1}}\n"
         "- expect: {counter: {of: host, name: move_time, min: 5000000}}\n");
    finish(&s, TB_EXIT_OK);
    seen_free(&s);
}

/* Moved half over the end of memory (16 MiB): the wider one answers where both would, the other
 * where it is alone; and when it moves on, all is as before. */
static void test_contest(void)
{
    struct seen s;
    run(&s, "br0.windows.0.base: 0x10000000, card0.base: 0x10000000",
        "steps:\n- store: {at: 0xdff000, u32: 4}\n- store: {at: 0xfff000, u32: 5}\n"
        "- store: {at: 0x10000000, u32: 6}\n"
        "- write: {to: card0.bar0, value: 0x1000000}\n"
        /* narrower: 14 to 18 MiB */
        "- write: {to: br0.memory_window, value: 0x011000e0}\n"
        "- load: {at: 0xdff000, expect: 4}\n- load: {at: 0xfff000, expect: 5}\n"
        "- load: {at: 0x1000000, expect: 6}\n"
        /* wider: 15 to 47 MiB */
        "- write: {to: br0.memory_window, value: 0x02e000f0}\n"
        "- load: {at: 0xdff000, expect: 4}\n- load: {at: 0xfff000, status: unsupported}\n"
        "- load: {at: 0x1000000, expect: 6}\n"
        "- move_window: {bridge: br0, base: 0x1000000, size: 1MiB}\n"
        "- load: {at: 0xfff000, expect: 5}\n- load: {at: 0x1000000, expect: 6}\n"
        "- expect: {counter: {of: sys, name: contested, min: 2}}\n");
    seen_free(&s);
}

/* -- Which instant counts ---------------------------------------------------------------------- */

/* One request at a time around the instant at which a decoder changes. The move is a store of the
 * host's at 1000 ns: it takes effect when it arrives, at the card 127 ns later, at the bridge 20 ns
 * later. */
static enum tb_status outcome(const char *move, unsigned at_ps, bool posted, const char *set)
{
    char body[1024], sets[512];
    struct seen s;
    snprintf(sets, sizeof sets,
             "%s%sdma0.posted: %s, dma0.requests: [{time: %ups, op: write, address: 0xe0000000, "
             "bytes: 64}]",
             set, set[0] ? ", " : "", posted ? "true" : "false", at_ps);
    snprintf(body, sizeof body, "steps:\n- delay: 1us\n%s", move);
    run(&s, sets, body);
    const struct seen_txn *t = seen_find(&s, "dma0", 0);
    CU_ASSERT_PTR_NOT_NULL_FATAL(t);
    enum tb_status status = t->status;
    uint64_t served = seen_counter(&s, "card0", "writes");
    CU_ASSERT_EQUAL(served, status == TB_OK);
    seen_free(&s);
    return status;
}

#define NS(n) ((n)*1000u)

static void test_instants(void)
{
    const char *bar = "- write: {to: card0.bar0, value: 0xe0100000}\n";
    const char *window = "- write: {to: br0.memory_window, value: 0xe100e100}\n";
    for (unsigned posted = 0; posted < 2; posted++) {
        /* The card's register changes at 1127 ns. A request made 1 ps before the host's is ahead of
         * it all the way; 1 ps after, it meets the new register. */
        CU_ASSERT_EQUAL(outcome(bar, NS(1000) - 1, posted, ""), TB_OK);
        CU_ASSERT_EQUAL(outcome(bar, NS(1000) + 1, posted, ""), TB_UNSUPPORTED);
        CU_ASSERT_EQUAL(
            outcome("- write: {to: card0.pcicmd, value: 0}\n", NS(1000) - 1, posted, ""), TB_OK);
        CU_ASSERT_EQUAL(
            outcome("- write: {to: card0.pcicmd, value: 0}\n", NS(1000) + 1, posted, ""),
            TB_UNSUPPORTED);
        /* The bridge's window closes at 1020 ns: what has passed the bridge goes on to the card. */
        CU_ASSERT_EQUAL(outcome(window, NS(1000) - 1, posted, ""), TB_OK);
        CU_ASSERT_EQUAL(outcome(window, NS(1000) + 1, posted, ""), TB_UNSUPPORTED);
    }
}

/* What was sent before the move, and arrives at a decoder after it, goes by what holds then:
 * nothing that was computed ahead of time may have decided it. The engine's way to sys is made
 * long, so that its request is on that one wire while the window moves; past the bridge it is on
 * br0's wire while the card moves. */
static void test_ahead(void)
{
    const char *window = "- write: {to: br0.memory_window, value: 0xe100e100}\n";
    const char *bar = "- write: {to: card0.bar0, value: 0xe0100000}\n";
    /* 5 us to sys: what leaves at 0 is at the bridge at 5015 ns, long after 1020 ns */
    CU_ASSERT_EQUAL(outcome(window, 0, false, "links.5.latency: 5us"), TB_UNSUPPORTED);
    CU_ASSERT_EQUAL(outcome(bar, 0, false, "links.5.latency: 5us"), TB_UNSUPPORTED);
    /* and one that was sent while the window was elsewhere is served if it has come by then */
    CU_ASSERT_EQUAL(outcome("- write: {to: br0.memory_window, value: 0xe0f0e000}\n", 0, false,
                            "links.5.latency: 5us, br0.windows.0.base: 0xe0000000"),
                    TB_OK);
    /* the wire above the bridge: 5 us, for both; the window moves first, the request finds it moved
     */
    CU_ASSERT_EQUAL(outcome(window, NS(1001), false, "links.1.latency: 5us"), TB_UNSUPPORTED);
    CU_ASSERT_EQUAL(outcome(window, NS(999), false, "links.1.latency: 5us"), TB_OK);
}

/* The same for a bridge without a header, which passes down what is below it: it goes by what is
 * there when the message comes, not by what was there when that was sent. */
static void test_plain_bridge(void)
{
    char text[8192];
    struct seen s;
    snprintf(text, sizeof text, "%s",
             "scenario: plain\nplatform:\n  models:\n"
             "    host: {model: host, access_time: 0ns}\n    sys: {model: bus}\n"
             "    br0: {model: bridge, latency: 50ns}\n    low: {model: bus}\n"
             "    card0: {model: endpoint, id: \"01:02.0\", base: 0xe0000000, size: 64KiB}\n"
             "    dma0: {model: requester, id: \"00:02.0\", requests: [\n"
             "      {time: 1100ns, address: 0xe0000000, bytes: 64}]}\n"
             "  links: [{from: low, to: br0.down}, {from: br0.up, to: sys, latency: 5us},\n"
             "          {from: card0, to: low}, {from: host, to: sys}, {from: dma0, to: sys}]\n"
             "steps:\n- delay: 1us\n- write: {to: card0.bar0, value: 0xe0100000}\n- delay: 10us\n"
             "- expect: {counter: {of: dma0, name: failed, value: 1}}\n"
             "- expect: {counter: {of: br0, name: refused, value: 1}}\n"
             "- expect: {counter: {of: low, name: unclaimed, value: 0}}\n");
    seen_load(&s, text);
    finish(&s, TB_EXIT_OK);
    seen_free(&s);
}

/* Requests that wait for the medium are decoded when they get it: the host's write opens the window
 * at 1020 ns; the first of the four has got the medium by then, the others have not. */
static void test_waiting(void)
{
    struct seen s;
    run(&s,
        "sys.overhead: 1us, dma0.requests: [{op: write, address: 0xe0000000, bytes: 64}, "
        "{address: 0xe0000040, bytes: 64}, {address: 0xe0000080, bytes: 64}, "
        "{address: 0x1000, bytes: 64}, {address: 0xe00000c0, bytes: 64}]",
        "setup:\n- move_window: {bridge: br0, size: 0}\n"
        "steps:\n- write: {to: br0.memory_window, value: 0xe0f0e000}\n- delay: 20us\n"
        "- expect: {counter: {of: dma0, name: failed, value: 1}}\n"
        "- expect: {counter: {of: dma0, name: completed, value: 5}}\n"
        "- expect: {counter: {of: sys, name: unclaimed, value: 1}}\n"
        "- expect: {counter: {of: br0, name: refused, value: 0}}\n"
        "- expect: {counter: {of: card0, name: reads, value: 3}}\n");
    seen_free(&s);
}

/* And the other way: it closes. The trail of those that were decoded anew is as if they had been
 * once. */
static void test_waiting_closed(void)
{
    struct seen s;
    run(&s,
        "sys.overhead: 1us, dma0.requests: [{op: write, address: 0xe0000000, bytes: 64}, "
        "{address: 0xe0000040, bytes: 64}, {address: 0xe0000080, bytes: 64}, "
        "{address: 0x1000, bytes: 64}, {address: 0xe00000c0, bytes: 64}]",
        "steps:\n- move_window: {bridge: br0, size: 0, live: true}\n- delay: 20us\n"
        "- expect: {counter: {of: dma0, name: completed, value: 5}}\n"
        "- expect: {counter: {of: sys, name: unclaimed, value: 3}}\n"
        "- expect: {counter: {of: br0, name: refused, value: 1}}\n"
        "- expect: {counter: {of: dma0, name: failed, value: 4}}\n");
    seen_free(&s);
}

/* A northbridge asks again what is behind its ports, too. */
static void test_gart(void)
{
    struct seen s;
    char text[8192];
    snprintf(
        text, sizeof text, "%s",
        "scenario: gart\nplatform:\n  models:\n"
        "    dram: {model: memory, size: 16MiB}\n    host: {model: host}\n"
        "    nb: {model: gart, aperture: {base: 0x8000000, size: 32MiB, cpu: true, io: true}}\n    "
        "low: {model: bus}\n"
        "    card0: {model: endpoint, id: \"01:02.0\", base: 0xe0000000, size: 64KiB}\n"
        "    dma0: {model: requester, id: \"00:02.0\", requests: [\n"
        "      {time: 50us, address: 0x1000, bytes: 64}]}\n"
        "  links: [{from: host, to: nb.cpu}, {from: nb.mem, to: dram}, {from: low, to: nb.io},\n"
        "          {from: card0, to: low}, {from: dma0, to: low}]\n"
        "steps:\n- store: {at: 0xe0000000, u32: 9}\n"
        "- move_bar: {device: card0, to: 0xd0000000}\n"
        "- load: {at: 0xd0000000, expect: 9}\n"
        "- load: {at: 0xe0000000, status: unsupported}\n"
        "- write: {to: card0.pcicmd, value: 0}\n"
        "- load: {at: 0xd0000000, status: unsupported}\n");
    seen_load(&s, text);
    finish(&s, TB_EXIT_OK);
    seen_free(&s);
}

SUITE("reconf", {"bar", test_bar}, {"wide bar", test_wide_bar}, {"windows", test_windows},
      {"master", test_master}, {"status", test_status}, {"setup", test_setup},
      {"refusals", test_refusals}, {"lost register", test_lost_register}, {"contest", test_contest},
      {"instants", test_instants}, {"ahead", test_ahead}, {"plain bridge", test_plain_bridge},
      {"waiting", test_waiting}, {"waiting, closed", test_waiting_closed}, {"gart", test_gart})
