/* llc: latencies, who takes lines, write-back and write-through, what the CPU and a debugger see.
 */
#include "../seen.h"
#include "../suite.h"
#include "llc/lines.h"

/* A requester (a device), a cache and a memory: 1 ns links, 10 ns to hit, 40 ns in memory. */
static void run(struct seen *s, const char *requester, const char *llc)
{
    char text[2048];
    snprintf(text, sizeof text,
             "platform: llc\n"
             "models:\n"
             "  r: {model: requester, %s}\n"
             "  c: {model: llc, %s}\n"
             "  d: {model: memory, size: 1MiB, latency: 40ns, bandwidth: unlimited}\n"
             "links: [{from: r, to: c, latency: 1ns}, {from: c.mem, to: d, latency: 1ns}]\n",
             requester, llc);
    seen_run(s, text);
    CU_ASSERT_PTR_NOT_NULL_FATAL(s->sim);
    for (size_t i = 0; i < s->count; i++) {
        tb_time sum = 0;
        for (unsigned p = 0; p < TB_PARTS; p++)
            sum += s->at[i].txn.spent[p];
        CU_ASSERT_EQUAL(sum, s->at[i].ended - s->at[i].txn.created);
    }
}

static tb_time latency(const struct seen *s, uint32_t number)
{
    const struct seen_txn *t = seen_find(s, "r", number);
    CU_ASSERT_PTR_NOT_NULL_FATAL(t);
    CU_ASSERT_EQUAL(t->status, TB_OK);
    return t->ended - t->txn.created;
}

#define COUNT(name, value) CU_ASSERT_EQUAL(seen_counter(&s, "c", name), value)

static void test_latencies(void)
{
    struct seen s;
    run(&s,
        "requests: [{time: 0ns, address: 0, bytes: 64}, {time: 1us, address: 8, bytes: 8},"
        " {time: 2us, address: 8, bytes: 8, op: write}, {time: 3us, address: 64, bytes: 64, op: "
        "write},"
        " {time: 4us, address: 128, bytes: 4, op: write}]",
        "device_reads: allocate");
    CU_ASSERT_EQUAL(latency(&s, 0), (2 + 2 + 40 + 10) * TB_NS); /* miss */
    CU_ASSERT_EQUAL(latency(&s, 1), (2 + 10) * TB_NS);          /* hit */
    CU_ASSERT_EQUAL(latency(&s, 2), (2 + 10) * TB_NS);
    CU_ASSERT_EQUAL(latency(&s, 3), (2 + 10) * TB_NS);          /* a whole line is not fetched */
    CU_ASSERT_EQUAL(latency(&s, 4), (2 + 2 + 40 + 10) * TB_NS); /* a part is */
    COUNT("read_hits", 1);
    COUNT("read_misses", 1);
    COUNT("write_hits", 1);
    COUNT("write_misses", 2);
    COUNT("fetches", 2);
    COUNT("ddio", 2);
    CU_ASSERT_EQUAL(seen_counter(&s, "d", "writes"),
                    0); /* written back when they have to go, not before */
    seen_free(&s);
}

/* 4 KiB are 64 lines, looked up as registers allow. Those for a line that is on its way wait for
 * it. */
static void test_registers(void)
{
    struct seen s;
    run(&s, "burst: 4KiB, requests: [{address: 0, bytes: 4096}]",
        "device_reads: allocate, mshrs: 64");
    CU_ASSERT_EQUAL(latency(&s, 0), 54 * TB_NS);
    seen_free(&s);
    run(&s, "burst: 4KiB, requests: [{address: 0, bytes: 4096}]",
        "device_reads: allocate, mshrs: 16");
    CU_ASSERT_EQUAL(latency(&s, 0), (4 * 42 + 12) * TB_NS); /* four batches of 42 ns */
    CU_ASSERT_TRUE(seen_counter(&s, "c", "stalls") >= 3);
    seen_free(&s);
    run(&s, "burst: 8B, requests: [{address: 0, bytes: 64}]", "device_reads: allocate");
    COUNT("fetches", 1);
    COUNT("coalesced", 7);
    seen_free(&s);
    run(&s, "burst: 8B, requests: [{address: 0, bytes: 64}]", "device_reads: allocate, targets: 2");
    COUNT("fetches", 1);
    COUNT("read_hits", 6);
    seen_free(&s);
}

/* One set of four ways: a device's writes take two, whatever it writes. */
static void test_ddio_ways(void)
{
    struct seen s;
    run(&s, "op: write, pattern: sequential, window: 64KiB, count: 100, outstanding: 1",
        "size: 256B, ways: 4, ddio_ways: 2");
    COUNT("ddio", 100);
    COUNT("evictions", 98);
    COUNT("write_backs", 98);
    seen_free(&s);
    run(&s, "op: write, pattern: sequential, window: 64KiB, count: 100, outstanding: 1",
        "size: 256B, ways: 4, ddio_ways: 4");
    COUNT("write_backs", 96);
    seen_free(&s);
    run(&s, "op: write, pattern: sequential, window: 64KiB, count: 100, outstanding: 1",
        "size: 256B, ways: 4, ddio_ways: 0");
    COUNT("ddio", 0);
    COUNT("around", 100);
    CU_ASSERT_EQUAL(seen_counter(&s, "d", "writes"), 100);
    seen_free(&s);
}

static void test_device_reads(void)
{
    struct seen s;
    run(&s, "pattern: sequential, window: 1KiB, count: 32, outstanding: 1", "device_reads: around");
    COUNT("read_misses", 32);
    COUNT("around", 32);
    seen_free(&s);
    run(&s, "pattern: sequential, window: 1KiB, count: 32, outstanding: 1",
        "device_reads: allocate");
    COUNT("read_misses", 16);
    COUNT("read_hits", 16);
    seen_free(&s);
}

static void test_write_through(void)
{
    struct seen s;
    run(&s,
        "op: alternate, pattern: sequential, window: 128B, count: 64, outstanding: 4, data: "
        "address",
        "write: through, device_reads: allocate");
    CU_ASSERT_EQUAL(seen_counter(&s, "d", "writes"), 32);
    COUNT("write_throughs", 32);
    COUNT("write_backs", 0);
    seen_free(&s);
}

/* LRU keeps what is used, FIFO does not: A B A C A in two ways. */
static void test_replacement(void)
{
#define ABACA                                                                                      \
    "outstanding: 1, requests: [{address: 0, bytes: 64}, {address: 64, bytes: 64}, {address: 0, "  \
    "bytes: 64},"                                                                                  \
    " {address: 128, bytes: 64}, {address: 0, bytes: 64}]"
    struct seen s;
    run(&s, ABACA, "size: 128B, ways: 2, ddio_ways: 2, device_reads: allocate, replacement: lru");
    COUNT("read_hits", 2);
    seen_free(&s);
    run(&s, ABACA, "size: 128B, ways: 2, ddio_ways: 2, device_reads: allocate, replacement: fifo");
    COUNT("read_hits", 1);
    seen_free(&s);
}

/* What was written is in the cache, not in memory; a debugger sees the newest, and what it writes
 * is seen. */
static void test_debug(void)
{
    uint8_t counter[64], seen[64], raw[64];
    struct seen s;
    for (unsigned i = 0; i < sizeof counter; i++)
        counter[i] = (uint8_t)i;
    run(&s, "data: counter, requests: [{address: 0x1000, bytes: 64, op: write}]", "size: 4KiB");
    CU_ASSERT_TRUE(tb_sim_peek(s.sim, 0x1000, seen, 64));
    CU_ASSERT_EQUAL(memcmp(seen, counter, 64), 0);
    struct tb_model *d = tb_sim_model(s.sim, "d");
    struct tb_debug access = {.address = 0x1000, .data = raw, .length = 64};
    CU_ASSERT_TRUE(d->class->debug(d, 0, &access));
    CU_ASSERT_EQUAL(raw[63], 0);
    uint8_t more[6] = {1, 2, 3, 4, 5, 6};
    CU_ASSERT_TRUE(
        tb_sim_poke(s.sim, 0x103d, more, 6)); /* three bytes of the line, three after it */
    struct tb_access a = {.address = 0x1038, .data = seen, .length = 16};
    CU_ASSERT_TRUE(tb_sim_access(s.sim, "r", &a));
    CU_ASSERT_EQUAL(memcmp(seen, "\x38\x39\x3a\x3b\x3c\x01\x02\x03\x04\x05\x06\0\0\0\0\0", 16), 0);
    CU_ASSERT_FALSE(tb_sim_peek(s.sim, 0x100000, seen, 1));
    seen_free(&s);
}

/* While lines are on their way back to memory, a debugger finds them there. */
static void test_debug_in_flight(void)
{
    static const char text[] =
        "platform: llc\n"
        "models:\n"
        "  r: {model: requester, op: write, pattern: sequential, window: 64KiB, count: 64, data: "
        "address}\n"
        "  c: {model: llc, size: 128B, ways: 2}\n"
        "  d: {model: memory, size: 1MiB}\n"
        "links: [{from: r, to: c, latency: 1ns}, {from: c.mem, to: d, latency: 1us}]\n";
    struct seen s;
    seen_load(&s, text);
    CU_ASSERT_PTR_NOT_NULL_FATAL(s.sim);
    tb_sim_run(s.sim, 300 * TB_NS);
    CU_ASSERT_EQUAL(seen_counter(&s, "d", "writes"), 0);
    CU_ASSERT_TRUE(seen_counter(&s, "c", "write_backs") > 4);
    uint64_t word, other = 0x1122334455667788;
    CU_ASSERT_TRUE(tb_sim_peek(s.sim, 64, &word, 8));
    CU_ASSERT_EQUAL(word, 64);
    CU_ASSERT_TRUE(tb_sim_poke(s.sim, 72, &other, 8));
    tb_sim_run(s.sim, TB_NEVER);
    CU_ASSERT_TRUE(tb_sim_peek(s.sim, 72, &word, 8));
    CU_ASSERT_EQUAL(word, other);
    CU_ASSERT_TRUE(tb_sim_peek(s.sim, 80, &word, 8));
    CU_ASSERT_EQUAL(word, 80);
    seen_free(&s);
}

/* What is no memory passes, and is refused where it ends. */
static void test_pass_and_refuse(void)
{
    struct seen s;
    run(&s,
        "requests: [{address: 0x100000, bytes: 64}, {address: 0xffffe, bytes: 4}, {address: 0, "
        "bytes: 64}]",
        "size: 4KiB");
    CU_ASSERT_EQUAL(s.count, 4 + 2); /* two pieces across the end; two fetches */
    unsigned refused = 0;
    for (size_t i = 0; i < s.count; i++)
        refused += s.at[i].status == TB_UNSUPPORTED;
    CU_ASSERT_EQUAL(refused, 2);
    COUNT("fetches", 2);
    seen_free(&s);
}

static void expect_error(const char *llc, const char *words)
{
    char text[512];
    struct seen s;
    snprintf(text, sizeof text,
             "platform: p\nmodels: {r: {model: requester}, c: {model: llc, %s}, d: {model: memory, "
             "base: 0x20, size: 4KiB}}\n"
             "links: [{from: r, to: c}, {from: c.mem, to: d}]\n",
             llc);
    seen_load(&s, text);
    CU_ASSERT_PTR_NULL(s.sim);
    CU_ASSERT_PTR_NOT_NULL_FATAL(tb_diag_text(s.diag, 0));
    CU_ASSERT_PTR_NOT_NULL(strstr(tb_diag_text(s.diag, 0), words));
    seen_free(&s);
}

static void test_errors(void)
{
    expect_error("line: 48B", "power of two");
    expect_error("size: 1000B", "whole sets");
    expect_error("ways: 4, ddio_ways: 5", "at most ways");
    expect_error("size: 4KiB", "begin and end with a line");
}

SUITE("llc", {"latencies", test_latencies}, {"registers", test_registers},
      {"DDIO's ways", test_ddio_ways}, {"device reads", test_device_reads},
      {"write-through", test_write_through}, {"replacement", test_replacement},
      {"debugger", test_debug}, {"debugger and write-backs", test_debug_in_flight},
      {"passes and refuses", test_pass_and_refuse}, {"errors", test_errors})
