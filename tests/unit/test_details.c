/* What of parts is told apart: by hand, for requests through an IOMMU with one walker. Every read
 * of a table takes 60 ns: 10 on the way there, 40 in the memory, 10 back. */
#include "../seen.h"
#include "suite.h"

#define NS           (tb_time)1000
#define MEMORY(read) ((read) + TB_DETAIL_MEMORY - TB_DETAIL_READS)

/* A device with three levels of tables. Looked up are the requests 65 ns after they were sent; the
 * first waits for the device table's entry (65 to 125) and for the walk of its page (125 to 305).
 */
static const char scenario[] =
    "scenario: details\n"
    "platform:\n"
    "  models:\n"
    "    dram: {model: memory, base: 0, size: 512MiB, latency: 40ns}\n"
    "    root: {model: bridge, latency: 50ns, iommu: {walkers: 1, iotlb: {hit: 2ns}, devtab: {hit: "
    "3ns},\n"
    "           reset: {devtab: 0x400001, control: 1}}}\n"
    "    dev: {model: requester, id: \"00:02.0\", outstanding: 8, requests: [\n"
    "           {op: read, address: 0x7000, bytes: 64},\n"
    "           {time: 145ns, op: read, address: 0x7040, bytes: 64},\n"
    "           {time: 185ns, op: read, address: 0x8000, bytes: 64},\n"
    "           {time: 65ns, op: read, address: 0x70c0, bytes: 64}]}\n"
    "  links:\n"
    "    - {from: dev, to: root.down, latency: 10ns}\n"
    "    - {from: root.up, to: dram, latency: 10ns}\n"
    "memory:\n"
    "  - {at: 0x400200, u64: [0x6000000000800603, 7, 0, 0]}\n"
    "  - {at: 0x800000, u64: [0x6000000000801401]}\n"
    "  - {at: 0x801000, u64: [0x6000000000802201]}\n"
    "  - {at: 0x802038, u64: [0x6000000010000001, 0x6000000010008001]}\n"
    "record: {log: none, trace: %s}\n";

struct expected {
    uint32_t number;
    enum tb_detail detail;
    tb_time ns;
};

static const struct expected expected[] = {
    {0, TB_DETAIL_DEVTAB, 3},
    {0, TB_DETAIL_IOTLB, 2},
    {0, TB_DETAIL_WALKER, 0},
    {0, TB_DETAIL_READS, 20},
    {0, TB_DETAIL_MEMORY, 40},
    {0, TB_DETAIL_LEVEL + 2, 20},
    {0, MEMORY(TB_DETAIL_LEVEL + 2), 40},
    {0, TB_DETAIL_LEVEL + 1, 20},
    {0, MEMORY(TB_DETAIL_LEVEL + 1), 40},
    {0, TB_DETAIL_LEVEL, 20},
    {0, MEMORY(TB_DETAIL_LEVEL), 40},
    /* Looked up at 210, while the entry of level 2 is read (185 to 245, in the memory until 235).
     */
    {1, TB_DETAIL_WALKER, 0},
    {1, TB_DETAIL_READS, 0},
    {1, TB_DETAIL_LEVEL + 2, 0},
    {1, MEMORY(TB_DETAIL_LEVEL + 2), 0},
    {1, TB_DETAIL_LEVEL + 1, 10},
    {1, MEMORY(TB_DETAIL_LEVEL + 1), 25},
    {1, TB_DETAIL_LEVEL, 20},
    {1, MEMORY(TB_DETAIL_LEVEL), 40},
    /* Looked up at 250: the walker is taken until 305. Then three requests leave before its first
     * read, and take 5 ns each of the memory's bandwidth. */
    {2, TB_DETAIL_WALKER, 55},
    {2, TB_DETAIL_LEVEL + 2, 35},
    {2, MEMORY(TB_DETAIL_LEVEL + 2), 40},
    {2, TB_DETAIL_LEVEL + 1, 20},
    {2, TB_DETAIL_LEVEL, 20},
    {2, MEMORY(TB_DETAIL_LEVEL), 40},
};

static const struct seen_txn *dma(const struct seen *s, uint32_t number)
{
    for (size_t i = 0; i < s->count; i++)
        if (s->at[i].txn.kind == TB_TXN_DMA && s->at[i].txn.number == number)
            return &s->at[i];
    return NULL;
}

static tb_time detail_of(const struct seen_txn *t, enum tb_detail detail)
{
    return t->txn.details >> detail & 1 ? t->details.of[detail] : 0;
}

static void run(struct seen *s, const char *trace)
{
    char text[4096];
    snprintf(text, sizeof text, scenario, trace);
    seen_run(s, text);
    CU_ASSERT_PTR_NOT_NULL_FATAL(s->sim);
    CU_ASSERT_EQUAL(tb_diag_count(tb_sim_diag(s->sim)), 0);
}

static void check(const struct seen *s)
{
    for (size_t k = 0; k < sizeof expected / sizeof *expected; k++) {
        const struct expected *e = &expected[k];
        const struct seen_txn *t = dma(s, e->number);
        CU_ASSERT_PTR_NOT_NULL_FATAL(t);
        tb_time got = detail_of(t, e->detail);
        CU_ASSERT_EQUAL(got, e->ns * NS);
        if (got != e->ns * NS)
            printf("\n    %u: detail %u is %llu ps, not %llu ns", e->number, (unsigned)e->detail,
                   (unsigned long long)got, (unsigned long long)e->ns);
    }
}

static void test_by_hand(void)
{
    struct seen s;
    run(&s, "false");
    check(&s);
    seen_free(&s);
}

/* In a trace the spans of a read are three, for which the same must come out. */
static void test_traced(void)
{
    struct seen s;
    run(&s, "true");
    check(&s);
    seen_free(&s);
}

/* The way back: two wires of 10 ns and the bridge. */
static void test_back(void)
{
    struct seen s;
    run(&s, "false");
    const struct seen_txn *t = dma(&s, 0);
    CU_ASSERT_PTR_NOT_NULL_FATAL(t);
    CU_ASSERT_EQUAL(t->ended - t->txn.created, 425 * NS);
    CU_ASSERT_EQUAL(t->txn.spent[TB_PART_WIRE], 40 * NS);
    CU_ASSERT_EQUAL(t->txn.back[TB_PART_WIRE], 20 * NS);
    CU_ASSERT_EQUAL(t->txn.spent[TB_PART_BRIDGE], 100 * NS);
    CU_ASSERT_EQUAL(t->txn.back[TB_PART_BRIDGE], 50 * NS);
    CU_ASSERT_EQUAL(t->txn.back[TB_PART_QUEUE], 0);
    seen_free(&s);
}

SUITE("details", {"levels, by hand", test_by_hand}, {"the same with a trace", test_traced},
      {"the way back", test_back})
