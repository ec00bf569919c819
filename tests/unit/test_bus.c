/* The bus: occupancy to the picosecond, arbitration, latency timer, routing. */
#include "../seen.h"
#include "../suite.h"

#define CLOCK (30 * TB_NS)

static tb_time bus_time(const struct seen *s, const char *by, uint32_t number)
{
    const struct seen_txn *t = seen_find(s, by, number);
    return t ? t->txn.spent[TB_PART_BUS] : TB_NEVER;
}

static enum tb_status status_of(const struct seen *s, const char *by, uint32_t number)
{
    const struct seen_txn *t = seen_find(s, by, number);
    return t ? t->status : TB_UNFINISHED;
}

/* Every part of every latency adds up. */
static void check_parts(const struct seen *s)
{
    for (size_t i = 0; i < s->count; i++) {
        tb_time sum = 0;
        for (unsigned p = 0; p < TB_PARTS; p++)
            sum += s->at[i].txn.spent[p];
        CU_ASSERT_EQUAL(sum, s->at[i].ended - s->at[i].txn.created);
    }
}

/* A17: a write of N dwords takes N + 2 clocks, a read N + 16. */
static void test_pci_bursts(void)
{
    static const struct {
        unsigned clocks, bytes;
    } rows[] = {{18, 64}, {10, 32}, {3, 4}, {32, 64}, {17, 4}, {1026, 4096}};
    struct seen s;
    seen_run(&s, "scenario: a17\n"
                 "platform:\n"
                 "  models:\n"
                 "    r0: {model: requester, burst: 4KiB, outstanding: 1, requests: [\n"
                 "      {time: 0ns, op: write, address: 0, bytes: 64},\n"
                 "      {time: 10us, op: write, address: 0x40, bytes: 32},\n"
                 "      {time: 20us, op: write, address: 0x80, bytes: 4},\n"
                 "      {time: 30us, op: read, address: 0x100, bytes: 64},\n"
                 "      {time: 40us, op: read, address: 0x80, bytes: 4},\n"
                 "      {time: 50us, op: write, address: 0x1000, bytes: 4096}]}\n"
                 "    pci: {model: bus, protocol: pci, clock: 30ns}\n"
                 "    dram: {model: memory, size: 1MiB}\n"
                 "  links: [{from: r0, to: pci}, {from: pci, to: dram}]\n");
    CU_ASSERT_EQUAL(s.count, 6);
    tb_time busy = 0;
    for (uint32_t i = 0; i < 6; i++) {
        CU_ASSERT_EQUAL(bus_time(&s, "r0", i), rows[i].clocks * CLOCK);
        CU_ASSERT_EQUAL(status_of(&s, "r0", i), TB_OK);
        busy += rows[i].clocks * CLOCK;
    }
    CU_ASSERT_EQUAL(seen_counter(&s, "pci", "busy_ps"), busy);
    CU_ASSERT_EQUAL(seen_counter(&s, "pci", "transfers"), 12);
    CU_ASSERT_EQUAL(seen_counter(&s, "pci", "preemptions"), 0);
    check_parts(&s);
    seen_free(&s);
}

/* SBus: as PCI, but every aligned 64 bytes are a transfer of their own, and none gives way. */
static void test_sbus_bursts(void)
{
    static const struct {
        unsigned clocks;
    } rows[] = {{16 + 2}, {8 + 2},         {1 + 2},      {16 + 3},
                {1 + 3},  {1024 + 64 * 2}, {32 + 3 * 2}, {32 + 3 * 3}};
    struct seen s;
    seen_run(
        &s,
        "scenario: sbus\n"
        "platform:\n"
        "  models:\n"
        "    r0: {model: requester, burst: 4KiB, outstanding: 1, requests: [\n"
        "      {time: 0ns, op: write, address: 0, bytes: 64},\n"
        "      {time: 10us, op: write, address: 0x40, bytes: 32},\n"
        "      {time: 20us, op: write, address: 0x80, bytes: 4},\n"
        "      {time: 30us, op: read, address: 0x100, bytes: 64},\n"
        "      {time: 40us, op: read, address: 0x80, bytes: 4},\n"
        "      {time: 50us, op: write, address: 0x1000, bytes: 4096},\n"
        "      {time: 100us, op: write, address: 0x1020, bytes: 128},\n"
        "      {time: 110us, op: read, address: 0x1020, bytes: 128}]}\n"
        "    r1: {model: requester, requests: [{time: 51us, op: write, address: 0, bytes: 4}]}\n"
        "    sbus: {model: bus, protocol: sbus, clock: 40ns, write: 2, read: 3}\n"
        "    dram: {model: memory, size: 1MiB}\n"
        "  links: [{from: r0, to: sbus}, {from: r1, to: sbus}, {from: sbus, to: dram}]\n");
    for (uint32_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        CU_ASSERT_EQUAL(bus_time(&s, "r0", i), rows[i].clocks * 40 * TB_NS);
        CU_ASSERT_EQUAL(status_of(&s, "r0", i), TB_OK);
    }
    CU_ASSERT_EQUAL(seen_counter(&s, "sbus", "preemptions"), 0);
    CU_ASSERT_EQUAL(seen_counter(&s, "sbus", "waits"), 1);
    check_parts(&s);
    seen_free(&s);
}

/* A17's rates: 64-byte writes back to back are 64 B per 18 clocks, 118.5 MB/s. */
static void test_pci_saturated(void)
{
    struct seen s;
    seen_run(&s, "scenario: rate\n"
                 "platform:\n"
                 "  models:\n"
                 "    r0: {model: requester, posted: true, outstanding: 16, pattern: sequential,\n"
                 "         op: write, count: 1000}\n"
                 "    pci: {model: bus, protocol: pci, clock: 30ns}\n"
                 "    dram: {model: memory, size: 1MiB}\n"
                 "  links: [{from: r0, to: pci}, {from: pci, to: dram}]\n");
    CU_ASSERT_EQUAL_FATAL(s.count, 1000);
    CU_ASSERT_EQUAL(s.at[999].ended - s.at[0].ended, 999 * 18 * CLOCK);
    /* One 64-byte line: 1 ns to the bus, first edge at 30 ns, 18 clocks, 1 ns to memory. */
    CU_ASSERT_EQUAL(s.at[0].ended, CLOCK + 18 * CLOCK + TB_NS);
    check_parts(&s);
    seen_free(&s);
}

/* A clock that is no whole number of picoseconds: edge k is at k cycles, rounded up; nothing
 * drifts. */
static void test_fractional_clock(void)
{
    struct seen s;
    seen_run(&s, "scenario: clock\n"
                 "platform:\n"
                 "  models:\n"
                 "    r0: {model: requester, posted: true, outstanding: 16, pattern: sequential,\n"
                 "         op: write, count: 1000}\n"
                 "    pci: {model: bus, protocol: pci, clock: 33MHz}\n"
                 "    dram: {model: memory, size: 1MiB}\n"
                 "  links: [{from: r0, to: pci}, {from: pci, to: dram}]\n");
    CU_ASSERT_EQUAL_FATAL(s.count, 1000);
    /* The last one ends at edge 1 + 18 * 1000: ceil(18001 * 10^6 / 33) ps, and 1 ns to memory. */
    CU_ASSERT_EQUAL(s.at[999].ended, (UINT64_C(18001) * 1000000 + 32) / 33 + TB_NS);
    seen_free(&s);
}

static unsigned ended_by(const struct seen *s, const char *by, size_t among)
{
    unsigned n = 0;
    for (size_t i = 0; i < among && i < s->count; i++)
        n += !strcmp(s->at[i].by, by);
    return n;
}

#define THREE(arbitration)                                                                         \
    "scenario: three\n"                                                                            \
    "platform:\n"                                                                                  \
    "  models:\n"                                                                                  \
    "    r0: {model: requester, posted: true, pattern: sequential, op: write, count: 300}\n"       \
    "    r1: {model: requester, posted: true, pattern: sequential, op: write, count: 300}\n"       \
    "    r2: {model: requester, posted: true, pattern: sequential, op: write, count: 300}\n"       \
    "    pci: {model: bus, protocol: pci, clock: 30ns, arbitration: " arbitration "}\n"            \
    "    dram: {model: memory, size: 1MiB}\n"                                                      \
    "  links: [{from: r1, to: pci}, {from: r0, to: pci}, {from: pci, to: dram}, {from: r2, to: "   \
    "pci}]\n"

static void test_round_robin(void)
{
    struct seen s;
    seen_run(&s, THREE("round-robin"));
    CU_ASSERT_EQUAL_FATAL(s.count, 900);
    for (size_t n = 3; n <= 900; n += 3) {
        CU_ASSERT_EQUAL(ended_by(&s, "r0", n), n / 3);
        CU_ASSERT_EQUAL(ended_by(&s, "r1", n), n / 3);
    }
    CU_ASSERT_EQUAL(s.at[899].ended - s.at[0].ended, 899 * 18 * CLOCK);
    seen_free(&s);
}

/* The port whose link comes first wins whenever it wants to: all of r1, then r0, then r2. */
static void test_fixed_priority(void)
{
    struct seen s;
    seen_run(&s, THREE("fixed"));
    CU_ASSERT_EQUAL_FATAL(s.count, 900);
    CU_ASSERT_EQUAL(ended_by(&s, "r1", 300), 300);
    CU_ASSERT_EQUAL(ended_by(&s, "r0", 600), 300);
    seen_free(&s);
}

#define LONG_BURST(extra)                                                                          \
    "scenario: timer\n"                                                                            \
    "platform:\n"                                                                                  \
    "  models:\n"                                                                                  \
    "    r0: {model: requester, posted: true, burst: 4KiB, requests: [\n"                          \
    "      {op: write, address: 0x1000, bytes: 4096}]}\n"                                          \
    "    r1: {model: requester, posted: true, requests: [\n"                                       \
    "      {time: 5us, op: write, address: 0, bytes: 64}]}\n"                                      \
    "    pci: {model: bus, protocol: pci, clock: 30ns" extra "}\n"                                 \
    "    dram: {model: memory, size: 1MiB}\n"                                                      \
    "  links: [{from: r0, to: pci}, {from: r1, to: pci}, {from: pci, to: dram}]\n"

/* A burst past its latency timer gives way at the next edge, and pays its overhead of 2 clocks
 * again. */
static void test_latency_timer(void)
{
    struct seen s;
    seen_run(&s, LONG_BURST(", latency_timer: 32"));
    CU_ASSERT_EQUAL_FATAL(s.count, 2);
    CU_ASSERT_EQUAL(seen_counter(&s, "pci", "preemptions"), 1);
    CU_ASSERT_EQUAL(bus_time(&s, "r0", 0), 1028 * CLOCK);
    CU_ASSERT_EQUAL(bus_time(&s, "r1", 0), 18 * CLOCK);
    const struct seen_txn *short_one = seen_find(&s, "r1", 0);
    /* There at 5001 ns; edge 167 is at 5010 ns. */
    CU_ASSERT_EQUAL(short_one->ended, 5010 * TB_NS + 18 * CLOCK + TB_NS);
    CU_ASSERT_EQUAL(seen_find(&s, "r0", 0)->ended, (1 + 1028 + 18) * CLOCK + TB_NS);
    check_parts(&s);
    seen_free(&s);
}

/* With fixed priority the burst of the better port does not give way. */
static void test_latency_timer_fixed(void)
{
    struct seen s;
    seen_run(&s, LONG_BURST(", arbitration: fixed"));
    CU_ASSERT_EQUAL_FATAL(s.count, 2);
    CU_ASSERT_EQUAL(seen_counter(&s, "pci", "preemptions"), 0);
    CU_ASSERT_EQUAL(bus_time(&s, "r0", 0), 1026 * CLOCK);
    CU_ASSERT_EQUAL(seen_find(&s, "r1", 0)->ended, (1 + 1026 + 18) * CLOCK + TB_NS);
    seen_free(&s);
}

/* Two bursts of 64 dwords under a latency timer of 16 clocks: tenures of 14 dwords, in turn. */
static void test_latency_timer_both(void)
{
    struct seen s;
    seen_run(&s, "scenario: both\n"
                 "platform:\n"
                 "  models:\n"
                 "    r0: {model: requester, posted: true, burst: 256B, requests: [\n"
                 "      {op: write, address: 0, bytes: 256}]}\n"
                 "    r1: {model: requester, posted: true, burst: 256B, requests: [\n"
                 "      {op: write, address: 0x1000, bytes: 256}]}\n"
                 "    pci: {model: bus, protocol: pci, clock: 30ns, latency_timer: 16}\n"
                 "    dram: {model: memory, size: 1MiB}\n"
                 "  links: [{from: r0, to: pci}, {from: r1, to: pci}, {from: pci, to: dram}]\n");
    CU_ASSERT_EQUAL_FATAL(s.count, 2);
    CU_ASSERT_EQUAL(seen_counter(&s, "pci", "preemptions"), 8);
    CU_ASSERT_EQUAL(bus_time(&s, "r0", 0), (64 + 5 * 2) * CLOCK);
    CU_ASSERT_EQUAL(bus_time(&s, "r1", 0), (64 + 5 * 2) * CLOCK);
    CU_ASSERT_EQUAL(seen_find(&s, "r1", 0)->ended, (1 + 2 * 74) * CLOCK + TB_NS);
    check_parts(&s);
    seen_free(&s);
}

/* A write's completion costs PCI nothing, so it neither waits for a burst nor interrupts it. */
static void test_free_passes_by(void)
{
    struct seen s;
    seen_run(&s, "scenario: free\n"
                 "platform:\n"
                 "  models:\n"
                 "    r0: {model: requester, requests: [{op: write, address: 0, bytes: 4}]}\n"
                 "    r1: {model: requester, burst: 4KiB, requests: [\n"
                 "      {op: write, address: 0x1000, bytes: 4096}]}\n"
                 "    pci: {model: bus, protocol: pci, clock: 30ns, latency_timer: 16}\n"
                 "    dram: {model: memory, size: 1MiB, latency: 40ns}\n"
                 "  links: [{from: r0, to: pci}, {from: r1, to: pci}, {from: pci, to: dram}]\n");
    CU_ASSERT_EQUAL_FATAL(s.count, 2);
    /* On the bus till edge 4, memory 40 ns, links 1 ns each; the completion at the next edge. */
    CU_ASSERT_EQUAL(seen_find(&s, "r0", 0)->ended, 6 * CLOCK + TB_NS);
    CU_ASSERT_EQUAL(seen_counter(&s, "pci", "preemptions"), 0);
    CU_ASSERT_EQUAL(bus_time(&s, "r1", 0), 1026 * CLOCK);
    check_parts(&s);
    seen_free(&s);
}

#define TWO_BUSES                                                                                  \
    "    pci: {model: bus, protocol: pci, clock: 30ns}\n"                                          \
    "    sys: {model: bus, bandwidth: 1GB/s, overhead: 5ns, latency: 7ns}\n"                       \
    "    near: {model: memory, base: 0x100000, size: 1MiB}\n"                                      \
    "    dram: {model: memory, size: 1MiB}\n"                                                      \
    "  links: [{from: r0, to: pci}, {from: near, to: pci}, {from: pci, to: sys},\n"                \
    "          {from: sys, to: dram}]\n"

/* An access to a neighbour never leaves the bus. */
static void test_peer_to_peer(void)
{
    struct seen s;
    seen_run(&s, "scenario: peer\n"
                 "platform:\n"
                 "  models:\n"
                 "    r0: {model: requester, data: counter, requests: [\n"
                 "      {op: write, address: 0x100040, bytes: 64},\n"
                 "      {time: 9us, op: read, address: 0x40, bytes: 64}]}\n" TWO_BUSES);
    CU_ASSERT_EQUAL_FATAL(s.count, 2);
    CU_ASSERT_EQUAL(seen_counter(&s, "sys", "transfers"), 2);
    CU_ASSERT_EQUAL(seen_counter(&s, "near", "writes"), 1);
    CU_ASSERT_EQUAL(seen_counter(&s, "dram", "reads"), 1);
    CU_ASSERT_EQUAL(bus_time(&s, "r0", 0), 18 * CLOCK);
    /* sys: request 5 + 7 ns; data 64 B at 1 B/ns + 7 ns. */
    CU_ASSERT_EQUAL(bus_time(&s, "r0", 1), 32 * CLOCK + (5 + 7 + 64 + 7) * TB_NS);
    uint8_t bytes[64] = {0};
    CU_ASSERT_TRUE(tb_sim_peek(s.sim, 0x100040, bytes, sizeof bytes));
    CU_ASSERT_EQUAL(bytes[63], 63);
    check_parts(&s);
    seen_free(&s);
}

/* Nobody there: an answer goes back; a posted write ends on the bus. Instant accesses fail. */
static void test_unclaimed(void)
{
    struct seen s;
    seen_run(&s, "scenario: unclaimed\n"
                 "platform:\n"
                 "  models:\n"
                 "    r0: {model: requester, posted: true, requests: [\n"
                 "      {op: read, address: 0x800000, bytes: 64},\n"
                 "      {time: 9us, op: write, address: 0x800000, bytes: 64},\n"
                 "      {time: 19us, op: read, address: 0x0, bytes: 64}]}\n" TWO_BUSES);
    CU_ASSERT_EQUAL_FATAL(s.count, 3);
    CU_ASSERT_EQUAL(status_of(&s, "r0", 0), TB_UNSUPPORTED);
    CU_ASSERT_EQUAL(status_of(&s, "r0", 1), TB_UNSUPPORTED);
    CU_ASSERT_EQUAL(status_of(&s, "r0", 2), TB_OK);
    CU_ASSERT_EQUAL(bus_time(&s, "r0", 0), CLOCK);
    CU_ASSERT_EQUAL(bus_time(&s, "r0", 1), CLOCK);
    CU_ASSERT_EQUAL(seen_counter(&s, "pci", "unclaimed"), 2);
    CU_ASSERT_EQUAL(seen_counter(&s, "sys", "transfers"), 2);
    check_parts(&s);
    seen_free(&s);
}

/* Credits: with one per class everything still comes through, and all of them come back (checked by
 * the kernel at the end). */
static void test_one_credit(void)
{
    struct seen s;
    seen_run(&s, "scenario: credit\n"
                 "platform:\n"
                 "  models:\n"
                 "    r0: {model: requester, pattern: sequential, op: alternate, count: 200}\n"
                 "    r1: {model: requester, posted: true, pattern: sequential, op: alternate,\n"
                 "         base: 0xffe00, count: 200}\n"
                 "    pci: {model: bus, protocol: pci, clock: 30ns}\n"
                 "    dram: {model: memory, size: 1MiB}\n"
                 "  links: [{from: r0, to: pci, credits: 1}, {from: r1, to: pci, credits: 1},\n"
                 "          {from: pci, to: dram, credits: 1}]\n");
    CU_ASSERT_EQUAL_FATAL(s.count, 400);
    for (size_t i = 0; i < s.count; i++)
        CU_ASSERT_EQUAL(s.at[i].status, s.at[i].txn.iova < 0x100000 ? TB_OK : TB_UNSUPPORTED);
    CU_ASSERT_TRUE(seen_counter(&s, "pci", "unclaimed") > 0);
    check_parts(&s);
    tb_sim_finish(s.sim);
    CU_ASSERT_EQUAL(tb_diag_count(tb_sim_diag(s.sim)), 0);
    seen_free(&s);
}

/* What is wholly inside a wider range is a hole in it, wherever it lies in there. */
static void test_holes(void)
{
    struct seen s;
    seen_run(
        &s,
        "scenario: holes\n"
        "platform:\n"
        "  models:\n"
        "    r: {model: requester, pattern: sequential, length: 64B, window: 128KiB, count: 2048}\n"
        "    sys: {model: bus}\n"
        "    first: {model: memory, size: 4KiB}\n"
        "    all: {model: memory, size: 128KiB}\n"
        "    middle: {model: memory, base: 0x8000, size: 16KiB}\n"
        "    inner: {model: memory, base: 0xa000, size: 4KiB}\n"
        "    last: {model: memory, base: 0x1f000, size: 4KiB}\n"
        "  links: [{from: r, to: sys}, {from: sys, to: first}, {from: sys, to: all},\n"
        "          {from: sys, to: middle}, {from: sys, to: inner}, {from: sys, to: last}]\n");
    CU_ASSERT_EQUAL_FATAL(s.count, 2048);
    for (size_t i = 0; i < s.count; i++) {
        uint64_t a = s.at[i].txn.iova;
        const char *to = a < 0x1000                  ? "first"
                         : a >= 0x1f000              ? "last"
                         : a >= 0xa000 && a < 0xb000 ? "inner"
                         : a >= 0x8000 && a < 0xc000 ? "middle"
                                                     : "all";
        CU_ASSERT_EQUAL(s.at[i].status, TB_OK);
        CU_ASSERT_EQUAL(s.at[i].txn.to, tb_sim_model(s.sim, to)->index);
    }
    seen_free(&s);
}

static void expect_error(const char *models, const char *links, const char *what)
{
    char text[2048];
    struct seen s;
    snprintf(text, sizeof text, "scenario: bad\nplatform:\n  models:\n%s  links: [%s]\n", models,
             links);
    seen_load(&s, text);
    CU_ASSERT_PTR_NULL(s.sim);
    bool said = false;
    for (size_t i = 0; i < tb_diag_count(s.diag); i++)
        said = said || strstr(tb_diag_text(s.diag, i), what);
    if (!said)
        tb_diag_print(s.diag, stderr);
    CU_ASSERT_TRUE(said);
    seen_free(&s);
}

static void test_errors(void)
{
    expect_error("    a: {model: memory, size: 1MiB}\n"
                 "    b: {model: memory, base: 0xff000, size: 1MiB}\n"
                 "    pci: {model: bus}\n",
                 "{from: a, to: pci}, {from: b, to: pci}",
                 "'a' and 'b' both claim memory addresses 0xff000 to 0xfffff on bus 'pci'");
    expect_error("    a: {model: memory, size: 1MiB}\n"
                 "    b: {model: memory, size: 1MiB}\n"
                 "    pci: {model: bus}\n",
                 "{from: a, to: pci}, {from: b, to: pci}",
                 "'a' and 'b' both claim memory addresses 0x0 to 0xfffff");
    expect_error("    a: {model: memory, size: 1MiB}\n"
                 "    pci: {model: bus, protocol: pci}\n",
                 "{from: a, to: pci}", "needs a clock");
    expect_error("    a: {model: memory, size: 1MiB}\n"
                 "    pci: {model: bus, latency_timer: 32}\n",
                 "{from: a, to: pci}", "test.yaml:5:38: 'latency_timer' means nothing");
    expect_error("    a: {model: memory, size: 1MiB}\n"
                 "    p: {model: bus, protocol: pci, clock: 30ns, width: 3B}\n",
                 "{from: p, to: a}", "a bus is a power of two of bytes wide");
    expect_error("    x: {model: bus}\n"
                 "    y: {model: bus}\n"
                 "    z: {model: bus}\n",
                 "{from: x, to: y}, {from: y, to: z}, {from: z, to: x}",
                 "'x' is on a loop of links");
}

SUITE("bus", {"PCI bursts cost N + 2 and N + 16 clocks (A17)", test_pci_bursts},
      {"SBus transfers of 64 bytes", test_sbus_bursts},
      {"PCI at its limit (A17)", test_pci_saturated}, {"fractional clock", test_fractional_clock},
      {"round robin", test_round_robin}, {"fixed priority", test_fixed_priority},
      {"latency timer", test_latency_timer},
      {"latency timer, fixed priority", test_latency_timer_fixed},
      {"latency timer, two long bursts", test_latency_timer_both},
      {"what costs nothing passes by", test_free_passes_by}, {"peer to peer", test_peer_to_peer},
      {"unclaimed", test_unclaimed}, {"one credit", test_one_credit}, {"holes", test_holes},
      {"errors", test_errors})
