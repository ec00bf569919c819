/* An IOMMU changes times, never bytes: the same requests, behind none and behind IOMMUs of every
 * size, leave the same bytes at every address that the devices use, and read the same. A21: none is
 * lost, none is doubled.
 *
 * The pages of the window lie in physical memory in another order, so that a wrong translation
 * shows.
 */
#include "../seen.h"
#include "../suite.h"

enum { PAGE = 4096, PAGES = 512, TABLE = 0x800000, COUNT = 1500 };

/* Where a page of the window lies. */
static uint64_t place(unsigned page, bool mapped)
{
    return (uint64_t)PAGE * (mapped ? page * 291u % PAGES + PAGES : page);
}

static uint8_t content(uint64_t iova)
{
    return (uint8_t)((iova * 0x9E3779B97F4A7C15u) >> 56);
}

static void write_table(FILE *to)
{
    /* Device table entries: valid, translated, two levels, read and write allowed; domain 1. */
    for (unsigned id = 0x10; id <= 0x18; id += 8)
        fprintf(to, "  - {at: 0x%x, u64: [0x%llx, 1, 0, 0]}\n", TABLE + id * 32,
                0x6000000000000403ull + TABLE + 0x10000);
    fprintf(to, "  - {at: 0x%x, u64: [0x%llx]}\n", TABLE + 0x10000,
            0x6000000000000201ull + TABLE + 0x11000);
    fprintf(to, "  - {at: 0x%x, u64: [", TABLE + 0x11000);
    for (unsigned page = 0; page < PAGES; page++)
        fprintf(to, "%s0x%llx", page ? ", " : "", 0x6000000000000001ull + place(page, true));
    fprintf(to, "]}\n");
}

static char *scenario(const char *iommu)
{
    char *text = NULL;
    size_t length;
    FILE *to = open_memstream(&text, &length);
    fprintf(to,
            "scenario: iommu\n"
            "platform:\n"
            "  models:\n"
            "    writer: {model: requester, id: \"00:02.0\", pattern: random, op: write, count: "
            "%u, burst: 256B,\n"
            "             length: 192B, window: 1MiB, data: address, stream: 1}\n"
            "    reader: {model: requester, id: \"00:03.0\", pattern: zipf, op: read, count: %u, "
            "base: 0x100000,\n"
            "             burst: 128B, length: 256B, window: 1MiB, stream: 2}\n"
            "    pci: {model: bus, protocol: pci, clock: 15ns, width: 8B}\n"
            "    root: {model: bridge, latency: 20ns%s%s%s}\n"
            "    sys: {model: bus, bandwidth: 6.4GB/s}\n"
            "    dram: {model: memory, size: 16MiB}\n"
            "  links:\n"
            "    - {from: writer, to: pci, credits: 8}\n"
            "    - {from: reader, to: pci, credits: 8}\n"
            "    - {from: pci, to: root.down, latency: 10ns, credits: 4}\n"
            "    - {from: root.up, to: sys, latency: 10ns, credits: 8}\n"
            "    - {from: sys, to: dram, credits: 8}\n"
            "memory:\n",
            COUNT, COUNT, *iommu ? ", iommu: {reset: {devtab: 0x800000, control: 1}, " : "", iommu,
            *iommu ? "}" : "");
    write_table(to);
    fclose(to);
    return text;
}

/* What a run leaves behind. */
struct outcome {
    uint64_t memory;  /* hash of the window's bytes, in the order of the device's addresses */
    uint64_t read;    /* hash of what was read, by transaction, in any order */
    uint64_t dma, ok; /* how many, with which outcome */
    tb_time end;
};

static uint64_t hash(uint64_t h, const uint8_t *bytes, size_t length)
{
    for (size_t i = 0; i < length; i++)
        h = (h ^ bytes[i]) * 0x100000001B3u;
    return h;
}

static void observe(void *context, struct tb_model *by, const struct tb_txn *t,
                    enum tb_status status, tb_time when)
{
    struct outcome *o = context;
    (void)by;
    if (t->kind != TB_TXN_DMA)
        return;
    o->dma++;
    o->ok += status == TB_OK;
    o->end = when;
    if (!t->write)
        o->read += hash(t->number * 0x9E3779B97F4A7C15u, t->data, t->length);
}

static struct outcome run(const char *iommu)
{
    struct outcome o = {.memory = 0xCBF29CE484222325u};
    bool mapped = *iommu != '\0';
    char *text = scenario(iommu);
    struct seen s;
    uint8_t bytes[PAGE];
    seen_load(&s, text);
    tb_diag_print(s.diag, stderr);
    CU_ASSERT_PTR_NOT_NULL_FATAL(s.sim);
    tb_sim_observe(s.sim, observe, &o);
    for (unsigned page = PAGES / 2; page < PAGES; page++) {
        for (unsigned i = 0; i < PAGE; i++)
            bytes[i] = content((uint64_t)page * PAGE + i);
        CU_ASSERT_TRUE(tb_sim_poke(s.sim, place(page, mapped), bytes, PAGE));
    }
    CU_ASSERT_EQUAL(tb_sim_run(s.sim, TB_NEVER), TB_EXIT_OK);
    for (unsigned page = 0; page < PAGES; page++) {
        CU_ASSERT_TRUE(tb_sim_peek(s.sim, place(page, mapped), bytes, PAGE));
        o.memory = hash(o.memory, bytes, PAGE);
    }
    tb_sim_finish(s.sim);
    CU_ASSERT_EQUAL(tb_sim_status(s.sim), TB_EXIT_OK);
    seen_free(&s);
    free(text);
    return o;
}

static void test_bytes(void)
{
    static const char *const iommus[] = {
        "iotlb: {entries: 64}",
        "iotlb: {entries: 0}",
        "iotlb: {entries: 1}",
        "iotlb: {entries: 512}",
        "iotlb: {entries: 16, ways: 4, replacement: fifo}",
        "iotlb: {entries: 64, replacement: random}, walkers: 1",
        "iotlb: {entries: 64, hit: 40ns}, pdc: {entries: 8}, walkers: 16",
    };
    struct outcome none = run("");
    CU_ASSERT_EQUAL(none.ok, none.dma);
    CU_ASSERT_TRUE(none.dma >= 2 * COUNT);
    tb_time ends[sizeof iommus / sizeof *iommus];
    for (size_t i = 0; i < sizeof iommus / sizeof *iommus; i++) {
        struct outcome o = run(iommus[i]);
        CU_ASSERT_EQUAL(o.dma, none.dma);
        CU_ASSERT_EQUAL(o.ok, none.ok);
        CU_ASSERT_EQUAL(o.memory, none.memory);
        CU_ASSERT_EQUAL(o.read, none.read);
        CU_ASSERT_TRUE(o.end > none.end);
        ends[i] = o.end;
    }
    CU_ASSERT_TRUE(ends[3] < ends[0]); /* 512 entries hold all pages */
    CU_ASSERT_TRUE(ends[0] < ends[2]); /* one entry holds next to none */
}

SUITE("iommu property", {"times change, bytes do not", test_bytes})
