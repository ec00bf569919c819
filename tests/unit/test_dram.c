/* dram: latencies of data sheets (A15, exact), bounds on bandwidth (A16), scheduling, mapping,
 * refresh. */
#include "../seen.h"
#include "../suite.h"
#include "dram/banks.h"
#include "dram/map.h"

/* A requester and a DRAM, a clock-aligned 5 ns apart (six clocks of DDR4-2400, four of DDR3-1600).
 */
static void run(struct seen *s, const char *requester, const char *dram)
{
    char text[2048];
    snprintf(text, sizeof text,
             "platform: dram\n"
             "models:\n"
             "  r: {model: requester, %s}\n"
             "  d: {model: dram, size: 1GiB, %s}\n"
             "links: [{from: r, to: d, latency: 5ns}]\n",
             requester, dram);
    seen_run(s, text);
    CU_ASSERT_PTR_NOT_NULL_FATAL(s->sim);
    for (size_t i = 0; i < s->count; i++) {
        tb_time sum = 0;
        for (unsigned p = 0; p < TB_PARTS; p++)
            sum += s->at[i].txn.spent[p];
        CU_ASSERT_EQUAL(sum, s->at[i].ended - s->at[i].txn.created);
    }
}

/* From arrival at the DRAM to the end of the data, in ps. */
static tb_time latency(const struct seen *s, uint32_t number)
{
    const struct seen_txn *t = seen_find(s, "r", number);
    CU_ASSERT_PTR_NOT_NULL_FATAL(t);
    CU_ASSERT_EQUAL(t->status, TB_OK);
    return t->ended - t->txn.created - 10 * TB_NS;
}

static double rate(const struct seen *s, size_t skip) /* GB/s between the answers */
{
    CU_ASSERT_TRUE_FATAL(s->count > skip + 1);
    uint64_t bytes = 0;
    for (size_t i = skip + 1; i < s->count; i++)
        bytes += s->at[i].txn.length;
    return (double)bytes * 1000 / (double)(s->at[s->count - 1].ended - s->at[skip].ended);
}

static void check_near(double value, double expected)
{
    bool near = value > expected * 0.99 && value < expected * 1.01;
    if (!near)
        fprintf(stderr, "%g is not near %g\n", value, expected);
    CU_ASSERT_TRUE(near);
}

/* A15: CL + BL/2, + tRCD, + tRP; to the tick, rounded up. */
#define A15_LIST                                                                                   \
    "requests: [{time: 0ns, address: 0, bytes: 64}, {time: 1us, address: 0, bytes: 64},"           \
    " {time: 2us, address: 0x100000, bytes: 64}]"

static void test_latency_ddr4(void)
{
    struct seen s;
    run(&s, A15_LIST, "preset: ddr4-2400");
    CU_ASSERT_EQUAL(latency(&s, 0), 31667); /* closed: 38 clocks of 5/6 ns */
    CU_ASSERT_EQUAL(latency(&s, 1), 17500); /* hit: 21 */
    CU_ASSERT_EQUAL(latency(&s, 2), 45834); /* conflict: 55 */
    CU_ASSERT_EQUAL(seen_counter(&s, "d", "row_closed"), 1);
    CU_ASSERT_EQUAL(seen_counter(&s, "d", "row_hits"), 1);
    CU_ASSERT_EQUAL(seen_counter(&s, "d", "row_conflicts"), 1);
    seen_free(&s);
}

static void test_latency_ddr3(void)
{
    struct seen s;
    run(&s, A15_LIST, "preset: ddr3-1600");
    CU_ASSERT_EQUAL(latency(&s, 0), 32500);
    CU_ASSERT_EQUAL(latency(&s, 1), 18750);
    CU_ASSERT_EQUAL(latency(&s, 2), 46250);
    seen_free(&s);
}

/* With closed pages every access finds its row closed; one that two in the queue want stays for
 * both. */
static void test_closed_pages(void)
{
    struct seen s;
    run(&s, A15_LIST, "page: closed");
    for (uint32_t i = 0; i < 3; i++)
        CU_ASSERT_EQUAL(latency(&s, i), 31667);
    CU_ASSERT_EQUAL(seen_counter(&s, "d", "precharges"), 3);
    seen_free(&s);
    run(&s, "requests: [{address: 0, bytes: 64}, {address: 256, bytes: 64}]", "page: closed");
    CU_ASSERT_EQUAL(seen_counter(&s, "d", "row_hits"), 1);
    CU_ASSERT_EQUAL(seen_counter(&s, "d", "precharges"), 1);
    seen_free(&s);
}

/* The controller's own latency, a timing of one's own and a clock of one's own. */
static void test_parameters(void)
{
    struct seen s;
    run(&s, A15_LIST, "latency: 12ns, clock: 1ns, timing: {cl: 10, rcd: 5, rp: 7}");
    CU_ASSERT_EQUAL(latency(&s, 0), (10 + 4 + 5 + 12) * TB_NS);
    CU_ASSERT_EQUAL(latency(&s, 1), (10 + 4 + 12) * TB_NS);
    CU_ASSERT_EQUAL(latency(&s, 2), (10 + 4 + 5 + 7 + 12) * TB_NS);
    seen_free(&s);
}

/* A16. One bank, each access another row: 64 B / tRC. */
static void test_one_bank(void)
{
    struct seen s;
    run(&s, "pattern: strided, stride: 1MiB, window: 1GiB, count: 2000, outstanding: 16",
        "refresh: false");
    check_near(rate(&s, 10), 1.37);
    tb_time took = s.at[1998].ended - s.at[999].ended; /* whole clocks: tRC are 56 of 5/6 ns */
    CU_ASSERT_EQUAL(took, 999 * 56 * 5 * TB_NS / 6);
    seen_free(&s);
    run(&s, "pattern: strided, stride: 1MiB, window: 1GiB, count: 2000, outstanding: 16",
        "preset: ddr3-1600, refresh: false");
    check_near(rate(&s, 10), 1.31);
    seen_free(&s);
}

/* The same at random rows of one bank: the map has all of the row's bits below the bank's. */
static void test_one_bank_random(void)
{
    struct seen s;
    run(&s, "pattern: random, window: 64MiB, count: 20000, outstanding: 16",
        "refresh: false, map: bank:group:row:column");
    CU_ASSERT_TRUE(seen_counter(&s, "d", "row_hits") <
                   200); /* of 20000: 16 outstanding among 8192 rows */
    check_near(rate(&s, 10), 1.37);
    seen_free(&s);
}

/* Banks in turn, a new row each time: four rows per tFAW. */
static void test_four_activations(void)
{
    struct seen s;
    run(&s, "pattern: strided, stride: 8KiB, window: 1GiB, count: 20000, outstanding: 32",
        "refresh: false, map: row:bank:group:column");
    check_near(rate(&s, 100), 11.8);
    seen_free(&s);
    run(&s, "pattern: strided, stride: 8KiB, window: 1GiB, count: 20000, outstanding: 32",
        "preset: ddr3-1600, refresh: false, map: row:bank:group:column");
    check_near(rate(&s, 100), 8.53);
    seen_free(&s);
}

/* Open rows: all groups in turn at the peak, one group at tCCD_L. */
static void test_column_rates(void)
{
    struct seen s;
    run(&s, "pattern: sequential, window: 1GiB, count: 20000, outstanding: 64", "refresh: false");
    check_near(rate(&s, 100), 19.2);
    seen_free(&s);
    run(&s, "pattern: sequential, window: 8KiB, count: 20000, outstanding: 64",
        "refresh: false, map: row:bank:group:column");
    check_near(rate(&s, 100), 12.8);
    seen_free(&s);
}

/* Refresh takes tRFC of every tREFI, and (on top) closing and opening rows again: within 1 % of the
 * rate. */
static void refresh_loss(const char *preset, double peak, double loss, unsigned interval_ns)
{
    char text[128];
    struct seen s;
    snprintf(text, sizeof text, "preset: %s", preset);
    run(&s, "pattern: sequential, window: 1GiB, count: 200000, outstanding: 64", text);
    check_near(rate(&s, 100), peak * (1 - loss));
    CU_ASSERT_TRUE(rate(&s, 100) < peak * (1 - loss));
    uint64_t refreshes = s.at[s.count - 1].ended / (interval_ns * TB_NS);
    CU_ASSERT_EQUAL(seen_counter(&s, "d", "refreshes"), refreshes);
    seen_free(&s);
}

static void test_refresh(void)
{
    refresh_loss("ddr4-2400", 19.2, 0.0449, 7800);
    refresh_loss("ddr3-1600", 12.8, 0.0333, 7800);
}

/* A request that comes just as a refresh began waits for it; after idle time refreshes are made up
 * for. */
static void test_refresh_while_idle(void)
{
    struct seen s;
    run(&s,
        "requests: [{time: 0ns, address: 0, bytes: 64}, {time: 77.995us, address: 0, bytes: 64},"
        " {time: 1ms, address: 64, bytes: 64}]",
        "preset: ddr4-2400");
    /* 78 us are ten intervals: the tenth refresh begins as the request arrives. Rows were closed by
     * the first. */
    CU_ASSERT_EQUAL(latency(&s, 1), 350 * TB_NS + 31667);
    CU_ASSERT_EQUAL(latency(&s, 2), 31667);
    CU_ASSERT_EQUAL(seen_counter(&s, "d", "refreshes"), 128);
    seen_free(&s);
}

/* Two rows of one bank in turn: FR-FCFS serves a row's requests together, FIFO opens a row for
 * each. */
#define TWO_ROWS                                                                                   \
    "outstanding: 8, requests: [{address: 0, bytes: 64}, {address: 0x100000, bytes: 64},"          \
    " {address: 256, bytes: 64}, {address: 0x100100, bytes: 64}, {address: 512, bytes: 64},"       \
    " {address: 0x100200, bytes: 64}]"

static void test_schedulers(void)
{
    struct seen s;
    run(&s, TWO_ROWS, "scheduler: fr-fcfs");
    CU_ASSERT_EQUAL(seen_counter(&s, "d", "activations"), 2);
    CU_ASSERT_EQUAL(seen_counter(&s, "d", "row_hits"), 4);
    CU_ASSERT_EQUAL(s.at[1].txn.iova, 256);
    seen_free(&s);
    run(&s, TWO_ROWS, "scheduler: fifo");
    CU_ASSERT_EQUAL(seen_counter(&s, "d", "activations"), 6);
    for (uint32_t i = 0; i < s.count; i++)
        CU_ASSERT_EQUAL(s.at[i].txn.number, i);
    seen_free(&s);
    run(&s, TWO_ROWS,
        "scheduler: fr-fcfs, patience: 1"); /* one may pass: 256 does, then 0x100000 is served */
    CU_ASSERT_EQUAL(s.at[1].txn.iova, 256);
    CU_ASSERT_EQUAL(s.at[2].txn.iova, 0x100000);
    seen_free(&s);
}

/* 4 KiB are 64 bursts through a queue of 4; what begins or ends inside a burst takes the whole of
 * it. */
static void test_bursts(void)
{
    struct seen s;
    run(&s,
        "burst: 4KiB, requests: [{address: 0, bytes: 4096}, {address: 0x2fff, bytes: 1},"
        " {op: write, address: 0x103f, bytes: 2}]",
        "queue: 4, refresh: false");
    CU_ASSERT_EQUAL(seen_counter(&s, "d", "row_hits") + seen_counter(&s, "d", "row_closed") +
                        seen_counter(&s, "d", "row_conflicts"),
                    64 + 1 + 2);
    CU_ASSERT_EQUAL(seen_counter(&s, "d", "reads"), 2);
    CU_ASSERT_EQUAL(seen_counter(&s, "d", "writes"), 1);
    CU_ASSERT_EQUAL(seen_counter(&s, "d", "busy_clocks"), 67 * 4);
    seen_free(&s);
}

/* A write, then a read of the same bytes: never the read first, though the bus would let it. Posted
 * ends when sent. */
static void test_same_bytes(void)
{
    struct seen s;
    run(&s,
        "data: counter, requests: [{address: 64, bytes: 64}, {op: write, address: 0, bytes: 64}, "
        "{address: 0, bytes: 64}]",
        "refresh: false, map: row:bank:group:column");
    CU_ASSERT_EQUAL(s.count, 3);
    CU_ASSERT_EQUAL(s.at[1].txn.number, 1);
    CU_ASSERT_EQUAL(s.at[2].txn.number, 2);
    /* tWTR_L after the end of the write's data. */
    CU_ASSERT_EQUAL(s.at[2].ended - s.at[1].ended, (9 + 17 + 4) * 5 * TB_NS / 6);
    seen_free(&s);
    run(&s, "posted: true, op: write, pattern: sequential, count: 500, window: 64KiB", "");
    CU_ASSERT_EQUAL(s.count, 500);
    CU_ASSERT_EQUAL(seen_counter(&s, "d", "writes"), 500);
    CU_ASSERT_TRUE(tb_sim_idle(s.sim));
    seen_free(&s);
}

static void test_refused(void)
{
    struct seen s;
    run(&s, "requests: [{address: 0x40000000, bytes: 64}, {address: 0, bytes: 64}]", "");
    CU_ASSERT_EQUAL(s.at[0].status, TB_UNSUPPORTED);
    CU_ASSERT_EQUAL(s.at[1].status, TB_OK);
    seen_free(&s);
}

/* Every burst has a place of its own, whatever the order. */
static void test_map(void)
{
    static const char *const good[] = {"row:bank:group:column", "column:group:bank:row",
                                       "bank:row:column:group"};
    static const char *const bad[] = {"",
                                      "row",
                                      "row:bank:group",
                                      "row:bank:group:column:",
                                      "row:row:group:column",
                                      ":row:bank:group:column",
                                      "row:bank:group:columns",
                                      "row:bank:group:column:row"};
    struct dram_map map;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        CU_ASSERT_FALSE(dram_map_read(&map, bad[i]));
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        bool seen[5 * 3 * 2 * 7] = {false};
        CU_ASSERT_TRUE_FATAL(dram_map_read(&map, good[i]));
        map.count[DRAM_ROW] = 5;
        map.count[DRAM_BANK] = 3;
        map.count[DRAM_GROUP] = 2;
        map.count[DRAM_COLUMN_FIELD] = 7;
        for (uint64_t n = 0; n < 210; n++) {
            uint64_t at[DRAM_FIELDS];
            dram_map_place(&map, n, at);
            uint64_t k = ((at[DRAM_ROW] * 3 + at[DRAM_BANK]) * 2 + at[DRAM_GROUP]) * 7 +
                         at[DRAM_COLUMN_FIELD];
            CU_ASSERT_TRUE_FATAL(k < 210);
            CU_ASSERT_FALSE(seen[k]);
            seen[k] = true;
        }
    }
    CU_ASSERT_TRUE(dram_map_read(&map, "row:bank:group:column"));
    CU_ASSERT_EQUAL(map.order[0], DRAM_COLUMN_FIELD);
    CU_ASSERT_EQUAL(map.order[3], DRAM_ROW);
}

/* The least distance of two commands, of every rule: bank 0, then the same bank, one of its group,
 * one of another. */
static uint64_t distance(enum dram_command first, bool write, enum dram_command then,
                         bool then_write, unsigned bank)
{
    struct dram_banks b;
    uint64_t clock = 1000;
    dram_banks_make(&b, &dram_kinds[DRAM_DDR4_2400].timing, 4, 4, false);
    if (first != DRAM_ACTIVATE)
        dram_banks_activate(&b, 0, 1, 0); /* long ago */
    if (first == DRAM_ACTIVATE)
        dram_banks_activate(&b, 0, 1, clock);
    else if (first == DRAM_PRECHARGE)
        dram_banks_precharge(&b, 0, clock);
    else
        dram_banks_column(&b, 0, write, false, clock);
    return dram_banks_earliest(&b, bank, then, then_write) - clock;
}

static void test_rules(void)
{
    static const struct {
        enum dram_command first, then;
        bool write, then_write;
        unsigned bank;
        uint64_t clocks;
    } rules[] = {
        {DRAM_ACTIVATE, DRAM_COLUMN, 0, 0, 0, 17},
        {DRAM_ACTIVATE, DRAM_PRECHARGE, 0, 0, 0, 39},
        {DRAM_ACTIVATE, DRAM_ACTIVATE, 0, 0, 0, 39 + 17},
        {DRAM_ACTIVATE, DRAM_ACTIVATE, 0, 0, 1, 6},
        {DRAM_ACTIVATE, DRAM_ACTIVATE, 0, 0, 4, 4},
        {DRAM_PRECHARGE, DRAM_ACTIVATE, 0, 0, 0, 17},
        {DRAM_COLUMN, DRAM_PRECHARGE, 0, 0, 0, 9},
        {DRAM_COLUMN, DRAM_PRECHARGE, 1, 0, 0, 12 + 4 + 18},
        {DRAM_COLUMN, DRAM_COLUMN, 0, 0, 1, 6},
        {DRAM_COLUMN, DRAM_COLUMN, 0, 0, 4, 4},
        {DRAM_COLUMN, DRAM_COLUMN, 1, 1, 1, 6},
        {DRAM_COLUMN, DRAM_COLUMN, 1, 1, 4, 4},
        {DRAM_COLUMN, DRAM_COLUMN, 1, 0, 1, 12 + 4 + 9},
        {DRAM_COLUMN, DRAM_COLUMN, 1, 0, 4, 12 + 4 + 3},
        {DRAM_COLUMN, DRAM_COLUMN, 0, 1, 1, 17 + 4 + 2 - 12},
        {DRAM_COLUMN, DRAM_COLUMN, 0, 1, 4, 17 + 4 + 2 - 12},
        {DRAM_COLUMN, DRAM_ACTIVATE, 0, 0, 4, 1}, /* the command bus */
    };
    for (size_t i = 0; i < sizeof rules / sizeof *rules; i++)
        CU_ASSERT_EQUAL(distance(rules[i].first, rules[i].write, rules[i].then, rules[i].then_write,
                                 rules[i].bank),
                        rules[i].clocks);
}

static void expect_error(const char *dram, const char *words)
{
    char text[512];
    struct seen s;
    snprintf(text, sizeof text,
             "platform: p\nmodels: {r: {model: requester}, d: {model: dram, %s}}\nlinks: [{from: "
             "r, to: d}]\n",
             dram);
    seen_load(&s, text);
    CU_ASSERT_PTR_NULL(s.sim);
    CU_ASSERT_PTR_NOT_NULL_FATAL(tb_diag_text(s.diag, 0));
    CU_ASSERT_PTR_NOT_NULL(strstr(tb_diag_text(s.diag, 0), words));
    seen_free(&s);
}

static void test_errors(void)
{
    expect_error("size: 1MiB, map: row:bank", "once each");
    expect_error("size: 100KiB", "whole rows of all banks");
    expect_error("size: 1MiB, groups: 16, banks: 16", "more than 64 banks");
    expect_error("size: 1MiB, row: 100B", "whole bursts");
    expect_error("size: 1MiB, timing: {bl: 7}", "even");
    expect_error("size: 1MiB, timing: {ccd_s: 3}", "ccd_s >= 4");
    expect_error("size: 1MiB, timing: {refi: 500}", "sum of the others");
    expect_error("size: 1MiB, clock: none", "out of range");
    expect_error("size: 1MiB, base: 0xfffffffffffff000", "past the end");
}

SUITE("dram", {"A15: latencies of DDR4-2400", test_latency_ddr4},
      {"A15: latencies of DDR3-1600", test_latency_ddr3}, {"closed pages", test_closed_pages},
      {"timings are parameters", test_parameters}, {"A16: one bank", test_one_bank},
      {"A16: one bank at random", test_one_bank_random},
      {"A16: four activations", test_four_activations}, {"A16: column rates", test_column_rates},
      {"A16: refresh", test_refresh}, {"refresh while idle", test_refresh_while_idle},
      {"schedulers", test_schedulers}, {"bursts", test_bursts}, {"same bytes", test_same_bytes},
      {"refused", test_refused}, {"mapping", test_map}, {"rules between commands", test_rules},
      {"errors", test_errors})
