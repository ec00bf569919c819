/* The bus by ISA's rules: cycles to the clock, reads that keep the medium, refresh, 24 address
 * lines. */
#include "../seen.h"
#include "../suite.h"

#define CLOCK (120 * TB_NS)

static const struct seen_txn *nth(const struct seen *s, const char *by, uint32_t number)
{
    static const struct seen_txn none = {.status = TB_UNFINISHED, .ended = TB_NEVER};
    const struct seen_txn *t = seen_find(s, by, number);
    CU_ASSERT_PTR_NOT_NULL(t);
    return t ? t : &none;
}

static void check_parts(const struct seen *s)
{
    for (size_t i = 0; i < s->count; i++) {
        tb_time sum = 0;
        for (unsigned p = 0; p < TB_PARTS; p++)
            sum += s->at[i].txn.spent[p];
        CU_ASSERT_EQUAL(sum, s->at[i].ended - s->at[i].txn.created);
    }
}

static void end(struct seen *s)
{
    check_parts(s);
    tb_sim_finish(s->sim);
    CU_ASSERT_EQUAL(tb_diag_count(tb_sim_diag(s->sim)), 0);
    seen_free(s);
}

#define ISA(extra, latency)                                                                        \
    "    isa: {model: bus, protocol: isa, clock: 120ns" extra "}\n"                                \
    "    ram: {model: memory, size: 1MiB, latency: " latency "}\n"                                 \
    "  links: [{from: r0, to: isa}, {from: isa, to: ram}]\n"

/* 16-bit cycles of 3 clocks, 8-bit cycles of 6: aligned words, and the bytes at their ends. */
static void test_cycles(void)
{
    static const struct {
        unsigned clocks;
    } rows[] = {{32 * 3}, {6}, {6 + 3}, {6 + 3 + 6}, {3}, {3 + 6}};
    struct seen s;
    seen_run(&s, "scenario: cycles\n"
                 "platform:\n"
                 "  models:\n"
                 "    r0: {model: requester, outstanding: 1, requests: [\n"
                 "      {time: 0ns, op: write, address: 0, bytes: 64},\n"
                 "      {time: 100us, op: write, address: 0x80, bytes: 1},\n"
                 "      {time: 200us, op: write, address: 0x81, bytes: 3},\n"
                 "      {time: 300us, op: write, address: 0x83, bytes: 4},\n"
                 "      {time: 400us, op: read, address: 0x80, bytes: 2},\n"
                 "      {time: 500us, op: read, address: 0x80, bytes: 3}]}\n" ISA("", "40ns"));
    CU_ASSERT_EQUAL_FATAL(s.count, 6);
    for (uint32_t i = 0; i < 6; i++) {
        const struct seen_txn *t = nth(&s, "r0", i);
        CU_ASSERT_EQUAL(t->status, TB_OK);
        if (i < 4) { /* there at 1 ns: the next edge; a link more; memory; its answer at an edge */
            CU_ASSERT_EQUAL(t->txn.spent[TB_PART_BUS], rows[i].clocks * CLOCK);
        } else { /* memory's time is part of the cycle */
            tb_time edge = tb_clock_edge((struct tb_rate){1, CLOCK}, t->txn.created + TB_NS);
            CU_ASSERT_EQUAL(t->ended, edge + rows[i].clocks * CLOCK + TB_NS);
        }
    }
    end(&s);
}

/* Of its own cycle times: without the wait state, and on 8 data lines. */
static void test_other_cycles(void)
{
    static const struct {
        const char *text;
        unsigned clocks;
    } rows[] = {
        {"scenario: fast\nplatform:\n  models:\n"
         "    r0: {model: requester, requests: [{op: write, address: 1, bytes: 8}]}\n" ISA(
             ", word: 2, byte: 3", "40ns"),
         3 + 3 * 2 + 3},
        {"scenario: narrow\nplatform:\n  models:\n"
         "    r0: {model: requester, requests: [{op: write, address: 0, bytes: 8}]}\n" ISA(
             ", width: 1B", "40ns"),
         8 * 6},
    };
    for (unsigned i = 0; i < 2; i++) {
        struct seen s;
        seen_run(&s, rows[i].text);
        CU_ASSERT_EQUAL(nth(&s, "r0", 0)->txn.spent[TB_PART_BUS], rows[i].clocks * CLOCK);
        end(&s);
    }
}

/* Reads follow each other without a pause: the next waits for the data of the one before, although
 * the medium is idle meanwhile. A target slower than the cycle stretches it. */
static void test_reads_keep(void)
{
    struct seen s;
    seen_run(&s, "scenario: reads\nplatform:\n  models:\n"
                 "    r0: {model: requester, outstanding: 4, pattern: sequential, length: 4B,\n"
                 "         count: 1000}\n" ISA("", "200ns"));
    CU_ASSERT_EQUAL_FATAL(s.count, 1000);
    CU_ASSERT_EQUAL(s.at[999].ended, CLOCK + 1000 * 6 * CLOCK + TB_NS);
    end(&s);
    seen_run(&s, "scenario: slow\nplatform:\n  models:\n"
                 "    r0: {model: requester, outstanding: 4, pattern: sequential, length: 4B,\n"
                 "         count: 1000}\n" ISA("", "2us"));
    /* 1 clock, 2002 ns are 17 more, and 1 in which the data are taken. */
    CU_ASSERT_EQUAL(s.at[999].ended, CLOCK + 1000 * 19 * CLOCK + TB_NS);
    end(&s);
}

/* Others may use the time in which a read waits; then its data take their own cycles. */
static void test_gap(void)
{
    struct seen s;
    seen_run(&s, "scenario: gap\nplatform:\n  models:\n"
                 "    r0: {model: requester, requests: [{op: read, address: 0, bytes: 2}]}\n"
                 "    r1: {model: requester, requests: [\n"
                 "      {time: 300ns, op: write, address: 64, bytes: 2}]}\n"
                 "    isa: {model: bus, protocol: isa, clock: 120ns}\n"
                 "    ram: {model: memory, size: 1MiB, latency: 500ns}\n"
                 "  links: [{from: r0, to: isa}, {from: r1, to: isa}, {from: isa, to: ram}]\n");
    /* Edges: request 1 to 2, the write 3 to 6, data there at 742 ns: 7 to 9. */
    CU_ASSERT_EQUAL(nth(&s, "r0", 0)->ended, 9 * CLOCK + TB_NS);
    CU_ASSERT_EQUAL(nth(&s, "r1", 0)->txn.spent[TB_PART_BUS], 3 * CLOCK);
    end(&s);
}

/* Cards and a CPU read across the bridge both ways, a credit each: what is kept keeps nothing out
 * that somebody's answer depends on. */
static void test_no_circle(void)
{
    struct seen s;
    seen_run(&s,
             "scenario: circle\nplatform:\n  models:\n"
             "    r0: {model: requester, outstanding: 8, pattern: sequential, base: 0x800000,\n"
             "         length: 4B, count: 100}\n"
             "    r1: {model: requester, outstanding: 8, pattern: sequential, length: 4B,\n"
             "         count: 100}\n"
             "    isa: {model: bus, protocol: isa, clock: 120ns, refresh: 15.6us}\n"
             "    ram: {model: memory, size: 1MiB}\n"
             "    up: {model: bridge}\n"
             "    sys: {model: bus, turn: true}\n"
             "    dram: {model: memory, base: 0x800000, size: 1MiB, latency: 300ns}\n"
             "    cpu: {model: requester, outstanding: 8, pattern: sequential, length: 4B,\n"
             "         count: 100}\n"
             "  links: [{from: r0, to: isa, credits: 1}, {from: r1, to: isa, credits: 1},\n"
             "          {from: isa, to: ram, credits: 1}, {from: isa, to: up.down, credits: 1},\n"
             "          {from: up.up, to: sys, credits: 1}, {from: sys, to: dram},\n"
             "          {from: cpu, to: sys}]\n");
    CU_ASSERT_EQUAL(s.count, 300);
    for (size_t i = 0; i < s.count; i++)
        CU_ASSERT_EQUAL(s.at[i].status, TB_OK);
    end(&s);
}

/* A refresh takes 4 clocks, at most one of every period, and only from who is there. */
static void test_refresh(void)
{
    struct seen s;
    seen_run(&s, "scenario: refresh\nplatform:\n  models:\n"
                 "    r0: {model: requester, posted: true, pattern: sequential, op: write,\n"
                 "         length: 2B, count: 10000}\n" ISA(", refresh: 15us", "40ns"));
    CU_ASSERT_EQUAL_FATAL(s.count, 10000);
    uint64_t n = seen_counter(&s, "isa", "refreshes");
    CU_ASSERT_EQUAL(s.at[9999].ended, CLOCK + (10000 * 3 + n * 4) * CLOCK + TB_NS);
    /* 30,000 clocks of 120 ns: one for every 125 that end. */
    CU_ASSERT_EQUAL(n, (s.at[9999].ended - TB_NS) / (15000 * TB_NS));
    end(&s);
    seen_run(&s, "scenario: idle\nplatform:\n  models:\n"
                 "    r0: {model: requester, requests: [\n"
                 "      {time: 15.61us, op: write, address: 0, bytes: 2},\n"
                 "      {time: 40us, op: write, address: 0, bytes: 2}]}\n" ISA(", refresh: 15.6us",
                                                                               "40ns"));
    /* The first finds one that began at 15.6 us and ends at 16.08; the second finds none. */
    CU_ASSERT_EQUAL(seen_counter(&s, "isa", "refreshes"), 1);
    CU_ASSERT_EQUAL(nth(&s, "r0", 0)->txn.spent[TB_PART_QUEUE] > 450 * TB_NS, 1);
    CU_ASSERT_EQUAL(nth(&s, "r0", 0)->txn.spent[TB_PART_BUS], 3 * CLOCK);
    CU_ASSERT_TRUE(nth(&s, "r0", 1)->txn.spent[TB_PART_QUEUE] < 2 * CLOCK);
    end(&s);
}

/* There are 24 address lines, on the bus and seen from above it. */
static void test_lines(void)
{
    struct seen s;
    seen_run(&s, "scenario: lines\nplatform:\n  models:\n"
                 "    r0: {model: requester, requests: [\n"
                 "      {op: read, address: 0xfffffe, bytes: 2},\n"
                 "      {op: read, address: 0x1000000, bytes: 2}]}\n"
                 "    isa: {model: bus, protocol: isa, clock: 120ns}\n"
                 "    ram: {model: memory, base: 0xf00000, size: 4MiB}\n"
                 "    high: {model: memory, base: 0x2000000, size: 4KiB}\n"
                 "    up: {model: bridge}\n"
                 "    cpu: {model: requester, requests: [\n"
                 "      {op: read, address: 0x2000000, bytes: 2},\n"
                 "      {op: read, address: 0xfffffe, bytes: 2},\n"
                 "      {op: read, address: 0x1000000, bytes: 2}]}\n"
                 "  links: [{from: r0, to: isa}, {from: isa, to: ram},\n"
                 "          {from: isa, to: high}, {from: isa, to: up.down},\n"
                 "          {from: up.up, to: cpu}]\n");
    CU_ASSERT_EQUAL_FATAL(s.count, 5);
    CU_ASSERT_EQUAL(nth(&s, "r0", 0)->status, TB_OK);
    CU_ASSERT_EQUAL(nth(&s, "r0", 1)->status, TB_UNSUPPORTED);
    CU_ASSERT_EQUAL(nth(&s, "cpu", 0)->status, TB_UNSUPPORTED);
    CU_ASSERT_EQUAL(nth(&s, "cpu", 1)->status, TB_OK);
    CU_ASSERT_EQUAL(nth(&s, "cpu", 2)->status, TB_UNSUPPORTED);
    CU_ASSERT_EQUAL(seen_counter(&s, "up", "refused"), 2);
    end(&s);
}

static void expect_error(const char *bus, const char *what)
{
    char text[512];
    struct seen s;
    snprintf(text, sizeof text,
             "scenario: bad\nplatform:\n  models:\n    isa: {model: bus, %s}\n"
             "    ram: {model: memory, size: 1MiB}\n  links: [{from: isa, to: ram}]\n",
             bus);
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
    expect_error("protocol: isa", "protocol isa needs a clock, for instance 120ns");
    expect_error("protocol: isa, clock: 120ns, width: 4B", "an ISA bus is 1B or 2B wide");
    expect_error("protocol: isa, clock: 120ns, read: 3", "'read' means nothing for protocol isa");
    expect_error("protocol: isa, clock: 120ns, bandwidth: 1GB/s", "'bandwidth' means nothing");
    expect_error("protocol: pci, clock: 30ns, word: 2", "'word' means nothing for protocol pci");
    expect_error("refresh: 15us", "'refresh' means nothing for protocol system");
    expect_error("protocol: isa, clock: 120ns, refresh: 500ns", "leave no time");
}

/* What software moves from above the address lines to below them, and back. Whoever asks through
 * the bus makes its tables for what may come. */
static void test_moves(void)
{
    struct seen s;
    seen_run(&s, "scenario: moves\nplatform:\n  models:\n"
                 "    cpu: {model: host}\n"
                 "    sys: {model: bus}\n"
                 "    ram: {model: memory, base: 0x1000000, size: 16MiB}\n"
                 "    e0: {model: endpoint, id: '00:05.0', base: 0xe0000000, size: 4KiB}\n"
                 "    e1: {model: endpoint, id: '00:06.0', base: 0xe1000000, size: 4KiB}\n"
                 "    isa: {model: bus, protocol: isa, clock: 120ns}\n"
                 "    far: {model: bus}\n"
                 "    r0: {model: requester, requests: [\n"
                 "      {time: 0ns, op: write, address: 0x100000, bytes: 2},\n"
                 "      {time: 100us, op: write, address: 0x100000, bytes: 2},\n"
                 "      {time: 100us, op: write, address: 0x200000, bytes: 2},\n"
                 "      {time: 200us, op: write, address: 0x100000, bytes: 2}]}\n"
                 "  links: [{from: cpu, to: sys}, {from: ram, to: sys}, {from: e0, to: sys},\n"
                 "    {from: e1, to: sys}, {from: sys, to: isa}, {from: isa, to: far},\n"
                 "    {from: r0, to: far}]\n"
                 "steps:\n"
                 "  - delay: 50us\n"
                 "  - move_bar: {device: e0, to: 0x100000}\n"
                 "  - move_bar: {device: e1, to: 0x200000}\n"
                 "  - delay: 100us\n"
                 "  - move_bar: {device: e0, to: 0xe0000000}\n");
    CU_ASSERT_EQUAL(nth(&s, "r0", 0)->status, TB_UNSUPPORTED);
    CU_ASSERT_EQUAL(nth(&s, "r0", 1)->status, TB_OK);
    CU_ASSERT_EQUAL(nth(&s, "r0", 2)->status, TB_OK);
    CU_ASSERT_EQUAL(nth(&s, "r0", 3)->status, TB_UNSUPPORTED);
    end(&s);
}

SUITE("ISA bus", {"cycles to the clock", test_cycles}, {"other cycle times", test_other_cycles},
      {"reads keep the medium", test_reads_keep}, {"the gap of a read", test_gap},
      {"nothing waits in a circle", test_no_circle}, {"refresh", test_refresh},
      {"24 address lines", test_lines}, {"what moves", test_moves}, {"errors", test_errors})
