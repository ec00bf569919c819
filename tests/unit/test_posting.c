/* A bridge's buffer for posted writes: how long each waits, what sends it on, what passes it. */
#include "../seen.h"
#include "../suite.h"

/* A device, a bridge of 10 ns with a buffer, a memory that takes no time; 1 ns links. */
static void run(struct seen *s, const char *device, const char *bridge)
{
    char text[2048];
    snprintf(text, sizeof text,
             "platform: posting\n"
             "models:\n"
             "  r: {model: requester, data: counter, %s}\n"
             "  b: {model: bridge, latency: 10ns, posting: {%s}}\n"
             "  d: {model: memory, size: 1MiB, latency: 0ns, bandwidth: unlimited}\n"
             "links: [{from: r, to: b.down, latency: 1ns}, {from: b.up, to: d, latency: 1ns}]\n",
             device, bridge);
    seen_run(s, text);
    CU_ASSERT_PTR_NOT_NULL_FATAL(s->sim);
    CU_ASSERT_TRUE(tb_sim_idle(s->sim));
    for (size_t i = 0; i < s->count; i++) {
        tb_time sum = 0;
        for (unsigned p = 0; p < TB_PARTS; p++)
            sum += s->at[i].txn.spent[p];
        CU_ASSERT_EQUAL(sum, s->at[i].ended - s->at[i].txn.created);
    }
}

static tb_time ended(const struct seen *s, uint32_t number)
{
    const struct seen_txn *t = seen_find(s, "r", number);
    CU_ASSERT_PTR_NOT_NULL_FATAL(t);
    CU_ASSERT_EQUAL(t->status, TB_OK);
    return t->ended;
}

#define PARTS_AND_READ                                                                             \
    "requests: [{op: write, address: 0, bytes: 8}, {time: 20ns, op: write, address: 8, bytes: 8}," \
    " {time: 50ns, address: 0x1000, bytes: 8}]"

static void test_hold(void)
{
    struct seen s;
    run(&s,
        "posted: true, requests: [{op: write, address: 0, bytes: 8}, {time: 20ns, op: write, "
        "address: 8, bytes: 8}]",
        "hold: 100ns");
    CU_ASSERT_EQUAL(ended(&s, 0), (12 + 100) * TB_NS);
    CU_ASSERT_EQUAL(ended(&s, 1), (20 + 12 + 100) * TB_NS);
    CU_ASSERT_EQUAL(seen_counter(&s, "b", "held"), 2);
    seen_free(&s);
    run(&s, "posted: true, requests: [{op: write, address: 0, bytes: 64}]",
        "hold: 100ns"); /* a whole line */
    CU_ASSERT_EQUAL(ended(&s, 0), 12 * TB_NS);
    seen_free(&s);
    run(&s, "posted: false, requests: [{op: write, address: 0, bytes: 8}]",
        "hold: 100ns"); /* not posted */
    CU_ASSERT_EQUAL(ended(&s, 0), 24 * TB_NS);
    seen_free(&s);
}

static void test_read_flushes(void)
{
    struct seen s;
    run(&s, "posted: true, " PARTS_AND_READ, "hold: 1us");
    CU_ASSERT_EQUAL(ended(&s, 0), (50 + 12) * TB_NS);
    CU_ASSERT_EQUAL(ended(&s, 1), (50 + 12) * TB_NS);
    CU_ASSERT_EQUAL(ended(&s, 2), (50 + 24) * TB_NS);
    CU_ASSERT_EQUAL(seen_counter(&s, "b", "flushed"), 1);
    seen_free(&s);
    run(&s, "posted: true, " PARTS_AND_READ, "hold: 1us, ordered: false");
    CU_ASSERT_EQUAL(ended(&s, 0), (12 + 1000) * TB_NS);
    CU_ASSERT_EQUAL(ended(&s, 1), (20 + 12 + 1000) * TB_NS);
    CU_ASSERT_EQUAL(ended(&s, 2), (50 + 24) * TB_NS);
    CU_ASSERT_EQUAL(seen_counter(&s, "b", "passed_held"), 1);
    seen_free(&s);
    run(&s, "posted: true, relaxed: true, " PARTS_AND_READ, "hold: 1us");
    CU_ASSERT_EQUAL(ended(&s, 0), (12 + 1000) * TB_NS);
    CU_ASSERT_EQUAL(ended(&s, 2), (50 + 24) * TB_NS);
    seen_free(&s);
}

/* A later write never overtakes in an ordered buffer, whole line or not; a full one lets the oldest
 * go. */
static void test_writes(void)
{
    struct seen s;
    run(&s,
        "posted: true, requests: [{op: write, address: 8, bytes: 8}, {time: 30ns, op: write, "
        "address: 64, bytes: 64}]",
        "hold: 1us");
    CU_ASSERT_EQUAL(ended(&s, 0), 42 * TB_NS);
    CU_ASSERT_EQUAL(ended(&s, 1), 42 * TB_NS);
    CU_ASSERT_EQUAL(s.at[0].txn.number, 0);
    seen_free(&s);
    run(&s,
        "posted: true, op: write, pattern: sequential, length: 8B, window: 1KiB, rate: 10ns, "
        "count: 5",
        "hold: 1us, entries: 2");
    for (uint32_t i = 0; i < 3; i++)
        CU_ASSERT_EQUAL(ended(&s, i),
                        ((i + 2 + 1) * 10 + 12) * TB_NS); /* as the second after it comes */
    CU_ASSERT_EQUAL(ended(&s, 4), (5 * 10 + 12 + 1000) * TB_NS);
    seen_free(&s);
}

/* In front of an IOMMU: what waits is translated when it goes on; and all is there in the end. */
static void test_with_iommu(void)
{
    static const char text[] =
        "platform: posting\n"
        "models:\n"
        "  r: {model: requester, posted: true, data: address, op: mixed, pattern: random, length: "
        "24B, window: 64KiB, count: 400}\n"
        "  b: {model: bridge, posting: {hold: 300ns, line: 8B, entries: 4}, iommu: {irq: 3}}\n"
        "  d: {model: memory, size: 1MiB}\n"
        "links: [{from: r, to: b.down, latency: 1ns, credits: 3}, {from: b.up, to: d, latency: "
        "1ns}]\n";
    struct seen s;
    seen_run(&s, text);
    CU_ASSERT_PTR_NOT_NULL_FATAL(s.sim);
    CU_ASSERT_TRUE(tb_sim_idle(s.sim));
    CU_ASSERT_EQUAL(seen_counter(&s, "r", "failed"), 0);
    for (size_t i = 0; i < s.count; i++)
        if (s.at[i].txn.write) {
            uint64_t word;
            CU_ASSERT_TRUE(tb_sim_peek(s.sim, s.at[i].txn.iova & ~7u, &word, 8));
            CU_ASSERT_EQUAL(word, s.at[i].txn.iova & ~7u);
        }
    seen_free(&s);
}

SUITE("posting", {"each waits for a time", test_hold}, {"a read flushes", test_read_flushes},
      {"writes", test_writes}, {"in front of an IOMMU", test_with_iommu})
